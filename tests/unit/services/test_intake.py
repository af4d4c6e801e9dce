"""What becomes of a hospital message: a fact or kept, answered only when durable, the same each time."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import NoReturn

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka, MemoryRecord
from broker.adapters.memory_sealing import MemorySealer
from broker.core import operators
from broker.core.errors import KafkaUnavailable, StorageUnusable, UnwritableRecord
from broker.core.facts import (
    Birth,
    Fact,
    IdentityKind,
    IdentityNotice,
    NumberStatus,
    VisitEvent,
    VisitLeft,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey
from broker.core.number_ranges import Takes, Taking, takes_any, takes_for_tests, takes_live
from broker.core.policy import Policy
from broker.core.policy_keys import Place, Selector
from broker.core.senders import Peer
from broker.core.worklist import ItemKind
from broker.ports import FactLog, Topic, Write
from broker.runtime.codecs import load_schemas
from broker.runtime.senders_file import parse_senders
from broker.services.attendances import TOO_LARGE, Attendances
from broker.services.dialects import HL7V2, Dialect
from broker.services.intake import DEFECT, Intake
from broker.services.marks_to_come import MarksToCome
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse
from broker.services.rejections import RECORD_BYTES_MAX, Rejections
from broker.wire.cloudevents import FACT_TYPE, read_headers
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from broker.wire.mllp import END_BROKEN, NO_START, NOT_ENDED, START, TOO_LONG
from broker.wire.records_codec import Door, RecordsCodec, Rejected
from broker.wire.visit_reading import PROCESSING_IDS, Admits, SenderOf
from tests.builders.adt import Adt, Patient
from tests.builders.hl7 import edited
from tests.spec.numbers import numbers_beginning
from tests.unit.wire.test_adt_other import merge

KEY = IdentityKey(b"k" * 32)
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
CHILD = Patient(number="9990000018", family="Sample", given="Robin")
NOBODY = Patient(number=None)
NAMED = parse_senders('[provider.RXX.sender.EDSYS]\naddresses = ["192.0.2.1"]', "senders.toml")


class RefusingLog:
    """A `FactLog` whose Kafka is away."""

    async def append(self, writes: Sequence[Write]) -> NoReturn:  # noqa: ARG002 - the port's signature
        """Refuse."""
        raise KafkaUnavailable


class NarrowLog(MemoryFactLog):
    """A `FactLog` on whose attendance topic nothing fits."""

    async def append(self, writes: Sequence[Write]) -> Sequence[operators.Place]:
        """Refuse attendances."""
        if any(write.topic == Topic.ATTENDANCES for write in writes):
            raise UnwritableRecord
        return await super().append(writes)


class OutageLog(MemoryFactLog):
    """A `FactLog` whose Kafka is away at times."""

    away = False

    async def append(self, writes: Sequence[Write]) -> Sequence[operators.Place]:
        """Append, or refuse while it is away."""
        if self.away:
            raise KafkaUnavailable
        return await super().append(writes)


class SilentLog:
    """A `FactLog` that never answers, as a client without a deadline of its own."""

    async def append(self, writes: Sequence[Write]) -> Sequence[operators.Place]:  # noqa: ARG002 - the port's
        """Wait for ever."""
        await asyncio.Event().wait()
        return ()


class BrokenCodec(FactCodec):
    """A codec with a defect."""

    def encode_message(
        self,
        message: VisitMessage,  # noqa: ARG002 - as the codec's
        number: NhsNumber,  # noqa: ARG002
        faults: Iterable[str] = (),  # noqa: ARG002
    ) -> NoReturn:
        """Fail as no codec should."""
        raise ZeroDivisionError


class FullDisk(MemorySealer):
    """A sealer that cannot keep a new day's key."""

    def seal(self, plain: bytes, *, bound_to: bytes) -> NoReturn:  # noqa: ARG002 - as the sealer's
        """Refuse."""
        raise StorageUnusable


MARKED_AFTER = timedelta(minutes=7)


class Shelf:
    """Keeps marks to come in memory."""

    def __init__(self) -> None:
        """Keep none."""
        self.kept: dict[str, tuple[NhsNumber, datetime]] = {}

    def keep(self, number: NhsNumber, due_at: datetime) -> None:
        """Keep one."""
        self.kept[f"{len(self.kept)}"] = (number, due_at)

    def due(self, now: datetime) -> list[tuple[str, NhsNumber]]:
        """Return those that are due."""
        return [(name, number) for name, (number, due_at) in self.kept.items() if due_at <= now]

    def drop(self, name: str) -> None:
        """Keep one no more."""
        del self.kept[name]


class FullShelf(Shelf):
    """A shelf on a full disk."""

    def keep(self, number: NhsNumber, due_at: datetime) -> None:
        """Fail."""
        raise StorageUnusable(f"no place for {len(number.digits)} digits until {due_at}")


