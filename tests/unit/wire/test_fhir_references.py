"""How resources of FHIR point at each other: whose visit it is, by whichever address or identifier."""

from typing import Any

import pytest

from broker.core.errors import MalformedMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.wire.adt_registers import Fault
from broker.wire.fhir import read_fhir
from broker.wire.fhir_unkept import may_hold_two_numbers
from broker.wire.visit_reading import Context, VisitReading
from tests.builders.adt import Adt
from tests.builders.fhir import VISITS, message, transaction, written
from tests.builders.hl7 import KEY, RECEIVED, ROBIN

NHS = "https://fhir.nhs.uk/Id/nhs-number"
OTHER = NhsNumber("9990000026")
SEARCH = f"Patient?identifier={NHS}|{ROBIN.digits}"
LOCAL = {"system": "https://riverside.example/patients", "value": "A55501"}
ADT = Adt(
    event="A04",
    control_id="M1",
    recorded="20250301101500",
    pv1={"class": "E", "visit": "V-1", "arrived": "20250301101210", "location": "ED^^^RXX01"},
)


def read(resource: Any) -> VisitReading:
    """Read what is sent in the afternoon of 1 March 2025."""

    def named(_provider: OdsCode, uri: str) -> str | None:
        """Return the sending system that numbers its visits so."""
        return "EDSYS" if uri == VISITS else None

    return read_fhir(written(resource), Context(key=KEY, received_at=RECEIVED), named)


