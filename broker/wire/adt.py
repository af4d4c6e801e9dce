"""
Reading of HL7 version 2 ADT messages into what the matcher folds (dossier 6.4).

Knows MSH, EVN, PV1 and PV2 of A01 to A04, A08 and A11 to A13, rulings 4, 6, 16, 29, 31, 37, and which
faults refuse a message. Any bytes end in a `VisitReading` or a `MalformedMessage`; neither shows a value.
"""

from collections.abc import Iterator
from typing import Final

from broker.core.errors import MalformedMessage
from broker.core.facts import VisitEvent
from broker.core.identifiers import OdsCode
from broker.core.reasons import reason_for
from broker.wire.adt_patient import (
    full_name,
    local_identifier,
    mothers_named,
    read_numbers,
    read_patient,
)
from broker.wire.adt_registers import Fault, Registers
from broker.wire.hl7v2 import (
    CLEARED,
    EVENT,
    MESSAGE_TYPE,
    PROCESSING_ID,
    REQUIRED_FIELD,
    SEGMENT_SEQUENCE,
    VERSION,
    Message,
    Segment,
    Value,
    parse,
)
from broker.wire.visit_reading import (
    Context,
    Envelope,
    Named,
    VisitReading,
    control_id_of,
    provider_of,
    put_together,
    visit_number_of,
)

VERSIONS: Final = frozenset({"2.3", "2.3.1", "2.4", "2.5", "2.5.1"})
"""Versions in which the fields read here mean the same; the ITK's is 2.4 [S50]."""
_SEQUENCE_DIGITS_MAX = 15  # MSH-13 is a number of at most 15 digits
_MOMENTS = (  # register, PV1 field, what is counted when it cannot be read
    ("arrived_at", 44, Fault.ARRIVAL_TIME),
    ("departed_at", 45, Fault.DEPARTURE_TIME),
)
_CLINICIANS = (("attending", 7), ("consulting", 9))  # role, PV1 field (ruling 29)


def read_adt(data: bytes, context: Context) -> VisitReading:
    """
    Read one ADT message.

    Raises `MalformedMessage` with a code of table 0357: 200 to 203 for a type, event, processing id or
    version not taken here, 100 to 103 for what the sender must mend; `RealPersonRefused` is one of them, and
    `NotItsSender`, which comes before all of them.
    """
    message = parse(data)
    if context.admits.sender is not None:
        context.admits.sender(read_provider(message.header), _said(message.header.field(3)))
    registers = Registers(context.received_at)
    if message.misdeclared:
        registers.faults.add(Fault.CHARACTER_SET)
    envelope = _read_envelope(message, registers, context)
    patient, visit = required(message, "PID"), required(message, "PV1")
    read_patient(message, patient, visit, registers)
    _read_visit(message, visit, envelope, registers)
    numbers, fault = read_numbers(patient)
    named = Named(
        numbers=numbers,
        fault=fault,
        mothers=mothers_named(message, patient),
        place="PID-3",
        mothers_place="PID-21",
    )
    visit_number = visit_number_of(_said(visit.field(19)), local_identifier(patient), envelope, registers)
    return put_together(data, envelope, named, visit_number, registers, context)


def _read_envelope(message: Message, registers: Registers, context: Context) -> Envelope:
    """Read MSH and EVN; what is not taken here is refused before what is amiss with it."""
    header = message.header
    if _said(header.field(9)) != "ADT":
        raise MalformedMessage("message type not taken", hl7_code=MESSAGE_TYPE, location="MSH-9")
    if _said(header.field(12)) not in VERSIONS:
        raise MalformedMessage("version not taken", hl7_code=VERSION, location="MSH-12")
    if _said(header.field(11)) not in context.admits.processing_ids:
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
    if recorded_at > context.received_at:
        registers.faults.add(Fault.RECORDED_LATE)
    return Envelope(
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
    return control_id_of(_said(header.field(10, subcomponent=0)), "MSH-10")


def read_provider(header: Segment) -> OdsCode:
    """Read MSH-4, by which everything of the message is attributed; raise `MalformedMessage`."""
    return provider_of(_said(header.field(4)), "MSH-4")


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


def _read_visit(message: Message, visit: Segment, envelope: Envelope, registers: Registers) -> None:
    """Write the registers of PV1 and PV2, and EVN-4 where it says why something was cancelled (ruling 16)."""
    registers.code("patient_class", visit.field(2))
    registers.code("admission_type", visit.field(4))
    registers.place(visit.field(3), visit.field(3, 4), envelope.provider)
    for register, position, fault in _MOMENTS:
        registers.moment(register, visit.field(position), fault)
    registers.disposition(visit.field(36))
    _read_clinician(visit, registers)
    more = message.first("PV2")
    if more is not None:
        registers.code("acuity", more.field(25))
        registers.code("arrival_mode", more.field(38))
        _read_reason(more, registers)
    if envelope.event is VisitEvent.CANCELLED:
        registers.code("cancel_reason", _field(message.first("EVN"), 4))


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


def _field(segment: Segment | None, position: int) -> Value:
    """Return a field of a segment that may be absent."""
    return segment.field(position) if segment is not None else None


def _said(value: Value) -> str:
    """Return a text, empty where there is none or it is cleared."""
    return value if isinstance(value, str) else ""
