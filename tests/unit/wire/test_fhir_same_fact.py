"""The same visit by HL7 version 2 and by FHIR R4 is the same fact: whoever folds it cannot tell."""

from dataclasses import replace

import pytest

from broker.core.facts import VisitMessage
from broker.core.identifiers import OdsCode
from broker.wire.fhir import read_fhir
from broker.wire.visit_reading import Context, VisitReading
from tests.builders.adt import Adt, Patient
from tests.builders.fhir import VISITS, message, written
from tests.builders.hl7 import KEY, RECEIVED, read

ARRIVED = {"class": "E", "visit": "V-778812", "arrived": "20250301101210", "location": "ED^^^RXX01"}
WHOLE = {**ARRIVED, "type": "21", "attending": "C1234567^Attending^Ada", "restricted": "S"}
REASON = {"reason": "^Head injury", "acuity": "1064911000000105", "mode": "A"}


def named(_provider: OdsCode, uri: str) -> str | None:
    """Return the sending system that numbers its visits so."""
    return "EDSYS" if uri == VISITS else None


def by_fhir(adt: Adt) -> VisitReading:
    """Return what a message comes to in FHIR."""
    return read_fhir(written(message(adt)), Context(key=KEY, received_at=RECEIVED), named)


def same(adt: Adt) -> tuple[VisitMessage, VisitMessage]:
    """Return both facts of a message, without the digest of its bytes."""
    spoken = [read(adt.text().encode()), by_fhir(adt)]
    first, second = (replace(one.message, message_id="") for one in spoken)
    assert spoken[0].number == spoken[1].number
    assert spoken[0].mothers == spoken[1].mothers
    assert spoken[0].unnumbered == spoken[1].unnumbered
    assert spoken[0].faults == spoken[1].faults
    return first, second


@pytest.mark.parametrize(
    "adt",
    [
        Adt(event="A04", control_id="M1", recorded="20250301101500", pv1=ARRIVED),
        Adt(event="A04", control_id="M1", recorded="20250301101500", pv1=WHOLE, pv2=REASON),
        Adt(event="A01", control_id="M2", recorded="20250301120000", pv1={**WHOLE, "class": "I"}),
        Adt(event="A02", control_id="M3", recorded="20250301130000", pv1={**ARRIVED, "disposition": "7"}),
        Adt(
            event="A03",
            control_id="M4",
            recorded="20250301130000",
            sequence="12",
            pv1={**ARRIVED, "departed": "20250301125900", "disposition": "12"},
        ),
        Adt(event="A08", control_id="M5", recorded="20250301130000", pv1={**ARRIVED, "class": "O"}),
        Adt(event="A11", control_id="M6", recorded="20250301130000", pv1=ARRIVED),
        Adt(event="A12", control_id="M7", recorded="20250301130000", pv1=ARRIVED),
        Adt(event="A13", control_id="M8", recorded="20250301130000", pv1=ARRIVED),
        Adt(
            event="A04",
            control_id="M9",
            recorded="20250301101500",
            patient=Patient(status=None, mother="9990000026"),
            pv1=ARRIVED,
            next_of_kin=("Sample^Alex", "12"),
        ),
        Adt(
            event="A04",
            control_id="M10",
            recorded="20250301101500",
            pv1=ARRIVED,
            next_of_kin=("Sample^Kim", "14"),
        ),
        Adt(
            event="A04",
            control_id="M11",
            recorded="20250301101500",
            patient=Patient(number=None, status=None),
            pv1=ARRIVED,
        ),
        Adt(
            event="A04",
            control_id="M12",
            recorded="20250301101500",
            patient=Patient(number="9990000019"),
            pv1=ARRIVED,
        ),
        Adt(
            event="A04",
            control_id="M13",
            recorded="20250301101500",
            pv1={**ARRIVED, "visit": ""},
        ),
    ],
    ids=lambda adt: f"{adt.event}-{adt.control_id}",
)
def test_the_same_visit_is_the_same_fact(adt: Adt) -> None:
    """Every register, the visit's reference, the number and why there is none (rulings 4 to 44)."""
    by_hl7, by_resource = same(adt)

    assert by_hl7 == by_resource