class Desk:
    """An intake with everything around it in memory."""

    def __init__(  # noqa: PLR0917 - each is one of its surroundings
        self,
        log: FactLog | None = None,
        codec: type[FactCodec] = FactCodec,
        sealer: MemorySealer | None = None,
        takes: Takes = takes_any,
        policy: Policy | None = None,
        dialects: Mapping[Door, Dialect] = HL7V2,
        shelf: Shelf | None = None,
    ) -> None:
        schemas, sealer = load_schemas(), sealer or MemorySealer()
        self.kafka = MemoryKafka()
        self.counts: Counter[str] = Counter()
        self.facts = FactCodec(schemas, sealer)
        self.records = RecordsCodec(schemas, sealer)
        self.numbers = NumbersInUse(KEY, horizon=timedelta(days=23))
        self.details = DetailsCodec(schemas, sealer)
        self.shelf = shelf or Shelf()
        self.intake = Intake(
            log or MemoryFactLog(self.kafka),
            Attendances(
                codec(schemas, sealer),
                Numberless(self.details, policy=policy or Policy(), key=KEY),
                self.numbers,
                MarksToCome(self.shelf, self.facts, KEY, lambda: MARKED_AFTER),
            ),
            Rejections(self.records, KEY),
            clock=lambda: NOW,
            count=lambda event: self.counts.update([event]),
            answer_seconds=0.05,
            admits=Admits(PROCESSING_IDS, takes),
            dialects=dialects,
        )

    def send(self, data: bytes, sender: SenderOf | None = None) -> bytes:
        """Return the answer to a message, on the connection of a sender that `sender` admits."""
        return asyncio.run(self.intake.receive(data, sender=sender))

    def send_unreadable(self, data: bytes, reason: str) -> bytes | None:
        """Return the answer to what was no frame."""
        return asyncio.run(self.intake.receive_unreadable(data, reason))

    def attendances(self) -> list[MemoryRecord]:
        """Return the records of the attendance topic."""
        return self.kafka.read(Topic.ATTENDANCES)

    def visits(self) -> list[Fact]:
        """Return the facts of the attendance topic."""
        return [
            self.facts.decode(record.topic, record.key or b"", record.value or b"")
            for record in self.attendances()
        ]

    def told(self) -> list[Fact]:
        """Return the same in the order of their writing."""
        return [
            self.facts.decode(record.topic, record.key or b"", record.value or b"")
            for record in in_order(self)
        ]

    def kept(self) -> list[Rejected]:
        """Return what was kept."""
        return [self.records.decode_rejected(r.value or b"") for r in self.kafka.read(Topic.REJECTED)]


def message(
    patient: Patient = CHILD,
    *,
    event: str = "A04",
    control_id: str = "M1",
    recorded: str = "20250301113500",
    **pv1: str,
) -> bytes:
    """Return an attendance message."""
    fields = {"class": "E", "location": "ED", "visit": "V1", "arrived": "20250301113000", **pv1}
    adt = Adt(event=event, control_id=control_id, recorded=recorded, patient=patient, pv1=fields)
    return adt.text().encode()


def born_to(*mothers: str, event: str = "A04", born: str = "20250228", **pv1: str) -> bytes:
    """Return a message of a baby whose PID-21 gives these as its mother's numbers."""
    data = message(replace(CHILD, born=born), event=event, **pv1)
    return edited(data, PID_21="~".join(f"{mother}^^^NHS" for mother in mothers))


def births(desk: Desk) -> list[tuple[bytes | None, Birth]]:
    """Return the births that were written, with the number that each is keyed by."""
    keys = [record.key for record in desk.attendances()]
    found = zip(keys, desk.visits(), strict=True)
    return [(key, fact) for key, fact in found if isinstance(fact, Birth)]


def verdict(answer: bytes | None) -> tuple[str, str]:
    """Return MSA-1 and MSA-2 of an answer."""
    [segment] = [part for part in (answer or b"").decode().split("\r") if part.startswith("MSA")]
    _, code, control_id, *_ = segment.split("|")
    return code, control_id


def test_an_attendance_becomes_a_fact_and_is_accepted() -> None:
    """The fact lies in its topic when the sender reads AA."""
    desk = Desk()

    answer = desk.send(message())

    [fact] = desk.visits()
    assert isinstance(fact, VisitMessage)
    assert (VisitEvent.REGISTERED, OdsCode("RXX"), NOW) == (fact.event, fact.provider, fact.received_at)
    assert verdict(answer) == ("AA", "M1")
    assert desk.kept() == []


def test_a_fact_travels_under_the_number_and_its_headers_do_not_name_it() -> None:
    """The key is the ten digits; no header holds anything of a person."""
    desk = Desk()

    desk.send(message())

    [record] = desk.attendances()
    event = read_headers(record.headers)
    assert record.key == b"9990000018"
    assert (FACT_TYPE, NOW) == (event.event_type, event.time)
    assert not any(b"9990000018" in value or b"Sample" in value for _, value in record.headers)


def test_a_resent_message_has_the_same_event_id() -> None:
    """The same bytes are the same event, whenever they come."""
    desk = Desk()

    desk.send(message())
    desk.send(message())

    ids = {read_headers(record.headers).event_id for record in desk.attendances()}
    assert (2, 1) == (len(desk.attendances()), len(ids))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (None, "number_missing"),
        ("9990000019", "number_wrong_check_digit"),
        ("2222222222", "number_placeholder"),
    ],
)
def test_an_attendance_without_a_usable_number_is_accepted_and_kept(number: str | None, reason: str) -> None:
    """No sender's queue stops for a number, and nothing is lost (rulings 21, 35)."""
    desk = Desk()
    data = message(Patient(number=number))

    answer = desk.send(data)

    [kept] = desk.kept()
    assert (reason, data, OdsCode("RXX"), "M1") == (kept.reason, kept.raw, kept.sender, kept.control_id)
    assert verdict(answer) == ("AA", "M1")
    assert desk.attendances() == []


LIVE = takes_live(frozenset({OdsCode("RXZ")}))
REAL = next(numbers_beginning("4000")).digits


def test_a_test_number_of_a_hospital_is_as_good_as_none_in_a_live_deployment() -> None:
    """It is accepted, kept, and looked for by its details: it may be a child's after all (rulings 21, 27)."""
    desk = Desk(takes=LIVE)
    data = message()

    answer = desk.send(data)

    [kept] = desk.kept()
    assert ("number_kept_for_tests", data) == (kept.reason, kept.raw)
    assert ("AA", "M1") == verdict(answer)
    assert ([], 1) == (desk.attendances(), len(desk.kafka.read(Topic.DETAILS)))


