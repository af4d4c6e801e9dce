"""A complete file ends nothing: what it lacks is listed, and a person ends it, at the file's time (D17)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.core.desk_errors import NotForThisRole
from broker.core.desk_roles import Role
from broker.core.errors import InvalidFact
from broker.core.facts import IdentityKind, IdentityNotice, PlanFact, PlanType
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.kept_uploads import MediaType, Part, Result
from broker.core.operators import Grounds
from broker.core.upload_errors import NoCompleteFile, NotMissing
from broker.ports import Topic
from broker.services.desk_log import DeskLog
from broker.services.missing_plans import ENDED, Missing, MissingPlans
from broker.services.reconciliation import Reconciliation
from broker.services.upload_reading import read_here
from broker.wire.reconciliation import MISSING_COLUMNS, write_missing
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import AUTHORITY, KEY, NOON, numbers, plan
from tests.builders.readers import access_on, readers_of
from tests.builders.upload import Person as Sent
from tests.builders.upload import PlanBlock, Record, build_upload
from tests.builders.upload_store import UPLOAD, MemoryUploads
from tests.builders.upload_tables import ROW, table

GROUNDS = Grounds(by="ops-7", reason="the authority says it was ended in March")
BOB, EVE, ZOE = [number for number, _ in zip(numbers(), range(4), strict=False)][1:]
MADE = datetime(2026, 5, 3, 8, 0, tzinfo=UTC)
KEPT = replace(
    UPLOAD,
    senders=frozenset({AUTHORITY}),
    complete=True,
    received_at=NOON,
    result=Result(code="CPF02", loaded=1, failed=0, plans=1),
)
ADAS = Record(plans=[PlanBlock(start="202601010000")], child=Sent(number=ADA.digits, family="Testcase"))


def file_of(*records: Record) -> bytes:
    """Return a file of the authority, made at nine in London."""
    return build_upload(records, authority=AUTHORITY.code, created="20260503090000", file_id="WHOLE")


class Compared:
    """The use case on a house, with what is kept."""

    def __init__(self, house: House, role: Role = Role.ADMINISTRATOR) -> None:
        self.house, self.store = house, MemoryUploads()
        facts = MemoryFactLog(house.kafka)
        log = DeskLog(facts, house.codecs.records, key=KEY, clock=lambda: NOON, role=role)
        access = access_on(house.kafka, readers_of(house.codecs), log, KEY, lambda: NOON)
        self.held = Reconciliation(access)
        self.desk = MissingPlans(
            self.held,
            self.store,
            read_here,
            facts,
            log,
            codec=house.codecs.facts,
            key=KEY,
            clock=lambda: NOON,
        )
        self.keep(file_of(ADAS))

    def keep(self, data: bytes, **changed: object) -> None:
        """Keep a file."""
        self.store.settle(replace(KEPT, **changed), {Part.FILE: [data]})  # type: ignore[arg-type]  # by name

    async def missing(self) -> Missing:
        """Return what is missing."""
        return await self.desk.of(AUTHORITY, GROUNDS)

    async def numbers(self) -> set[NhsNumber | None]:
        """Return whose plans are missing."""
        return {one.plan.number for one in (await self.missing()).plans}


async def settled(house: House) -> None:
    """Have plans worked off: in the file, not in it, restricted, of a number not in use, of another's."""
    house.send(plan())
    house.send(plan(), number=BOB)
    house.send(plan(), said(IdentityKind.RESTRICTED), number=EVE)
    house.send(plan(), said(IdentityKind.INVALIDATED), number=ZOE)
    house.send(plan(authority=OdsCode("E08")), number=BOB)
    async with house.at_work():
        await house.taken()


def said(kind: IdentityKind) -> IdentityNotice:
    """Return a word of the demographic source."""
    return IdentityNotice(notice_id=kind, kind=kind, recorded_at=NOON, received_at=NOON)


def test_what_a_complete_file_lacks_is_listed_and_stands_as_it_is() -> None:
    """The authority's own, open, and neither restricted nor of a number out of use (rulings 23, 24, 48)."""

    async def scenario(house: House) -> None:
        await settled(house)
        before = len(house.kafka.read(Topic.PLANS))
        compared = Compared(house)
        found = await compared.missing()

        assert [BOB] == [one.plan.number for one in found.plans]
        assert (KEPT.upload_id, MADE, 0, 1) == (
            found.upload_id,
            found.created_at,
            found.refused,
            found.withheld,
        )
        assert before == len(house.kafka.read(Topic.PLANS))
        head, line = write_missing((one.item, one.plan) for one in found.plans).splitlines()
        assert (",".join(MISSING_COLUMNS), f"{found.plans[0].item},C-1,{BOB.digits},") == (head, line[:48])

    in_house(scenario)


