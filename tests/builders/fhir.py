"""Builds what a hospital sends in FHIR R4, out of the very message that it would send in HL7 version 2."""

import json
from datetime import datetime
from typing import Any

from broker.core.identifiers import LONDON
from tests.builders.adt import Adt, Patient

VISITS = "https://riverside.example/visits"
"""System of the identifiers of visits, which a file of senders settles for a sending system."""

_UK = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
_NHS = "https://fhir.nhs.uk/Id/nhs-number"
_CLASSES = {"E": "EMER", "I": "IMP", "O": "AMB", "P": "PRENC"}
_STATUSES = {"A03": "finished", "A11": "cancelled"}
_RELATIONSHIPS = {"12": "MTH", "13": "FTH", "3": "PRN", "14": "SIS", "15": "BRO"}
_LEFT = {
    "12": ("http://snomed.info/sct", "1066321000000107"),
    "10": ("http://snomed.info/sct", "75004002"),
    "13": ("http://terminology.hl7.org/CodeSystem/discharge-disposition", "aadvice"),
    "7": ("http://terminology.hl7.org/CodeSystem/discharge-disposition", "other-hcf"),
}


def instant(written: str) -> str:
    """Return a time of the clock in London, `YYYYMMDDHHMMSS`, as FHIR writes it."""
    return datetime.strptime(written, "%Y%m%d%H%M%S").replace(tzinfo=LONDON).isoformat()


def concept(code: str, system: str = "", **said: str) -> dict[str, Any]:
    """Return a concept of one code."""
    coding = {"code": code, "system": system} if system else {"code": code}
    return {"coding": [{**coding, **said}]}


