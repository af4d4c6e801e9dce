"""
What becomes of one HL7 v2 message: a fact, or kept in `cpis.rejected`; there is no third.

Knows that the sender is answered only once that is durable, and what: `AA`, `AE` where the sender must mend
the content, `AR` where a type is not taken here or Kafka is away. The answer is a function of the bytes and
the settings alone, so a resend gets the same one (architecture, section 3; dossier 6.5).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from broker.core.errors import (
    BrokerError,
    InvalidOdsCode,
    KafkaUnavailable,
    MalformedMessage,
    NotItsSender,
    RealPersonRefused,
    StorageUnusable,
    UnwritableRecord,
)
from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.ports import Clock, FactLog, Write
from broker.services.attendances import TOO_LARGE, Attendances, Facts
from broker.services.rejections import Rejections
from broker.services.tracing import Untraced
from broker.wire.acknowledgement import answer
from broker.wire.adt import ADMITS_ALL, Admits, AdtReading, SenderOf, read_adt
from broker.wire.adt_merge import holds_merge, read_merge
from broker.wire.adt_registers import Fault
from broker.wire.hl7v2 import EVENT, parse
from broker.wire.mllp import END_BROKEN, START, TOO_LONG
from broker.wire.records_codec import Door, Rejected

Count = Callable[[str], None]
"""Counts one event of a stable name that holds nothing of a person."""

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
NOT_ITS_SENDER = "sender"
"""Instead of a code: a message that came in on a connection which is not its sender's."""

_AWAITED = frozenset({END_BROKEN, TOO_LONG})  # the sender thinks that it sent a message
_END_MARK = b"\x1c"


class _Judgement(NamedTuple):
    """
    What is to be made durable, step by step, what is then counted, and the fault to answer, None for `AA`.

    `facts` are the visits' facts among the steps, each with its number; `unnumbered` is a message that has
    none, `bore_mark` how a visit whose message has one was known before, where it bears a mark of then (24).
    """

    steps: Sequence[list[Write]]
    counts: tuple[str, ...]
    fault: MalformedMessage | None = None
    facts: Facts = ()
    unnumbered: VisitMessage | None = None
    bore_mark: str | None = None
    merge: bool = False


async def _at_once() -> None:
    """Wait for nothing: nobody else takes messages."""


