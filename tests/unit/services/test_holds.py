"""A matcher lets what comes in of a person on hold wait, in order, over restarts; everybody else goes on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import combinations_with_replacement, islice

import pytest

from broker.adapters.memory import MemoryKafka, MemoryPartitionLog
from broker.core.alerts import Alert
from broker.core.answers import Finding, Uncheckable, could_not_check
from broker.core.desk_errors import CannotDisclose, NoAnswerHere
from broker.core.errors import KafkaUnavailable, PersonTooLarge
from broker.core.facts import Fact, IdentityKind, IdentityNotice, VisitEvent
from broker.core.holding import HELD_FOR_MAX
from broker.core.identifiers import OdsCode
from broker.core.keyed import user_reference
from broker.core.person import Known, Person, lift
from broker.core.policy import Policy
from broker.core.retention import Reason as Kept
from broker.core.retention import reason_kept, settle
from broker.core.wording import COULD_NOT_CHECK
from broker.core.worklist import ItemKind
from broker.ports import Topic, Write
from broker.services.disclosing import UNTAKEN
from broker.services.matching_output import PERSON_BYTES_MAX
from broker.services.matching_turns import Notice
from tests.builders.enquiry import GROUNDS, Desk, came
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import (
    KEY,
    NOON,
    PROVIDER,
    SALT,
    access,
    attendance,
    birth,
    fact_write,
    numbers,
    plan,
    schemas,
    unborn,
)
from tests.builders.street import A, B, Street, arrives, in_street, said, superseded
from tests.unit.services.test_disclosing import disclosing
from tests.unit.services.test_looking import NURSE
from tests.unit.services.test_matching_poison import CURSED, CursedPolicy

(BEN,) = islice(numbers(), 1, 2)
LATER = NOON + timedelta(minutes=30)
ASIDE = could_not_check(Uncheckable.SET_ASIDE)
STORY: tuple[Fact, ...] = (
    plan(),
    attendance(),
    plan(authority=OdsCode("204")),
    access(at=NOON + timedelta(minutes=5)),
    attendance(event=VisitEvent.DISCHARGED, at=NOON + timedelta(hours=1)),
)
"""Two plans, a visit that is viewed and ends."""

Standing = tuple[Known, Mapping[str, Alert | None]]


def word(kind: IdentityKind, at: datetime = NOON) -> IdentityNotice:
    """Return a word about a hold."""
    return IdentityNotice(notice_id=f"{kind} {at.isoformat()}", kind=kind, recorded_at=at, received_at=at)


HELD, OVER = word(IdentityKind.ON_HOLD), word(IdentityKind.HOLD_ENDED, LATER)


def stands(person: Person) -> Standing:
    """Return what is known of a person but for holds, and what each alert last said."""
    holds = {HELD.notice_id, OVER.notice_id}
    notices = {name: one for name, one in person.known.notices.items() if name not in holds}
    told = {alert_id: row.alert for alert_id, row in person.told.items()}
    return replace(person.known, notices=notices), told


async def played(house: House, facts: Sequence[Fact], *, restarted: bool = False) -> None:
    """Have a matcher take facts one after the other; `restarted`, each by a matcher of its own."""
    if not restarted:
        async with house.at_work():
            for fact in facts:
                house.send(fact)
                await house.taken()
        return
    for fact in facts:
        await played(house, [fact])


def spans() -> Iterator[tuple[int, int]]:
    """Yield where a hold begins and ends in the story."""
    return combinations_with_replacement(range(len(STORY) + 1), 2)


@pytest.mark.parametrize("restarted", [False, True], ids=["one matcher", "restarts"])
def test_wherever_a_hold_begins_and_ends_it_comes_to_the_same(*, restarted: bool) -> None:
    """What waits is taken in its order, whoever works the partition by then: nothing is lost or told anew."""
    undisturbed: list[Standing] = []

    async def without(house: House) -> None:
        """Play the story as it came."""
        await played(house, STORY)
        undisturbed.append(stands(house.person()))

    in_house(without)
    for begin, end in spans():

        async def scenario(house: House, begin: int = begin, end: int = end) -> None:
            """Play it with a hold in it."""
            facts = [*STORY[:begin], HELD, *STORY[begin:end]]
            await played(house, facts, restarted=restarted)
            before = house.events()
            held = house.person()
            assert [topic_and_order(house, fact) for fact in STORY[begin:end]] == list(held.waiting)
            await played(house, [OVER, *STORY[end:]], restarted=restarted)
            assert undisturbed == [stands(house.person())]
            assert () == house.person().waiting
            assert begin or [] == before

        in_house(scenario)


def topic_and_order(house: House, fact: Fact) -> tuple[str, int]:
    """Return where a fact of the story lies."""
    for topic in (Topic.PLANS, Topic.ATTENDANCES, Topic.ACCESSES):
        for record in house.records(topic):
            if fact == house.codecs.facts.decode(topic, record.key or b"", record.value or b""):
                return topic.value, record.offset
    raise AssertionError(fact)


def test_everybody_else_goes_on_and_an_urgent_item_says_who_waits() -> None:
    """The partition is not held up; the item is there as long as the hold is, without a number."""

    async def scenario(house: House) -> None:
        house.send(HELD, plan(), attendance())
        house.send(plan(), attendance("visit-2"), number=BEN)
        async with house.at_work():
            await house.taken()
            assert {BEN} == {event.subject for event in house.events()}
            (item,) = house.items()
            assert (ItemKind.PERSON_ON_HOLD, True) == (item.kind, item.urgent)
            house.send(OVER)
            await house.taken()
        assert {ADA, BEN} == {event.subject for event in house.events()}
        assert house.records(Topic.WORKLIST)[-1].value is None

    in_house(scenario)


def test_a_hold_that_is_forgotten_ends_by_itself() -> None:
    """After 72 hours by the partition's clock, with the next record of the person or the next pass."""

    async def scenario(house: House) -> None:
        house.send(HELD, plan(), attendance())
        async with house.at_work():
            await house.taken()
            assert [] == house.events()
            house.send(attendance("visit-2", at=NOON + HELD_FOR_MAX), number=BEN)
            await house.told(Topic.ALERTS, 2)
            await house.taken()
        assert () == house.person().waiting

    in_house(scenario)


