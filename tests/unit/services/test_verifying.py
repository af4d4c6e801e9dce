"""An upload is compared with the demographic source before anything is written: R12, R14, rulings 21, 24."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime
from itertools import islice, pairwise

import pytest

from broker.adapters.memory_demographics import MemoryDemographics
from broker.core.demographics import Current, Invalidated, NumberAnswer, SupersededBy
from broker.core.errors import DemographicsUnavailable
from broker.core.facts import Details, IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.policy import Policy
from broker.core.policy_keys import Restricted
from broker.core.source_errors import DemographicsUnreadable
from broker.core.source_pace import FAILURES_MAX
from broker.core.waiting import waiting_number_key
from broker.ports import Topic
from broker.services.verifying import NOT_ANSWERED, NOT_UNDERSTOOD
from broker.wire.upload_codes import FileCode, RecordCode
from tests.builders.matcher import numbers
from tests.builders.upload import Person, PlanBlock, Record, build_upload
from tests.builders.upload_desk import KEY, Desk

AT = datetime(2025, 2, 1, 12, 0, tzinfo=UTC)
CHILD, MOTHER = NhsNumber("9990000018"), NhsNumber("9990000026")
DETAILS = Details(family="Sample", given="Robin", birth_date=date(2016, 4, 12))
OTHERS = Details(family="Other", given="Sam", birth_date=date(2011, 1, 2))
AGREES = Current(details=DETAILS, recorded_at=AT)
PROTECTED = Current(details=DETAILS, restricted=True, recorded_at=AT)
FILE = build_upload([Record(child=Person(number=CHILD.digits))])


class SlowSource(MemoryDemographics):
    """A source that never answers."""

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Wait for ever."""
        await asyncio.Event().wait()
        return await super().get(number)


def asking(answer: NumberAnswer | None, *, restricted: Restricted = Restricted.LOCAL) -> Desk:
    """Return a desk whose source answers this about the child; without one it does not know the number."""
    source = MemoryDemographics()
    if answer is not None:
        source.put(CHILD, answer)
    return Desk(source=source, policy=Policy(restricted=restricted))


def notices(desk: Desk) -> list[tuple[bytes, IdentityKind]]:
    """Return what `cpis.in.identity` says, by key."""
    found = []
    for record in desk.kafka.read(Topic.IDENTITY):
        fact = desk.facts.decode(record.topic, record.key or b"", record.value or b"")
        assert isinstance(fact, IdentityNotice)
        found.append((record.key or b"", fact.kind))
    return found


def test_a_record_that_agrees_is_taken_as_verified() -> None:
    """So that it gets the allowance of ruling 20; without a source nothing is verified (R12)."""
    desk, without = asking(AGREES), Desk()

    answer = desk.load(FILE)
    without.load(FILE)

    assert (FileCode.LOADED, [RecordCode.LOADED]) == (answer.code, [one.code for one in answer.records])
    assert (True, False) == tuple(each.plans()[CHILD.key].content.verified for each in (desk, without))


@pytest.mark.parametrize(
    ("answer", "code", "words", "waits"),
    [
        (None, RecordCode.NO_MATCH, "number not known", 2),
        (
            Current(details=OTHERS, recorded_at=AT),
            RecordCode.NOT_VERIFIED,
            "details differ from the register's: date of birth, family name, given names",
            2,
        ),
        (SupersededBy(successor=MOTHER, recorded_at=AT), RecordCode.SUPERSEDED, "number superseded", 2),
        (Invalidated(recorded_at=AT), RecordCode.NO_MATCH, "number not in use", 0),
    ],
)
def test_a_record_that_does_not_agree_is_refused_and_waits(
    answer: NumberAnswer | None, code: RecordCode, words: str, waits: int
) -> None:
    """Nothing flows; the child is found by details and number, unless that was invalidated (R14, 21, 41)."""
    desk = asking(answer)

    said = desk.load(FILE)

    assert [(code, words)] == [(one.code, one.words) for one in said.records]
    assert FileCode.NOTHING_LOADED is said.code
    assert ({}, [f"{code} {words}"]) == (desk.plans(), [one.reason for one in desk.kept()])
    written = [record.key for record in desk.kafka.read(Topic.DETAILS)]
    assert (waits, bool(waits)) == (len(written), b"00" in written)