class Intake:
    """
    The use case behind the MLLP door.

    `answer_seconds` is the deadline of an answer from the receipt of its message; `admits` is what is let in
    (ruling 27); `ready` returns once it is known which numbers visits are recorded under. `count` is told
    `accepted`, `visit left`, `kept`, `refused` (Kafka away), `unreadable lost` (Kafka away and nobody to
    tell), `sealing impossible` (no key can be kept: refused as well), `rejected: …` and `quality: …`.
    """

    def __init__(
        self,
        facts: FactLog,
        attendances: Attendances,
        rejections: Rejections,
        *,
        clock: Clock,
        count: Count,
        answer_seconds: float,
        admits: Admits = ADMITS_ALL,
        ready: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:
        self._facts = facts
        self._attendances = attendances
        self._ready = ready
        self._rejections = rejections
        self._clock = clock
        self._count = count
        self._answer_seconds = answer_seconds
        self._admits = admits

    async def receive(
        self, data: bytes, *, sender: SenderOf | None = None, confirmed: NhsNumber | None = None
    ) -> bytes:
        """
        Return the acknowledgement of a message, once what it says is durable.

        `sender` says who may send on the connection that it came in on, without it who may in general.
        `confirmed` is the number of the patient of one without a usable number, as a person found out (46).
        """
        try:
            return await self._receive(data, sender, confirmed)
        except StorageUnusable as error:  # no key can be made to seal it with: the sender keeps it meanwhile
            self._count("sealing impossible")
            return answer(data, error)

    async def _receive(self, data: bytes, sender: SenderOf | None, confirmed: NhsNumber | None) -> bytes:
        """Return the acknowledgement of a message; raise `StorageUnusable` where nothing can be sealed."""
        received_at = aware(self._clock())
        admits = self._admits if sender is None else self._admits._replace(sender=sender)
        try:
            async with asyncio.timeout(self._answer_seconds):
                await self._ready()
                judged = self._judge(data, received_at, confirmed, admits)
                judgement = await self._done(data, judged, received_at)
        except (KafkaUnavailable, TimeoutError):
            self._count("refused")
            return answer(data, KafkaUnavailable())
        for event in judgement.counts:
            self._count(event)
        if len(judgement.steps) > 1:
            self._count("visit left")
        if judgement.merge:
            self._count("two numbers for one patient" if judgement.steps else "merge acknowledged")
        return answer(data, judgement.fault)

    async def _done(self, data: bytes, judgement: _Judgement, received_at: datetime) -> _Judgement:
        """Return what was made durable, the judgement or that the message is too large; raise as `append`."""
        try:
            for writes in judgement.steps:
                await self._facts.append(writes)
        except UnwritableRecord:  # a topic set to take less than it should
            judgement = self._at_fault(data, MalformedMessage(TOO_LARGE), received_at)
            for writes in judgement.steps:
                await self._facts.append(writes)
        self._attendances.note(judgement.facts)
        if judgement.unnumbered is not None:
            self._attendances.numberless.kept(data, judgement.unnumbered)
        if judgement.bore_mark is not None:
            self._attendances.numberless.bore_mark(judgement.bore_mark)
        return judgement

    async def promote(self, untraced: Untraced, number: NhsNumber) -> bool:
        """
        Make a message that was kept a fact under the number that the source named; return whether it is one.

        It is none where its visit has another number by now: a trace joins no two (rulings 21, 42). What it
        says counts from its first receipt on. Raises `KafkaUnavailable` and `StorageUnusable`.
        """
        await self._ready()
        if self._read(untraced.data, untraced.received_at, None, self._admits).number not in {None, number}:
            return False
        judgement = self._judge(untraced.data, untraced.received_at, number, self._admits)
        if not judgement.facts:
            return False
        await self._done(untraced.data, judgement, untraced.received_at)
        return True

    def _read(
        self, data: bytes, received_at: datetime, confirmed: NhsNumber | None, admits: Admits
    ) -> AdtReading:
        """Read a message; raise as `read_adt` does."""
        return read_adt(
            data,
            key=self._attendances.key,
            received_at=received_at,
            admits=admits,
            in_use=self._attendances.in_use,
            confirmed=confirmed,
        )

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

    def _judge(
        self, data: bytes, received_at: datetime, confirmed: NhsNumber | None, admits: Admits
    ) -> _Judgement:
        """Read a message and return what is to be kept of it; raises nothing but `StorageUnusable`."""
        try:
            reading = self._read(data, received_at, confirmed, admits)
            if (number := reading.number) is None:
                return self._without_number(data, reading, received_at)
            marked = self._attendances.numberless.marked(reading.message, reading.unnumbered)
            reading = replace(reading, message=marked)
            told = self._attendances.told(number, marked)
            told.steps[-1].extend(self._about_the_patient(number, reading, received_at))
        except MalformedMessage as fault:
            return self._merge(data, fault, received_at)
        except StorageUnusable:
            raise
        except Exception:  # noqa: BLE001 - a defect of ours loses no message and stops no sender's queue
            return self._at_fault(data, MalformedMessage(DEFECT), received_at)
        counts = ("accepted", *(f"{QUALITY}{fault}" for fault in reading.faults))
        bore_mark = None if told.late else reading.unnumbered  # late: the number in use has not borne it
        return _Judgement(told.steps, counts, facts=told.facts, bore_mark=bore_mark)

    def _merge(self, data: bytes, fault: MalformedMessage, received_at: datetime) -> _Judgement:
        """
        Acknowledge a merge, which moves no visit: each visit's own next message does (rulings 25, 44).

        Two NHS numbers in it are work for its sender. Any other message has the fault that was found.
        """
        try:
            merge = read_merge(data) if fault.hl7_code == EVENT else None
        except MalformedMessage as other:
            return self._at_fault(data, other, received_at)
        if merge is None:
            return self._at_fault(data, fault, received_at)
        if not merge.two_numbers:
            return _Judgement([], (), merge=True)
        sender, control_id = merge.provider, merge.control_id
        item = self._rejections.two_numbers(sender, control_id, received_at, about=control_id)
        return _Judgement([[item]], (), merge=True)

    def _about_the_patient(
        self, number: NhsNumber, reading: AdtReading, received_at: datetime
    ) -> list[Write]:
        """
        Return that nobody need look for the patient of a message with a number (21); whose baby it is (26).

        One of several that differ may be another's: that is work for the sender, once for a visit, and the
        patient is looked for by details as well, until a message says one number (ruling 42).
        """
        numberless = self._attendances.numberless
        if Fault.NUMBERS_DIFFER not in reading.faults:
            numbered = numberless.numbered(reading.message, reading.unnumbered)
            return numbered + self._attendances.births.told(number, reading.message, reading.mothers)
        item = self._rejections.two_numbers(
            reading.provider, reading.control_id, received_at, about=reading.unnumbered
        )
        return [item, *numberless.sought(replace(reading.message, visit=reading.unnumbered))]

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
            system=reading.message.system,
            restricted=reading.message.restricted is True,
            received_at=received_at,
            raw=data,
        )
        writes = [*self._rejections.writes(rejected), *self._attendances.numberless.sought(reading.message)]
        counts = ("kept", f"{REJECTED}{NUMBERLESS}", f"{QUALITY}{reason}")
        return _Judgement([writes], counts, unnumbered=reading.message)

    def _at_fault(self, data: bytes, fault: MalformedMessage, received_at: datetime) -> _Judgement:
        """
        Keep a message that could not be read, with as much of its header as can.

        Of a merge no byte is kept: it may hold two numbers (ruling 42). Nor of a real person's message that a
        deployment for tests was sent (ruling 27), or of one that whoever sent it may not send: the provider
        that it claims is not shown it.
        """
        foreign = isinstance(fault, NotItsSender)
        unkept = foreign or isinstance(fault, RealPersonRefused) or holds_merge(data)
        sender, control_id = (None, None) if foreign else _header(data)
        rejected = Rejected(
            door=Door.MLLP,
            reason=fault.reason,
            location=fault.location,
            sender=sender,
            control_id=control_id,
            received_at=received_at,
            raw=None if unkept else data,
        )
        counts = ("kept", f"{REJECTED}{NOT_ITS_SENDER if foreign else fault.hl7_code}")
        return _Judgement([self._rejections.writes(rejected)], counts, fault)


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