@pytest.mark.parametrize(
    ("sender", "number", "key"),
    [("RXZ", "9990000018", b"9990000018"), ("RXX", REAL, REAL.encode()), ("RXZ", REAL, REAL.encode())],
)
def test_a_live_deployment_takes_real_numbers_and_the_canarys(sender: str, number: str, key: bytes) -> None:
    """Whatever the canary sends beside test numbers is taken, so that no child is missed (ruling 27)."""
    desk = Desk(takes=LIVE)

    desk.send(message(replace(CHILD, number=number)).replace(b"|RXX|", f"|{sender}|".encode(), 1))

    assert ([key], []) == ([record.key for record in desk.attendances()], desk.kept())


def test_beside_a_test_number_a_real_one_is_taken() -> None:
    """The first that is usable (rulings 27, 36)."""
    desk = Desk(takes=LIVE)
    both = f"9990000018^^^NHS~{REAL}^^^NHS".encode()

    desk.send(message().replace(b"9990000018^^^NHS", both))

    assert [REAL.encode()] == [record.key for record in desk.attendances()]


@pytest.mark.parametrize("beside", [b"", b"9990000018^^^NHS~"], ids=["alone", "beside a test number"])
def test_a_deployment_for_tests_keeps_no_byte_of_a_real_persons_message(beside: bytes) -> None:
    """The sender is told to mend it; reason and place are kept (ruling 27)."""
    desk = Desk(takes=takes_for_tests)

    answer = desk.send(message().replace(b"9990000018^^^NHS", beside + REAL.encode() + b"^^^NHS"))

    [kept] = desk.kept()
    assert ("number not kept for tests", "PID-3", None) == (kept.reason, kept.location, kept.raw)
    assert ("AE", "M1") == verdict(answer)
    assert REAL.encode() not in answer + b"".join(
        (record.key or b"") + (record.value or b"") for topic in Topic for record in desk.kafka.read(topic)
    )


@pytest.mark.parametrize("event", ["A04", "A40", "A99"])
def test_of_a_message_that_is_not_its_senders_no_byte_is_kept(event: str) -> None:
    """Whatever it says: it is refused and told of, and the provider that it claims is not shown it."""
    desk = Desk()
    elsewhere = partial(NAMED.admitted, peer=Peer("192.0.2.2"))

    answers = [desk.send(message(event=event), elsewhere) for _ in range(2)]

    kept, again = desk.kept()
    assert answers[0] == answers[1]
    assert ("AE", "M1") == verdict(answers[0])
    assert b"|MSH^1^4^103&Table value not found&HL70357&CPIS-205&" in answers[0]
    assert ("connection not bound to this sending facility", "MSH-4") == (kept.reason, kept.location)
    assert (None, None, None) == (kept.sender, kept.control_id, kept.raw)
    assert Counter({"kept": 2, "rejected: mllp sender": 2}) == desk.counts
    assert ([], kept.reason) == (desk.attendances(), again.reason)


def test_a_message_on_its_senders_own_connection_is_taken() -> None:
    """As the file of senders names it."""
    desk = Desk()

    assert ("AA", "M1") == verdict(desk.send(message(), partial(NAMED.admitted, peer=Peer("192.0.2.1"))))
    assert 1 == len(desk.attendances())


def test_a_deployment_for_tests_takes_test_numbers() -> None:
    """As every other (ruling 27)."""
    desk = Desk(takes=takes_for_tests)

    assert ("AA", "M1") == verdict(desk.send(message()))
    assert 1 == len(desk.attendances())


def test_a_number_by_hand_goes_by_the_same_rule() -> None:
    """A test number is no real patient's, and a real one has no place among tests (rulings 27, 46)."""
    data = message(replace(CHILD, number=None))
    real = NhsNumber(REAL)

    for takes, confirmed, kept in (
        (LIVE, real, []),
        (LIVE, NhsNumber("9990000018"), ["number_kept_for_tests"]),
        (takes_for_tests, real, ["number not kept for tests"]),
    ):
        desk = Desk(takes=takes)
        asyncio.run(desk.intake.take(data, Door.MLLP, confirmed=confirmed))
        assert kept == [one.reason for one in desk.kept()]
        assert len(desk.attendances()) == (not kept)


def test_an_unverified_number_goes_on_as_a_fact() -> None:
    """What a number's status means is the matcher's to decide (ruling 20)."""
    desk = Desk()

    desk.send(message(Patient(status="02")))

    [fact] = desk.visits()
    assert isinstance(fact, VisitMessage)
    assert fact.number_status is NumberStatus.NOT_TRACED


def test_content_that_the_sender_must_mend_is_kept_and_answered_with_an_error() -> None:
    """AE comes after the bytes are durable."""
    desk = Desk()
    data = message().replace(b"|RXX|", b"||", 1)

    answer = desk.send(data)

    [kept] = desk.kept()
    assert (data, Door.MLLP, None, "M1") == (kept.raw, kept.door, kept.sender, kept.control_id)
    assert verdict(answer) == ("AE", "M1")


def test_a_sender_that_is_no_ods_code_is_not_recorded_as_one() -> None:
    """What stands in MSH-4 is kept in the bytes alone when it is no code."""
    desk = Desk()

    desk.send(message().replace(b"|RXX|", b"|St Elsewhere|", 1))

    [kept] = desk.kept()
    assert kept.sender is None


def test_an_unsupported_event_is_kept_and_rejected() -> None:
    """AR: the sender may send it elsewhere, unchanged."""
    desk = Desk()

    answer = desk.send(message(event="A60"))

    assert len(desk.kept()) == 1
    assert verdict(answer) == ("AR", "M1")


def test_bytes_that_are_no_hl7_are_kept_and_answered() -> None:
    """Even without a header there is an answer."""
    desk = Desk()

    answer = desk.send(b"\x00\xffnonsense")

    [kept] = desk.kept()
    assert kept.raw == b"\x00\xffnonsense"
    assert verdict(answer) == ("AE", "")