def organisation(code: str) -> dict[str, Any]:
    """Return a reference to an organisation by its ODS code."""
    return {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": code}}


def patient(of: Patient) -> dict[str, Any]:
    """Return the patient; `mother` is another resource."""
    identifiers: list[dict[str, Any]] = [
        {"system": "https://riverside.example/patients", "value": of.local_id}
    ]
    if of.number is not None:
        number: dict[str, Any] = {"system": _NHS, "value": of.number}
        if of.status is not None:
            status = concept(
                of.status, "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus"
            )
            number["extension"] = [
                {"url": f"{_UK}NHSNumberVerificationStatus", "valueCodeableConcept": status}
            ]
        identifiers.insert(0, number)
    born = of.born
    return {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": identifiers,
        "name": [{"use": "official", "family": of.family, "given": [of.given]}],
        "birthDate": f"{born[:4]}-{born[4:6]}-{born[6:8]}",
    }


def encounter(adt: Adt, **more: Any) -> dict[str, Any]:
    """Return the visit of a message as FHIR has it; `more` are other elements, None for none."""
    said = adt.pv1
    period = {
        name: instant(said[key]) for key, name in (("arrived", "start"), ("departed", "end")) if said.get(key)
    }
    found: dict[str, Any] = {
        "resourceType": "Encounter",
        "id": "visit",
        "meta": {
            "lastUpdated": instant(adt.recorded),
            **({"versionId": adt.sequence} if adt.sequence else {}),
            **({"security": [{"code": "R"}]} if said.get("restricted") else {}),
        },
        "status": _STATUSES.get(adt.event, "in-progress"),
        "class": {"code": _CLASSES.get(said.get("class", ""), "none")},
        "subject": {"reference": "Patient/patient"},
        "serviceProvider": organisation(adt.provider),
        "identifier": [{"system": VISITS, "value": said["visit"]}] if said.get("visit") else None,
        "period": period or None,
        "location": [{"location": _place(said["location"])}] if said.get("location") else None,
        "participant": [_clinician(said["attending"])] if said.get("attending") else None,
        "hospitalization": _stay(adt) or None,
        **_why(adt),
        **more,
    }
    return {name: value for name, value in found.items() if value is not None}


def _place(location: str) -> dict[str, Any]:
    """Return a place, PV1-3: its point of care, and the ODS code of its site."""
    point, _, site = location.replace("^^^", "^").partition("^")
    return {
        "display": point,
        **({"identifier": {"system": "https://fhir.nhs.uk/Id/ods-site-code", "value": site}} if site else {}),
    }


def _clinician(attending: str) -> dict[str, Any]:
    """Return who treats, PV1-7."""
    family, given = attending.split("^")[1:3]
    return {"type": [concept("ATND")], "individual": {"display": f"{given} {family}"}}


def _stay(adt: Adt) -> dict[str, Any]:
    """Return how the visit began and ended."""
    found: dict[str, Any] = {}
    if adt.pv1.get("type"):
        method = concept(adt.pv1["type"])
        found["extension"] = [{"url": f"{_UK}AdmissionMethod", "valueCodeableConcept": method}]
    if adt.pv1.get("disposition"):
        system, code = _LEFT[adt.pv1["disposition"]]
        found["dischargeDisposition"] = concept(code, system)
    if adt.pv2.get("mode"):
        found["admitSource"] = concept(adt.pv2["mode"], "http://terminology.hl7.org/CodeSystem/v2-0430")
    return found


def _why(adt: Adt) -> dict[str, Any]:
    """Return why the person came, and how urgently."""
    return {
        "reasonCode": [{"text": adt.pv2["reason"].strip("^")}] if adt.pv2.get("reason") else None,
        "priority": concept(adt.pv2["acuity"]) if adt.pv2.get("acuity") else None,
    }


def resources(adt: Adt) -> list[dict[str, Any]]:
    """Return the visit and the patient of a message, and the mother where it names one."""
    person = patient(adt.patient)
    if adt.next_of_kin is not None:
        name, relationship = adt.next_of_kin
        family, _, given = name.partition("^")
        person["contact"] = [
            {
                "relationship": [concept(_RELATIONSHIPS.get(relationship, relationship))],
                "name": {"family": family, "given": [given]} if given else {"family": family},
            }
        ]
    found = [encounter(adt), person]
    if adt.patient.mother is not None:
        found.append(
            {
                "resourceType": "RelatedPerson",
                "id": "mother",
                "patient": {"reference": "Patient/patient"},
                "relationship": [concept("MTH")],
                "identifier": [{"system": _NHS, "value": adt.patient.mother}],
            }
        )
    return found


def message(adt: Adt, **more: Any) -> dict[str, Any]:
    """Return the Bundle of a message."""
    header = {
        "resourceType": "MessageHeader",
        "id": adt.control_id,
        "eventCoding": {"system": "http://terminology.hl7.org/CodeSystem/v2-0003", "code": adt.event},
        "source": {"name": adt.system, "endpoint": "https://riverside.example/engine"},
        "sender": organisation(adt.provider),
        "focus": [{"reference": "Encounter/visit"}],
    }
    return {**_bundle("message", [header, *resources(adt)], adt), **more}


def transaction(adt: Adt) -> dict[str, Any]:
    """Return a transaction that says the same; what happened is told by the visit's state alone."""
    return _bundle("transaction", resources(adt), adt)


def written(resource: dict[str, Any]) -> bytes:
    """Return a resource as bytes."""
    return json.dumps(resource).encode()


def _bundle(kind: str, every: list[dict[str, Any]], adt: Adt) -> dict[str, Any]:
    """Return a Bundle."""
    entries: list[dict[str, Any]] = []
    for one in every:
        entry: dict[str, Any] = {
            "fullUrl": f"https://riverside.example/{one['resourceType']}/{one['id']}",
            "resource": one,
        }
        if kind == "transaction":
            entry["request"] = {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}
        entries.append(entry)
    return {
        "resourceType": "Bundle",
        "id": adt.control_id,
        "type": kind,
        "timestamp": instant(adt.recorded),
        "entry": entries,
    }
