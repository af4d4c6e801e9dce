"""What becomes of an upload file: plans as facts, faulty records kept, the codes of its acknowledgement."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import NoReturn

import pytest

from broker.core.errors import KafkaUnavailable, ReaderLost, StorageUnusable
from broker.core.facts import Fact, PlanType
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.kept_uploads import MediaType
from broker.core.number_ranges import takes_for_tests, takes_live
from broker.core.waiting import waiting_number_key
from broker.ports import Topic, Write
from broker.services import uploads
from broker.services.rejections import RECORD_BYTES_MAX
from broker.services.upload_reading import Read, Reading, read_here
from broker.services.uploads import OUT_OF_VIEW, PARTLY_OUT_OF_VIEW, TOO_LARGE
from broker.upload_ports import Content
from broker.wire.cloudevents import FACT_TYPE, read_headers
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import Door
from broker.wire.upload_answer import Refused
from broker.wire.upload_codes import DEFECT, FileCode, RecordCode
from broker.wire.upload_reading import FoundRecord
from tests.builders.upload import Person, PlanBlock, Record, build_upload
from tests.builders.upload_desk import KEY, NOW, Desk
from tests.spec.numbers import numbers_beginning

NUMBERS = ("9990000018", "9990000026", "9990000034")
GOOD = tuple(Record(child=Person(number=number)) for number in NUMBERS)
BAD = Record(child=Person(number="9990000019"))
PLACE = "/File/record[2]/CP-ISRecord"
PLACE_OF_FIRST = "/File/record[1]/CP-ISRecord"
OLD, LONG_AGO, LATELY = "202001010000", "202101010000", "202502010000"
JUST_GONE, STILL_SEEN = "202402290000", "202403010000"
LONG_ENDED = PlanBlock(kind="LAC", start=OLD, end=LONG_AGO)
LOADED, NOT_LOADED = RecordCode.LOADED, RecordCode.NOT_LOADED


class RefusingLog:
    """A `FactLog` whose Kafka is away."""

    async def append(self, writes: Sequence[Write]) -> NoReturn:  # noqa: ARG002 - the port's signature
        """Refuse."""
        raise KafkaUnavailable


class FullDiskCodec(FactCodec):
    """A codec whose sealer cannot keep a new day's key."""

    def encode(self, fact: Fact, number: NhsNumber) -> NoReturn:  # noqa: ARG002 - as the codec's
        """Refuse."""
        raise StorageUnusable


class BrokenCodec(FactCodec):
    """A codec with a defect."""

    def encode(self, fact: Fact, number: NhsNumber) -> NoReturn:  # noqa: ARG002 - as the codec's
        """Fail as no codec should."""
        raise ZeroDivisionError


class FailingReading:
    """A reader that fails before the file is read."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    async def survey(self, received_at: datetime) -> NoReturn:  # noqa: ARG002 - the port's signature
        """Fail."""
        raise self._fault

    def records(self) -> NoReturn:
        """Never asked: nothing was surveyed."""
        raise AssertionError


def failing(fault: Exception) -> Read:
    """Return what lends a reader that fails."""

    @asynccontextmanager
    async def read(_content: Content, _media_type: MediaType) -> AsyncIterator[Reading]:
        """Lend it."""
        yield FailingReading(fault)

    return read


@asynccontextmanager
async def forgetful(content: Content, media_type: MediaType) -> AsyncIterator[Reading]:
    """Lend a reader that loses the records that are left at the end of a file."""

    class Forgetful:
        """Reads a file, but for its end."""

        def __init__(self, reading: Reading) -> None:
            self.survey = reading.survey
            self._records = reading.records

        async def records(self) -> AsyncIterator[list[FoundRecord]]:
            """Yield all records but the last."""
            async for found in self._records():
                yield found[:-1]

    async with read_here(content, media_type) as reading:
        yield Forgetful(reading)


def under_numbers(*numbers: str) -> set[str]:
    """Return the keys under which records with these numbers wait."""
    return {waiting_number_key(KEY, NhsNumber(number)) for number in numbers}


def waiting_numbers(desk: Desk) -> set[str]:
    """Return the keys of numbers under which records wait at a desk: all of one bucket."""
    return {under for under in desk.waiting() if under.startswith("00")}


def test_every_plan_of_a_file_becomes_a_fact_under_its_subjects_number() -> None:
    """All of them, each under the number that holds it."""
    desk = Desk()

    result = desk.load(build_upload(GOOD))

    plans = desk.plans()
    assert set(plans) == {number.encode() for number in NUMBERS}
    assert (FileCode.LOADED, 3, 3, []) == (
        result.code,
        result.loaded,
        result.plans,
        list(result.refused()),
    )


def test_a_plan_is_recorded_when_its_file_was_made_and_received_now() -> None:
    """The file's creation is the plan's record time (ruling 10)."""
    desk = Desk()

    desk.load(build_upload(GOOD[:1], created="20250301063000", file_id="F1", authority="Z211"))

    [plan] = desk.plans().values()
    assert plan.recorded_at == datetime(2025, 3, 1, 6, 30, tzinfo=UTC)
    assert (NOW, "F1") == (plan.received_at, plan.file_id)
    assert (PlanType.CHILD_PROTECTION, OdsCode("Z211")) == (plan.content.plan_type, plan.content.authority)
    assert plan.content.start == date(2025, 1, 10)


def test_a_plans_headers_do_not_name_the_child() -> None:
    """No header holds anything of a person, nor the plan's type (R51)."""
    desk = Desk()

    desk.load(build_upload(GOOD[:1]))

    [record] = desk.kafka.read(Topic.PLANS)
    headers = b"".join(value for _, value in record.headers)
    assert read_headers(record.headers).event_type == FACT_TYPE
    assert not any(word in headers for word in (b"9990000018", b"Sample", b"CPP"))