@pytest.mark.parametrize("log", [RefusingLog(), SilentLog()], ids=["refusing", "silent"])
@pytest.mark.parametrize(
    "data",
    [message(), message(Patient(number=None)), b"nonsense"],
    ids=["fact", "no number", "unreadable"],
)
def test_without_kafka_everything_is_refused(log: FactLog, data: bytes) -> None:
    """AR, also for what should have been kept: the sender has it still and nothing is dropped."""
    desk = Desk(log)

    answer = desk.send(data)

    assert verdict(answer)[0] == "AR"
    assert {"refused": 1} == desk.counts


@pytest.mark.parametrize(
    "data",
    [message(), message(Patient(number=None)), message(event="A60"), b"nonsense"],
    ids=["fact", "no number", "unsupported", "unreadable"],
)
def test_a_resend_gets_the_identical_answer(data: bytes) -> None:
    """The answer is a function of the bytes: whatever happened between the two."""
    desk = Desk()

    assert desk.send(data) == desk.send(data)


def test_a_message_refused_for_want_of_kafka_is_accepted_when_sent_again() -> None:
    """The refusal left nothing behind that stands in the way."""
    desk = Desk()
    desk.kafka.available = False
    refused = desk.send(message())
    desk.kafka.available = True

    accepted = desk.send(message())

    assert [("AR", "M1"), ("AA", "M1")] == [verdict(refused), verdict(accepted)]
    assert len(desk.attendances()) == 1


def test_faults_of_quality_are_counted_for_an_accepted_message() -> None:
    """A visit without its number is taken, and counted."""
    desk = Desk()

    desk.send(message(visit=""))

    assert {"accepted": 1, "quality: visit number missing": 1} == desk.counts


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"junk", "100"),
        (message(event="A60"), "201"),
        (message(control_id=""), "101"),
        (message(Patient(number=None)), "number"),
    ],
)
def test_what_is_kept_unread_is_counted_by_its_code(data: bytes, code: str) -> None:
    """The code of HL7 table 0357 that the sender is told, or that there is no number to join by."""
    desk = Desk()

    desk.send(data)

    assert (1, 1) == (desk.counts["kept"], desk.counts[f"rejected: mllp {code}"])


@pytest.mark.parametrize("reason", [NO_START, TOO_LONG])
def test_what_is_no_frame_is_counted_as_such(reason: str) -> None:
    """Whether somebody waits for an answer or not."""
    desk = Desk()

    desk.send_unreadable(b"junk", reason)

    assert {"kept": 1, "rejected: mllp frame": 1} == desk.counts


def test_a_fact_that_kafka_would_never_take_is_kept_in_parts() -> None:
    """Its sender must mend it: an AR would be asked for again and again."""
    desk = Desk()
    data = message(Patient(family="x" * (RECORD_BYTES_MAX + 10)))

    answer = desk.send(data)

    kept = sorted(desk.kept(), key=lambda part: part.location)
    assert ["part 1 of 2", "part 2 of 2"] == [part.location for part in kept]
    assert data == b"".join(part.raw or b"" for part in kept)
    assert {TOO_LARGE} == {part.reason for part in kept}
    assert verdict(answer) == ("AE", "M1")


def test_a_fact_that_its_topic_does_not_take_is_kept() -> None:
    """A topic may be set to take less than it should."""
    kafka = MemoryKafka()
    desk = Desk(NarrowLog(kafka))
    desk.kafka = kafka

    answer = desk.send(message())

    [kept] = desk.kept()
    assert (TOO_LARGE, message()) == (kept.reason, kept.raw)
    assert verdict(answer) == ("AE", "M1")


def test_a_defect_of_ours_loses_no_message() -> None:
    """The bytes are kept under a reason of its own, and the next message is served."""
    desk = Desk(codec=BrokenCodec)

    answer = desk.send(message())

    [kept] = desk.kept()
    assert (DEFECT, message()) == (kept.reason, kept.raw)
    assert verdict(answer) == ("AE", "M1")


def test_junk_between_frames_is_kept_without_an_answer() -> None:
    """Nobody waits for one."""
    desk = Desk()

    answer = desk.send_unreadable(b"junk", NO_START)

    [kept] = desk.kept()
    assert (None, b"junk", NO_START) == (answer, kept.raw, kept.reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(START + message() + b"\x1c", END_BROKEN), (START + message(), TOO_LONG)],
    ids=["end broken", "too long"],
)
def test_a_broken_frame_is_kept_and_answered_under_its_control_id(data: bytes, reason: str) -> None:
    """Its sender waits, and can tell which message it was."""
    desk = Desk()

    answer = desk.send_unreadable(data, reason)

    [kept] = desk.kept()
    assert (data, reason) == (kept.raw, kept.reason)
    assert verdict(answer) == ("AE", "M1")


def test_a_broken_frame_without_kafka_is_refused() -> None:
    """It will be sent again."""
    desk = Desk(RefusingLog())

    answer = desk.send_unreadable(START + message(), TOO_LONG)

    assert verdict(answer) == ("AR", "M1")


def test_junk_that_cannot_be_kept_is_counted_as_lost() -> None:
    """Nobody can be told to send it again, so that somebody must be able to see it."""
    desk = Desk(RefusingLog())

    desk.send_unreadable(b"junk", NO_START)

    assert {"unreadable lost": 1} == desk.counts


def test_a_control_id_beyond_all_measure_is_found_in_the_bytes_only() -> None:
    """A header field of half a megabyte would not fit the record that keeps the message."""
    desk = Desk()

    desk.send(message(control_id="M" * 300, event="A60"))

    [kept] = desk.kept()
    assert kept.control_id is None


def test_without_room_for_a_key_the_sender_is_told_to_send_again() -> None:
    """AR, whatever the message; nothing is written unsealed, and it is no defect of the message."""
    desk = Desk(sealer=FullDisk())

    answers = [desk.send(message()), desk.send(b"nonsense"), desk.send_unreadable(message()[:40], TOO_LONG)]

    assert ["AR", "AR", "AR"] == [verdict(answer)[0] for answer in answers]
    assert desk.send_unreadable(b"noise", NO_START) is None
    assert {"sealing impossible": 4} == desk.counts
    assert ([], []) == (desk.attendances(), desk.kept())


