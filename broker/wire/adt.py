"""
Reading of HL7 version 2 ADT messages into what the matcher folds (dossier 6.4).

Knows MSH, EVN, PV1 and PV2 of A01 to A04, A08 and A11 to A13, rulings 4, 6, 16, 29, 31, 37, and which
faults refuse a message. Any bytes end in an `AdtReading` or a `MalformedMessage`; neither shows a value.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from broker.core.clock import plausible_arrival
from broker.core.errors import InvalidOdsCode, MalformedMessage, RealPersonRefused
from broker.core.facts import VisitEvent, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.core.keyed import (
    IdentityKey,
    message_reference,
    unnumbered_reference,
    visit_named,
    visit_reference,
)
from broker.core.number_ranges import Takes, Taking, takes_any
from broker.core.reasons import reason_for
from broker.core.senders import Sender
from broker.wire.adt_patient import (
    full_name,
    local_identifier,
    mothers_named,
    read_number,
    read_patient,
    usable_numbers,
)
from broker.wire.adt_registers import Fault, Registers
from broker.wire.hl7v2 import (
    CLEARED,
    DATA_TYPE,
    EVENT,
    MESSAGE_TYPE,
    PROCESSING_ID,
    REQUIRED_FIELD,
    SEGMENT_SEQUENCE,
    TABLE_VALUE,
    VERSION,
    Message,
    Segment,
    Value,
    parse,
)

VERSIONS: Final = frozenset({"2.3", "2.3.1", "2.4", "2.5", "2.5.1"})
"""Versions in which the fields read here mean the same; the ITK's is 2.4 [S50]."""
PROCESSING_IDS: Final = frozenset({"P", "T", "D"})
"""MSH-11, table 0103. A live deployment takes `P` only (ruling 27)."""


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

_CONTROL_ID_CHARACTERS_MAX = 199  # the longest of any version 2; it is a header's value later
_SEQUENCE_DIGITS_MAX = 15  # MSH-13 is a number of at most 15 digits
_MOMENTS = (  # register, PV1 field, what is counted when it cannot be read
    ("arrived_at", 44, Fault.ARRIVAL_TIME),
    ("departed_at", 45, Fault.DEPARTURE_TIME),
)
_CLINICIANS = (("attending", 7), ("consulting", 9))  # role, PV1 field (ruling 29)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdtReading:
    """
    One readable ADT message.

    Without a usable NHS number `number_fault` says why: `missing`, `not ten digits`, `wrong check digit`,
    `placeholder`, `kept for tests` (rulings 21, 27, 35, 36); `number` is then that of the visit's earlier
    messages. Where there is none it is None, and `message` about a visit of nobody. `unnumbered` is the
    reference that the visit has without a number, also where it has one. `mothers` are the numbers of which
    the message says that they are the patient's mother's (ruling 26). `faults` are words of `Fault`.
    """

    number: NhsNumber | None
    number_fault: str | None
    mothers: tuple[NhsNumber, ...]
    message: VisitMessage
    unnumbered: str
    provider: OdsCode
    control_id: str
    event: VisitEvent
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    """What MSH and EVN say. `recorded_at` is EVN-2, failing that MSH-7 (ruling 37)."""

    provider: OdsCode
    system: str
    control_id: str
    event: VisitEvent
    recorded_at: datetime
    sent_at: datetime
    sequence: int | None
    occurred_at: datetime | None


def _nobody(_visit: bytes) -> None:
    """Return that a visit is not known."""


def read_adt(
    data: bytes,
    *,
    key: IdentityKey,
    received_at: datetime,
    admits: Admits = ADMITS_ALL,
    in_use: Callable[[bytes], NhsNumber | None] = _nobody,
    confirmed: NhsNumber | None = None,
) -> AdtReading:
    """
    Read one ADT message; `received_at` is the first receipt of these bytes, aware.

    `admits` is what the deployment lets in. `in_use` returns the number under which a visit, as `visit_named`
    gives it, was last recorded: a message that says none, or another beside it, leaves it alone (rulings 21
    and 42, R41). `confirmed` is the
    number of the patient of a message without a usable one, as a person found out (46).

    Raises `MalformedMessage` with a code of table 0357: 200 to 203 for a type, event, processing id or
    version not taken here, 100 to 103 for what the sender must mend; `RealPersonRefused` is one of them, and
    `NotItsSender`, which comes before all of them.
    """
    received_at = aware(received_at)
    message = parse(data)
    if admits.sender is not None:
        admits.sender(read_provider(message.header), _said(message.header.field(3)))
    registers = Registers(received_at)
    if message.misdeclared:
        registers.faults.add(Fault.CHARACTER_SET)
    envelope = _read_envelope(message, registers, received_at, admits.processing_ids)
    patient, visit = required(message, "PID"), required(message, "PV1")
    read_patient(message, patient, visit, registers)
    _read_visit(message, visit, envelope, registers)
    arrived_at = registers.values.get("arrived_at")
    if arrived_at is not None and not plausible_arrival(arrived_at, received_at):
        registers.faults.add(Fault.ARRIVAL_IGNORED)  # the core ignores it, by the first receipt it knows of
    number, number_fault = _number(patient, envelope.provider, admits.takes, confirmed, registers)
    place: dict[str, Any] = {
        "system": envelope.system,
        "provider": envelope.provider,
        "visit_number": _visit_number(patient, visit, envelope, registers),
    }
    if number is None or Fault.NUMBERS_DIFFER in registers.faults:
        held = in_use(visit_named(key, **place))
        if number is None and held is not None:
            registers.faults.add(Fault.NUMBER_AS_BEFORE)
        if number is None or held in {*usable_numbers(patient)}:
            number = held  # of two that differ a visit keeps its own: they move nothing (ruling 42)
    unnumbered = unnumbered_reference(key, **place)
    message_read = VisitMessage(
        message_id=message_reference(key, data),
        visit=unnumbered if number is None else visit_reference(key, number, **place),
        provider=envelope.provider,
        system=envelope.system,
        control_id=envelope.control_id,
        event=envelope.event,
        recorded_at=envelope.recorded_at,
        sent_at=envelope.sent_at,
        received_at=received_at,
        sequence=envelope.sequence,
        occurred_at=envelope.occurred_at,
        cleared=frozenset(registers.cleared),
        **registers.values,
    )
    return AdtReading(
        number=number,
        number_fault=number_fault,
        mothers=_mothers(message, patient, envelope.provider, admits.takes),
        message=message_read,
        unnumbered=unnumbered,
        provider=envelope.provider,
        control_id=envelope.control_id,
        event=envelope.event,
        faults=tuple(sorted(registers.faults)),
    )