@pytest.mark.parametrize(
    ("policy", "code"),
    [(Restricted.LOCAL, RecordCode.LOADED), (Restricted.NATIONAL, RecordCode.SENSITIVE)],
)
def test_a_protected_childs_record_is_told_with_less_or_refused(policy: Restricted, code: RecordCode) -> None:
    """By policy; either way the person is restricted from now on, so that `no plan` is never said (24)."""
    desk = asking(PROTECTED, restricted=policy)

    answer = desk.load(FILE)

    assert [code] == [one.code for one in answer.records]
    taken = [plan.content.restricted for plan in desk.plans().values()]
    assert taken == [True] * (code is RecordCode.LOADED)  # the plan itself bears it, whichever is read first
    assert [(CHILD.key, IdentityKind.RESTRICTED)] == notices(desk)
    assert (waiting_number_key(KEY, CHILD) in desk.waiting()) is (code is RecordCode.SENSITIVE)


@pytest.mark.parametrize(
    ("child", "mother", "code", "waiting"),
    [
        (AGREES, None, RecordCode.NO_MATCH, [CHILD, MOTHER]),
        (PROTECTED, None, RecordCode.NO_MATCH, [CHILD, MOTHER]),
        (Invalidated(recorded_at=AT), AGREES, RecordCode.NO_MATCH, [MOTHER]),
        (Current(details=OTHERS, recorded_at=AT), AGREES, RecordCode.NOT_VERIFIED, [CHILD, MOTHER]),
        (AGREES, Invalidated(recorded_at=AT), RecordCode.NO_MATCH, [CHILD]),
        (AGREES, AGREES, RecordCode.LOADED, []),
    ],
)
def test_the_worse_of_two_subjects_decides_and_both_wait(
    child: NumberAnswer, mother: NumberAnswer | None, code: RecordCode, waiting: list[NhsNumber]
) -> None:
    """A plan that agrees is lost too; under an invalid number nobody waits (R12; rulings 21, 23, 41)."""
    source = MemoryDemographics()
    source.put(CHILD, child)
    if mother is not None:
        source.put(MOTHER, mother)
    desk = Desk(source=source)
    plans = [PlanBlock(), PlanBlock(kind="UCP", end="202506150000")]
    both = Record(plans=plans, child=Person(number=CHILD.digits), mother=Person(number=MOTHER.digits))

    answer = desk.load(build_upload([both]))

    assert [code] == [one.code for one in answer.records]
    assert waiting == [one for one in (CHILD, MOTHER) if waiting_number_key(KEY, one) in desk.waiting()]


def test_a_protected_successor_is_restricted_though_the_record_is_refused() -> None:
    """Another authority's plan may be on file under that number (CPR05; ruling 24)."""
    desk = asking(SupersededBy(successor=MOTHER, restricted=True, recorded_at=AT))

    answer = desk.load(FILE)

    assert [RecordCode.SUPERSEDED] == [one.code for one in answer.records]
    assert [(MOTHER.key, IdentityKind.RESTRICTED)] == notices(desk)


NEXT, LAST, *FURTHER = islice((number for number in numbers() if number not in {CHILD, MOTHER}), 12)


@pytest.mark.parametrize(
    ("chain", "end", "waiting"),
    [
        pytest.param([CHILD, NEXT], AGREES, [CHILD, NEXT], id="a successor"),
        pytest.param([CHILD, NEXT, LAST], AGREES, [CHILD, NEXT, LAST], id="two"),
        pytest.param([CHILD, NEXT, LAST], None, [CHILD, NEXT, LAST], id="the last not known"),
        pytest.param([CHILD, NEXT, LAST], Invalidated(recorded_at=AT), [CHILD, NEXT], id="the last invalid"),
        pytest.param([CHILD, NEXT, CHILD], None, [CHILD, NEXT], id="a circle"),
        pytest.param([CHILD, *FURTHER], AGREES, [CHILD, *FURTHER[:8]], id="more than a person has"),
    ],
)
def test_a_record_under_a_superseded_number_waits_under_every_number_since(
    chain: list[NhsNumber], end: NumberAnswer | None, waiting: list[NhsNumber]
) -> None:
    """Hospitals use the number in use, and the details may be what is wrong (CPR05; rulings 22, 23, 41)."""
    source = MemoryDemographics()
    if end is not None:
        source.put(chain[-1], end)
    for number, successor in pairwise(chain):
        source.put(number, SupersededBy(successor=successor, recorded_at=AT))
    desk = Desk(source=source)

    answer = desk.load(FILE)

    assert [RecordCode.SUPERSEDED] == [one.code for one in answer.records]
    assert {waiting_number_key(KEY, number) for number in waiting} == {
        under for under in desk.waiting() if under.startswith("00")
    }