def test_a_message_that_moves_a_visit_says_so_of_the_former_number() -> None:
    """After the visit under its new number; the former one's record names nobody else (rulings 42, 44)."""
    desk = Desk()
    other = replace(CHILD, number="9990000026")

    desk.send(message())
    answer = desk.send(message(other, event="A08", control_id="M2"))

    assert ("AA", "M2") == verdict(answer)
    keys = [(record.key, type(fact)) for record, fact in zip(in_order(desk), desk.told(), strict=True)]
    first, second = b"9990000018", b"9990000026"
    assert [(first, VisitMessage), (second, VisitMessage), (first, VisitLeft)] == keys
    visit, _, left = desk.told()
    assert isinstance(visit, VisitMessage)
    assert isinstance(left, VisitLeft)
    assert (visit.visit, visit.message_id, "M1") == (left.visit, left.message_id, left.control_id)
    assert 1 == desk.counts["visit left"]
    assert b"9990000026" not in (in_order(desk)[2].value or b"")


def test_a_message_that_comes_late_is_told_to_have_left_first() -> None:
    """Nobody may take the visit to have come back (ruling 44)."""
    desk = Desk()

    desk.send(message(replace(CHILD, number="9990000026")))
    desk.send(message(recorded="20250301113400", control_id="M0"))

    assert [VisitMessage, VisitLeft, VisitMessage] == [type(fact) for fact in desk.told()]
    assert [b"9990000018"] * 2 == [record.key for record in in_order(desk)[1:]]


@pytest.mark.parametrize("number", [None, "9990000000", "1111111111", "123"])
def test_a_message_without_a_number_goes_on_under_the_visits(number: str | None) -> None:
    """An absent number leaves what was said before alone, and is counted (rulings 21, 35, R41)."""
    desk = Desk()

    desk.send(message())
    answer = desk.send(message(replace(CHILD, number=number), event="A03", control_id="M2"))

    assert ("AA", "M2") == verdict(answer)
    assert [b"9990000018"] * 2 == [record.key for record in in_order(desk)]
    assert 1 == desk.counts["quality: NHS number missing, as before"]
    assert [] == desk.kept()


def test_a_message_without_a_number_of_another_visit_is_kept() -> None:
    """Nothing says whose it is (ruling 21)."""
    desk = Desk()

    desk.send(message())
    desk.send(message(replace(CHILD, number=None), control_id="M2", visit="V2"))

    assert ([b"9990000018"], 1) == ([record.key for record in in_order(desk)], len(desk.kept()))


def test_a_visit_takes_its_restriction_to_another_number_and_nothing_else_does() -> None:
    """It is that of whoever is there (ruling 24); under one number the record itself keeps the mark."""
    desk = Desk()
    other = replace(CHILD, number="9990000026")

    desk.send(message(control_id="M1", recorded="20250301110000", restricted="S"))
    desk.send(message(event="A08", control_id="M2", recorded="20250301110100"))
    desk.send(message(other, event="A08", control_id="M3", recorded="20250301110200"))

    marks = {fact.control_id: fact.restricted for fact in desk.told() if isinstance(fact, VisitMessage)}
    assert {"M1": True, "M2": None, "M3": True} == marks


def test_a_late_mark_under_a_former_number_is_told_to_the_one_in_use() -> None:
    """Before the message itself, to the minute, with nothing of the visit or the other number (24, 44)."""
    desk, without = Desk(), Desk()
    other = replace(CHILD, number="9990000026")

    for one, vip in ((desk, "S"), (without, "")):
        one.send(message(control_id="M1", recorded="20250301110000"))
        one.send(message(other, event="A08", control_id="M2", recorded="20250301110200"))
        one.send(message(event="A08", control_id="M3", recorded="20250301110100", restricted=vip))

    assert [] == without.kafka.read(Topic.IDENTITY)
    [record] = desk.kafka.read(Topic.IDENTITY)
    mark = desk.facts.decode(record.topic, record.key or b"", record.value or b"")
    assert isinstance(mark, IdentityNotice)
    assert (b"9990000026", IdentityKind.RESTRICTED, None) == (record.key, mark.kind, mark.visit)
    assert {NOW.replace(second=0, microsecond=0)} == {mark.recorded_at, mark.received_at}
    assert b"9990000018" not in (record.value or b"")
    assert record.timestamp < in_order(desk)[-1].timestamp


def test_a_mark_without_a_number_goes_to_the_number_that_comes_once() -> None:
    """By then the source may have lifted it; another visit has no part in it (ruling 24)."""
    desk = Desk()

    desk.send(message(NOBODY, control_id="M1", recorded="20250301110000", restricted="S"))
    desk.send(message(NOBODY, event="A08", control_id="M2", recorded="20250301110100"))
    desk.send(message(event="A08", control_id="M3", recorded="20250301110200"))
    desk.send(message(event="A08", control_id="M4", recorded="20250301110300"))
    desk.send(message(control_id="M5", recorded="20250301110400", visit="V2"))

    marks = {fact.control_id: fact.restricted for fact in desk.told() if isinstance(fact, VisitMessage)}
    assert {"M3": True, "M4": None, "M5": None} == marks
    assert [("M1", True), ("M2", False)] == [(one.control_id, one.restricted) for one in desk.kept()]


def test_a_mark_without_a_number_goes_with_a_babys_birth() -> None:
    """What restricts the baby restricts its mother (rulings 24, 26)."""
    desk = Desk()

    desk.send(message(NOBODY, control_id="M0", recorded="20250301110000", restricted="S"))
    desk.send(born_to("9990000026", recorded="20250301110200"))

    assert [True] == [birth.restricted for _, birth in births(desk)]


