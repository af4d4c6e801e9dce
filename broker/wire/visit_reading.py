"""
What a hospital's message comes to, whichever format it is in: whose it is, and the message to be folded.

Knows rulings 6, 21, 27, 42 and 44 as far as they are about one message: which of the numbers named counts,
and under which references its visit goes. Where a format says these things its own module knows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from broker.core.clock import FIRST_TIME, plausible_arrival
from broker.core.errors import InvalidOdsCode, MalformedMessage, RealPersonRefused
from broker.core.facts import VisitEvent, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.core.keyed import (
    IdentityKey,
    message_reference,
    unnumbered_reference,
    visit_named,
    visit_under,
)
from broker.core.number_ranges import Takes, Taking, takes_any
from broker.core.policy import AnyPolicy, Policy
from broker.core.senders import Sender
from broker.wire.adt_registers import Fault, Registers
from broker.wire.avro_values import ods
from broker.wire.hl7v2 import DATA_TYPE, REQUIRED_FIELD, TABLE_VALUE

PROCESSING_IDS: Final = frozenset({"P", "T", "D"})
"""MSH-11, table 0103. A live deployment takes `P` only (ruling 27)."""

_YEARS = range(1900, 2200)  # outside them stands some system's `never`, such as 99991231, and no departure
CONTROL_ID_CHARACTERS_MAX: Final = 199
"""The longest control id of any version 2 of HL7; it is a header's value later."""

SenderOf = Callable[[OdsCode, str], Sender]
"""Returns what is settled of a sending system (MSH-4, MSH-3); raises `NotItsSender` where it may not send."""


class Admits(NamedTuple):
    """
    What is let in: what MSH-11 may be, and which numbers from whom (ruling 27); who may send.

    Without `sender` anybody may, and nothing is settled of anybody.
    """

    processing_ids: frozenset[str]
    takes: Takes
    sender: SenderOf | None = None


ADMITS_ALL: Final = Admits(PROCESSING_IDS, takes_any)
"""Lets in what was let in before: for whoever plays it again."""


_AS_RULED: Final = Policy()


