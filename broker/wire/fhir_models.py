"""
Resources of FHIR R4, held to their models: what is not one is a fault of the message, told by its place.

Narrative is taken out unread: it is markup and free text, neither of which concerns a fact (ruling 31). No
attendance is refused for its times (ruling 37): one that cannot be read is left out, and told.
"""

from typing import Any, Final

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.encounter import Encounter
from fhir.resources.R4B.location import Location
from fhir.resources.R4B.messageheader import MessageHeader
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.organization import Organization
from fhir.resources.R4B.patient import Patient
from fhir.resources.R4B.practitioner import Practitioner
from fhir.resources.R4B.practitionerrole import PractitionerRole
from fhir.resources.R4B.relatedperson import RelatedPerson
from pydantic import BaseModel, ValidationError

from broker.core.errors import MalformedMessage
from broker.wire.hl7v2 import DATA_TYPE, REQUIRED_FIELD

_MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        Bundle,
        Condition,
        Encounter,
        Location,
        MessageHeader,
        Observation,
        Organization,
        Patient,
        Practitioner,
        PractitionerRole,
        RelatedPerson,
    )
}
READ: Final = frozenset(_MODELS)
"""The kinds of resource of which something is read."""
_TIMES = frozenset(
    {
        *("authoredOn", "birthDate", "date", "deceasedDateTime", "effectiveDateTime", "end", "issued"),
        *("lastUpdated", "onsetDateTime", "recordedDate", "sent", "start", "timestamp"),
    }
)
_UNKNOWN = "extra_forbidden"
_MISSING = "missing"

_Place = tuple[str | int, ...]


def checked(resource: dict[str, Any], kind: str) -> frozenset[str]:
    """
    Hold a resource to the model of its kind, having taken out of it what is no time; return those places.

    Narrative and contained resources are taken out as well: who reads those holds each to its own. Places are
    FHIRPath, `Encounter.period.start`. Raises `MalformedMessage` at the first place where it is none of its
    kind: 101 for an element that must be there, 102 for anything else.
    """
    for unread in ("text", "contained"):
        resource.pop(unread, None)
    faults = _faults(resource, kind)
    dropped = {place for place in faults if place[-1] in _TIMES and _took_out(resource, place)}
    if dropped:
        faults = _faults(resource, kind)
    for place, sort in faults.items():
        if sort == _UNKNOWN:  # its name is the sender's own words: the place above it is told
            raise MalformedMessage("unknown element", hl7_code=DATA_TYPE, location=_path(kind, place[:-1]))
        reason, code = ("no valid value", DATA_TYPE) if sort != _MISSING else ("missing", REQUIRED_FIELD)
        raise MalformedMessage(f"element {reason}", hl7_code=code, location=_path(kind, place))
    return frozenset(_path(kind, place) for place in dropped)


def _faults(resource: dict[str, Any], kind: str) -> dict[_Place, str]:
    """Return the places at which a resource is none of its kind, each with the sort of the fault."""
    try:
        _MODELS[kind].model_validate(resource)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False, include_context=False)
        return {one["loc"] or (kind,): one["type"].rpartition(".")[2] for one in told}
    except (
        AttributeError,
        KeyError,
        TypeError,
    ):  # the library takes whatever stands for an address for a text
        return {(kind,): ""}
    return {}


def _took_out(resource: Any, place: _Place) -> bool:
    """Take an element out of a resource; return whether it was found on the way that was told."""
    *way, name = place
    try:
        for step in way:
            resource = resource[step]
        del resource[name]
    except (KeyError, IndexError, TypeError):  # the library looks into texts that hold JSON
        return False
    return True


def _path(kind: str, place: _Place) -> str:
    """Return a place as FHIRPath, what is no name of an element left out."""
    path = kind
    for step in place:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.isidentifier() and step not in {"root", kind}:
            path += f".{step}"
    return path