def test_a_mark_waits_for_what_is_durable() -> None:
    """A message that Kafka did not take has not borne it: the next one does (ruling 24)."""
    kafka = MemoryKafka()
    log = OutageLog(kafka)
    desk = Desk(log=log)
    desk.kafka = kafka

    desk.send(message(NOBODY, control_id="M1", recorded="20250301110000", restricted="S"))
    log.away = True
    refused = desk.send(message(event="A08", control_id="M2", recorded="20250301110200"))
    log.away = False
    desk.send(message(event="A08", control_id="M3", recorded="20250301110300"))

    marks = {fact.control_id: fact.restricted for fact in desk.told() if isinstance(fact, VisitMessage)}
    assert ("AR", {"M3": True}) == (verdict(refused)[0], marks)


def test_a_mark_follows_a_visit_from_a_number_that_was_anothers() -> None:
    """Of two that differ the first bears it, and then the one that is named alone (rulings 24, 42, 44)."""
    desk = Desk()

    desk.send(message(NOBODY, control_id="M1", recorded="20250301110000", restricted="S"))
    both = message(event="A08", control_id="M2", recorded="20250301110200")
    desk.send(edited(both, PID_3="9990000018^^^NHS~9990000026^^^NHS"))
    other = replace(CHILD, number="9990000026")
    desk.send(message(other, event="A08", control_id="M3", recorded="20250301110300"))

    marks = {fact.control_id: fact.restricted for fact in desk.told() if isinstance(fact, VisitMessage)}
    assert {"M2": True, "M3": True} == marks


def test_a_mark_is_not_spent_on_a_number_that_its_visit_has_left() -> None:
    """It is that of whoever is there: the number in use bears it, too (rulings 24, 44)."""
    desk, elsewhere = Desk(), Desk()
    other = replace(CHILD, number="9990000026")

    desk.send(message(NOBODY, control_id="M1", recorded="20250301110000", restricted="S"))
    elsewhere.send(message(other, event="A08", control_id="M2", recorded="20250301110300"))
    for fact in elsewhere.told():
        assert isinstance(fact, VisitMessage)
        desk.numbers.note(NhsNumber("9990000026"), fact)
    desk.send(message(event="A08", control_id="M3", recorded="20250301110200"))
    desk.send(message(other, event="A08", control_id="M4", recorded="20250301110400"))

    marks = {fact.control_id: fact.restricted for fact in desk.told() if isinstance(fact, VisitMessage)}
    assert {"M3": True, "M4": True} == marks


def test_what_was_refused_is_not_remembered() -> None:
    """A message whose fact is not durable moves nothing."""
    desk = Desk(log=RefusingLog())

    assert "AR" == verdict(desk.send(message()))[0]
    assert 0 == len(desk.numbers)


def in_order(desk: Desk) -> list[MemoryRecord]:
    """Return the records of the attendance topic in the order of their writing."""
    return sorted(desk.attendances(), key=lambda record: record.timestamp)


def test_a_merge_of_local_identifiers_is_acknowledged_and_nothing_else() -> None:
    """No fact, no item, nothing kept (ruling 25)."""
    desk = Desk()

    answer = desk.send(merge("B7^^^RXX"))

    assert ("AA", "M1") == verdict(answer)
    assert ([], [], []) == (desk.attendances(), desk.kept(), desk.kafka.read(Topic.WORKLIST))
    assert Counter({"acknowledged: A40": 1}) == desk.counts


@pytest.mark.parametrize(
    ("fields", "facts"),
    [
        ({}, []),
        ({"ZU8_4": "1"}, [(b"9990000018", "restricted")]),
        ({"PID_21": "9990000026^^^NHS"}, [(b"9990000026", "Birth")]),
        (
            {"PID_21": "9990000026^^^NHS~9990000018^^^NHS", "ZU8_4": "2"},
            [(b"9990000026", "Birth"), (b"9990000018", "restricted")],
        ),
        ({"PID_21": "9990000026^^^NHS", "PID_7": "20160412"}, []),
    ],
)
def test_a_person_without_a_visit_is_told_of_where_it_matters(
    fields: dict[str, str], facts: list[tuple[bytes, str]]
) -> None:
    """That the record is restricted (24), and whose baby it is (26); the same each time it is sent."""
    desk = Desk()
    data = edited(message(replace(CHILD, born="20250228"), event="A31"), **fields)

    assert [("AA", "M1")] * 2 == [verdict(desk.send(data)) for _ in range(2)]

    told = [
        (one.key, desk.facts.decode(one.topic, one.key or b"", one.value or b""))
        for topic in (Topic.ATTENDANCES, Topic.IDENTITY)
        for one in desk.kafka.read(topic)
    ]
    words = [(key, "Birth" if isinstance(one, Birth) else "restricted") for key, one in told]
    assert sorted(facts * 2) == sorted(words)
    assert len(facts) == len({repr(one) for _, one in told})
    assert ([], desk.counts["person told of"]) == (desk.kept(), 2 * bool(facts))
    assert 2 == desk.counts["acknowledged: A31"]


TWO_NUMBERS = "9990000018^^^NHS~9990000026^^^NHS"


@pytest.mark.parametrize(("hidden", "marked"), [("1", [b"9990000018"]), ("", [])])
def test_two_numbers_of_a_person_are_work_for_the_sender(hidden: str, marked: list[bytes]) -> None:
    """
    As those of a merge: nothing is said of either (42) but that the record is restricted, if the message says
    so (24), and of one alone: the mark of the other has neither its moment nor its place.
    """
    desk = Desk()

    desk.send(edited(message(event="A28"), PID_3=TWO_NUMBERS, ZU8_4=hidden))

    assert Counter({"two numbers for one patient": 1}) == desk.counts
    assert [] == desk.attendances()
    assert 1 == len(desk.kafka.read(Topic.WORKLIST))
    assert marked == [record.key for record in desk.kafka.read(Topic.IDENTITY)]
    others = [(NhsNumber("9990000026"), NOW + MARKED_AFTER)] if hidden else []
    assert others == list(desk.shelf.kept.values())