def entry(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the entry of a kind."""
    found: list[dict[str, Any]] = [one for one in bundle["entry"] if one["resource"]["resourceType"] == kind]
    return found[0]


def pointing(subject: dict[str, Any] | None, url: str | None, identity: str | None) -> dict[str, Any]:
    """Return a message whose Patient has an address and an id, as they are given, and its visit's subject."""
    bundle = message(ADT)
    patient, visit = entry(bundle, "Patient"), entry(bundle, "Encounter")["resource"]
    for where, name, value in ((patient, "fullUrl", url), (patient["resource"], "id", identity)):
        where.pop(name, None)
        if value is not None:
            where[name] = value
    visit.pop("subject")
    if subject is not None:
        visit["subject"] = subject
    return bundle


@pytest.mark.parametrize(
    ("reference", "url", "identity"),
    [
        ("Patient/p1", None, "p1"),
        ("urn:uuid:3c5b", "urn:uuid:3c5b", None),
        ("Patient/p1", "https://riverside.example/Patient/p1", None),
        ("https://riverside.example/Patient/p1", "https://riverside.example/Patient/p1", None),
        ("https://riverside.example/Patient/p1", None, "p1"),
        ("https://riverside.example/Patient/p1", "urn:uuid:3c5b", "p1"),
        ("https://riverside.example/Patient/p1/_history/2", None, "p1"),
        (SEARCH, "urn:uuid:3c5b", None),
        ("Patient?identifier=https://riverside.example/patients|A55501", None, "p1"),
    ],
)
def test_a_visit_is_its_patient_s_by_every_address(
    reference: str, url: str | None, identity: str | None
) -> None:
    """As vendors write them: a visit whose patient was not found was taken, and nobody was ever alerted."""
    found = read(pointing({"reference": reference}, url, identity))

    assert (ROBIN, "Sample") == (found.number, found.message.family)


@pytest.mark.parametrize("identifier", [LOCAL, {"system": NHS, "value": ROBIN.digits}])
def test_a_visit_is_its_patient_s_by_an_identifier_alone(identifier: dict[str, str]) -> None:
    """A logical reference: the details of the one Patient who has it are read as well (20)."""
    found = read(pointing({"identifier": identifier}, None, "p1"))

    assert (ROBIN, "Sample") == (found.number, found.message.family)


@pytest.mark.parametrize(
    "subject",
    [
        None,
        {"reference": "Patient/another"},
        {"reference": "https://elsewhere.example/Patient/p1"},
        {"reference": "Patient?identifier=x|y"},
        {"reference": "Patient?identifier=x|y&identifier=x|z"},
        {"reference": "Group?identifier=x|y"},
        {"reference": "Group/g1"},
        {"identifier": {"system": "x", "value": "y"}},
        {"display": "Robin"},
    ],
)
def test_a_patient_that_nothing_points_at_is_no_visit_of_nobody(subject: dict[str, Any] | None) -> None:
    """Without number and details nobody is ever found: the sender is told, which else would think it well."""
    with pytest.raises(MalformedMessage) as caught:
        read(pointing(subject, "https://riverside.example/Patient/p1", "p1"))

    told = caught.value.reason, caught.value.hl7_code, caught.value.location
    assert ("subject is no Patient of the message", 101, "Encounter.subject") == told


def test_of_two_patients_of_one_identifier_neither_is_taken_for_the_other() -> None:
    """The number of the search counts, as if it stood alone; nobody's details do."""
    bundle = pointing({"reference": SEARCH}, None, "p1")
    bundle["entry"].append({"resource": {**entry(bundle, "Patient")["resource"], "id": "p2", "name": []}})

    assert (ROBIN, None) == (read(bundle).number, read(bundle).message.family)


def test_a_search_names_a_number_without_its_patient() -> None:
    """As transactions do whose server knows the patient already."""
    bundle = transaction(ADT)
    bundle["entry"] = [entry(bundle, "Encounter")]
    bundle["entry"][0]["resource"]["subject"] = {"reference": SEARCH}

    assert ROBIN == read(bundle).number
    assert not may_hold_two_numbers(written(bundle))


def test_a_search_beside_another_number_is_kept_nowhere() -> None:
    """It puts two numbers side by side as an identifier does (42)."""
    bundle = pointing({"reference": f"Patient?identifier={NHS}|{OTHER.digits}"}, None, "p1")

    assert may_hold_two_numbers(written(bundle))


@pytest.mark.parametrize(
    ("first", "number", "differ"),
    [
        ({"period": {"end": "2020-01-01"}}, ROBIN, False),
        ({"use": "old"}, ROBIN, False),
        ({"period": {"start": "2020-01-01"}}, OTHER, True),
    ],
)
def test_a_number_that_has_ended_is_not_the_patient_s_beside_one_that_lasts(
    first: dict[str, Any], number: NhsNumber, *, differ: bool
) -> None:
    """It was taken before the one in use, and the alert was another's."""
    bundle = message(ADT)
    patient = entry(bundle, "Patient")["resource"]
    patient["identifier"].insert(0, {"system": NHS, "value": OTHER.digits, **first})
    found = read(bundle)

    assert (number, differ) == (found.number, Fault.NUMBERS_DIFFER in found.faults)


def test_a_number_that_ends_and_is_the_only_one_counts() -> None:
    """Doubt falls toward telling; that of HL7 version 3's system is an NHS number as well (36)."""
    bundle = message(ADT)
    ending = {"period": {"end": "2026-01-01"}, "system": "urn:oid:2.16.840.1.113883.2.1.4.1"}
    entry(bundle, "Patient")["resource"]["identifier"] = [{**ending, "value": ROBIN.digits}]

    assert ROBIN == read(bundle).number


def test_an_old_number_of_a_visit_is_not_its_number() -> None:
    """Else its messages would go to the thread of another visit (6)."""
    bundle = message(ADT)
    visit = entry(bundle, "Encounter")["resource"]
    plain = read(bundle).unnumbered
    visit["identifier"].insert(0, {"use": "old", "system": VISITS, "value": "V-0"})

    assert plain == read(bundle).unnumbered


@pytest.mark.parametrize(
    ("places", "location"),
    [
        ([("ED", {}), ("GUM", {"period": {"end": "2025-03-01T10:13:00Z"}})], "ED"),
        ([("ED", {"period": {"end": "2025-03-01T10:13:00Z"}}), ("GUM", {})], "GUM"),
        ([(one, {"period": {"end": "2025-03-01T10:13:00Z"}}) for one in ("ED", "GUM")], "GUM"),
    ],
)
def test_a_place_whose_time_is_over_is_not_where_the_patient_is(
    places: list[tuple[str, dict[str, Any]]], location: str
) -> None:
    """Whether a visit is silent hangs on its place (47): some say by times alone that somebody moved on."""
    bundle = message(ADT)
    entry(bundle, "Encounter")["resource"]["location"] = [
        {"location": {"display": display}, **more} for display, more in places
    ]

    assert location == read(bundle).message.location