def test_a_file_taken_twice_makes_the_same_events() -> None:
    """The same plan of the same file has the same id."""
    desk = Desk()

    desk.load(build_upload(GOOD))
    desk.load(build_upload(GOOD))

    records = desk.kafka.read(Topic.PLANS)
    assert (6, 3) == (len(records), len({read_headers(record.headers).event_id for record in records}))


def test_a_faulty_record_is_kept_as_it_was_sent_and_the_others_are_loaded() -> None:
    """Byte for byte, with its place and reason; the file is partly loaded (ruling 40)."""
    desk = Desk()
    data = build_upload((GOOD[0], BAD, GOOD[1]), file_id="F1")

    result = desk.load(data)

    [kept] = desk.kept()
    raw = kept.raw or b""
    assert raw in data
    assert raw.startswith(b"<record>")
    assert raw.rstrip().endswith(b"</record>")
    assert b"9990000019" in raw
    assert (kept.door, kept.control_id, kept.sender) == (Door.UPLOAD, "F1", OdsCode("Z211"))
    assert (kept.reason, kept.location) == (
        "CPR04 wrong check digit",
        f"{PLACE}/subject/COCT_TP145101GB01.Child/id",
    )
    assert (FileCode.PARTLY_LOADED, 2) == (result.code, result.loaded)


def test_a_file_without_one_good_record_is_not_accepted() -> None:
    """Nothing of it was loaded, which is another code than a fault of its head."""
    desk = Desk()

    result = desk.load(build_upload((BAD,)))

    assert (FileCode.NOTHING_LOADED, False) == (result.code, result.accepted)


def test_a_file_with_a_faulty_head_is_kept_whole() -> None:
    """One CPF01, and the file byte for byte."""
    desk = Desk()
    data = build_upload(GOOD, telephones=[("WP", "tel:02079460001")])

    result = desk.load(data)

    [kept] = desk.kept()
    assert (FileCode.MALFORMED, data) == (result.code, kept.raw)
    assert desk.plans() == {}


def test_bytes_that_are_no_file_are_kept() -> None:
    """Whatever they are."""
    desk = Desk()

    result = desk.load(b"\x00\xff")

    [kept] = desk.kept()
    assert (FileCode.MALFORMED, b"\x00\xff") == (result.code, kept.raw)


def test_each_record_has_its_code_and_its_place_in_the_order_of_the_file() -> None:
    """Those that were taken among those that were not (R15)."""
    desk = Desk()

    answer = desk.load(build_upload((GOOD[0], BAD, GOOD[1]), file_id="F1", count="7"))

    place = "/File/record[{}]/CP-ISRecord"
    assert [
        (RecordCode.LOADED, place.format(1), ""),
        (
            RecordCode.NUMBER_FORMAT,
            f"{place.format(2)}/subject/COCT_TP145101GB01.Child/id",
            "wrong check digit",
        ),
        (RecordCode.LOADED, place.format(3), ""),
    ] == [(record.code, record.location, record.words) for record in answer.records]
    assert ("F1", 7, 2, 1) == (answer.head.file_id, answer.head.declared, answer.loaded, answer.failed)
    assert ("record count differs",) == answer.notes


