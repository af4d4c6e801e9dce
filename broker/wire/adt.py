"""
Reading of HL7 version 2 ADT messages into what the matcher folds (dossier 6.4).

Knows PV1 and PV2 of A01 to A04, A08 and A11 to A13, rulings 4, 6, 16, 29, 31, 37, and which faults refuse a
message. Any bytes end in a `VisitReading` or a `MalformedMessage`; neither shows a value.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from broker.core.facts import VisitEvent
from broker.core.reasons import reason_for
from broker.core.senders import Sender
from broker.wire.adt_header import field_of, parse_settled, read_envelope, said, sole
from broker.wire.adt_patient import full_name, local_identifier, numbers_named, read_companion, read_patient
from broker.wire.adt_registers import Fault, Registers
from broker.wire.hl7v2 import CLEARED, Message, Segment, Value
from broker.wire.visit_reading import Context, Envelope, VisitReading, put_together, visit_number_of

_MOMENTS = (  # register, PV1 field, what is counted when it cannot be read
    ("arrived_at", 44, Fault.ARRIVAL_TIME),
    ("departed_at", 45, Fault.DEPARTURE_TIME),
)
_OFFSET = re.compile(r"[+-][0-9]{4}\Z")
_OFFSET_CHARACTERS = 5
_OUTCOME = 4  # ZU3-4, in the codes of PV1-36: how the ITK profile says how an A&E attendance ended
READ: Final = frozenset({"MSH", "EVN", "PID", "PV1", "PV2", "NK1", "ZU3", "ZU8"})
"""The segments of which something is read; every other is listed as unread."""
_CLINICIANS = (("attending", 7), ("consulting", 9))  # role, PV1 field (ruling 29)


def read_adt(data: bytes, context: Context) -> VisitReading:
    """
    Read one ADT message.

    Raises `MalformedMessage` with a code of table 0357: 200 to 203 for a type, event, processing id or
    version not taken here, 100 to 103 for what the sender must mend; `RealPersonRefused` is one of them, and
    `NotItsSender`, which comes before all of them.
    """
    message, sender = parse_settled(data, context.admits)
    registers = Registers(context.received_at, sender.time_zone)
    if message.misdeclared:
        registers.faults.add(Fault.CHARACTER_SET)
    if message.broken:
        registers.faults.add(Fault.LINE)
    envelope = read_envelope(message, sender, registers, context.admits)
    patient, visit = sole(message, "PID"), sole(message, "PV1")
    read_patient(message, patient, visit, registers)
    read_companion(message, sender.accompanied_in, registers)
    if _is_of_another_zone(message, visit, registers):
        registers.faults.add(Fault.ZONE)
    _read_visit(message, visit, envelope, registers, sender)
    named = numbers_named(message, patient, sender.number_in)
    local_id = local_identifier(patient, sender.number_in)
    visit_number = visit_number_of(said(visit.field(19)), local_id, envelope, registers)
    reading = put_together(data, envelope, named, visit_number, registers, context)
    unread = set(message.names()) - READ - sender.accompanied_in.segments
    return replace(reading, unread=tuple(sorted(unread))) if unread else reading


def _is_of_another_zone(message: Message, visit: Segment, registers: Registers) -> bool:
    """
    Whether MSH-7 has an offset that is not that of the times beside it which have none.

    By the standard it is then theirs as well; here they are wall time (rulings, "Time"), since engines write
    MSH-7 by a clock of their own. Which is meant the site has to say (`time_zone`): it may be an hour.
    """
    sent = said(message.header.field(7))
    if not _OFFSET.search(sent):
        return False
    event = message.first("EVN")
    beside = (field_of(event, 2), field_of(event, 6), *(visit.field(position) for _, position, _ in _MOMENTS))
    if all(_OFFSET.search(one) for one in beside if isinstance(one, str)):
        return False
    return registers.wall_differs(sent[:-_OFFSET_CHARACTERS], sent)


def _read_visit(
    message: Message, visit: Segment, envelope: Envelope, registers: Registers, sender: Sender
) -> None:
    """Write the registers of PV1 and PV2, and EVN-4 where it says why something was cancelled (ruling 16)."""
    registers.code("patient_class", visit.field(2), sender.patient_classes)
    registers.code("admission_type", visit.field(4), sender.admission_types)
    registers.place(visit.field(3), visit.field(3, 4), envelope.provider)
    for register, position, fault in _MOMENTS:
        registers.moment(register, visit.field(position), fault)
    disposition = visit.field(36)
    if disposition is None:
        disposition = field_of(message.first("ZU3"), _OUTCOME)
    registers.disposition(disposition, sender.dispositions)
    _read_clinician(visit, registers)
    more = message.first("PV2")
    if more is not None:
        registers.code("acuity", more.field(25))
        registers.code("arrival_mode", more.field(38))
        _read_reason(more, registers)
    if envelope.event is VisitEvent.CANCELLED:
        registers.code("cancel_reason", field_of(message.first("EVN"), 4))


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