class PuzzlingSource(MemoryDemographics):
    """A source whose answer about the child cannot be read."""

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Answer about everybody else."""
        if number == CHILD:
            raise DemographicsUnreadable
        return await super().get(number)


def test_an_answer_that_cannot_be_read_refuses_one_record_and_holds_up_no_other() -> None:
    """The record waits, since nobody knows better; the next one of the file is loaded (rulings 21, 41)."""
    source = PuzzlingSource()
    source.put(MOTHER, AGREES)
    desk = Desk(source=source)
    other = Record(child=Person(number=MOTHER.digits))

    answer = desk.load(build_upload([Record(child=Person(number=CHILD.digits)), other]))

    assert [(RecordCode.NOT_LOADED, NOT_UNDERSTOOD), (RecordCode.LOADED, "")] == [
        (one.code, one.words) for one in answer.records
    ]
    assert FileCode.PARTLY_LOADED is answer.code
    assert waiting_number_key(KEY, CHILD) in desk.waiting()


def test_a_successor_whose_answer_cannot_be_read_holds_up_no_file() -> None:
    """The record waits under both numbers: a hospital may use either (CPR05; rulings 22, 41)."""
    source = PuzzlingSource()
    source.put(MOTHER, SupersededBy(successor=CHILD, recorded_at=AT))
    desk = Desk(source=source)

    answer = desk.load(build_upload([Record(child=Person(number=MOTHER.digits))]))

    assert [RecordCode.SUPERSEDED] == [one.code for one in answer.records]
    assert {waiting_number_key(KEY, number) for number in (CHILD, MOTHER)} <= desk.waiting()


class StumblingSource(MemoryDemographics):
    """A source that fails so many times about the child, and counts how often it is asked about anybody."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.asked = Counter[NhsNumber]()
        self._failures = failures

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Answer, or fail."""
        self.asked[number] += 1
        if number == CHILD and self.asked[number] <= self._failures:
            raise DemographicsUnavailable
        return await super().get(number)


@pytest.mark.parametrize("at_once", [1, 3])
def test_one_question_that_fails_is_asked_again_and_no_other_is(at_once: int) -> None:
    """A file of thousands is not void for one failure; its answers keep their order (R16)."""
    source = StumblingSource(failures=1)
    source.put(CHILD, AGREES)
    records = [Record(child=Person(number=number.digits)) for number in (MOTHER, CHILD, NEXT)]

    answer = Desk(source=source, at_once=at_once).load(build_upload(records))

    assert [RecordCode.NO_MATCH, RecordCode.LOADED, RecordCode.NO_MATCH] == [
        one.code for one in answer.records
    ]
    assert source.asked == {MOTHER: 1, CHILD: 2, NEXT: 1}


class BrokenSource(MemoryDemographics):
    """A source with a defect."""

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Fail as no source should."""
        raise ZeroDivisionError(number)


def test_a_defect_is_no_source_that_is_away() -> None:
    """It is not asked again and again: whoever took the file hears of it, and nothing is loaded."""
    desk = Desk(source=BrokenSource())

    with pytest.raises(ZeroDivisionError):
        desk.load(FILE)

    assert {} == desk.plans()


def test_a_file_of_one_record_is_asked_about_again_too() -> None:
    """As is the last of a large one, which may come alone (R16)."""
    source = StumblingSource(failures=1)
    source.put(CHILD, AGREES)

    assert [RecordCode.LOADED] == [one.code for one in Desk(source=source).load(FILE).records]