def nobody(_visit: bytes) -> None:
    """Return that a visit is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who says it, and when: `recorded_at` is EVN-2, failing that MSH-7 (ruling 37), or their like."""

    provider: OdsCode
    system: str
    control_id: str
    event: VisitEvent
    recorded_at: datetime
    sent_at: datetime
    sequence: int | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """
    The NHS numbers that a message names, and where they stand in its own terms.

    `numbers` are the patient's that are usable, in their order; `fault` says what is wrong with the first
    that is not, or that there is none. `mothers` are those that are given as the mother's (ruling 26).
    """

    numbers: tuple[NhsNumber, ...]
    fault: str | None
    mothers: tuple[NhsNumber, ...]
    place: str
    mothers_place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """
    What a reading depends on beside the bytes.

    `received_at` is the first receipt of these bytes, aware. `admits` is what the deployment lets in.
    `in_use` returns the number under which a visit, as `visit_named` gives it, was last recorded: a message
    that says none, or another beside it, leaves it alone (rulings 21 and 42, R41). `confirmed` is the number
    of the patient of a message without a usable one, as a person found out (46). `policy` says which of its
    times are believed (37).
    """

    key: IdentityKey
    received_at: datetime
    admits: Admits = ADMITS_ALL
    in_use: Callable[[bytes], NhsNumber | None] = nobody
    confirmed: NhsNumber | None = None
    policy: AnyPolicy = _AS_RULED

    def __post_init__(self) -> None:
        """Take the receipt in UTC, to the millisecond; raise `NaiveTime` where it has no zone."""
        object.__setattr__(self, "received_at", aware(self.received_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitReading:
    """
    One readable message about a visit.

    Without a usable NHS number `number_fault` says why: `missing`, `not ten digits`, `wrong check digit`,
    `placeholder`, `kept for tests` (rulings 21, 27, 35, 36); `number` is then that of the visit's earlier
    messages. Where there is none it is None, and `message` about a visit of nobody. `unnumbered` is the
    reference that the visit has without a number, also where it has one; `content` is what `visit_named`
    gives of it, for the memory of intake alone. `mothers` are the numbers of which the message says that they
    are the patient's mother's (ruling 26). `faults` are words of `Fault`, `unread` names the parts of the
    message of which nothing is read.
    """

    number: NhsNumber | None
    number_fault: str | None
    mothers: tuple[NhsNumber, ...]
    message: VisitMessage
    unnumbered: str
    content: bytes = field(repr=False)
    provider: OdsCode
    control_id: str
    event: VisitEvent
    faults: tuple[str, ...]
    unread: tuple[str, ...] = ()


def control_id_of(text: str, location: str) -> str:
    """Return what a sender finds its message by; raise `MalformedMessage`."""
    if not text:
        raise MalformedMessage("control id missing", hl7_code=REQUIRED_FIELD, location=location)
    if len(text) > CONTROL_ID_CHARACTERS_MAX:
        raise MalformedMessage("control id too long", hl7_code=DATA_TYPE, location=location)
    return text


def provider_of(text: str, location: str) -> OdsCode:
    """Return whom everything of a message is attributed to; raise `MalformedMessage`."""
    if not text:
        raise MalformedMessage("sending facility missing", hl7_code=REQUIRED_FIELD, location=location)
    try:
        return ods(text.upper())
    except InvalidOdsCode:
        raise MalformedMessage(
            "sending facility is no ODS code", hl7_code=TABLE_VALUE, location=location
        ) from None


def stamps_of(
    recorded_at: datetime | None, sent_at: datetime | None, registers: Registers, location: str
) -> tuple[datetime, datetime]:
    """
    Return when a message was recorded, and when it was sent, whichever format it is in (ruling 37).

    One that stands before 1900 is counted, and gives way to the other. No attendance is refused for its
    times: where neither can be true the core takes the first receipt in their place, as for one that is later
    than it. Raises `MalformedMessage` where nothing says either.
    """
    stated = ((recorded_at, Fault.EVENT_TIME), (sent_at, Fault.MESSAGE_TIME))
    registers.faults |= {fault for at, fault in stated if at is not None and at < FIRST_TIME}
    believed = [at for at, _ in stated if at is not None and at >= FIRST_TIME]
    said = [at for at, _ in stated if at is not None]
    if not said:
        raise MalformedMessage("no readable time", hl7_code=REQUIRED_FIELD, location=location)
    recorded = (believed or said)[0]
    if recorded > registers.received_at:
        registers.faults.add(Fault.RECORDED_LATE)
    return recorded, sent_at if sent_at in believed else recorded


def visit_number_of(said: str, local_id: str, envelope: Envelope, registers: Registers) -> str:
    """Return a visit's number; without it the local patient id and the arrival, counted (ruling 6)."""
    if said:
        return said
    registers.faults.add(Fault.VISIT_NUMBER)
    arrived_at = registers.values.get("arrived_at", envelope.recorded_at)
    return f"{local_id}\n{arrived_at.isoformat()}"


def put_together(
    data: bytes, envelope: Envelope, named: Named, visit_number: str, registers: Registers, context: Context
) -> VisitReading:
    """
    Return the reading of a message, of which everything has been read.

    Raises `RealPersonRefused` for one that holds a number that must not be here (ruling 27).
    """
    key, provider = context.key, envelope.provider
    arrived_at = registers.values.get("arrived_at")
    if arrived_at is not None and not _is_believed(arrived_at, provider, context):
        registers.faults.add(Fault.ARRIVAL_IGNORED)  # the core ignores it, by the first receipt it knows of
        arrived_at = None
    departed_at = registers.values.get("departed_at")
    if departed_at is not None and departed_at.year not in _YEARS:
        del registers.values["departed_at"]  # who has not left yet is there
        registers.faults.add(Fault.DEPARTURE_TIME)
    elif departed_at is not None and arrived_at is not None and departed_at < arrived_at:
        registers.faults.add(Fault.DEPARTURE_IGNORED)  # by the core as well, which knows the whole visit
    number, number_fault = number_of(named, provider, context, registers)
    place: dict[str, Any] = {
        "system": envelope.system,
        "provider": provider,
        "visit_number": visit_number,
    }
    content = visit_named(key, **place)
    if number is None or Fault.NUMBERS_DIFFER in registers.faults:
        held = context.in_use(content)
        if number is None and held is not None:
            registers.faults.add(Fault.NUMBER_AS_BEFORE)
        if number is None or held in named.numbers:
            number = held  # of two that differ a visit keeps its own: they move nothing (ruling 42)
    unnumbered = unnumbered_reference(key, **place)
    message = VisitMessage(
        message_id=message_reference(key, data),
        visit=unnumbered if number is None else visit_under(key, content, number),
        provider=provider,
        system=envelope.system,
        control_id=envelope.control_id,
        event=envelope.event,
        recorded_at=envelope.recorded_at,
        sent_at=envelope.sent_at,
        received_at=context.received_at,
        sequence=envelope.sequence,
        occurred_at=envelope.occurred_at,
        cleared=frozenset(registers.cleared),
        **registers.values,
    )
    return VisitReading(
        number=number,
        number_fault=number_fault,
        mothers=mothers_of(named, provider, context.admits.takes),
        message=message,
        unnumbered=unnumbered,
        content=content,
        provider=provider,
        control_id=envelope.control_id,
        event=envelope.event,
        faults=tuple(sorted(registers.faults)),
    )


def _is_believed(arrived_at: datetime, provider: OdsCode, context: Context) -> bool:
    """Whether a stated arrival counts, by the policy in force at the message's receipt (ruling 37)."""
    settled = context.policy.at(context.received_at).site(provider)
    return plausible_arrival(
        arrived_at, context.received_at, age=settled.arrival_age, ahead=settled.arrival_ahead
    )


def number_of(
    named: Named, sender: OdsCode, context: Context, registers: Registers
) -> tuple[NhsNumber | None, str | None]:
    """
    Return the first usable number that is taken, else the one that a person found out; else None, and why.

    Whether the message names several that differ goes with it; one without a number of its own leaves that
    open (ruling 42). Raises `RealPersonRefused` for one that must not be here (ruling 27).
    """
    differ = len(set(named.numbers)) > 1
    if differ:
        registers.faults.add(Fault.NUMBERS_DIFFER)
    own = len(named.numbers)
    numbers = [*named.numbers, *([] if context.confirmed is None else [context.confirmed])]
    takings = [context.admits.takes(number, sender) for number in numbers]
    if Taking.REFUSED in takings:
        raise RealPersonRefused(location=named.place)
    if differ or Taking.TAKEN in takings[:own]:
        registers.values["several_numbers"] = differ
    if Taking.TAKEN in takings:
        return numbers[takings.index(Taking.TAKEN)], None
    return None, takings[0].value if takings else named.fault


def mothers_of(named: Named, sender: OdsCode, takes: Takes) -> tuple[NhsNumber, ...]:
    """Return the numbers given as the mother's that are taken here; raise as `number_of`."""
    takings = [takes(number, sender) for number in named.mothers]
    if Taking.REFUSED in takings:
        raise RealPersonRefused(location=named.mothers_place)
    together = zip(named.mothers, takings, strict=True)
    return tuple(number for number, taking in together if taking is Taking.TAKEN)