def test_a_new_hold_outlasts_the_end_of_one_before_it() -> None:
    """What ends a hold by itself has that hold's stamp."""

    async def scenario(house: House) -> None:
        again = word(IdentityKind.ON_HOLD, NOON + HELD_FOR_MAX)
        house.send(HELD, plan(), attendance())
        async with house.at_work():
            await house.taken()
            house.send(again, attendance("visit-2", at=NOON + HELD_FOR_MAX))
            await house.taken()
            assert [] == house.events()

    in_house(scenario)


class _Refusing(MemoryPartitionLog):
    """A partition that refuses its n-th commit from a moment on."""

    def __init__(self, kafka: MemoryKafka, refused: int) -> None:
        """Refuse that commit."""
        super().__init__(kafka, "house", 0)
        self._left = refused

    async def commit(self, writes: Sequence[Write]) -> None:
        """Commit, or fail before anything is written."""
        self._left -= 1
        if self._left == 0:
            raise KafkaUnavailable
        await super().commit(writes)


@pytest.mark.parametrize("refused", range(1, 7))
def test_a_transaction_that_fails_loses_nothing_that_waits(refused: int) -> None:
    """What waits is noted with how far the input was taken, and let go with what follows from it."""

    async def scenario(house: House) -> None:
        async with house.at_work(house.matcher(log=_Refusing(house.kafka, refused))):
            for fact in (plan(), HELD, attendance(), plan(authority=OdsCode("204")), OVER):
                house.send(fact)
                await house.taken()
        person = house.person()
        assert ((), 3) == (person.waiting, len(person.told))
        assert [1, 1, 1] == [row.revision for row in person.told.values()]

    in_house(scenario)


def test_what_waits_goes_with_a_number_that_is_superseded() -> None:
    """It takes the way of all that comes for such a number (ruling 22); the hold goes along."""

    async def scenario(street: Street) -> None:
        street.send(A, replace(HELD, recorded_at=NOON - timedelta(hours=1)), plan(), arrives(A))
        async with street.at_work():
            await street.settled()
            assert [] == street.events()
            street.send(A, superseded(B))
            await street.settled()
            assert {B} == {event.subject for event in street.events()}
            street.send(B, arrives(B, "V-2", at=LATER))
            await street.settled()
        person = street.person(B)
        assert isinstance(person, Person)
        assert 1 == len(person.waiting)

    in_street(scenario)