def test_the_mark_of_another_number_is_said_at_a_time_of_its_own() -> None:
    """Any of the numbers may be the patient's (24): as if it were the only one, and once (42)."""
    desk = Desk()
    desk.send(edited(message(event="A31"), PID_3=TWO_NUMBERS, ZU8_4="1"))
    marks = MarksToCome(desk.shelf, desk.facts, KEY, lambda: MARKED_AFTER)
    log = MemoryFactLog(desk.kafka)

    for later in (MARKED_AFTER - timedelta(seconds=1), MARKED_AFTER, 2 * MARKED_AFTER):
        asyncio.run(marks.say(log, NOW + later))

    records = desk.kafka.read(Topic.IDENTITY)
    notices = [desk.facts.decode(one.topic, one.key or b"", one.value or b"") for one in records]
    assert [b"9990000018", b"9990000026"] == [one.key for one in records]
    assert all(isinstance(one, IdentityNotice) and one.kind is IdentityKind.RESTRICTED for one in notices)
    minute = NOW.replace(second=0, microsecond=0)
    assert [minute, minute + MARKED_AFTER] == [one.received_at for one in notices]
    assert {} == desk.shelf.kept


def test_a_message_whose_other_mark_cannot_be_kept_is_sent_again_later() -> None:
    """It is durable before its sender is answered `AA` (24)."""
    desk = Desk(shelf=FullShelf())

    answer = desk.send(edited(message(event="A31"), PID_3=TWO_NUMBERS, ZU8_4="1"))

    assert ("AR", "M1") == verdict(answer)


def test_where_there_is_no_place_for_marks_to_come_nothing_with_two_numbers_is_restricted() -> None:
    """As for somebody who writes past intake: no mark is written beside another (42)."""
    desk = Desk()
    attendances = Attendances(desk.facts, Numberless(desk.details, policy=Policy(), key=KEY))
    one, two = NhsNumber("9990000018"), NhsNumber("9990000026")

    attendances.put_by([one], NOW)
    with pytest.raises(StorageUnusable):
        attendances.put_by([one, two], NOW)


def test_only_numbers_that_are_taken_are_marked() -> None:
    """Rulings 27, 28: one that is none here has no record here."""
    not_here = NhsNumber("9990000026")
    desk = Desk(takes=lambda number, _sender: Taking.UNUSABLE if number == not_here else Taking.TAKEN)

    desk.send(edited(message(event="A31"), PID_3="9990000018^^^NHS~9990000026^^^NHS", ZU8_4="1"))

    assert [b"9990000018"] == [record.key for record in desk.kafka.read(Topic.IDENTITY)]


def test_no_byte_is_kept_of_a_visit_that_names_two_numbers_of_which_none_is_taken() -> None:
    """It is looked for by its details; two numbers stand side by side nowhere (rulings 21, 42)."""
    desk = Desk(takes=lambda _number, _sender: Taking.UNUSABLE)

    for control_id, named in (("M1", TWO_NUMBERS), ("M2", "9990000018^^^NHS")):
        assert ("AA", control_id) == verdict(desk.send(edited(message(control_id=control_id), PID_3=named)))

    assert [("M1", True), ("M2", False)] == [(one.control_id, one.raw is None) for one in desk.kept()]


def test_a_person_that_cannot_be_read_is_kept() -> None:
    """With what its sender must mend."""
    desk = Desk()

    answer = desk.send(message(event="A31").replace(b"PID|", b"ZID|"))

    assert (("AE", "M1"), "no PID segment") == (verdict(answer), desk.kept()[0].reason)


def test_a_merge_of_two_numbers_is_work_for_its_sender() -> None:
    """It moves no visit; the item says who sent it and nothing of either number, a resend the same (42)."""
    desk = Desk()
    data = merge("9990000026^^^NHS~B7^^^RXX")

    answers = [desk.send(data), desk.send(data)]

    assert [("AA", "M1")] * 2 == [verdict(answer) for answer in answers]
    first, second = desk.kafka.read(Topic.WORKLIST)
    item = desk.records.decode_item(first.value or b"")
    assert (ItemKind.TWO_NUMBERS, OdsCode("RXX"), "M1") == (item.kind, item.provider, item.control_id)
    assert (None, None) == (item.visit, item.arrived_at)
    assert first.key == second.key == item.item_id.encode()
    assert ([], []) == (desk.attendances(), desk.kept())
    for record in (first, second):
        everything = (record.value or b"") + repr(record.headers).encode()
        assert not any(number in everything for number in (b"9990000018", b"9990000026", b"B7"))
    assert Counter({"two numbers for one patient": 2}) == desk.counts


def test_two_numbers_in_a_visits_message_are_work_and_the_patient_is_looked_for() -> None:
    """Either may be another's: the sender settles it, once for the visit, and details are met (21, 42)."""
    desk = Desk()
    two = replace(CHILD, number="9990000018^^^NHS~9990000026")

    answers = [desk.send(message(two)), desk.send(message(two, control_id="M2", event="A08"))]
    sought = len(desk.kafka.read(Topic.DETAILS))
    desk.send(message(control_id="M3", event="A08"))

    assert ["AA", "AA"] == [verdict(answer)[0] for answer in answers]
    assert [b"9990000018"] * 3 == [record.key for record in in_order(desk)]
    items = desk.kafka.read(Topic.WORKLIST)
    assert [ItemKind.TWO_NUMBERS] * 2 == [desk.records.decode_item(one.value or b"").kind for one in items]
    assert 1 == len({one.key for one in items})
    for record in items:
        everything = (record.value or b"") + repr(record.headers).encode()
        assert not any(number in everything for number in (b"9990000018", b"9990000026"))
    assert sought > 0
    assert 1 == len(desk.kafka.read(Topic.DETAILS)) - sought


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (merge("9990000026^^^NHS").replace(b"MRG|", b"ZRG|"), "AE"),
        (merge("9990000026^^^NHS").replace(b"|T|2.4", b"|X|2.4"), "AR"),
        (merge("9990000026^^^NHS", event="A18"), "AR"),
        (edited(message(), PID_3="9990000018^^^NHS~9990000026^^^NHS", MSH_11="X"), "AR"),
    ],
)
def test_of_two_numbers_that_are_refused_no_byte_is_kept(data: bytes, code: str) -> None:
    """It may hold two numbers (ruling 42); the sender is told what is amiss."""
    desk = Desk()

    answer = desk.send(data)

    assert (code, "M1") == verdict(answer)
    assert [None] == [rejected.raw for rejected in desk.kept()]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (START + merge("9990000026^^^NHS") + b"\x1c", END_BROKEN),
        (START + merge("9990000026^^^NHS"), NOT_ENDED),
        (merge("9990000026^^^NHS"), NO_START),
    ],
    ids=["end broken", "cut off", "no start"],
)
def test_of_a_merge_in_no_frame_no_byte_is_kept(data: bytes, reason: str) -> None:
    """A line that breaks within a merge leaves no two numbers side by side (ruling 42)."""
    desk = Desk()

    desk.send_unreadable(data, reason)

    [kept] = desk.kept()
    assert (None, reason, "M1") == (kept.raw, kept.reason, kept.control_id)


