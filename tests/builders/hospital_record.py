"""Builds what a hospital writes to its own topic, and says by it what an HL7 v2 message says."""

from datetime import UTC, date, datetime
from typing import Any

from broker.core.facts import REGISTERS
from broker.core.sender_keys import AS_RULED
from broker.runtime.codecs import load_schemas
from broker.wire.adt_patient import local_identifier, numbers_named
from broker.wire.attendance_record import SCHEMA, HospitalRecords
from broker.wire.hl7v2 import parse
from tests.builders.hl7 import read

SCHEMAS = load_schemas()
READER = HospitalRecords(SCHEMAS)
_MORE_NAMES = frozenset({"reason", "restricted", "site"})


def row(**fields: Any) -> dict[str, Any]:
    """Return an ordinary registration at an emergency department, with these fields otherwise."""
    return {
        "control_id": "K1",
        "system": "EDSYS",
        "provider": "RXX",
        "processing_id": "T",
        "event": "REGISTERED",
        "recorded_at": datetime(2025, 3, 1, 11, 35, tzinfo=UTC),
        "visit_number": "V1",
        "nhs_numbers": ["9990000018"],
        "family": "Sample",
        "given": "Robin",
        "birth_date": date(2016, 4, 12),
        "number_status": "VERIFIED",
        "patient_class": "E",
        "location": "ED",
        "arrived_at": datetime(2025, 3, 1, 11, 30, tzinfo=UTC),
        **fields,
    }


def record(**fields: Any) -> bytes:
    """Return the same as bytes of the topic."""
    return SCHEMAS.encode(SCHEMA, row(**fields))


def as_record(data: bytes) -> bytes:
    """Return what an HL7 v2 message of the fixtures says as a record of its hospital."""
    message, reading = parse(data), read(data)
    [patient, visit] = [message.first("PID"), message.first("PV1")]
    assert patient is not None
    assert visit is not None
    said = reading.message
    values = {name: getattr(said, name) for name in REGISTERS if name not in _MORE_NAMES}
    symbols = {
        name: value if value is None else value.name
        for name, value in values.items()
        if name in {"number_status", "birth_date_reliability"}
    }
    number, named = visit.field(19), numbers_named(message, patient, AS_RULED)
    fields = {
        **values,
        **symbols,
        "control_id": said.control_id,
        "system": said.system,
        "provider": said.provider.code,
        "processing_id": "T",
        "event": said.event.name,
        "recorded_at": said.recorded_at,
        "sent_at": said.sent_at,
        "sequence": said.sequence,
        "occurred_at": said.occurred_at,
        "visit_number": number if isinstance(number, str) else None,
        "local_id": local_identifier(patient, AS_RULED),
        "nhs_numbers": [one.digits for one in named.numbers],
        "mothers": [one.digits for one in named.mothers],
        "site": said.site and said.site.code,
        "restricted": bool(said.restricted),
        "reasons": [said.reason.value] if said.reason else [],
        "cleared": sorted(said.cleared),
    }
    return SCHEMAS.encode(SCHEMA, fields)