def test_what_was_set_aside_goes_with_a_number_that_is_superseded() -> None:
    """The successor's record knows that a plan could not be read, until it is put back (rulings 22, 41)."""

    async def scenario(street: Street) -> None:
        sent = fact_write(street.codecs.facts, plan(), A)
        street.kafka.append([replace(sent, value=b"no plan that can be read")])
        street.send(A, arrives(A))
        async with street.at_work():
            await street.settled()
            street.send(A, superseded(B))
            await street.settled()
        person = street.person(B)
        assert isinstance(person, Person)
        assert 1 == len(person.set_aside)

    in_street(scenario)


def test_what_waits_is_shut_away_with_a_number_that_is_not_in_use() -> None:
    """Nobody is told of it (ruling 23)."""

    async def scenario(street: Street) -> None:
        street.send(A, replace(HELD, recorded_at=NOON - timedelta(hours=1)), plan(), arrives(A))
        async with street.at_work():
            await street.settled()
            street.send(A, said(IdentityKind.INVALIDATED))
            await street.settled()
        assert [] == [event for event in street.events() if event.alert.visit is not None]

    in_street(scenario)


def test_what_is_held_of_a_number_in_use_again_is_taken_though_the_hold_goes_on() -> None:
    """What came meanwhile was sealed: it has no place in the log at which it could wait (ruling 23)."""

    async def scenario(house: House) -> None:
        first, second, third = (NOON + timedelta(minutes=minute) for minute in (5, 10, 20))
        house.send(HELD)
        async with house.at_work():
            await house.taken()
            house.send(said(IdentityKind.INVALIDATED, at=first), plan())
            await house.taken()
            house.send(said(IdentityKind.IN_USE, at=second), attendance(at=third))
            await house.taken()
            assert [Topic.ATTENDANCES] == [topic for topic, _ in house.person().waiting]
            assert 1 == len(house.person().known.plans)
            house.send(OVER)
            await house.taken()
        assert {"visit-1"} == {event.alert.subject for event in house.events() if event.alert.visit}

    in_house(scenario)


def test_nobody_is_told_no_plan_of_somebody_on_hold() -> None:
    """Nor that there is one: by an enquiry, by a look, by a subject access (rulings 34, 41, 49)."""

    async def scenario(house: House) -> None:
        house.send(HELD, came())
        async with house.at_work():
            await house.taken()
        desk = Desk(house)
        assert ASIDE == await desk.ask()
        looked = await desk.looking().look(ADA, NURSE, GROUNDS)
        assert ASIDE == looked.answer
        with pytest.raises(CannotDisclose, match=UNTAKEN):
            await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)

    in_house(scenario)


@pytest.mark.parametrize("has_plan", [False, True], ids=["no plan", "a plan"])
@pytest.mark.parametrize(
    ("begun", "ended", "held"),
    [(60, None, True), (60, 120, True), (60, 60, False), (60, 30, False), (-60, -30, True)],
)
def test_the_newest_word_says_whether_a_person_is_on_hold(
    *, begun: int, ended: int | None, held: bool, has_plan: bool
) -> None:
    """So many minutes before the visit; with a plan or without the words are the same (rulings 37, 41)."""

    async def scenario(house: House) -> None:
        words = [word(IdentityKind.ON_HOLD, NOON - timedelta(minutes=begun))]
        if ended is not None:
            words.append(word(IdentityKind.HOLD_ENDED, NOON - timedelta(minutes=ended)))
        house.send(*([plan()] if has_plan else []), *words, came())
        async with house.at_work():
            await house.taken()
        found = Finding.PLAN if has_plan else Finding.NO_PLAN
        answer = await Desk(house).ask()
        assert (ASIDE if held else found) == (answer if held else answer.finding)

    in_house(scenario)