def test_the_newest_complete_file_that_was_taken_counts() -> None:
    """Not one that is not said to be complete, was refused, waits, is another's or anybody's of several."""

    async def scenario(house: House) -> None:
        await settled(house)
        compared = Compared(house)
        both = (ADAS, replace(ADAS, child=Sent(number=BOB.digits)))
        others: list[dict[str, object]] = [
            {"complete": False},
            {"result": Result(code="CPF04", loaded=0, failed=1, plans=0)},
            {"result": None},
            {"senders": frozenset({OdsCode("E08")})},
            {"senders": frozenset({OdsCode("E08"), AUTHORITY})},
        ]
        for number, changed in enumerate(others, start=1):
            received_at = NOON + timedelta(hours=number)
            compared.keep(file_of(*both), upload_id=f"{number:032x}", received_at=received_at, **changed)
        assert {BOB} == await compared.numbers()

        compared.keep(file_of(*both), upload_id="f" * 32, received_at=NOON + timedelta(days=1))
        assert set() == await compared.numbers()

    in_house(scenario)


def test_a_record_that_was_refused_is_in_the_file_all_the_same() -> None:
    """For its number or its plans, or by the source; how many were refused is told beside what is missing."""

    async def scenario(house: House) -> None:
        await settled(house)
        compared = Compared(house)
        faulty = [
            Record(plans=[PlanBlock(start=None)], child=Sent(number=BOB.digits)),
            Record(plans=[PlanBlock(start="202601010000")], child=Sent(number=None, local_id="C-1")),
            Record(
                plans=[PlanBlock(start="202601010000"), PlanBlock(start="202601010000")],
                child=Sent(number=BOB.digits),
            ),
        ]
        for record in faulty:
            compared.keep(file_of(ADAS, record), result=Result(code="CPF03", loaded=1, failed=1, plans=1))
            found = await compared.missing()
            assert ((), 1) == (found.plans, found.refused)

    in_house(scenario)


def test_a_record_that_the_source_refused_may_be_of_a_child_of_another_number() -> None:
    """It can be read, so that nothing in the file says so; its number and its name have a slip each (D17)."""

    async def scenario(house: House) -> None:
        house.send(replace(plan(), content=replace(plan().content, child_id=None)), number=BOB)
        async with house.at_work():
            await house.taken()
        compared = Compared(house)
        slip = Sent(number=EVE.digits, family="Testcase", given="Aida", born="20170301")
        data = file_of(ADAS, Record(plans=[PlanBlock(start="202601010000")], child=slip))
        compared.keep(data, result=Result(code="CPF03", loaded=1, failed=1, plans=1))
        assert set() == await compared.numbers()

        compared.keep(data, result=Result(code="CPF02", loaded=2, failed=0, plans=2))
        assert {BOB} == await compared.numbers()

    in_house(scenario)


@pytest.mark.parametrize(
    ("born", "slip"),
    [
        pytest.param("20170231", Sent(number=EVE.digits, family="Testcase", given="Ada"), id="by its names"),
        pytest.param(
            "20170301", Sent(number=EVE.digits, family="Testcase", given=None), id="by one and its day"
        ),
        pytest.param("20170231", Sent(number=EVE.digits, family="Testcase", given=None), id="a name alone"),
        pytest.param("", Sent(number=None, family=None, given=None), id="nothing at all"),
    ],
)
def test_a_record_that_cannot_be_read_may_be_of_whoever_it_may_be_of(born: str, slip: Sent) -> None:
    """Its date of birth or its end is none, and its number has a slip: nobody knows whose it is (D17)."""

    async def scenario(house: House) -> None:
        house.send(replace(plan(), content=replace(plan().content, child_id=None)), number=BOB)
        async with house.at_work():
            await house.taken()
        compared = Compared(house)
        over = PlanBlock(start="202601010000", end="202501010000")
        data = file_of(ADAS, Record(plans=[over], child=replace(slip, born=born)))
        compared.keep(data, result=Result(code="CPF03", loaded=1, failed=1, plans=1))
        assert set() == await compared.numbers()

    in_house(scenario)


def test_a_mothers_plan_is_in_the_file_though_her_childs_number_is_none() -> None:
    """A record is refused whole, and its plans are known by who has a usable number (ruling 41)."""

    async def scenario(house: House) -> None:
        unborn = replace(plan().content, plan_type=PlanType.UNBORN, end=date(2026, 6, 15), child_id=None)
        house.send(replace(plan(), content=unborn), number=BOB)
        async with house.at_work():
            await house.taken()
        compared = Compared(house)
        plans = [PlanBlock(), PlanBlock(kind="UCP", start="202601010000", end="202607010000")]
        child, mother = Sent(number="9990000019"), Sent(number=BOB.digits)
        compared.keep(file_of(ADAS, Record(plans=plans, child=child, mother=mother)))
        assert set() == await compared.numbers()

        compared.keep(file_of(ADAS))
        assert {BOB} == await compared.numbers()

    in_house(scenario)