def test_a_file_refused_for_its_head_answers_none_of_its_records_and_counts_them_all() -> None:
    """Nothing of it was taken: the sender is told what is wrong, where, and how much it concerns."""
    desk = Desk()

    answer = desk.load(build_upload(GOOD, file_id="F1", telephones=[("WP", "tel:02079460001")]))

    place = "/File/communicationFunctionSnd/organisation"
    assert Refused(code="CPF01", reason="emergency telephone missing", location=place) == answer.fault
    assert ("F1", 0, 3, []) == (answer.head.file_id, answer.loaded, answer.failed, list(answer.records))


@pytest.mark.parametrize(
    ("plans", "code", "words"),
    [
        pytest.param([LONG_ENDED], RecordCode.NOT_LOADED, OUT_OF_VIEW, id="long ended"),
        pytest.param(
            [PlanBlock(kind="LAC", start=OLD, end=JUST_GONE)], NOT_LOADED, OUT_OF_VIEW, id="yesterday"
        ),
        pytest.param([PlanBlock(kind="LAC", start=OLD, end=STILL_SEEN)], LOADED, "", id="its last day"),
        pytest.param([PlanBlock(kind="LAC", start=OLD)], LOADED, "", id="open"),
        pytest.param(
            [PlanBlock(kind="LAC", start=OLD, end=LONG_AGO, deleted=LATELY)], LOADED, "", id="and removed"
        ),
        pytest.param([LONG_ENDED, PlanBlock()], LOADED, PARTLY_OUT_OF_VIEW, id="one of two"),
    ],
)
def test_a_record_that_was_out_of_view_when_it_was_recorded_is_answered_as_not_loaded(
    plans: list[PlanBlock], code: RecordCode, words: str
) -> None:
    """It is made a fact all the same: history, which ends a plan that is held, alerts nobody (ruling 18)."""
    desk = Desk()

    answer = desk.load(build_upload([Record(plans=plans)]))

    [record] = answer.records
    assert (code, words, PLACE_OF_FIRST) == (record.code, record.words, record.location)
    assert (FileCode.LOADED if code is LOADED else FileCode.NOTHING_LOADED) is answer.code
    assert (len(plans), len(plans), []) == (answer.plans, len(desk.kafka.read(Topic.PLANS)), desk.kept())


def test_a_file_with_a_record_out_of_view_is_taken_in_part() -> None:
    """The counts are those of its codes (R15)."""
    desk = Desk()

    answer = desk.load(build_upload([GOOD[0], Record(plans=[LONG_ENDED])]))

    assert (FileCode.PARTLY_LOADED, 1, 1) == (answer.code, answer.loaded, answer.failed)
    assert {"plan accepted": 2} == desk.counts


REAL = next(numbers_beginning("4000")).digits
OTHER_REAL = next(numbers_beginning("4001")).digits
BAD_NUMBER = "9990000019"
MIXED = (GOOD[0], Record(child=Person(number=REAL)))
TWO_PLANS = (PlanBlock(), PlanBlock(kind="UCP", end="202506150000"))


def test_a_test_number_in_a_live_upload_is_answered_as_a_placeholder_is() -> None:
    """The record waits for its own number and is found by its details meanwhile (rulings 21, 27, 35)."""
    desk = Desk(takes=takes_live(frozenset()))

    answer = desk.load(build_upload(MIXED))

    [kept] = desk.kept()
    said = [(record.code, record.words) for record in answer.records]
    assert [(RecordCode.NUMBER_FORMAT, "kept for tests"), (LOADED, "")] == said
    assert (True, [REAL.encode()]) == (kept.raw is not None, list(desk.plans()))
    assert 1 == len(desk.kafka.read(Topic.DETAILS))