def _number(
    patient: Segment, sender: OdsCode, takes: Takes, confirmed: NhsNumber | None, registers: Registers
) -> tuple[NhsNumber | None, str | None]:
    """
    Return the first usable number that is taken, else the one that a person found out; else None, and why.

    Whether the message names several that differ goes with it; one without a number of its own leaves that
    open (ruling 42).

    Raises `RealPersonRefused` for a message that holds one that must not be here (ruling 27).
    """
    _, fault, differ = read_number(patient)
    if differ:
        registers.faults.add(Fault.NUMBERS_DIFFER)
    own = [*usable_numbers(patient)]
    numbers = [*own, *([] if confirmed is None else [confirmed])]
    takings = [takes(number, sender) for number in numbers]
    if Taking.REFUSED in takings:
        raise RealPersonRefused(location="PID-3")
    if differ or Taking.TAKEN in takings[: len(own)]:
        registers.values["several_numbers"] = differ
    if Taking.TAKEN in takings:
        return numbers[takings.index(Taking.TAKEN)], None
    return None, takings[0].value if takings else fault


def _mothers(message: Message, patient: Segment, sender: OdsCode, takes: Takes) -> tuple[NhsNumber, ...]:
    """
    Return the numbers that are given as the mother's and are taken here.

    Raises `RealPersonRefused` for a message that holds one that must not be here (ruling 27).
    """
    named = mothers_named(message, patient)
    takings = [takes(number, sender) for number in named]
    if Taking.REFUSED in takings:
        raise RealPersonRefused(location="PID-21")
    return tuple(number for number, taking in zip(named, takings, strict=True) if taking is Taking.TAKEN)


def _read_envelope(
    message: Message, registers: Registers, received_at: datetime, processing_ids: frozenset[str]
) -> _Envelope:
    """Read MSH and EVN; what is not taken here is refused before what is amiss with it."""
    header = message.header
    if _said(header.field(9)) != "ADT":
        raise MalformedMessage("message type not taken", hl7_code=MESSAGE_TYPE, location="MSH-9")
    if _said(header.field(12)) not in VERSIONS:
        raise MalformedMessage("version not taken", hl7_code=VERSION, location="MSH-12")
    if _said(header.field(11)) not in processing_ids:
        raise MalformedMessage("processing id not taken", hl7_code=PROCESSING_ID, location="MSH-11")
    try:
        event = VisitEvent(_said(header.field(9, 2)))
    except ValueError:
        raise MalformedMessage("event not taken", hl7_code=EVENT, location="MSH-9") from None
    control_id = read_control_id(header)
    provider = read_provider(header)
    recording = message.first("EVN")
    sent_at = registers.read_moment(header.field(7), Fault.MESSAGE_TIME)
    recorded_at = registers.read_moment(_field(recording, 2), Fault.EVENT_TIME) or sent_at
    if recorded_at is None:
        raise MalformedMessage("no readable time", hl7_code=REQUIRED_FIELD, location="MSH-7")
    if recorded_at > received_at:
        registers.faults.add(Fault.RECORDED_LATE)
    return _Envelope(
        provider=provider,
        system=_said(header.field(3)),
        control_id=control_id,
        event=event,
        recorded_at=recorded_at,
        sent_at=sent_at or recorded_at,
        sequence=_read_sequence(header, registers),
        occurred_at=registers.read_moment(_field(recording, 6), Fault.OCCURRED_TIME),
    )


