"""
What becomes of one hospital message: a fact, or kept in `cpis.rejected`; there is no third.

Knows that the sender is answered only once that is durable, and over MLLP what: `AA`, `AE` where the sender
must mend the content, `AR` where a type is not taken here or Kafka is away. The answer is a function of the
bytes and the settings alone, so a resend gets the same one (architecture, section 3; dossier 6.5).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from broker.core.demographics import OneMatch
from broker.core.errors import (
    BrokerError,
    KafkaUnavailable,
    MalformedMessage,
    NotItsSender,
    RealPersonRefused,
    StorageUnusable,
    UnwritableRecord,
)
from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.core.possible import tells
from broker.core.sender_quality import Observation
from broker.core.sender_quality import observed as seen
from broker.deadlines import Deadlines
from broker.ports import Clock, FactLog, Write
from broker.services.attendances import TOO_LARGE, Attendances, Facts
from broker.services.dialects import HL7V2, Came, Dialect, unkept_for
from broker.services.quality import Quality, Refused, Unobserved
from broker.services.rejections import Rejections
from broker.services.tracing import Untraced
from broker.wire.acknowledgement import answer
from broker.wire.adt_registers import Fault
from broker.wire.hl7v2 import EVENT
from broker.wire.mllp import END_BROKEN, START, TOO_LONG, place_of
from broker.wire.records_codec import Door, Rejected
from broker.wire.visit_reading import ADMITS_ALL, Admits, Context, SenderOf, VisitReading

Count = Callable[[str], None]
"""Counts one event of a stable name that holds nothing of a person."""

DEFECT = "broker defect"
"""Reason: our own code failed on this message; the bytes are kept, so that it can be found and mended."""

REJECTED = "rejected: "
"""Beginning of what is counted of each message that is kept unread: door, blank, HL7's code or a word."""
QUALITY = "quality: "
"""Beginning of what is counted of each fault in a message that is kept or taken: a stable word of ours."""
UNREAD = "unread: "
"""Beginning of what is counted of each part of a message of which nothing is read: its name."""
ACKNOWLEDGED = "acknowledged: "
"""Beginning of what is counted of each message that is about no visit: its trigger event."""
UNFRAMED, NUMBERLESS, NOT_ITS_SENDER = "frame", "number", "sender"
"""Instead of a code: no frame, no usable NHS number, and a connection that is not its sender's."""

_AWAITED = frozenset({END_BROKEN, TOO_LONG})  # the sender thinks that it sent a message
_END_MARK = b"\x1c"


class _Judgement(NamedTuple):
    """
    What is to be made durable, step by step, what is then counted, and the fault to answer, None for `AA`.

    `facts` are the visits' facts among the steps, each with its number; `unnumbered` is a message that has
    none. `two_numbers` and `of_person` are what a message about no visit came to; `restricted` are the
    numbers that one restricts which names several.
    """

    steps: Sequence[list[Write]]
    counts: tuple[str, ...]
    fault: MalformedMessage | None = None
    facts: Facts = ()
    unnumbered: VisitMessage | None = None
    two_numbers: bool = False
    of_person: bool = False
    observed: Observation | None = None
    refused: Refused | None = None
    restricted: Sequence[NhsNumber] = ()


def door_label(door: Door) -> str:
    """Return what counts call a door."""
    return door.name.lower()


async def _at_once() -> None:
    """Wait for nothing: nobody else takes messages."""


