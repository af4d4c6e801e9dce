"""
The formats in which hospitals send messages, as intake sees them: one use case behind every door.

A dialect reads bytes into a visit, says which bytes may be kept nowhere, and finds sender and control id of
what could not be read. What is answered its door knows.
"""

from typing import Protocol

from broker.core.errors import InvalidOdsCode, MalformedMessage
from broker.core.identifiers import OdsCode
from broker.wire.adt import read_adt
from broker.wire.adt_other import OtherReading, holds_merge, read_other
from broker.wire.attendance_record import HospitalRecords
from broker.wire.avro import Schemas
from broker.wire.hl7v2 import parse
from broker.wire.records_codec import Door
from broker.wire.visit_reading import Context, VisitReading


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
        """Whether it is a merge."""
        return holds_merge(data)

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


HL7V2 = {Door.MLLP: Hl7v2()}
"""What every intake speaks."""


def dialects(schemas: Schemas) -> dict[Door, Dialect]:
    """Return everything that is spoken at the doors of a deployment; records are read by `schemas`."""
    return {**HL7V2, Door.TOPIC: HospitalRecords(schemas)}
