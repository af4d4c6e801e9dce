"""
Events of the national services → what each tells [S60][S61].

The multicast service (MNS) signals in CloudEvents, and since its second versions in history Bundles of R4;
the event management service (NEMS) sends message Bundles of STU3, mostly in XML. Of a signal only kind,
subject and time are read: what changed is for the demographic source to say (ruling 38; R53).
"""

from codecs import BOM_UTF8
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from broker.core.errors import InvalidNhsNumber, MalformedMessage
from broker.core.identifiers import NhsNumber
from broker.core.national_events import NationalEvent, Told
from broker.wire.fhir_values import codings, day, every, extensions, identified, moment, text, within
from broker.wire.fhir_xml import read_fhir_xml
from broker.wire.hl7v2 import DATA_TYPE, EVENT, REQUIRED_FIELD
from broker.wire.json_strict import read_json

CLOUD_EVENTS: Final = "application/cloudevents+json"
"""The media type of a CloudEvent in JSON."""

_KINDS: Mapping[str, Told] = {
    "nhs-number-change": Told.NUMBER,
    "pds-record-change": Told.RECORD,
    "pds-death-notification": Told.DEATH,
    "pds-birth-notification": Told.BIRTH,
}
"""By the event's type without its version: a newer one says the same, or more."""
_FIRST_TIME = datetime(1900, 1, 1, tzinfo=UTC)
_NHS_NUMBERS = frozenset({"https://fhir.nhs.uk/Id/nhs-number"})
_ROUTING = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"
_MESSAGE_TYPE = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1"
_TAKEN_BACK, _UPDATE = "delete", "update"
_MOTHER = "12"
_STILLBIRTH, _LIVE = "237364002", "1"


def read_national_event(data: bytes) -> NationalEvent | None:
    """
    Return what an event tells, None for one of a kind that says nothing of a number or a birth.

    Raises `MalformedMessage` for what is no event, and for one without subject or time.
    """
    is_xml = data.removeprefix(BOM_UTF8).lstrip().startswith(b"<")
    document = read_fhir_xml(data) if is_xml else read_json(data)
    if "specversion" in document:
        return _signal(text(document, "type"), text(document, "subject"), text(document, "time"))
    kind = (text(document, "resourceType"), text(document, "type"))
    if kind == ("Bundle", "history"):
        return _signal_bundle(document)
    if kind == ("Bundle", "message"):
        return _message(document)
    raise MalformedMessage("no event", hl7_code=EVENT)


def _signal(event_type: str, subject: str, time: str) -> NationalEvent | None:
    """Return what a signal tells."""
    told = _kind(event_type)
    if told is None or told is Told.BIRTH:
        return None
    return NationalEvent(told=told, number=_number(subject, "subject"), recorded_at=_time(time, "time"))


def _signal_bundle(bundle: dict[str, Any]) -> NationalEvent | None:
    """Return what a history Bundle tells: a signal, as the parameters in its first entry."""
    said: dict[str, Any] = {}
    for entry in every(bundle, "entry")[:1]:
        for parameter in every(entry, "resource", "parameter"):
            for part in every(parameter, "part"):
                said[f"{text(parameter, 'name')} {text(part, 'name')}"] = part
    subject = within(said.get("additional-context subject"), "valueReference", "identifier")
    return _signal(
        text(said.get("additional-context event-type"), "valueString"),
        text(subject, "value"),
        text(said.get("notification-event timestamp"), "valueInstant") or text(bundle, "timestamp"),
    )


def _message(bundle: dict[str, Any]) -> NationalEvent | None:
    """Return what a message of NEMS tells."""
    resources = {text(entry, "fullUrl"): within(entry, "resource") for entry in every(bundle, "entry")}
    header = next((one for one in resources.values() if text(one, "resourceType") == "MessageHeader"), None)
    if header is None:
        raise MalformedMessage("MessageHeader missing", hl7_code=REQUIRED_FIELD)
    told = _kind(text(header, "event", "code"))
    at = _time(text(header, "meta", "lastUpdated") or text(header, "timestamp"), "MessageHeader")
    if told is None:
        return None
    if told is Told.BIRTH:
        said = {code for concept in extensions(header, _MESSAGE_TYPE) for _, code in codings(concept)}
        return _corrected(_birth(resources, at), said)
    return NationalEvent(told=told, number=_number(_routed_to(header), "MessageHeader"), recorded_at=at)