class Intake:
    """
    The use case behind the doors of hospitals; `dialects` are what is spoken at each.

    `answer_seconds` is the deadline of an answer from the receipt of its message; `admits` is what is let in
    (ruling 27); `ready` returns once it is known which numbers visits are recorded under. `count` is told
    `accepted`, `visit left`, `kept`, `refused` (Kafka away), `unreadable lost` (Kafka away and nobody to
    tell), `sealing impossible` (no key can be kept: refused as well), `rejected: …` and `quality: …`.
    `quality` hears how good messages are.
    """

    def __init__(  # noqa: PLR0913 - what a use case needs is its arguments
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
        dialects: Mapping[Door, Dialect] = HL7V2,
        quality: Quality | None = None,
    ) -> None:
        self._facts = facts
        self._attendances = attendances
        self._ready = ready
        self._rejections = rejections
        self._clock = clock
        self._count = count
        self._in_time = Deadlines(answer_seconds)
        self._admits = admits
        self._dialects = dialects
        self._quality = quality or Unobserved()

    async def receive(self, data: bytes, *, sender: SenderOf | None = None) -> bytes:
        """Return the acknowledgement of an HL7 v2 message, once what it says is durable."""
        return answer(data, await self.take(data, Door.MLLP, sender=sender))

    async def take(
        self,
        data: bytes,
        door: Door,
        *,
        sender: SenderOf | None = None,
        confirmed: NhsNumber | None = None,
        protected: bool = False,
        received_at: datetime | None = None,
        owner: OdsCode | None = None,
    ) -> BrokerError | None:
        """
        Return the fault to be answered, None where a message is taken, once what becomes of it is durable.

        `sender` says who may send on the connection that it came in on, without it who may in general.
        `confirmed` is the number of the patient of one without a usable number, as a person found out (46),
        `protected` that the source protects them (24). `received_at` is its first receipt, now without it.
        `owner` is who alone can have sent it: whatever is refused is theirs, read or not.
        """
        came = Came(data, door, received_at or aware(self._clock()), sender, confirmed, protected, owner)
        try:
            return await self._take(came, lambda: self._judge(came))
        except StorageUnusable as error:  # no key can be made to seal it with: the sender keeps it meanwhile
            self._count("sealing impossible")
            return error

    async def refuse(
        self, data: bytes, door: Door, fault: MalformedMessage, *, sender: SenderOf | None = None
    ) -> BrokerError:
        """Keep bytes that are no message, and return the answer once they are; `sender` as in `take`."""
        came = Came(data, door, aware(self._clock()), sender)
        fault = unkept_for(self._dialects[door], data, self._context(came)) or fault
        try:
            return await self._take(came, lambda: self._at_fault(came, fault)) or fault
        except StorageUnusable as error:
            self._count("sealing impossible")
            return error

    async def _take(self, came: Came, judge: Callable[[], _Judgement]) -> BrokerError | None:
        """Return the fault to be answered; raise `StorageUnusable` where nothing can be sealed."""
        try:
            with self._in_time.one():
                await self._ready()
                judgement = await self._done(came, judge())
        except (KafkaUnavailable, TimeoutError):
            self._count("refused")
            return KafkaUnavailable()
        for event in judgement.counts:
            self._count(event)
        if judgement.observed is not None:
            self._quality.observe(judgement.observed)
        if judgement.refused is not None:
            self._quality.refused(judgement.refused)
        if len(judgement.steps) > 1:
            self._count("visit left")
        if judgement.two_numbers:
            self._count("two numbers for one patient")
        if judgement.of_person:
            self._count("person told of")
        return judgement.fault

    async def _done(self, came: Came, judgement: _Judgement) -> _Judgement:
        """Return what was made durable, the judgement or that the message is too large; raise as `append`."""
        try:
            places = [await self._facts.append(writes) for writes in judgement.steps]
            self._attendances.put_by(judgement.restricted, came.received_at)
        except UnwritableRecord:  # a topic set to take less than it should
            judgement = self._at_fault(came, MalformedMessage(TOO_LARGE))
            places = [await self._facts.append(writes) for writes in judgement.steps]
        self._attendances.note(judgement.facts, places)
        if judgement.unnumbered is not None:
            self._attendances.numberless.kept(came.data, judgement.unnumbered, came.door)
        return judgement

    async def promote(self, untraced: Untraced, found: OneMatch) -> bool:
        """
        Make a message that was kept a fact under the number that the source named; return whether it is one.

        None where its visit has another number by now (21, 42). It counts from its first receipt on. A mark
        of the source's is durable first, and borne by the fact too (24). Raises as `FactLog`.
        """
        await self._ready()
        came = Came(untraced.data, untraced.door, untraced.received_at)
        if self._read(came).number not in {None, found.number}:
            return False
        came = came._replace(confirmed=found.number, protected=found.protected_at is not None)
        if not (judgement := self._judge(came)).facts:
            return False
        if (at := found.protected_at) is not None:
            await self._facts.append([self._attendances.protected(found.number, at, aware(self._clock()))])
        await self._done(came, judgement)
        return True

    def _read(self, came: Came) -> VisitReading:
        """Read a message; raise `MalformedMessage`."""
        return self._dialects[came.door].read(came.data, self._context(came))

    def _context(self, came: Came) -> Context:
        """Return what the reading of a message depends on."""
        return Context(
            key=self._attendances.key,
            received_at=came.received_at,
            admits=self._admits if came.sender is None else self._admits._replace(sender=came.sender),
            in_use=self._attendances.in_use,
            confirmed=came.confirmed,
            policy=self._attendances.numberless.policy,
        )

    async def receive_unreadable(self, data: bytes, reason: str) -> bytes | None:
        """Keep bytes that were no frame; return an answer where the sender thinks that it sent a message."""
        message = data.removeprefix(START).removesuffix(_END_MARK)
        try:
            durable = await self._kept_unreadable(data, message, reason)
        except StorageUnusable as error:
            self._count("sealing impossible")
            return answer(message, error) if reason in _AWAITED else None
        if durable:
            self._count(f"{REJECTED}{door_label(Door.MLLP)} {UNFRAMED}")
        self._count("kept" if durable else "refused" if reason in _AWAITED else "unreadable lost")
        if reason not in _AWAITED:
            return None
        fault = MalformedMessage(reason, location=place_of(data, reason)) if durable else KafkaUnavailable()
        return answer(message, fault)

    async def _kept_unreadable(self, data: bytes, message: bytes, reason: str) -> bool:
        """Keep bytes that were no frame, of a merge the control id alone; return whether that is durable."""
        dialect, place, now = self._dialects[Door.MLLP], place_of(data, reason), aware(self._clock())
        rejected = Rejected(door=Door.MLLP, reason=reason, location=place, received_at=now, raw=data)
        if dialect.unkept(message):
            rejected = replace(rejected, raw=None, control_id=dialect.header(message)[1])
        return await self._made_durable(self._rejections.writes(rejected))

    async def _made_durable(self, writes: list[Write]) -> bool:
        """Append within the answer's deadline; return whether Kafka has acknowledged."""
        try:
            with self._in_time.one():
                await self._facts.append(writes)
        except (KafkaUnavailable, TimeoutError):
            return False
        return True

    def _judge(self, came: Came) -> _Judgement:
        """Read a message and return what is to be kept of it; raises nothing but `StorageUnusable`."""
        try:
            return self._judged(came)
        except StorageUnusable:
            raise
        except Exception:  # noqa: BLE001 - a defect of ours loses no message and stops no sender's queue
            return self._at_fault(came, MalformedMessage(DEFECT))

    def _judged(self, came: Came) -> _Judgement:
        """Return what is to be kept of a message."""
        try:
            reading = self._read(came)
            if (number := reading.number) is None:
                return self._without_number(came, reading)
            numberless, message = self._attendances.numberless, reading.message
            borne_at = self._attendances.borne_at(number, message, content=reading.content)
            marked = numberless.marked(
                message, reading.unnumbered, borne_at=borne_at, protected=came.protected
            )
            if Fault.NUMBERS_DIFFER not in reading.faults:
                marked = self._attendances.births.named(number, marked, reading.mothers)
            reading = reading if marked is reading.message else replace(reading, message=marked)
            told = self._attendances.told(number, marked, reading.faults, content=reading.content)
            told.steps[-1].extend(self._about_the_patient(number, reading, came.received_at))
        except MalformedMessage as fault:
            return self._other(came, fault)
        unread = (f"{UNREAD}{name}" for name in reading.unread)
        counts = ("accepted", *(f"{QUALITY}{fault}" for fault in reading.faults), *unread)
        observed = seen(reading.message, faults=reading.faults)
        return _Judgement(told.steps, counts, facts=told.facts, observed=observed)

    def _other(self, came: Came, fault: MalformedMessage) -> _Judgement:
        """
        Acknowledge a message about no visit, which moves none: each visit's own next message does (25, 44).

        Two NHS numbers in it are work for its sender. What it says of a person is told: that the record is
        restricted (24), and whose baby it is (26). Any other message has the fault that was found.
        """
        try:
            other = None
            if fault.hl7_code == EVENT:
                other = self._dialects[came.door].read_other(came.data, self._context(came))
        except MalformedMessage as other_fault:
            return self._at_fault(came, other_fault)
        if other is None:
            return self._at_fault(came, fault)
        if other.two_numbers:
            sender, control_id = other.provider, other.control_id
            item = self._rejections.two_numbers(sender, control_id, came.received_at, about=control_id)
            numbers = sorted(other.restricted)
            marks = self._attendances.restricted(numbers, came.received_at)
            return _Judgement([[item, *marks]], (), two_numbers=True, restricted=numbers)
        acknowledged = f"{ACKNOWLEDGED}{other.event}"
        if other.person is None:
            return _Judgement([], (acknowledged,))
        told = self._attendances.of_person(other.person, came.received_at)
        return _Judgement([told] if told else [], (acknowledged,), of_person=bool(told))

    def _about_the_patient(
        self, number: NhsNumber, reading: VisitReading, received_at: datetime
    ) -> list[Write]:
        """
        Return that nobody need look for the patient of a message with a number (21); whose baby it is (26).

        One of several that differ may be another's: that is work for the sender, once for a visit, and the
        patient is looked for by details as well, until a message says one number (ruling 42).
        """
        numberless = self._attendances.numberless
        if Fault.NUMBERS_DIFFER not in reading.faults:
            as_before = Fault.NUMBER_AS_BEFORE in reading.faults
            message, mothers = reading.message, reading.mothers
            numbered = numberless.numbered(message, reading.unnumbered, mothers, as_before=as_before)
            return numbered + self._attendances.births.told(number, message, mothers)
        item = self._rejections.two_numbers(
            reading.provider, reading.control_id, received_at, about=reading.unnumbered
        )
        return [item, *numberless.sought(replace(reading.message, visit=reading.unnumbered), reading.mothers)]

    def _without_number(self, came: Came, reading: VisitReading) -> _Judgement:
        """Keep an attendance without a usable number, no byte where it names two (21, 35, 42); look whose."""
        reason = f"number_{(reading.number_fault or 'missing').replace(' ', '_')}"
        rejected = Rejected(
            door=came.door,
            reason=reason,
            location=self._dialects[came.door].number_place,
            sender=reading.provider,
            control_id=reading.control_id,
            visit=reading.unnumbered,
            system=reading.message.system,
            restricted=reading.message.restricted is True,
            answered=tells(reading.message, self._attendances.numberless.policy),
            received_at=came.received_at,
            raw=None if self._dialects[came.door].unkept(came.data) else came.data,
        )
        sought = self._attendances.numberless.sought(reading.message, reading.mothers)
        writes = [*self._rejections.writes(rejected), *sought]
        counts = ("kept", f"{REJECTED}{door_label(came.door)} {NUMBERLESS}", f"{QUALITY}{reason}")
        observed = seen(reading.message, number_fault=reading.number_fault, faults=reading.faults)
        return _Judgement([writes], counts, unnumbered=reading.message, observed=observed)

    def _at_fault(self, came: Came, fault: MalformedMessage) -> _Judgement:
        """
        Keep a message that could not be read, with as much of its header as can.

        No byte is kept of a merge or of what names two numbers (ruling 42), of a real person's message in a
        deployment for tests (27), or of one that is not its sender's to send: the provider that it claims is
        not shown it.
        """
        foreign = isinstance(fault, NotItsSender)
        dialect = self._dialects[came.door]
        unkept = foreign or isinstance(fault, RealPersonRefused) or dialect.unkept(came.data)
        sender, control_id = (None, None) if foreign else dialect.header(came.data)
        rejected = Rejected(
            door=came.door,
            reason=fault.reason,
            location=fault.location,
            sender=came.owner or sender,
            control_id=control_id,
            received_at=came.received_at,
            raw=None if unkept else came.data,
        )
        counted = f"{REJECTED}{door_label(came.door)} {NOT_ITS_SENDER if foreign else fault.hl7_code}"
        refused = Refused(rejected.sender, fault.location)
        return _Judgement([self._rejections.writes(rejected)], ("kept", counted), fault, refused=refused)
