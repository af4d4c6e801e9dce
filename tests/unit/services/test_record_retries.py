"""Records of uploads that the demographic source refused are asked about again while they are kept: R14."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest

from broker.adapters.memory_archive import MemoryArchive
from broker.adapters.memory_demographics import MemoryDemographics
from broker.core.demographics import Current, Invalidated, NumberAnswer, SupersededBy
from broker.core.errors import DemographicsUnavailable, KafkaUnavailable, ReaderLost, StorageUnusable
from broker.core.facts import Details, PlanType
from broker.core.identifiers import NhsNumber
from broker.core.source_pace import FAILURES_MAX
from broker.ports import Topic, Write
from broker.services.record_retries import RecordRetries
from broker.wire.upload_codes import FileCode, RecordCode
from tests.builders.matcher import numbers
from tests.builders.upload import Person, Record, build_upload, head_last
from tests.builders.upload_desk import NOW, Desk

AT = datetime(2025, 2, 1, 12, 0, tzinfo=UTC)
CHILD, OTHER = NhsNumber("9990000018"), NhsNumber("9990000026")
AGREES = Current(
    details=Details(family="Sample", given="Robin", birth_date=date(2016, 4, 12)), recorded_at=AT
)
DIFFERS = Current(details=Details(family="Other", given="Sam", birth_date=date(2011, 1, 2)), recorded_at=AT)
PROTECTED = Current(details=AGREES.details, restricted=True, recorded_at=AT)


class CountingSource(MemoryDemographics):
    """A source that counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.silent_about: NhsNumber | None = None
        self.fault: Exception = DemographicsUnavailable()

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Count, then answer."""
        self.asked += 1
        if number == self.silent_about:
            raise self.fault
        return await super().get(number)


class Office:
    """Uploads, their source, and what asks again."""

    def __init__(self) -> None:
        self.source = CountingSource()
        self.desk = Desk(source=self.source)
        self.counts: Counter[str] = Counter()
        self._retries = RecordRetries(
            self.desk.records,
            self.desk.uploads.ask_again,
            count=lambda event: self.counts.update([event]),
        )

    def go_round(self) -> int:
        """Go one round; return how often the source was asked."""
        before = self.source.asked
        asyncio.run(self._retries.go_round(MemoryArchive(self.desk.kafka)))
        return self.source.asked - before

    def kept(self) -> int:
        """Return how many records are kept."""
        return len(self.desk.kept())


def child(number: NhsNumber = CHILD, **more: str) -> Record:
    """Return a record about a child."""
    return Record(child=Person(number=number.digits, **more))


@pytest.mark.parametrize("before", [None, DIFFERS], ids=["not known", "differs"])
def test_what_agrees_by_now_is_loaded_as_verified(before: NumberAnswer | None) -> None:
    """With the authority's own times, from what was kept: it need not send the record again (R14)."""
    office = Office()
    if before is not None:
        office.source.put(CHILD, before)
    office.source.put(OTHER, AGREES)

    answer = office.desk.load(build_upload([child(OTHER), child()]))
    assert (FileCode.PARTLY_LOADED, {OTHER.key}) == (answer.code, set(office.desk.plans()))
    assert (1, 1) == (office.go_round(), office.kept())
    office.source.put(CHILD, AGREES)
    office.go_round()

    plan, other = (office.desk.plans()[number.key] for number in (CHILD, OTHER))
    assert (True, PlanType.CHILD_PROTECTION) == (plan.content.verified, plan.content.plan_type)
    assert (other.recorded_at, other.file_id) == (plan.recorded_at, plan.file_id)
    assert (1, {"waiting record loaded": 1}) == (office.kept(), office.counts)


def test_a_record_before_the_head_of_its_file_is_asked_about_again() -> None:
    """Its author stands behind it, and is kept with it all the same."""
    office = Office()
    office.desk.load(head_last(build_upload([child(), child(OTHER)])))
    office.source.put(CHILD, AGREES)
    office.go_round()

    assert [CHILD.key] == list(office.desk.plans())