def read_control_id(header: Segment) -> str:
    """Read MSH-10, by which a sender finds its message; raise `MalformedMessage`."""
    control_id = _said(header.field(10, subcomponent=0))
    if not control_id:
        raise MalformedMessage("control id missing", hl7_code=REQUIRED_FIELD, location="MSH-10")
    if len(control_id) > _CONTROL_ID_CHARACTERS_MAX:
        raise MalformedMessage("control id too long", hl7_code=DATA_TYPE, location="MSH-10")
    return control_id


def read_provider(header: Segment) -> OdsCode:
    """Read MSH-4, by which everything of the message is attributed; raise `MalformedMessage`."""
    code = _said(header.field(4)).upper()
    if not code:
        raise MalformedMessage("sending facility missing", hl7_code=REQUIRED_FIELD, location="MSH-4")
    try:
        return OdsCode(code)
    except InvalidOdsCode:
        raise MalformedMessage(
            "sending facility is no ODS code", hl7_code=TABLE_VALUE, location="MSH-4"
        ) from None


def _read_sequence(header: Segment, registers: Registers) -> int | None:
    """Read MSH-13; what is no count of the sender's is left out and counted."""
    text = _said(header.field(13))
    if text.isascii() and text.isdigit() and len(text) <= _SEQUENCE_DIGITS_MAX:
        return int(text)
    if text:
        registers.faults.add(Fault.SEQUENCE)
    return None


def required(message: Message, name: str) -> Segment:
    """Return the first segment of this name; refuse a message without it with `MalformedMessage`."""
    segment = message.first(name)
    if segment is None:
        raise MalformedMessage(f"no {name} segment", hl7_code=SEGMENT_SEQUENCE, location=name)
    return segment


def _read_visit(message: Message, visit: Segment, envelope: _Envelope, registers: Registers) -> None:
    """Write the registers of PV1 and PV2, and EVN-4 where it says why something was cancelled (ruling 16)."""
    registers.code("patient_class", visit.field(2))
    registers.code("admission_type", visit.field(4))
    _read_location(visit, envelope, registers)
    for register, position, fault in _MOMENTS:
        registers.moment(register, visit.field(position), fault)
    disposition = visit.field(36)
    if isinstance(disposition, str):  # the data dictionary writes two digits, the messaging standard one
        disposition = disposition.lstrip("0") or disposition
    registers.code("disposition", disposition)
    _read_clinician(visit, registers)
    more = message.first("PV2")
    if more is not None:
        registers.code("acuity", more.field(25))
        registers.code("arrival_mode", more.field(38))
        _read_reason(more, registers)
    if envelope.event is VisitEvent.CANCELLED:
        registers.code("cancel_reason", _field(message.first("EVN"), 4))


def _read_location(visit: Segment, envelope: _Envelope, registers: Registers) -> None:
    """Read PV1-3: the point of care in capitals, as a site lists it, and the site, failing that MSH-4."""
    location, site = visit.field(3), visit.field(3, 4)
    registers.text("location", location.upper() if isinstance(location, str) else location)
    if location is CLEARED and site is CLEARED:
        registers.cleared.add("site")
    elif isinstance(location, str) or isinstance(site, str):
        try:
            registers.values["site"] = OdsCode(_said(site).upper())
        except InvalidOdsCode:
            registers.values["site"] = envelope.provider


def _read_clinician(visit: Segment, registers: Registers) -> None:
    """Read role and name of the first clinician who has a name (ruling 29), both or neither."""
    for role, position in _CLINICIANS:
        parts = (visit.field(position, 6), visit.field(position, 3), visit.field(position, 2))
        name = full_name(*parts)
        if name is not None:
            registers.values |= {"clinician_role": role, "clinician_name": name}
            return
    if visit.field(_CLINICIANS[0][1]) is CLEARED:
        registers.cleared |= {"clinician_role", "clinician_name"}


def _read_reason(more: Segment, registers: Registers) -> None:
    """Read PV2-3, else PV2-12, as a code of the short list; the words go no further (ruling 29)."""
    said = list(_reasons_said(more))
    reason = reason_for(text for text in said if isinstance(text, str))
    if reason is not None:
        registers.values["reason"] = reason
    elif CLEARED in said:
        registers.cleared.add("reason")


def _reasons_said(more: Segment) -> Iterator[Value]:
    """Yield the admit reason's text, code, other text and other code, then the visit's description."""
    for component in (2, 1, 5, 4):
        yield more.field(3, component, subcomponent=0)
    yield more.field(12, subcomponent=0)


def _visit_number(patient: Segment, visit: Segment, envelope: _Envelope, registers: Registers) -> str:
    """Return PV1-19; without it the local patient id and the arrival, counted (ruling 6)."""
    number = _said(visit.field(19))
    if number:
        return number
    registers.faults.add(Fault.VISIT_NUMBER)
    arrived_at = registers.values.get("arrived_at", envelope.recorded_at)
    return f"{local_identifier(patient)}\n{arrived_at.isoformat()}"


def _field(segment: Segment | None, position: int) -> Value:
    """Return a field of a segment that may be absent."""
    return segment.field(position) if segment is not None else None


def _said(value: Value) -> str:
    """Return a text, empty where there is none or it is cleared."""
    return value if isinstance(value, str) else ""