def test_messages_of_which_no_byte_is_kept_are_items_of_their_own() -> None:
    """A person sees each by its control id; a resend is the same one."""
    desk = Desk()
    for control_id in ("M1", "M2", "M1"):
        desk.send(merge("9990000026^^^NHS", event="A18", control_id=control_id))

    ids = [read_headers(record.headers).event_id for record in desk.kafka.read(Topic.REJECTED)]
    assert (ids[0], 2) == (ids[2], len(set(ids)))


def test_an_event_that_is_not_taken_is_kept() -> None:
    """Only what may hold two numbers goes without its bytes."""
    desk = Desk()
    data = message(event="A05")

    assert "AR" == verdict(desk.send(data))[0]
    assert [data] == [rejected.raw for rejected in desk.kept()]


@pytest.mark.parametrize("event", ["A01", "A04", "A08"])
def test_a_message_that_names_the_mother_links_her_with_the_baby(event: str) -> None:
    """Keyed by her, beside the attendance: number, date of birth and visit of the baby (ruling 26)."""
    desk = Desk()
    answer = desk.send(born_to("9990000026", event=event))

    [(key, birth)] = births(desk)
    [visit] = [fact for fact in desk.visits() if isinstance(fact, VisitMessage)]
    assert (b"9990000026", "9990000018", date(2025, 2, 28), visit.visit) == (
        key, birth.baby.digits, birth.born, birth.visit,
    )  # fmt: skip
    assert (birth.named,) == visit.mothers  # whom the visit names last, its own record knows (37)
    assert verdict(answer) == ("AA", "M1")


def test_each_visit_has_its_own_name_for_a_mother() -> None:
    """Of two visits nobody sees that they name the same one; two mothers have two names (ruling 26)."""
    desk = Desk()
    desk.send(born_to("9990000026", "9990000034"))
    desk.send(born_to("9990000026", visit="V2"))
    first, second = (fact.mothers or () for fact in desk.visits() if isinstance(fact, VisitMessage))

    assert (2, 1) == (len(set(first)), len(second))
    assert set() == set(first) & set(second)


def test_in_clear_a_birth_says_nothing_but_the_minute() -> None:
    """So that no record of the baby can be found by it (rulings 23, 26)."""
    desk = Desk()
    desk.send(born_to("9990000026"))

    [record] = [record for record in desk.attendances() if record.key == b"9990000026"]
    [visit] = [fact for fact in desk.visits() if isinstance(fact, VisitMessage)]
    whole = b"\n".join([record.value or b"", *(value for _, value in record.headers)])
    assert NOW == read_headers(record.headers).time
    assert not any(word.encode() in whole for word in (CHILD.number or "-", visit.visit, visit.message_id))


@pytest.mark.parametrize(
    "data",
    [
        born_to("9990000018"),  # of the baby itself (ruling 42)
        born_to("9990000026", event="A03"),
        born_to("9990000026", event="A11"),
        born_to("9990000026", born="20240229"),  # over a year old
        born_to("9990000026", location="HAVEN"),  # a sensitive place: ignored (ruling 47)
        born_to(),
    ],
)
def test_no_other_message_links_anybody(data: bytes) -> None:
    """Nobody is a child of their own, and of an older child no mother is noted (rulings 26, 42, 47)."""
    haven = Selector(provider=OdsCode("RXX"), location="HAVEN")
    desk = Desk(policy=Policy(overrides={haven: {"listed": Place.SENSITIVE}}))
    desk.send(data)
    assert [] == births(desk)
    assert {None} == {fact.mothers for fact in desk.visits() if isinstance(fact, VisitMessage)}


def test_a_baby_of_a_year_is_linked_and_one_without_a_date_of_birth() -> None:
    """Doubt tells (rulings 2, 26)."""
    desk = Desk()
    desk.send(born_to("9990000026", born="20240301"))
    desk.send(born_to("9990000026", "9990000034", born=""))
    keys = sorted(key or b"" for key, _ in births(desk))
    assert [b"9990000026", b"9990000026", b"9990000034"] == keys


def test_a_real_mother_has_no_place_in_a_deployment_for_tests() -> None:
    """Not a byte is kept; in a live one a number kept for tests is nobody's (ruling 27)."""
    [real] = [next(numbers_beginning("4"))]
    desk, live = Desk(takes=takes_for_tests), Desk(takes=takes_live(frozenset()))
    answer = desk.send(born_to(real.digits))
    live.send(edited(born_to("9990000026"), PID_3=f"{real.digits}^^^NHS"))

    assert ("AE", "M1") == verdict(answer)
    assert ([], []) == (desk.kafka.read(Topic.ATTENDANCES), births(live))