def test_a_silent_visit_of_somebody_on_hold_gets_no_answer_either() -> None:
    """What is scheduled stays silent, though its messages wait (rulings 3, 41)."""

    async def scenario(house: House) -> None:
        house.send(HELD, replace(came(), patient_class="P"))
        async with house.at_work():
            await house.taken()
        with pytest.raises(NoAnswerHere):
            await Desk(house).ask()

    in_house(scenario)


def test_a_visit_that_was_silent_before_the_hold_is_answered_by_what_waits_of_it() -> None:
    """It is unscheduled by a message that waits: silence would be taken for an answer (rulings 4, 41)."""

    async def scenario(house: House) -> None:
        begun = word(IdentityKind.ON_HOLD, NOON + timedelta(minutes=1))
        house.send(plan(), replace(came(), patient_class="P"))
        async with house.at_work():
            await house.taken()
            house.send(begun)
            await house.taken()
            newer = came(at=NOON + timedelta(minutes=2))
            house.send(replace(newer, message_id="of an emergency", patient_class="E"))
            await house.taken()
        assert ASIDE == await Desk(house).ask()

    in_house(scenario)


def test_who_must_not_see_a_person_on_hold_reads_the_words_of_a_restricted_record() -> None:
    """Any others would say that something is there; the lead is told, hold or no hold (ruling 48)."""

    async def scenario(house: House) -> None:
        user = user_reference(KEY, PROVIDER, "staff-1")
        shut = replace(word(IdentityKind.ON_HOLD), notice_id="x", kind=IdentityKind.EXCLUDED, user=user)
        house.send(shut, HELD, came())
        async with house.at_work():
            await house.taken()
        with pytest.raises(CannotDisclose, match=COULD_NOT_CHECK):
            await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)
        with pytest.raises(CannotDisclose, match=UNTAKEN):
            await disclosing(house).collect(ADA, PROVIDER, "staff-2", GROUNDS)

    in_house(scenario)


def test_a_birth_does_not_wait_for_a_mother_on_hold() -> None:
    """The baby is somebody else: the unborn plan covers it at once, and no visit of it is `no plan` (26)."""

    async def scenario(street: Street) -> None:
        street.send(A, unborn())
        async with street.at_work():
            await street.settled()
            street.send(A, HELD)
            await street.settled()
            street.send(A, birth(B))
            street.send(B, arrives(B))
            await street.settled()
        assert {B} == {event.subject for event in street.events()}

    in_street(scenario)


def test_nobody_is_told_no_plan_of_somebody_whose_plan_could_not_be_read() -> None:
    """An error is no answer (rulings 34, 41): until the same record is taken after all."""

    async def scenario(house: House) -> None:
        house.send(came())
        house.send_raw(Topic.PLANS, ADA.key, b"no plan that can be read")
        async with house.at_work():
            await house.taken()
        desk = Desk(house)
        assert ASIDE == await desk.ask()
        assert ASIDE == (await desk.looking().look(ADA, NURSE, GROUNDS)).answer
        with pytest.raises(CannotDisclose, match=UNTAKEN):
            await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)
        house.send(plan())
        async with house.at_work():
            await house.taken()
        assert Finding.PLAN is (await desk.ask()).finding

    in_house(scenario)


def test_the_same_record_once_it_can_be_processed_is_set_aside_no_more() -> None:
    """It is put back as it was, and what is asked has its answer again (ruling 41)."""

    async def scenario(house: House) -> None:
        house.send(plan(), came())
        async with house.at_work():
            await house.taken()
        person, sent = house.person(), house.records(Topic.PLANS)[0]
        digest = KEY.derive("set aside", Topic.PLANS, sha256(sent.value or b"").hexdigest())
        aside = replace(person, known=Known(), told={}, items={}, entries={}, set_aside={digest: NOON})
        state = house.codecs.states.encode_person(aside)
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, state, partition=0)])
        house.send_raw(Topic.PLANS, ADA.key, sent.value)
        async with house.at_work():
            await house.taken()
        assert {} == house.person().set_aside

    in_house(scenario)


