"""What is asked about while nobody knows whose it is: visits without a number, records that wait (21, 41)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from broker.adapters.memory_archive import MemoryArchive
from broker.adapters.memory_sealing import MemorySealer
from broker.core.answers import Answer, Finding, Uncheckable, could_not_check
from broker.core.desk_errors import VisitAmbiguous
from broker.core.errors import KafkaUnavailable, UnsealingFailed
from broker.core.facts import Details, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import unnumbered_reference
from broker.core.operators import ActionKind
from broker.core.policy import Policy
from broker.core.possible_keys import bucket_of
from broker.core.waiting import waiting_keys
from broker.ports import Topic, Write
from broker.services.finding import VisitAsked
from broker.services.numberless import Numberless
from broker.services.rejections import Rejections
from broker.services.waiting_records import WaitingRecords
from broker.wire.records_codec import Door, Rejected
from broker.wire.upload_codes import RecordCode
from broker.wire.upload_record import FaultyRecord
from tests.builders.enquiry import BEHIND, GROUNDS, VISIT, Desk, Failing, came, worked_off
from tests.builders.house import House, in_house
from tests.builders.matcher import DETAILS, KEY, NOON, PROVIDER, attendance, make_codecs, plan, until
from tests.builders.street import MORE, A, B, C, Street, arrives, in_street, superseded

NO_NUMBER = could_not_check(Uncheckable.NO_NUMBER)
POSSIBLE = could_not_check(Uncheckable.POSSIBLE_MATCH)
NOT_HELD = could_not_check(Uncheckable.NOT_HELD)
NO_SYSTEM = replace(VISIT, system=None)


def nobodys(*, system: str = "ED", visit: str = "V-1") -> VisitMessage:
    """Return the attendance of a visit without a usable number."""
    reference = unnumbered_reference(KEY, system=system, provider=PROVIDER, visit_number=visit)
    return replace(attendance(reference), system=system)


def kept(house: House, message: VisitMessage, **said: object) -> None:
    """Keep a message as intake does, and look for whose it is."""
    rejected = Rejected(
        door=Door.MLLP,
        reason="number_missing",
        location="PID-3",
        sender=message.provider,
        control_id=message.control_id,
        visit=message.visit,
        system=message.system,
        received_at=message.received_at,
        raw=b"MSH|",
    )
    numberless = Numberless(house.codecs.details, policy=Policy(), key=KEY)
    house.kafka.append(Rejections(house.codecs.records, KEY).writes(replace(rejected, **said)))  # type: ignore[arg-type]  # of several fields
    house.kafka.append(numberless.sought(message))


def waits(house: House | Street, details: Details = DETAILS, *, under: tuple[NhsNumber, ...] = ()) -> None:
    """Let a record wait that may be Ada's, or somebody else's; one was refused `under` a number."""
    content = plan(start=date(2026, 1, 1), details=details).content
    record = FaultyRecord(
        location="/",
        code=RecordCode.NUMBER_FORMAT,
        reason="wrong check digit",
        waiting=(content,),
        numbered=tuple((number, content) for number in under),
    )
    waiting = WaitingRecords(house.codecs.details, policy=Policy(), key=KEY)
    house.kafka.append(waiting.writes(record, NOON - timedelta(days=1)))


async def asked_after(house: House, *facts: VisitMessage) -> Answer:
    """Let a matcher work everything off, and ask."""
    await worked_off(house, *facts)
    return await Desk(house).ask()


@pytest.mark.parametrize("asked", [VISIT, NO_SYSTEM], ids=["with its system", "without"])
def test_a_visit_without_a_number_is_found_by_what_its_hospital_calls_it(asked: VisitAsked) -> None:
    """Whether or not the system is named; it is noted before it is said (rulings 21, 41)."""

    async def scenario(house: House) -> None:
        kept(house, nobodys())
        desk = Desk(house)
        assert NO_NUMBER == await desk.ask(asked)
        [action] = desk.actions()
        assert (ActionKind.ANSWERED, nobodys().visit, Topic.REJECTED, GROUNDS) == (
            action.kind,
            action.item_id,
            action.place.topic,
            action.grounds,
        )

    in_house(scenario)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"sender": OdsCode("RXH")}, id="another provider's"),
        pytest.param({"system": "LAB"}, id="another system's"),
        pytest.param({"system": None}, id="of no system that is known"),
        pytest.param({"visit": "0d" * 16}, id="another visit"),
        pytest.param({"visit": None}, id="about no visit"),
    ],
)
@pytest.mark.parametrize("asked", [VISIT, NO_SYSTEM], ids=["with its system", "without"])
def test_what_is_kept_of_other_messages_is_none_of_the_visit(
    asked: VisitAsked, said: dict[str, object]
) -> None:
    """Nor is what nobody can read (ruling 41)."""

    async def scenario(house: House) -> None:
        kept(house, nobodys(), **said)
        house.kafka.append([Write(Topic.REJECTED, None, b"nothing readable")])
        desk = Desk(house)
        assert NOT_HELD == await desk.ask(asked)
        assert [] == desk.actions()

    in_house(scenario)


def test_whoever_it_may_be_is_said_until_somebody_knows() -> None:
    """A possible match while a person is asked; with the number the ordinary answer (rulings 21, 41)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        kept(house, nobodys())
        assert POSSIBLE == await asked_after(house)
        numberless = Numberless(house.codecs.details, policy=Policy(), key=KEY)
        numberless.sought(nobodys())
        house.kafka.append(numberless.numbered(nobodys(), nobodys().visit))
        assert NO_NUMBER == await asked_after(house)
        assert Finding.PLAN is (await asked_after(house, came())).finding

    in_house(scenario)