def test_what_was_loaded_is_not_asked_about_again() -> None:
    """It agrees, and lies there until its retention is over."""
    office = Office()
    office.desk.load(build_upload([child()]))
    office.source.put(CHILD, AGREES)
    office.go_round()

    assert 0 == office.go_round()


def test_of_several_versions_of_one_plan_the_newest_is_asked_about() -> None:
    """An authority that sends its whole list every day adds one a day; the source hears one question."""
    office = Office()
    office.source.put(CHILD, DIFFERS)
    for file_id in ("F1", "F2", "F3"):
        office.desk.load(build_upload([child()], file_id=file_id))

    assert (1, 3) == (office.go_round(), office.kept())
    office.source.put(CHILD, AGREES)
    office.go_round()

    assert "F3" == office.desk.plans()[CHILD.key].file_id


@pytest.mark.parametrize(
    "answer",
    [Invalidated(recorded_at=AT), SupersededBy(successor=OTHER, recorded_at=AT)],
    ids=["not in use", "superseded"],
)
def test_what_cannot_end_by_itself_is_not_asked_about(answer: NumberAnswer) -> None:
    """Of a number not in use nothing is asked again (ruling 23); a superseded one needs the authority."""
    office = Office()
    office.source.put(CHILD, answer)
    office.desk.load(build_upload([child()]))

    assert 0 == office.go_round()


def test_a_number_that_went_out_of_use_meanwhile_stays_refused() -> None:
    """The source's newest word counts, and nothing is kept anew (ruling 23)."""
    office = Office()
    office.desk.load(build_upload([child()]))
    office.source.put(CHILD, Invalidated(recorded_at=AT))

    assert (1, {}, 1) == (office.go_round(), office.desk.plans(), office.kept())


def test_a_protected_person_who_agrees_by_now_is_told_with_less() -> None:
    """That the source protects them is said with the plan (ruling 24)."""
    office = Office()
    office.desk.load(build_upload([child()]))
    office.source.put(CHILD, PROTECTED)
    office.go_round()

    assert {CHILD.key} == office.desk.plans().keys()
    assert [CHILD.key] == [record.key for record in office.desk.kafka.read(Topic.IDENTITY)]


def test_a_source_that_is_away_ends_the_round() -> None:
    """So many in a row are no accident. The records wait for the next one."""
    office = Office()
    others = [child(number) for number in islice(numbers(), 5, 5 + FAILURES_MAX)]
    office.desk.load(build_upload([child(), *others]))
    office.source.available = False

    assert FAILURES_MAX == office.go_round()
    assert {"waiting records unanswered": FAILURES_MAX} == office.counts
    office.source.available = True
    office.source.put(CHILD, AGREES)
    office.go_round()
    assert {CHILD.key} == office.desk.plans().keys()


@pytest.mark.parametrize("silent", [CHILD, OTHER])
def test_one_about_whom_the_source_does_not_answer_keeps_no_other_back(silent: NhsNumber) -> None:
    """Neither the file it came in, nor a later round: it waits by itself (rulings 20, 41; R14)."""
    office = Office()
    office.source.silent_about = silent
    answer = office.desk.load(build_upload([child(), child(OTHER)]))
    [other] = {CHILD, OTHER} - {silent}
    codes = [RecordCode.NOT_LOADED if number == silent else RecordCode.NO_MATCH for number in (CHILD, OTHER)]
    assert codes == [one.code for one in answer.records]

    office.source.put(other, AGREES)
    office.source.put(silent, AGREES)
    office.go_round()
    assert {other.key} == office.desk.plans().keys()
    office.source.silent_about = None
    office.go_round()
    assert {CHILD.key, OTHER.key} == office.desk.plans().keys()


