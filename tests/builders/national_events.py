"""Events of the national services, as their services write them."""

import json
from typing import Any

NUMBERS = "https://fhir.nhs.uk/Id/nhs-number"
ROUTING = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"
KIND = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1"
RECORDED = "2026-03-02T11:00:00+00:00"


def cloud_event(event_type: str, number: str, **values: Any) -> bytes:
    """Return a signal as a CloudEvent."""
    event = {
        "specversion": "1.0",
        "id": "685aec28-70bb-4763-853b-2bdc07a44415",
        "source": "uk.nhs.personal-demographics-service",
        "type": event_type,
        "subject": number,
        "dataref": "https://pds.example/Patient",
        "time": RECORDED,
    }
    return json.dumps({name: value for name, value in (event | values).items() if value is not None}).encode()


def history_bundle(event_type: str, number: str) -> bytes:
    """Return a signal as a history Bundle of R4."""
    parameters = [
        {"name": "subscription", "valueReference": {"reference": "https://mns.example/subscriptions"}},
        {"name": "notification-event", "part": [{"name": "timestamp", "valueInstant": RECORDED}]},
        {
            "name": "additional-context",
            "part": [
                {"name": "event-type", "valueString": event_type},
                {"name": "subject", "valueReference": {"identifier": {"value": number}}},
            ],
        },
    ]
    entry = {"resource": {"resourceType": "Parameters", "parameter": parameters}}
    return json.dumps({"resourceType": "Bundle", "type": "history", "entry": [entry]}).encode()


def patient(url: str, number: str, *, born: str, link: str = "") -> str:
    """Return the entry of a patient."""
    linked = f'<link><other><reference value="{link}"/></other><type value="seealso"/></link>' if link else ""
    identifier = f'<identifier><system value="{NUMBERS}"/><value value="{number}"/></identifier>'
    return _entry(
        url,
        f'<Patient>{identifier if number else ""}<name><family value="Sample"/><given value="Jo"/></name>'
        f'<birthDate value="{born}"/>{linked}</Patient>',
    )


def birth(
    baby: str,
    mother: str | None,
    *,
    born: str = "2026-03-01",
    stillborn: str = "1",
    role: str = "12",
    kind: str = "new",
    recorded: str = RECORDED,
) -> bytes:
    """Return a birth notification of STU3 in XML; without a mother it names the baby alone."""
    header = _header("pds-birth-notification-1", mother or baby, kind=kind, recorded=recorded)
    entries = [header, patient("urn:uuid:baby", baby, born=born)]
    if mother is not None:
        entries += [
            patient("urn:uuid:mother", mother, born="1996-05-04", link="urn:uuid:kin"),
            _entry(
                "urn:uuid:kin",
                '<RelatedPerson><patient><reference value="urn:uuid:baby"/></patient><relationship>'
                f'<coding><code value="{role}"/></coding></relationship></RelatedPerson>',
            ),
        ]
    entries.append(
        _entry(
            "urn:uuid:seen",
            '<Observation><code><coding><code value="237364002"/></coding></code><valueCodeableConcept>'
            f'<coding><code value="{stillborn}"/></coding></valueCodeableConcept></Observation>',
        )
    )
    return _bundle(entries)


def message(event_type: str, number: str, *, routing: str = ROUTING) -> bytes:
    """Return any other message of STU3 in XML; `routing` is the extension that says whom it is about."""
    return _bundle([_header(event_type, number, routing)])


def _header(
    event_type: str, number: str, routing: str = ROUTING, *, kind: str = "new", recorded: str = RECORDED
) -> str:
    """Return the entry of the header, with the routing demographics."""
    return _entry(
        "urn:uuid:header",
        f'<MessageHeader><meta><lastUpdated value="{recorded}"/></meta><extension url="{routing}">'
        '<extension url="name"><valueHumanName><family value="Sample"/></valueHumanName></extension>'
        f'<extension url="nhsNumber"><valueIdentifier><system value="{NUMBERS}"/><value value="{number}"/>'
        f'</valueIdentifier></extension></extension><extension url="{KIND}"><valueCodeableConcept><coding>'
        f'<code value="{kind}"/></coding></valueCodeableConcept></extension>'
        f'<event><code value="{event_type}"/></event></MessageHeader>',
    )


def _entry(url: str, resource: str) -> str:
    """Return an entry of a Bundle."""
    return f'<entry><fullUrl value="{url}"/><resource>{resource}</resource></entry>'


def _bundle(entries: list[str]) -> bytes:
    """Return a message Bundle."""
    return (
        '<Bundle xmlns="http://hl7.org/fhir"><id value="b"/><type value="message"/>'
        f"{''.join(entries)}</Bundle>"
    ).encode()
