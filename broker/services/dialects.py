"""
The formats in which hospitals send messages, as intake sees them: one use case behind every door.

A dialect reads bytes into a visit, says which bytes may be kept nowhere, and finds sender and control id of
what could not be read. What is answered its door knows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from broker.core.errors import InvalidOdsCode, MalformedMessage, NotItsSender, RealPersonRefused
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.senders import Senders
from broker.wire.adt import read_adt
from broker.wire.adt_other import OtherReading, may_hold_two_numbers, read_other
from broker.wire.attendance_record import HospitalRecords
from broker.wire.avro import Schemas
from broker.wire.fhir_unkept import may_hold_two_numbers as may_hold_two_fhir_numbers
from broker.wire.hl7v2 import parse
from broker.wire.records_codec import Door
from broker.wire.visit_reading import Context, SenderOf, VisitReading


class Came(NamedTuple):
    """
    One message as it came: its bytes, by which door, when.

    `sender` says who may send on its connection, `confirmed` whose it is where a person, or the demographic
    source, found out (46, 21), `protected` that the source protects where that person is (24). `owner` is
    whose the door is, where it is one provider's alone.
    """

    data: bytes
    door: Door
    received_at: datetime
    sender: SenderOf | None = None
    confirmed: NhsNumber | None = None
    protected: bool = False
    owner: OdsCode | None = None


class Dialect(Protocol):
    """One format. `number_place` is where a patient's NHS number stands in its terms."""

    number_place: str

    def read(self, data: bytes, context: Context) -> VisitReading:
        """Read a message; raise `MalformedMessage`."""
        ...

    def read_other(self, data: bytes, context: Context) -> OtherReading | None:
        """Read a message about no visit, None for one that is not taken; raise `MalformedMessage`."""
        ...

    def unkept(self, data: bytes) -> bool:
        """Whether bytes that could not be read may hold two NHS numbers of one patient (ruling 42)."""
        ...

    def header(self, data: bytes) -> tuple[OdsCode | None, str | None]:
        """Return sender and control id, None where they cannot be read."""
        ...


def unkept_for(dialect: Dialect, data: bytes, context: Context) -> MalformedMessage | None:
    """
    Return the fault of bytes for which nothing of them is kept, None where they cannot be read so far.

    They are not for whoever sent them to send, or about a real person in a deployment for tests (ruling 27).
    """
    try:
        dialect.read(data, context)
    except (NotItsSender, RealPersonRefused) as fault:
        return fault
    except Exception:  # noqa: BLE001 - a fault of bytes that are refused in any case
        return None
    return None


class Hl7v2:
    """HL7 version 2, as hospitals send it over MLLP (dossier 6.4)."""

    number_place = "PID-3"

    def read(self, data: bytes, context: Context) -> VisitReading:
        """Read an ADT message."""
        return read_adt(data, context)

    def read_other(self, data: bytes, context: Context) -> OtherReading | None:
        """Read a merge, a message about a person, or one that its site has acknowledged unread."""
        return read_other(data, context)

    def unkept(self, data: bytes) -> bool:
        """Whether it is a merge, or names two numbers."""
        return may_hold_two_numbers(data)

    def header(self, data: bytes) -> tuple[OdsCode | None, str | None]:
        """Return MSH-4 and MSH-10."""
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


class FhirR4:
    """
    FHIR R4, as hospitals post it; `senders` says whose visits an identifier's system numbers.

    The models take a third of a second to load: they are, with the first message or `load`.
    """

    number_place = "Patient.identifier"

    def __init__(self, senders: Senders) -> None:
        self._senders = senders

    def load(self) -> None:
        """Load the models, so that no sender waits for them."""
        import broker.wire.fhir  # noqa: F401

    def read(self, data: bytes, context: Context) -> VisitReading:
        """Read a message Bundle, a transaction or an Encounter."""
        from broker.wire.fhir import read_fhir

        return read_fhir(data, context, self._senders.system_named)

    def read_other(self, data: bytes, context: Context) -> OtherReading | None:
        """Read a visit that is only planned, or one that its site has acknowledged unread."""
        from broker.wire.fhir import read_other

        return read_other(data, context, self._senders.system_named)

    def unkept(self, data: bytes) -> bool:
        """Whether it is a merge, or names two numbers of a patient."""
        return may_hold_two_fhir_numbers(data)

    def header(self, data: bytes) -> tuple[OdsCode | None, str | None]:
        """Return the provider and the message's id."""
        from broker.wire.fhir import sender_of

        return sender_of(data)


HL7V2: Mapping[Door, Dialect] = {Door.MLLP: Hl7v2()}
"""What every intake speaks."""


def dialects(schemas: Schemas, senders: Senders) -> dict[Door, Dialect]:
    """
    Return everything that is spoken at the doors of a deployment.

    Records are read by `schemas`; `senders` says whose visits the identifiers of FHIR number.
    """
    return {**HL7V2, Door.TOPIC: HospitalRecords(schemas), Door.FHIR: FhirR4(senders)}