@pytest.mark.parametrize("broken", [CHILD, OTHER])
def test_a_record_on_which_we_fail_keeps_no_other_back_and_ends_nothing(broken: NhsNumber) -> None:
    """A defect of ours costs this record a round: the doors are in the same process (R14)."""
    office = Office()
    office.desk.load(build_upload([child(), child(OTHER)]))
    office.source.put(CHILD, AGREES)
    office.source.put(OTHER, AGREES)
    office.source.silent_about, office.source.fault = broken, ZeroDivisionError()

    office.go_round()

    assert {CHILD.key, OTHER.key} - {broken.key} == office.desk.plans().keys()
    assert {"waiting records unanswered": 1, "waiting record loaded": 1} == office.counts


@pytest.mark.parametrize("fault", [KafkaUnavailable(), StorageUnusable(), ReaderLost()])
def test_where_nothing_can_be_loaded_the_round_ends(fault: Exception) -> None:
    """It is no record's fault: all of them wait for the next one."""
    office = Office()
    office.desk.load(build_upload([child()]))
    office.source.silent_about, office.source.fault = CHILD, fault

    with pytest.raises(type(fault)):
        office.go_round()


def test_a_record_that_was_at_fault_by_itself_is_not_asked_about() -> None:
    """A wrong check digit is for its authority to mend."""
    office = Office()
    answer = office.desk.load(build_upload([Record(child=Person(number="9990000019"))]))

    assert [RecordCode.NUMBER_FORMAT] == [one.code for one in answer.records]
    assert (0, 1) == (office.go_round(), office.kept())


@pytest.mark.parametrize(
    "data",
    [
        b"no file",
        build_upload([child(), child(OTHER)]),
        build_upload([Record(child=Person(number="9990000019"))]),
    ],
    ids=["unreadable", "two records", "at fault"],
)
def test_what_is_no_file_of_one_good_record_is_left_alone(data: bytes) -> None:
    """Only what was cut out of a file that was read is asked about."""
    office = Office()

    assert not asyncio.run(office.desk.uploads.ask_again(data, AT, set()))
    assert 0 == office.source.asked


def test_what_is_loaded_later_counts_from_its_first_receipt() -> None:
    """That its authority said it so early is not undone by a source that agreed late (ruling 37)."""
    office = Office()
    office.source.put(CHILD, AGREES)
    first = NOW - timedelta(hours=3)

    assert asyncio.run(office.desk.uploads.ask_again(build_upload([child()]), first, set()))
    assert first == office.desk.plans()[CHILD.key].received_at


def test_a_record_whose_key_is_destroyed_is_gone() -> None:
    """With its retention: nothing can be asked any more."""
    office = Office()
    office.desk.load(build_upload([child()]))
    [record] = office.desk.kafka.read(Topic.REJECTED)
    spoilt = bytearray(record.value or b"")
    spoilt[-1] ^= 1
    other = Office()
    asyncio.run(other.desk.log.append([record_with(bytes(spoilt))]))

    assert 0 == other.go_round()


def record_with(value: bytes) -> Write:
    """Return a record of `cpis.rejected` with a value."""
    return Write(topic=Topic.REJECTED, key=None, value=value, headers=())


def test_that_somebody_is_protected_is_said_once_though_the_details_still_differ() -> None:
    """Another authority's plan may be on file: its alert must name no place (ruling 24)."""
    office = Office()
    office.source.put(CHILD, DIFFERS)
    office.desk.load(build_upload([child()]))
    office.source.put(CHILD, replace(DIFFERS, restricted=True))

    assert (1, 1) == (office.go_round(), office.go_round())
    assert [CHILD.key] == [record.key for record in office.desk.kafka.read(Topic.IDENTITY)]
    assert ({}, 1) == (office.desk.plans(), office.kept())


def test_that_somebody_is_protected_anew_is_said_anew() -> None:
    """What the source lifted in between says nothing of what it protects since (ruling 24)."""
    office = Office()
    office.source.put(CHILD, DIFFERS)
    office.desk.load(build_upload([child()]))

    for restricted in (True, False, True):
        office.source.put(CHILD, replace(DIFFERS, restricted=restricted))
        office.go_round()

    assert [CHILD.key] * 2 == [record.key for record in office.desk.kafka.read(Topic.IDENTITY)]
