"""
Reading of what a hospital itself writes to its own topic: canonical Avro, field by field what ADT says.

Ends, like HL7 v2, in a `VisitReading` or a `MalformedMessage`, by the same rules; neither shows a value.
"""

from collections.abc import Callable
from functools import partial

from broker.core.errors import InvalidNhsNumber, InvalidOdsCode, MalformedMessage
from broker.core.facts import NumberStatus, Reliability, VisitEvent
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.reasons import reason_for
from broker.core.senders import UNSETTLED, VISITS, Sender, Unknown
from broker.wire.adt_other import OtherReading
from broker.wire.adt_patient import NUMBER_MISSING, read_digits
from broker.wire.adt_registers import Fault, Registers
from broker.wire.avro import Row, Schemas
from broker.wire.avro_values import Symbols
from broker.wire.hl7v2 import CLEARED, EVENT, PROCESSING_ID, Value
from broker.wire.visit_reading import (
    Context,
    Envelope,
    Named,
    VisitReading,
    control_id_of,
    provider_of,
    put_together,
    stamps_of,
    visit_number_of,
)

SCHEMA = "hospital_attendance"
NUMBER_AT, MOTHER_AT = "nhs_numbers", "mothers"
"""Where the numbers stand, in the names of the schema."""
SENDER_PLACES = ("provider", "system")
"""Where the sender stands: the provider, and which of its systems."""

_EVENTS = Symbols(VisitEvent)
_STATUSES = Symbols(NumberStatus)
_RELIABILITIES = Symbols(Reliability)
_TEXTS = ("family", "given")
_CODES = ("acuity", "arrival_mode")
_MOMENTS = ("arrived_at", "departed_at")
_ROLES = frozenset({"attending", "consulting"})


class HospitalRecords:
    """The records by their schema, as a dialect that intake speaks."""

    number_place = NUMBER_AT

    def __init__(self, schemas: Schemas) -> None:
        """Take the schemas."""
        self._schemas = schemas

    def read(self, data: bytes, context: Context) -> VisitReading:
        """
        Read one record.

        Raises `MalformedMessage` with the codes that `read_adt` has, and places in the names of the schema;
        `NotItsSender` comes before all others.
        """
        row = self._schemas.decode(SCHEMA, data)
        sender = _sender(row, context)
        registers = Registers(context.received_at)
        envelope = _envelope(row, sender, registers, context)
        said = partial(_said, row, frozenset(row["cleared"]))
        _read_patient(row, said, registers)
        _read_visit(row, said, (sender, envelope), registers)
        number = visit_number_of(row["visit_number"] or "", row["local_id"] or "", envelope, registers)
        return put_together(data, envelope, _named(row), number, registers, context)

    def read_other(self, data: bytes, context: Context) -> OtherReading | None:
        """
        Read a record of an event that is not taken, where its sender's are acknowledged unread; else None.

        Every other record is about a visit. Raises `MalformedMessage` as `read` does.
        """
        row = self._schemas.decode(SCHEMA, data)
        if _sender(row, context).unknown_events is not Unknown.ACCEPT:
            return None
        return OtherReading(
            provider=provider_of(row["provider"], SENDER_PLACES[0]),
            control_id=control_id_of(row["control_id"], "control_id"),
            event=row["event"],
        )

    def unkept(self, data: bytes) -> bool:
        """Whether a record names two numbers of one patient (ruling 42)."""
        try:
            usable, _ = _numbers(self._schemas.decode(SCHEMA, data)["nhs_numbers"])
        except MalformedMessage:
            return False
        return len(set(usable)) > 1

    def header(self, data: bytes) -> tuple[OdsCode | None, str | None]:
        """Return who sent a record and its control id, None where they cannot be read."""
        try:
            row = self._schemas.decode(SCHEMA, data)
        except MalformedMessage:
            return None, None
        try:
            sender = OdsCode(row["provider"])
        except InvalidOdsCode:
            sender = None
        return sender, row["control_id"] or None


Say = Callable[[str], Value]
"""Returns what a record says of a field: its text, that it is cleared, or nothing."""


def _said(row: Row, cleared: frozenset[str], name: str) -> Value:
    """Return what a record says of a field of text."""
    return CLEARED if name in cleared else row[name] or None


def _sender(row: Row, context: Context) -> Sender:
    """Return what is settled of a record's sender; raise `NotItsSender` for one that may not send it."""
    if context.admits.sender is None:
        return UNSETTLED
    return context.admits.sender(provider_of(row["provider"], SENDER_PLACES[0]), row["system"])


