"""Senders of the file are watched by what the log holds, and shown by name; whoever is none stays out."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.adapters.memory import MemoryKafka
from broker.adapters.memory_archive import MemoryArchive
from broker.adapters.memory_sealing import MemorySealer
from broker.core.facts import NumberStatus, VisitLeft, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.sender_quality import NumberState, observed
from broker.core.senders import Provider, Sender, Senders
from broker.ports import Topic, Write
from broker.runtime.codecs import load_schemas
from broker.runtime.logs import Log
from broker.runtime.metrics import Metrics
from broker.runtime.sender_metrics import (
    PROVIDER_REFUSED,
    SENDER_FAULTS,
    SENDER_LAST_HEARD,
    SENDER_MESSAGES,
    SENDER_SILENT,
)
from broker.runtime.sender_quality import SenderQuality
from broker.services.own_writes import Heard
from broker.services.quality import Refused
from broker.services.sender_watch import SenderWatch
from broker.services.senders_report import SendersReport
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import Door, RecordsCodec, Rejected
from tests.builders.hl7 import fixture, message_of

RXX, OTHER = OdsCode("RXX"), OdsCode("RXM")
NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)
ROBIN = NhsNumber("9990000018")
SENDERS = Senders(
    providers={RXX: Provider(sender={"EDSYS": Sender(), "PAS": Sender(quiet_after=timedelta(hours=2))})}
)
MESSAGE = message_of(fixture())


def received(at: datetime, **more: Any) -> VisitMessage:
    """Return a message that was received then, and recorded a minute before."""
    return replace(MESSAGE, received_at=at, recorded_at=at - timedelta(minutes=1), **more)


def heard(message: VisitMessage) -> Heard:
    """Return what is heard of a message that the log holds."""
    return Heard(message.provider, message.system, message.received_at)


def last_week() -> list[VisitMessage]:
    """Return what came in the last week: a message every five minutes, until noon."""
    return [received(NOON - timedelta(minutes=5 * number)) for number in range(7 * 24 * 12)]


def test_a_sender_that_stops_is_silent_until_it_is_heard() -> None:
    """Half an hour without one of the twelve messages an hour that usually come."""
    watch = SenderWatch(SENDERS)
    for message in last_week():
        watch.count(*heard(message))
        watch.count(*heard(replace(message, provider=OTHER)))
    later = NOON + timedelta(minutes=30)

    assert {"RXX/EDSYS", "RXX/PAS"} == watch.names
    assert [("RXX/EDSYS", NOON, True), ("RXX/PAS", None, False)] == [*watch.look(later)]
    watch.heard(OTHER, "EDSYS", later)
    assert [True, False] == [one.silent for one in watch.look(later)]
    watch.heard(RXX, "EDSYS", later)
    assert [False, False] == [one.silent for one in watch.look(later)]


def test_without_a_file_nobody_is_watched() -> None:
    """Anybody may be a sender then, and no count of theirs is bounded."""
    watch = SenderWatch(Senders())
    watch.count(*heard(MESSAGE))

    assert [] == [*watch.look(NOON)]


def test_silence_is_shown_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """In the metrics by sender; in the log when it begins and when it ends."""
    metrics = Metrics()
    quality = SenderQuality(SENDERS, metrics, Log("intake"))
    for message in last_week():
        quality.count(heard(message))
    for minutes in (10, 30, 31):
        quality.look(NOON + timedelta(minutes=minutes))
    assert 1 == metrics.value(SENDER_SILENT, sender="RXX/EDSYS")
    assert 0 == metrics.value(SENDER_SILENT, sender="RXX/PAS")
    assert 31 * 60 == metrics.value(SENDER_LAST_HEARD, sender="RXX/EDSYS")

    quality.observe(observed(received(NOON + timedelta(minutes=32))))
    quality.look(NOON + timedelta(minutes=33))

    assert 0 == metrics.value(SENDER_SILENT, sender="RXX/EDSYS")
    told = caplog.text
    assert (1, 1) == (told.count("'sender silent'"), told.count("'sender heard again'"))


def test_what_is_observed_is_counted_by_sender_and_others_together() -> None:
    """Every series of the file's senders is there from the start; anybody else is `other`."""
    metrics = Metrics()
    quality = SenderQuality(SENDERS, metrics, Log("intake"))
    assert 0 == metrics.value(SENDER_MESSAGES, sender="RXX/PAS", number="missing")

    late = replace(MESSAGE, received_at=MESSAGE.recorded_at + timedelta(hours=1))
    quality.observe(observed(late, faults=["visit number missing"]))
    quality.observe(
        observed(replace(late, provider=OTHER, received_at=late.recorded_at), number_fault="missing")
    )
    quality.refused(Refused(RXX, "MSH-9"))
    quality.refused(Refused(None, ""))

    assert 1 == metrics.value(SENDER_MESSAGES, sender="RXX/EDSYS", number="verified")
    assert 1 == metrics.value(SENDER_MESSAGES, sender="other", number="missing")
    assert 1 == metrics.value(SENDER_FAULTS, sender="RXX/EDSYS", fault="visit number missing")
    assert 1 == metrics.value(SENDER_FAULTS, sender="RXX/EDSYS", fault="late")
    assert 1 == metrics.value(PROVIDER_REFUSED, provider="RXX")
    assert 1 == metrics.value(PROVIDER_REFUSED, provider="other")