def test_a_visit_without_a_number_and_one_with_it_of_two_systems_are_not_guessed_between() -> None:
    """They may be two children: the system is asked for (ruling 41)."""

    async def scenario(house: House) -> None:
        kept(house, nobodys(system="LAB"))
        await worked_off(house, came())
        desk = Desk(house)
        with pytest.raises(VisitAmbiguous):
            await desk.ask(NO_SYSTEM)
        assert Finding.NO_PLAN is (await desk.ask()).finding
        assert NO_NUMBER == await desk.ask(replace(VISIT, system="LAB"))

    in_house(scenario)


@pytest.mark.parametrize("failing", [Topic.REJECTED, Topic.PEOPLE])
def test_whatever_fails_is_could_not_check_with_its_code(failing: Topic) -> None:
    """No error is taken for another answer (rulings 34, 41)."""

    async def scenario(house: House) -> None:
        kept(house, nobodys())
        archive = Failing(MemoryArchive(house.kafka), [], failing, KafkaUnavailable())
        assert replace(BEHIND, cause=KafkaUnavailable.code) == await Desk(house, archive=archive).ask()

    in_house(scenario)


def test_that_nobody_can_tell_what_waits_is_could_not_check_with_its_code() -> None:
    """`No plan` would be said but for it (rulings 34, 41)."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        people = house.records(Topic.PEOPLE)
        archive = Failing(MemoryArchive(house.kafka), people, Topic.DETAILS, KafkaUnavailable())
        assert replace(BEHIND, cause=KafkaUnavailable.code) == await Desk(house, archive=archive).ask()

    in_house(scenario)


@pytest.mark.parametrize("has_record", [False, True])
def test_a_record_that_waits_keeps_us_from_saying_that_there_is_none(*, has_record: bool) -> None:
    """Of somebody without a record of their own as of one whose plan was removed (rulings 21, 41)."""

    async def scenario(house: House) -> None:
        if has_record:
            house.send(plan(deleted=date(2026, 2, 1)))
        assert Finding.NO_PLAN is (await asked_after(house, came())).finding
        waits(house)
        assert could_not_check(Uncheckable.RECORD_WAITING) == await asked_after(house)

    in_house(scenario)


@pytest.mark.parametrize(
    ("under", "reason"),
    [
        pytest.param(A, Uncheckable.RECORD_WAITING, id="the one of the visit"),
        pytest.param(B, Uncheckable.RECORD_WAITING, id="one between"),
        pytest.param(C, Uncheckable.RECORD_WAITING, id="the one in use"),
        pytest.param(MORE[0], None, id="another"),
    ],
)
def test_a_record_that_was_refused_under_any_number_of_the_person_waits_for_the_visit(
    under: NhsNumber, reason: Uncheckable | None
) -> None:
    """The hospital still uses the oldest of three, the authority any of them (CPR05; rulings 22, 41)."""

    async def scenario(street: Street) -> None:
        other = Details(family="Other", given="Alex", birth_date=date(2001, 2, 3))
        waits(street, other, under=(under,))
        street.send(C, plan(deleted=date(2026, 2, 1)))
        street.send(B, superseded(C))
        street.send(A, arrives(A), superseded(B))
        async with street.at_work():
            await street.settled()
        assert reason is (await Desk(street).ask()).reason

    in_street(scenario)


def test_a_record_that_waits_and_is_not_on_its_shelf_yet_is_no_answer() -> None:
    """The matcher of its partition has not taken it, and may not for hours (ruling 41)."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        waits(house)
        assert BEHIND == await Desk(house).ask()

    in_house(scenario)


def born_on_the_second(street: Street) -> Details:
    """Return the details of a child of whom all that waits lies on the second partition."""
    children = (replace(DETAILS, birth_date=date(year, 3, 1)) for year in range(2010, 2026))
    return next(
        child
        for child in children
        if {street.kafka.partition_of(bucket_of(under).encode()) for under in waiting_keys(KEY, child)} == {1}
    )


def test_a_shelf_whose_matcher_has_not_begun_is_no_answer() -> None:
    """Nothing says that it has taken what waits; the visit's own partition is not to blame (ruling 41)."""

    async def scenario(street: Street) -> None:
        details = born_on_the_second(street)
        waits(street, details)
        street.send(A, replace(arrives(A), birth_date=details.birth_date))
        async with street.at_work(0):
            await until(lambda: bool(street.kafka.read(Topic.CHECKS)))
        assert BEHIND == await Desk(street).ask()
        async with street.at_work():
            await street.settled()
        assert could_not_check(Uncheckable.RECORD_WAITING) == await Desk(street).ask()

    in_street(scenario)


def test_a_visit_whose_details_cannot_be_opened_is_no_answer() -> None:
    """Its key is destroyed or is not here: nobody can say that no record waits for it (ruling 41)."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        desk = Desk(house)
        house.codecs = make_codecs(MemorySealer())
        assert replace(BEHIND, cause=UnsealingFailed.code) == await desk.ask()

    in_house(scenario)


@pytest.mark.parametrize("place", ["shelf", "search"])
def test_a_shelf_or_search_that_cannot_be_read_is_no_answer(place: str) -> None:
    """There is one, and what lies in it nobody knows (ruling 41)."""

    async def scenario(house: House) -> None:
        key = waiting_keys(KEY, DETAILS)[0] if place == "shelf" else nobodys().visit
        if place == "shelf":
            await worked_off(house, came())
        else:
            kept(house, nobodys())
        house.kafka.append([Write(Topic.PEOPLE, key.encode(), b"nothing readable", partition=0)])
        assert replace(BEHIND, cause="CPIS-201") == await Desk(house).ask()

    in_house(scenario)
