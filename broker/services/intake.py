"""
What becomes of one HL7 v2 message: a fact, or kept in `cpis.rejected`; there is no third.

Knows that the sender is answered only once that is durable, and what: `AA`, `AE` where the sender must mend
the content, `AR` where a type is not taken here or Kafka is away. The answer is a function of the bytes and
the settings alone, so a resend gets the same one (architecture, section 3; dossier 6.5).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from broker.core.errors import (
    BrokerError,
    InvalidOdsCode,
    KafkaUnavailable,
    MalformedMessage,
    StorageUnusable,
    UnwritableRecord,
)
from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.ports import Clock, FactLog, Topic, Write
from broker.services.numberless import Numberless
from broker.services.rejections import RECORD_BYTES_MAX, SOURCE, Rejections
from broker.wire.acknowledgement import answer
from broker.wire.adt import PROCESSING_IDS, AdtReading, read_adt
from broker.wire.cloudevents import FACT_TYPE, CloudEvent, write_headers
from broker.wire.facts_codec import FactCodec
from broker.wire.hl7v2 import parse
from broker.wire.mllp import END_BROKEN, START, TOO_LONG
from broker.wire.records_codec import Door, Rejected

Count = Callable[[str], None]
"""Counts one event of a stable name that holds nothing of a person."""

TOO_LARGE = "message too large"
"""Reason: the fact would not fit a record of Kafka, today or ever."""
DEFECT = "broker defect"
"""Reason: our own code failed on this message; the bytes are kept, so that it can be found and mended."""

REJECTED = "rejected: "
"""Beginning of what is counted of each message that is kept unread: its code of HL7 table 0357, or a word."""
QUALITY = "quality: "
"""Beginning of what is counted of each fault in a message that is kept or taken: a stable word of ours."""
UNFRAMED = "frame"
"""Instead of a code: bytes that were no frame."""
NUMBERLESS = "number"
"""Instead of a code: an attendance without a usable NHS number."""

_AWAITED = frozenset({END_BROKEN, TOO_LONG})  # the sender thinks that it sent a message
_END_MARK = b"\x1c"


class _Judgement(NamedTuple):
    """What is to be made durable, what is then counted, and the fault to answer, None for `AA`."""

    writes: list[Write]
    counts: tuple[str, ...]
    fault: MalformedMessage | None = None


class Intake:
    """
    The use case behind the MLLP door.

    `answer_seconds` is the deadline of an answer from the receipt of its message; `processing_ids` is what
    MSH-11 may be (ruling 27). `count` is told `accepted`, `kept`, `refused` (Kafka away), `unreadable lost`
    (Kafka away and nobody to tell), `sealing impossible` (no key can be kept: refused as well), `rejected: …`
    and `quality: …`.
    """

    def __init__(
        self,
        facts: FactLog,
        codec: FactCodec,
        rejections: Rejections,
        numberless: Numberless,
        *,
        clock: Clock,
        count: Count,
        answer_seconds: float,
        processing_ids: frozenset[str] = PROCESSING_IDS,
    ) -> None:
        self._facts = facts
        self._codec = codec
        self._rejections = rejections
        self._numberless = numberless
        self._key = numberless.key
        self._clock = clock
        self._count = count
        self._answer_seconds = answer_seconds
        self._processing_ids = processing_ids

    async def receive(self, data: bytes, *, confirmed: NhsNumber | None = None) -> bytes:
        """
        Return the acknowledgement of a message, once what it says is durable.

        `confirmed` is the number of the patient of one without a usable number, as a person found out (46).
        """
        try:
            return await self._receive(data, confirmed)
        except StorageUnusable as error:  # no key can be made to seal it with: the sender keeps it meanwhile
            self._count("sealing impossible")
            return answer(data, error)

    async def _receive(self, data: bytes, confirmed: NhsNumber | None) -> bytes:
        """Return the acknowledgement of a message; raise `StorageUnusable` where nothing can be sealed."""
        received_at = aware(self._clock())
        judgement = self._judge(data, received_at, confirmed)
        try:
            durable = await self._made_durable(judgement.writes)
        except UnwritableRecord:  # a topic set to take less than it should
            judgement = self._at_fault(data, MalformedMessage(TOO_LARGE), received_at)
            durable = await self._made_durable(judgement.writes)
        if not durable:
            self._count("refused")
            return answer(data, KafkaUnavailable())
        for event in judgement.counts:
            self._count(event)
        return answer(data, judgement.fault)

    async def receive_unreadable(self, data: bytes, reason: str) -> bytes | None:
        """Keep bytes that were no frame; return an answer where the sender thinks that it sent a message."""
        message = data.removeprefix(START).removesuffix(_END_MARK)
        try:
            durable = await self._kept_unreadable(data, reason)
        except StorageUnusable as error:
            self._count("sealing impossible")
            return answer(message, error) if reason in _AWAITED else None
        if durable:
            self._count(f"{REJECTED}{UNFRAMED}")
        if reason not in _AWAITED:
            self._count("kept" if durable else "unreadable lost")
            return None
        self._count("kept" if durable else "refused")
        fault: BrokerError = MalformedMessage(reason) if durable else KafkaUnavailable()
        return answer(message, fault)

    async def _kept_unreadable(self, data: bytes, reason: str) -> bool:
        """Keep bytes that were no frame; return whether they are durable."""
        rejected = Rejected(door=Door.MLLP, reason=reason, received_at=aware(self._clock()), raw=data)
        return await self._made_durable(self._rejections.writes(rejected))

    async def _made_durable(self, writes: list[Write]) -> bool:
        """Append within the answer's deadline; return whether Kafka has acknowledged."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                await self._facts.append(writes)
        except (KafkaUnavailable, TimeoutError):
            return False
        return True

    def _judge(self, data: bytes, received_at: datetime, confirmed: NhsNumber | None) -> _Judgement:
        """Read a message and return what is to be kept of it; raises nothing but `StorageUnusable`."""
        try:
            reading = read_adt(
                data,
                key=self._key,
                received_at=received_at,
                processing_ids=self._processing_ids,
                confirmed=confirmed,
            )
            if reading.number is None:
                return self._without_number(data, reading, received_at)
            writes = [
                self._fact(reading.message, reading.number),
                *self._numberless.numbered(reading.message, reading.unnumbered),
            ]
        except MalformedMessage as fault:
            return self._at_fault(data, fault, received_at)
        except StorageUnusable:
            raise
        except Exception:  # noqa: BLE001 - a defect of ours loses no message and stops no sender's queue
            return self._at_fault(data, MalformedMessage(DEFECT), received_at)
        return _Judgement(writes, ("accepted", *(f"{QUALITY}{fault}" for fault in reading.faults)))

    def _fact(self, message: VisitMessage, number: NhsNumber) -> Write:
        """Return the record of a fact; raise `MalformedMessage` where Kafka would never take it."""
        value = self._codec.encode(message, number)
        if len(value) > RECORD_BYTES_MAX:
            raise MalformedMessage(TOO_LARGE)
        event = CloudEvent(
            event_id=message.message_id,
            source=SOURCE,
            event_type=FACT_TYPE,
            time=message.received_at,
            data_schema="attendance",
            sender=message.provider.code,
        )
        return Write(topic=Topic.ATTENDANCES, key=number.key, value=value, headers=write_headers(event))

    def _without_number(self, data: bytes, reading: AdtReading, received_at: datetime) -> _Judgement:
        """Keep an attendance without a usable number, and look for whose it is (rulings 21, 35)."""
        reason = f"number_{(reading.number_fault or 'missing').replace(' ', '_')}"
        rejected = Rejected(
            door=Door.MLLP,
            reason=reason,
            location="PID-3",
            sender=reading.provider,
            control_id=reading.control_id,
            visit=reading.unnumbered,
            received_at=received_at,
            raw=data,
        )
        writes = [*self._rejections.writes(rejected), *self._numberless.sought(reading.message)]
        return _Judgement(writes, ("kept", f"{REJECTED}{NUMBERLESS}", f"{QUALITY}{reason}"))

    def _at_fault(self, data: bytes, fault: MalformedMessage, received_at: datetime) -> _Judgement:
        """Keep a message that could not be read, with as much of its header as can."""
        sender, control_id = _header(data)
        rejected = Rejected(
            door=Door.MLLP,
            reason=fault.reason,
            location=fault.location,
            sender=sender,
            control_id=control_id,
            received_at=received_at,
            raw=data,
        )
        counts = ("kept", f"{REJECTED}{fault.hl7_code}")
        return _Judgement(self._rejections.writes(rejected), counts, fault)


def _header(data: bytes) -> tuple[OdsCode | None, str | None]:
    """Return the sender (MSH-4) and the control id (MSH-10) of a message, None where they cannot be read."""
    try:
        header = parse(data).header
    except MalformedMessage:
        return None, None
    facility, control_id = header.field(4), header.field(10)
    try:
        sender = OdsCode(facility) if isinstance(facility, str) else None
    except InvalidOdsCode:
        sender = None
    return sender, control_id if isinstance(control_id, str) else None