class House:
    """A log of attendances and of what was rejected."""

    def __init__(self) -> None:
        schemas, sealer = load_schemas(), MemorySealer()
        self.kafka = MemoryKafka()
        self.facts, self.records = FactCodec(schemas, sealer), RecordsCodec(schemas, sealer)
        self.report = SendersReport(MemoryArchive(self.kafka), self.facts, self.records, SENDERS)

    def send(self, message: VisitMessage, *faults: str) -> None:
        """Write a message."""
        value = self.facts.encode_message(message, ROBIN, faults)
        self.kafka.append([Write(Topic.ATTENDANCES, ROBIN.key, value)])

    def reject(self, **fields: Any) -> None:
        """Write what was kept."""
        rejected = Rejected(**{"door": Door.MLLP, "received_at": NOON, "raw": b"", **fields})
        self.kafka.append([Write(Topic.REJECTED, None, self.records.encode_rejected(rejected))])


def test_the_report_counts_what_the_log_holds() -> None:
    """Numbers, lateness, faults and refusals by sender, those without a message among them."""
    house = House()
    house.send(received(NOON), "visit number missing")
    house.send(replace(received(NOON), recorded_at=NOON - timedelta(hours=1), number_status=None))
    house.send(received(NOON, number_status=NumberStatus.CONFLICT))
    house.send(received(NOON - timedelta(hours=30)))
    left = VisitLeft(
        visit=MESSAGE.visit,
        message_id=MESSAGE.message_id,
        control_id="M1",
        recorded_at=NOON,
        sent_at=NOON,
        received_at=NOON,
    )
    house.kafka.append(
        [
            Write(Topic.ATTENDANCES, ROBIN.key, house.facts.encode(left, ROBIN)),
            Write(Topic.ATTENDANCES, ROBIN.key, None),
            Write(Topic.REJECTED, None, b"not ours"),
        ]
    )
    house.reject(reason="number_missing", sender=RXX, system="EDSYS")
    house.reject(reason="number_placeholder", sender=RXX, system="EDSYS")
    house.reject(reason="event not taken", sender=RXX, location="MSH-9")
    house.reject(reason="message ended early", sender=RXX)
    house.reject(reason="event not taken", sender=RXX, received_at=NOON - timedelta(hours=30))
    house.reject(reason="avro framing missing")

    lines = asyncio.run(house.report.read(since=NOON - timedelta(hours=24), now=NOON + timedelta(days=3)))

    by_name = {line.sender: line for line in lines}
    assert ["RXX/", "RXX/EDSYS", "RXX/PAS"] == [*by_name]
    tally = by_name["RXX/EDSYS"].tally
    assert (5, 1, {"visit number missing": 1}) == (tally.messages, tally.late, tally.faults)
    assert {
        NumberState.VERIFIED: 1,
        NumberState.UNSAID: 1,
        NumberState.NOT_VERIFIED: 1,
        NumberState.MISSING: 1,
        NumberState.UNUSABLE: 1,
    } == tally.numbers
    assert {"MSH-9": 1, "message ended early": 1} == by_name["RXX/"].tally.refused
    assert by_name["RXX/PAS"].heard.last is None
    assert not any(line.silent for line in lines)


def test_the_report_says_who_is_silent() -> None:
    """By the log alone, as after a restart."""
    house = House()
    for message in last_week():
        house.send(message)

    lines = asyncio.run(house.report.read(since=NOON, now=NOON + timedelta(minutes=45)))

    assert [("RXX/EDSYS", True), ("RXX/PAS", False)] == [(line.sender, line.silent) for line in lines]