@pytest.mark.parametrize(
    ("mother", "waiting"),
    [(NUMBERS[0], {REAL}), (BAD_NUMBER, {REAL}), (OTHER_REAL, set())],
    ids=["one for tests", "no number", "another that is taken"],
)
def test_of_a_record_with_two_subjects_both_wait_the_one_under_a_number_that_is_taken(
    mother: str, waiting: set[str]
) -> None:
    """A record is read whole or not at all, and the other's plan is lost with it (rulings 21, 27, 41)."""
    desk = Desk(takes=takes_live(frozenset()))
    both = Record(plans=TWO_PLANS, child=Person(number=REAL), mother=Person(number=mother))

    answer = desk.load(build_upload([both]))

    code = RecordCode.NUMBER_FORMAT if waiting else LOADED
    assert [code] == [record.code for record in answer.records]
    assert bool(desk.plans()) is not bool(waiting)
    assert under_numbers(*waiting) == waiting_numbers(desk)
    assert bool(desk.waiting()) is bool(waiting)


def test_the_canary_authority_uploads_test_numbers_to_a_live_deployment() -> None:
    """It alone (ruling 27)."""
    desk = Desk(takes=takes_live(frozenset({OdsCode("Z211")})))

    assert [LOADED, LOADED] == [record.code for record in desk.load(build_upload(MIXED)).records]


@pytest.mark.parametrize("number", [REAL, BAD_NUMBER])
def test_a_deployment_for_tests_keeps_no_byte_of_a_record_with_a_real_persons_number(number: str) -> None:
    """Neither of a record that is refused for another number of it (ruling 27)."""
    desk = Desk(takes=takes_for_tests)
    both = Record(plans=TWO_PLANS, child=Person(number=number), mother=Person(number=OTHER_REAL))

    desk.load(build_upload([both]))

    [kept] = desk.kept()
    assert (None, set()) == (kept.raw, desk.waiting())


def test_a_deployment_for_tests_keeps_no_byte_of_a_real_childs_record() -> None:
    """The authority reads why, and where; the others are taken (ruling 27)."""
    desk = Desk(takes=takes_for_tests)

    answer = desk.load(build_upload(MIXED))

    [kept] = desk.kept()
    said = [(record.code, record.words, record.location) for record in answer.records]
    assert [(LOADED, "", PLACE_OF_FIRST), (NOT_LOADED, "number not kept for tests", PLACE)] == said
    assert ("CPR07 number not kept for tests", None) == (kept.reason, kept.raw)
    assert [NUMBERS[0].encode()] == list(desk.plans())
    assert [] == desk.kafka.read(Topic.DETAILS)


@pytest.mark.parametrize("data", [build_upload(GOOD), b"nonsense"], ids=["plans", "unreadable"])
def test_without_kafka_the_file_is_not_taken(data: bytes) -> None:
    """Whoever brought it keeps it and brings it again; nothing is counted."""
    desk = Desk(RefusingLog())

    with pytest.raises(KafkaUnavailable):
        desk.load(data)

    assert desk.counts == {}


def test_a_file_of_which_records_are_lost_on_the_way_is_not_answered_as_loaded() -> None:
    """A defect of ours: the file waits, and whoever looks finds why; nobody is told that all is well."""
    desk = Desk(read=forgetful)

    with pytest.raises(ReaderLost):
        desk.load(build_upload(GOOD))

    assert len(GOOD) > len(desk.plans())


def test_a_lost_reader_is_no_fault_of_the_file() -> None:
    """The file is to be taken again, not refused."""
    desk = Desk(read=failing(ReaderLost()))

    with pytest.raises(ReaderLost):
        desk.load(build_upload(GOOD))

    assert desk.kept() == []


@pytest.mark.parametrize("more", [0, 1], ids=["a full batch", "one more"])
def test_many_plans_are_appended_in_batches(more: int) -> None:
    """No append is larger than Kafka acknowledges within the deadline, nor holds the event loop for long."""
    desk = Desk()
    records = [GOOD[0]] * (uploads.RECORDS_PER_APPEND + more)

    result = desk.load(build_upload(records))

    assert desk.log.sizes == [uploads.RECORDS_PER_APPEND, more + 1]  # the last says what became of the file
    assert result.plans == len(records)


def test_a_large_unreadable_file_is_appended_in_batches_of_bytes() -> None:
    """Its parts together are the file."""
    desk = Desk()
    data = b"x" * (uploads.BYTES_PER_APPEND + RECORD_BYTES_MAX)

    desk.load(data)

    kept = sorted(desk.kept(), key=lambda part: int(part.location.split()[-3]))
    assert len(desk.log.sizes) == 2
    assert data == b"".join(part.raw or b"" for part in kept)