def _envelope(row: Row, sender: Sender, registers: Registers, context: Context) -> Envelope:
    """Read who sent what and when; what is not taken here is refused before what is amiss with it."""
    if row["processing_id"] not in context.admits.processing_ids:
        raise MalformedMessage("processing id not taken", hl7_code=PROCESSING_ID, location="processing_id")
    event = _event(row["event"], sender)
    recorded_at, sent_at = stamps_of(row["recorded_at"], row["sent_at"], registers, "recorded_at")
    sequence = row["sequence"]
    if sequence is not None and sequence < 0:
        registers.faults.add(Fault.SEQUENCE)
        sequence = None
    return Envelope(
        control_id=control_id_of(row["control_id"], "control_id"),
        provider=provider_of(row["provider"], SENDER_PLACES[0]),
        system=row["system"],
        event=event,
        recorded_at=recorded_at,
        sent_at=sent_at,
        sequence=sequence,
        occurred_at=row["occurred_at"],
    )


def _event(symbol: str, sender: Sender) -> VisitEvent:
    """Return what happened, as it is settled to be read; raise `MalformedMessage` where it is not taken."""
    try:
        event = sender.read_as.of(_EVENTS.read(symbol))
    except MalformedMessage:
        event = ""
    if event not in VISITS & sender.events:
        raise MalformedMessage("event not taken", hl7_code=EVENT, location="event")
    return VisitEvent(event)


def _named(row: Row) -> Named:
    """Read the NHS numbers of the patient and of the mother; blanks and hyphens within them do not count."""
    usable, faults = _numbers(row["nhs_numbers"])
    mothers, _ = _numbers(row["mothers"])
    fault = None if usable else next(iter(faults), NUMBER_MISSING)
    return Named(
        numbers=usable,
        fault=fault,
        mothers=tuple(dict.fromkeys(mothers)),
        place=NUMBER_AT,
        mothers_place=MOTHER_AT,
    )


def _numbers(texts: list[str]) -> tuple[tuple[NhsNumber, ...], list[str]]:
    """Return the usable numbers, and the fault of each of the others."""
    usable, faults = [], []
    for text in texts:
        try:
            usable.append(read_digits(text))
        except InvalidNhsNumber as error:
            faults.append(str(error))
    return tuple(usable), faults


def _read_patient(row: Row, said: Say, registers: Registers) -> None:
    """Write the registers that describe the person and who stands beside them."""
    for name in _TEXTS:
        registers.text(name, said(name))
    _set(registers, row, "birth_date")
    _symbol(registers, row, "number_status", _STATUSES, Fault.NUMBER_STATUS)
    _symbol(registers, row, "birth_date_reliability", _RELIABILITIES, Fault.CODE)
    if row["restricted"]:
        registers.values["restricted"] = True  # and never False: nothing lifts it here (ruling 24)
    relationship, kin = said("next_of_kin_relationship"), said("next_of_kin_name")
    if relationship is not None or kin is not None:
        registers.next_of_kin(relationship, kin)
    registers.companion(said("accompanied_by"))


def _read_visit(row: Row, said: Say, told: tuple[Sender, Envelope], registers: Registers) -> None:
    """Write the registers of the visit, its codes as they are settled for who `told` it."""
    sender, envelope = told
    registers.code("patient_class", said("patient_class"), sender.patient_classes)
    registers.code("admission_type", said("admission_type"), sender.admission_types)
    for name in _CODES:
        registers.code(name, said(name))
    registers.disposition(said("disposition"), sender.dispositions)
    registers.place(said("location"), said("site"), envelope.provider)
    for name in _MOMENTS:
        _set(registers, row, name)
    if envelope.event is VisitEvent.CANCELLED:
        registers.code("cancel_reason", said("cancel_reason"))
    reason = reason_for(row["reasons"])
    if reason is not None:
        registers.values["reason"] = reason
    elif "reason" in row["cleared"]:
        registers.cleared.add("reason")
    role, clinician = said("clinician_role"), said("clinician_name")
    if role in _ROLES and isinstance(clinician, str):
        registers.text("clinician_role", role)
        registers.text("clinician_name", clinician)
    elif CLEARED in {role, clinician}:
        registers.cleared |= {"clinician_role", "clinician_name"}


def _set(registers: Registers, row: Row, name: str) -> None:
    """Set a day or a time, clear it or leave it alone."""
    if name in row["cleared"]:
        registers.cleared.add(name)
    elif row[name] is not None:
        registers.values[name] = row[name]


def _symbol(
    registers: Registers,
    row: Row,
    name: str,
    symbols: Symbols[NumberStatus] | Symbols[Reliability],
    fault: Fault,
) -> None:
    """Set a member of an enum, clear it or leave it alone; one that is newer than we are is counted."""
    try:
        member = symbols.read_maybe(row[name])
    except MalformedMessage:
        registers.faults.add(fault)
        return
    if name in row["cleared"]:
        registers.cleared.add(name)
    elif member is not None:
        registers.values[name] = member