def test_a_table_is_compared_as_the_message_that_says_the_same() -> None:
    """By its own rows."""

    async def scenario(house: House) -> None:
        await settled(house)
        compared = Compared(house)
        row = {**ROW, "authority": AUTHORITY.code, "created": "2026-05-03T09:00", "start": "2026-01-01"}
        compared.keep(table({**row, "nhs_number": BOB.digits}), media_type=MediaType.CSV)

        assert {ADA} == await compared.numbers()

    in_house(scenario)


def test_a_person_ends_what_is_missing_at_the_files_own_time() -> None:
    """Noted first, with the reason; a newer word of the authority outranks it (ruling 10)."""

    async def scenario(house: House) -> None:
        await settled(house)
        compared = Compared(house)
        [one] = (await compared.missing()).plans
        ended = await compared.desk.end(AUTHORITY, one.item, date(2026, 3, 31), GROUNDS)

        fact = house.codecs.facts.decode(Topic.PLANS, BOB.key, house.kafka.read(Topic.PLANS)[-1].value or b"")
        action = house.codecs.records.decode_action(house.kafka.read(Topic.AUDIT)[-1].value or b"")
        assert isinstance(fact, PlanFact)
        assert (date(2026, 3, 31), ended) == (fact.content.end, date(2026, 3, 31))
        assert (MADE, NOON, "WHOLE") == (fact.recorded_at, fact.received_at, fact.file_id)
        assert replace(plan().content, end=ended) == fact.content
        assert (ENDED, GROUNDS) == (action.outcome, action.grounds)
        async with house.at_work():
            await house.taken()
        assert set() == await compared.numbers()
        with pytest.raises(NotMissing):
            await compared.desk.end(AUTHORITY, one.item, None, GROUNDS)

        house.send(plan(recorded_at=MADE + timedelta(seconds=1)), number=BOB)
        async with house.at_work():
            await house.taken()
        held = (await compared.held.of({AUTHORITY}, GROUNDS, restricted=False)).rows
        assert [None] == [row.end for row in held if row.number == BOB]

    in_house(scenario)


@pytest.mark.parametrize(
    ("start", "asked", "expected"),
    [
        (date(2026, 1, 1), None, date(2026, 5, 3)),
        (date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 1)),
        (date(2026, 1, 1), date(2026, 5, 4), date(2026, 5, 4)),
        (date(2026, 1, 1), date(2025, 12, 31), None),
        (date(2026, 1, 1), date(2026, 5, 5), None),
        (date(2026, 6, 1), None, date(2026, 6, 1)),
        (date(2026, 6, 1), date(2026, 6, 2), None),
    ],
)
def test_a_plan_ends_between_its_start_and_today(
    start: date, asked: date | None, expected: date | None
) -> None:
    """On the day of the file where nobody says another; one that has not begun on its first day."""

    async def scenario(house: House) -> None:
        house.send(plan(start=start), number=BOB)
        async with house.at_work():
            await house.taken()
        compared = Compared(house)
        [one] = (await compared.missing()).plans
        if expected is None:
            with pytest.raises(InvalidFact):
                await compared.desk.end(AUTHORITY, one.item, asked, GROUNDS)
        else:
            assert expected == await compared.desk.end(AUTHORITY, one.item, asked, GROUNDS)

    in_house(scenario)


def test_without_a_complete_file_nothing_is_missing() -> None:
    """An error, which is not the same as nothing: also where it cannot be read as an upload any more."""

    async def scenario(house: House) -> None:
        compared = Compared(house)
        compared.keep(b"<no")
        with pytest.raises(NoCompleteFile):
            await compared.missing()
        compared.store.known.clear()
        with pytest.raises(NoCompleteFile):
            await compared.missing()

    in_house(scenario)


def test_a_reader_neither_asks_nor_ends() -> None:
    """Nothing is noted, since nothing was read."""

    async def scenario(house: House) -> None:
        compared = Compared(house, Role.READER)
        with pytest.raises(NotForThisRole):
            await compared.missing()
        with pytest.raises(NotForThisRole):
            await compared.desk.end(AUTHORITY, "a", None, GROUNDS)
        assert [] == house.kafka.read(Topic.AUDIT)

    in_house(scenario)