def test_a_plan_that_kafka_would_never_take_is_refused_with_its_record() -> None:
    """The rest of the file is loaded."""
    desk = Desk()
    huge = Record(child=Person(number=NUMBERS[1], family="x" * RECORD_BYTES_MAX))

    result = desk.load(build_upload((GOOD[0], huge)))

    assert [Refused(code="CPR07", reason=TOO_LARGE, location="/File/record[2]/CP-ISRecord")] == list(
        result.refused()
    )
    assert set(desk.plans()) == {NUMBERS[0].encode()}
    assert under_numbers(NUMBERS[1]) == waiting_numbers(desk)


def test_a_defect_of_the_reader_loses_no_file() -> None:
    """The bytes are kept under a reason of its own."""
    desk = Desk(read=failing(ZeroDivisionError()))

    result = desk.load(b"file")

    [kept] = desk.kept()
    assert (FileCode.MALFORMED, f"CPF01 {DEFECT}", b"file") == (result.code, kept.reason, kept.raw)


def test_a_defect_of_the_codec_loses_no_record() -> None:
    """Each is refused and kept."""
    desk = Desk(codec=BrokenCodec)

    result = desk.load(build_upload(GOOD))

    assert (FileCode.NOTHING_LOADED, [f"CPR07 {DEFECT}"] * 3) == (
        result.code,
        [kept.reason for kept in desk.kept()],
    )
    assert under_numbers(*NUMBERS) == waiting_numbers(desk)


@pytest.mark.parametrize(
    ("plan", "child", "mother", "waiting"),
    [
        pytest.param(PlanBlock(end="202501090000"), NUMBERS[0], None, NUMBERS[:1], id="end before start"),
        pytest.param(PlanBlock(kind="UCP"), None, NUMBERS[1], NUMBERS[1:2], id="no due date"),
        pytest.param(PlanBlock(start=None), NUMBERS[0], NUMBERS[1], NUMBERS[:2], id="two subjects"),
        pytest.param(PlanBlock(start=None), BAD_NUMBER, NUMBERS[1], NUMBERS[1:2], id="one without a number"),
        pytest.param(PlanBlock(start=None), REAL, NUMBERS[1], (), id="one of somebody else's place"),
        pytest.param(PlanBlock(), NUMBERS[0], None, (), id="no fault"),
    ],
)
def test_a_record_of_which_no_plan_can_be_read_waits_under_every_usable_number(
    plan: PlanBlock, child: str | None, mother: str | None, waiting: tuple[str, ...]
) -> None:
    """There is a plan, of whatever days: nobody may say of them that there is none (rulings 27, 41)."""
    desk = Desk(takes=takes_for_tests)
    subjects = [None if one is None else Person(number=one) for one in (child, mother)]

    desk.load(build_upload([Record(plans=[plan], child=subjects[0], mother=subjects[1])]))

    assert under_numbers(*waiting) == waiting_numbers(desk)
    assert [child != REAL] * (plan != PlanBlock()) == [kept.raw is not None for kept in desk.kept()]


def test_an_unread_record_waits_in_a_live_deployment_under_no_number_kept_for_tests() -> None:
    """It is as good as none, but for the person's details (rulings 21, 27, 35)."""
    desk = Desk(takes=takes_live(frozenset()))

    desk.load(build_upload([Record(plans=[PlanBlock(start=None)])]))

    assert (set(), True) == (waiting_numbers(desk), bool(desk.waiting()))


def test_what_is_durable_is_counted() -> None:
    """Plans and what was kept."""
    desk = Desk()

    desk.load(build_upload((*GOOD, BAD)))

    assert {"plan accepted": 3, "kept": 1} == desk.counts


def test_a_pregnant_childs_two_plans_are_two_facts_of_one_record() -> None:
    """One record counts once, its plans as many as they are."""
    desk = Desk()
    record = Record(
        plans=(PlanBlock(), PlanBlock(kind="UCP", end="202506010000")),
        child=Person(number=NUMBERS[0]),
        mother=Person(number=NUMBERS[0]),
    )

    result = desk.load(build_upload((record,)))

    assert (1, 2) == (result.loaded, result.plans)


def test_without_room_for_a_key_the_file_is_to_be_taken_again() -> None:
    """It is no defect of the record, and nothing is written of it."""
    desk = Desk(codec=FullDiskCodec)

    with pytest.raises(StorageUnusable):
        desk.load(build_upload(GOOD))

    assert {} == desk.plans()
