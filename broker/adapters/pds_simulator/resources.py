"""What the simulator answers: a Patient of the UK Core shape, a searchset, an outcome (peers.md 8.4)."""

from collections.abc import Sequence
from typing import Any

from broker.adapters.pds_simulator.people import Synthetic
from broker.wire.fhir_terms import NUMBER_STATUS
from broker.wire.pds import CONFIDENTIALITY, SPINE_CODES, VERIFIED

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"

_LABELS = {"U": "unrestricted", "R": "restricted", "V": "very restricted", "REDACTED": "redacted"}
_STATUSES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus"
_VERSION = "2"


def patient(person: Synthetic) -> dict[str, Any]:
    """Return a person as a Patient; one who is protected has neither address nor telephone (R39)."""
    found: dict[str, Any] = {
        "resourceType": "Patient",
        "id": person.number.digits,
        "meta": {
            "versionId": _VERSION,
            "security": [{"system": CONFIDENTIALITY, "code": person.label, "display": _LABELS[person.label]}],
        },
        "identifier": [
            {
                "system": NHS_NUMBER,
                "value": person.number.digits,
                "extension": [
                    {
                        "url": NUMBER_STATUS,
                        "valueCodeableConcept": {
                            "coding": [{"system": _STATUSES, "code": VERIFIED, "display": "Verified"}]
                        },
                    }
                ],
            }
        ],
        "name": [*_names(person)],
        "gender": person.gender,
    }
    if person.born is not None:
        found["birthDate"] = person.born.isoformat()
    if person.died is not None:
        found["deceasedDateTime"] = f"{person.died.isoformat()}T00:00:00+00:00"
    if person.label == "U":
        found["address"] = [{"use": "home", "line": ["1 Example Street"], "postalCode": "ZZ99 3WZ"}]
    return found


def searchset(people: Sequence[Synthetic]) -> dict[str, Any]:
    """Return who was found, each with the score of an exact match."""
    entries = [{"search": {"score": 1.0}, "resource": patient(person)} for person in people]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def outcome(code: str, display: str) -> dict[str, Any]:
    """Return an outcome with one code of the Spine's."""
    coding = {"system": SPINE_CODES, "version": "1", "code": code, "display": display}
    issue = {"severity": "error", "code": "value", "details": {"coding": [coding]}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _names(person: Synthetic) -> list[dict[str, Any]]:
    """Return the names of a person: the one in use, and those given up."""
    if person.family is None and not person.given:
        return []
    usual: dict[str, Any] = {"use": "usual", "given": list(person.given)}
    if person.family is not None:
        usual["family"] = person.family
    return [usual, *({"use": "old", "family": old, "given": list(person.given)} for old in person.former)]