def _corrected(event: NationalEvent, said: Collection[str]) -> NationalEvent:
    """Return a birth as one that corrects or takes back what was said before, by the type of its message."""
    if _TAKEN_BACK not in said:
        return replace(event, corrects=_UPDATE in said)
    stillborn = event.told is Told.STILLBIRTH
    told = Told.STILLBIRTH_TAKEN_BACK if stillborn else Told.BIRTH_TAKEN_BACK
    return replace(event, told=told, corrects=True)


def _birth(resources: Mapping[str, Any], recorded_at: datetime) -> NationalEvent:
    """
    Return who was born, and to whom: a mother points at how she is related, and that at the baby.

    Only who was born alive must have a number: a stillbirth is a fact of the mother (ruling 43).
    """
    mother, baby = None, None
    for related in _of_kind(resources, "RelatedPerson"):
        child = resources.get(text(related, "patient", "reference"))
        if _MOTHER in {code for _, code in codings(related.get("relationship"))} and child is not None:
            baby = child
            mother = next(
                (one for one in _of_kind(resources, "Patient") if _links(one, related, resources)), None
            )
    if baby is None:
        patients = list(_of_kind(resources, "Patient"))
        if len(patients) != 1:
            raise MalformedMessage("who is whose child is not said", hl7_code=REQUIRED_FIELD)
        baby = patients[0]
    told = Told.STILLBIRTH if _is_stillborn(resources) else Told.BIRTH
    own = next(identified(baby, _NHS_NUMBERS), "")
    named = "" if mother is None else next(identified(mother, _NHS_NUMBERS), "")
    return NationalEvent(
        told=told,
        number=_number(named, "RelatedPerson") if named else None,
        recorded_at=recorded_at,
        baby=None if told is Told.STILLBIRTH and not own else _number(own, "Patient"),
        born=day(text(baby, "birthDate")[:10]),
    )


def _links(patient: dict[str, Any], related: dict[str, Any], resources: Mapping[str, Any]) -> bool:
    """Tell whether a patient's record points at how the patient is related to another."""
    pointed = {text(link, "other", "reference") for link in every(patient, "link")}
    return any(resources.get(url) is related for url in pointed)


def _is_stillborn(resources: Mapping[str, Any]) -> bool:
    """Tell whether an observation says that the baby was not born alive."""
    return any(
        _LIVE not in said
        for one in _of_kind(resources, "Observation")
        if _STILLBIRTH in {code for _, code in codings(one.get("code"))}
        and (said := {code for _, code in codings(one.get("valueCodeableConcept"))})
    )


def _of_kind(resources: Mapping[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """Yield the resources of a kind."""
    return (one for one in resources.values() if text(one, "resourceType") == kind)


def _routed_to(header: dict[str, Any]) -> str:
    """Return the number in the header's routing demographics, empty where there is none."""
    parts = (
        part
        for routing in every(header, "extension")
        if text(routing, "url") == _ROUTING
        for part in every(routing, "extension")
        if text(part, "url") == "nhsNumber"
    )
    return text(next(parts, None), "valueIdentifier", "value")


def _kind(event_type: str) -> Told | None:
    """Return what events of a type are about; `-1` and `-2` at its end are versions."""
    name, _, version = event_type.rpartition("-")
    return _KINDS.get(name if version.isdecimal() else event_type)


def _number(digits: str, location: str) -> NhsNumber:
    """Return a number; raise `MalformedMessage` for anything else."""
    with suppress(InvalidNhsNumber):
        return NhsNumber(digits)
    raise MalformedMessage("NHS number wrong or missing", hl7_code=REQUIRED_FIELD, location=location)


def _time(value: str, location: str) -> datetime:
    """Return when an event was recorded; raise `MalformedMessage` for none, or one before 1900."""
    at, _ = moment(value)
    if at is None or at < _FIRST_TIME:
        raise MalformedMessage("time wrong or missing", hl7_code=DATA_TYPE, location=location)
    return at