def test_a_note_for_which_there_is_no_room_is_left_out() -> None:
    """The item in the worklist stands for it; the record is as it was."""

    async def scenario(house: House) -> None:
        room = bytes(PERSON_BYTES_MAX - 40)
        full = Person(number=ADA, salt=room)
        house.kafka.append(
            [Write(Topic.PEOPLE, ADA.key, house.codecs.states.encode_person(full), partition=0)]
        )
        house.send_raw(Topic.PLANS, ADA.key, b"no plan that can be read")
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)
            await house.taken()
        assert 1 == len(house.people()[ADA.key])

    in_house(scenario)


def test_somebody_of_whom_no_record_can_be_kept_waits_in_the_log() -> None:
    """What came is in the worklist, and the visit is still found once a record can be."""

    async def scenario(house: House) -> None:
        house.send(attendance(), plan())
        async with house.at_work(house.matcher(salt=bytes(PERSON_BYTES_MAX))):
            await house.told(Topic.WORKLIST, 1)
            await house.taken()
        assert {} == house.people()
        house.send(plan(authority=OdsCode("204")))
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        assert {"visit-1"} == {event.alert.subject for event in house.events()}

    in_house(scenario)


def test_what_cannot_be_noted_to_wait_is_set_aside() -> None:
    """A plan is in the log, in the record or in the worklist, and nowhere lost, though the record is full."""

    async def scenario(house: House) -> None:
        def full(room: int) -> bytes:
            """Return the record of somebody on hold with a salt of so many bytes."""
            held = Person(number=ADA, salt=bytes(room), known=Known(notices={HELD.notice_id: HELD}))
            return house.codecs.states.encode_person(held)

        room = PERSON_BYTES_MAX - 1_000
        state = full(room + PERSON_BYTES_MAX - len(full(room)) - 5)
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, state, partition=0)])
        house.send(plan())
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)
            await house.taken()
        assert [PersonTooLarge.code] == [one["code"] for one in house.reported.fields(Notice.UNPROCESSABLE)]

    in_house(scenario)


def test_what_waits_does_not_wait_for_ever_where_the_hold_itself_had_no_room() -> None:
    """No word would end a hold that no record has: what waits is let go at once, or is in the worklist."""

    async def scenario(house: House) -> None:
        def full(room: int) -> bytes:
            """Return the record of somebody with a plan and a salt of so many bytes."""
            person = Person(number=ADA, salt=bytes(room), known=lift(plan()))
            return house.codecs.states.encode_person(person)

        room = PERSON_BYTES_MAX - 1_000
        state = full(room + PERSON_BYTES_MAX - len(full(room)) - 108)
        house.send(plan(), number=BEN)
        async with house.at_work():  # first all plans are taken; from then on a batch has of every input
            await house.taken()
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, state, partition=0)])
        house.send(HELD, attendance())
        async with house.at_work():
            await house.taken()
        topics = {one["topic"] for one in house.reported.fields(Notice.UNPROCESSABLE)}
        assert ({Topic.IDENTITY, Topic.ATTENDANCES}, ()) == (topics, house.person().waiting)

    in_house(scenario)


def test_somebody_of_whom_nothing_can_be_decided_holds_nobody_up() -> None:
    """A plan that cannot be read is set aside without a note, and everybody else goes on."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance(provider=CURSED))
        async with house.at_work():
            await house.taken()
        house.send_raw(Topic.PLANS, ADA.key, b"no plan that can be read")
        async with house.at_work(house.matcher(policy=CursedPolicy())):
            await house.told(Topic.WORKLIST, 1)
            await house.taken()
        assert {} == house.person().set_aside

    in_house(scenario)


def test_a_record_that_cannot_be_read_holds_nothing_up() -> None:
    """A word about somebody whose record cannot be read is set aside, as ever."""

    async def scenario(house: House) -> None:
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, schemas().encode("erasure", {"alert_ids": []}))])
        house.send(OVER)
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)

    in_house(scenario)


def test_what_was_set_aside_keeps_a_record_until_its_log_forgets_it() -> None:
    """For L, 35 days: then nobody can put it back any more."""
    aside = Person(number=ADA, salt=SALT, set_aside={"digest": NOON})
    lateness = Policy().lateness

    assert aside == settle(aside, NOON + lateness, Policy())
    assert Kept.SET_ASIDE is reason_kept(aside, NOON + lateness, Policy())
    assert settle(aside, NOON + lateness + timedelta(seconds=1), Policy()) is None