@pytest.mark.parametrize("at_once", [1, 3])
def test_whoever_is_not_answered_for_waits_and_holds_up_no_file(at_once: int) -> None:
    """The source is asked about another once more: it is not away, and the others count (R16, ruling 41)."""
    source = StumblingSource(failures=100)
    source.put(NEXT, AGREES)
    records = [Record(child=Person(number=number.digits)) for number in (NEXT, CHILD, MOTHER)]
    desk = Desk(source=source, at_once=at_once)

    answer = desk.load(build_upload(records))

    said = [RecordCode.LOADED, RecordCode.NOT_LOADED, RecordCode.NO_MATCH]
    assert (said, NOT_ANSWERED) == (
        [one.code for one in answer.records],
        next(one.words for one in answer.records if one.code is RecordCode.NOT_LOADED),
    )
    assert source.asked == {NEXT: 2, CHILD: 2, MOTHER: 1}
    assert waiting_number_key(KEY, CHILD) in desk.waiting()


class FadingSource(MemoryDemographics):
    """A source that answers so many questions, and is away then."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self._left = answers

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Answer, as long as it does."""
        self._left -= 1
        if self._left < 0:
            raise DemographicsUnavailable
        return await super().get(number)


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_source_that_goes_away_meanwhile_leaves_the_file_to_be_taken_again(at_once: int) -> None:
    """Whoever is not answered for is not loaded, and nor is anybody of the file (R16: CPF05)."""
    faulty = Record(child=Person(number="9990000019"))  # about whom nobody was asked
    records = [faulty, *(Record(child=Person(number=number.digits)) for number in (MOTHER, CHILD, NEXT))]
    desk = Desk(source=FadingSource(answers=1), at_once=at_once)

    with pytest.raises(DemographicsUnavailable):
        desk.load(build_upload(records))

    assert [] == [record for topic in Topic for record in desk.kafka.read(topic)]


def test_a_source_that_is_away_is_not_asked_about_the_whole_of_a_file() -> None:
    """So many failures in a row are no accident."""
    source = StumblingSource(failures=100)
    records = [Record(child=Person(number=CHILD.digits)) for _ in range(FAILURES_MAX * 2)]

    with pytest.raises(DemographicsUnavailable):
        Desk(source=source).load(build_upload(records))

    assert source.asked == {CHILD: FAILURES_MAX}


class BusySource(MemoryDemographics):
    """A source that answers nobody before so many have asked, and remembers how many did together."""

    def __init__(self, together: int) -> None:
        super().__init__()
        self._barrier = asyncio.Barrier(together)

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Wait for the others."""
        async with self._barrier:
            return await super().get(number)


def test_several_records_are_asked_about_together_and_answered_in_their_order() -> None:
    """A file of many must not wait for one answer after the other; one that fails fails the file (R16)."""
    source = BusySource(together=2)
    source.put(CHILD, AGREES)
    records = [Record(child=Person(number=number.digits)) for number in (CHILD, MOTHER, NEXT, CHILD)]

    answer = Desk(source=source, at_once=2).load(build_upload(records))

    assert [RecordCode.LOADED, RecordCode.NO_MATCH, RecordCode.NO_MATCH, RecordCode.LOADED] == [
        one.code for one in answer.records
    ]
    away = BusySource(together=2)
    away.available = False
    with pytest.raises(DemographicsUnavailable):
        Desk(source=away, at_once=2).load(build_upload(records))


def test_what_is_at_fault_already_is_not_asked_about() -> None:
    """A wrong check digit names nobody, and the answer is that of the file (ruling 40)."""
    desk = Desk(source=SlowSource())

    answer = desk.load(build_upload([Record(child=Person(number="9990000019"))]))

    assert [RecordCode.NUMBER_FORMAT] == [one.code for one in answer.records]


@pytest.mark.parametrize("slow", [True, False])
def test_a_source_that_is_away_refuses_nothing_and_nothing_is_written(slow: bool) -> None:  # noqa: FBT001
    """The file is taken again as it is, all of it (R16)."""
    source = SlowSource() if slow else MemoryDemographics()
    source.available = slow
    desk = Desk(source=source)

    with pytest.raises(DemographicsUnavailable):
        desk.load(FILE)

    assert [] == [record for topic in Topic for record in desk.kafka.read(topic)]
