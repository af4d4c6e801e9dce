"""
What is answered in FHIR R4: outcomes, the answer to a message, what the door can do.

A function of the request's bytes and of the verdict alone, so that a resend gets the same answer. An outcome
names the place in FHIRPath and our own code and reason, never a value.
"""

import hashlib
import json
import re
from typing import Any, Final

from broker.core.door_errors import CallerUnknown, RequestRefused
from broker.core.errors import BrokerError, MalformedMessage, NotItsSender
from broker.core.facts import VisitEvent
from broker.wire import fhir_terms as terms
from broker.wire.fhir_bundle import told_of
from broker.wire.fhir_models import READ
from broker.wire.fhir_values import every, modified, moment, text, within
from broker.wire.hl7v2 import (
    DATA_TYPE,
    EVENT,
    INTERNAL,
    MESSAGE_TYPE,
    PROCESSING_ID,
    REQUIRED_FIELD,
    SEGMENT_SEQUENCE,
    TABLE_VALUE,
)

FHIR_JSON: Final = "application/fhir+json"
BASE: Final = "/fhir/R4"
ERRORS: Final = "urn:cpis:errors"
"""System of the codes in `issue.details`: those of the reference of errors."""

_UNPROCESSABLE, _UNREADABLE, _FAILED, _AWAY, _UNKNOWN, _FORBIDDEN = 422, 400, 500, 503, 401, 403
_ISSUES = {
    SEGMENT_SEQUENCE: "structure",
    REQUIRED_FIELD: "required",
    DATA_TYPE: "value",
    TABLE_VALUE: "code-invalid",
    MESSAGE_TYPE: "not-supported",
    EVENT: "not-supported",
    PROCESSING_ID: "business-rule",
    INTERNAL: "exception",
}
_BY_STATUS = {
    400: "invalid",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
    429: "throttled",
}
STATUSES: Final = frozenset({200, 401, 403, 422, 500, 503, *_BY_STATUS})
"""Every status that is answered."""
_TAG = re.compile(r"[A-Za-z0-9.\-]{1,64}")  # an id of FHIR, which a version is


def verdict(error: BrokerError) -> tuple[int, str]:
    """Return the status of HTTP and the type of issue that an error is answered with."""
    if isinstance(error, CallerUnknown):
        return _UNKNOWN, "login"
    if isinstance(error, NotItsSender):
        return _FORBIDDEN, "forbidden"
    if isinstance(error, RequestRefused):
        return error.status, _BY_STATUS[error.status]
    if isinstance(error, MalformedMessage):
        if error.hl7_code == INTERNAL:
            return _FAILED, "exception"
        if error.hl7_code == DATA_TYPE and not error.location:
            return _UNREADABLE, "structure"
        return _UNPROCESSABLE, _ISSUES[error.hl7_code]
    return _AWAY, "transient"


def outcome_of(error: BrokerError) -> dict[str, Any]:
    """Return the outcome of a request that is not taken; trouble on our side is not explained."""
    status, kind = verdict(error)
    told = error.reason if isinstance(error, MalformedMessage) else str(error)
    place = error.location if isinstance(error, MalformedMessage) else ""
    detail = error.detail if isinstance(error, MalformedMessage) else ""
    if status == _AWAY:
        told = "not taken now; send it again, unchanged"
    issue: dict[str, Any] = {
        "severity": "error",
        "code": kind,
        "details": {"coding": [{"system": ERRORS, "code": error.code}], "text": told},
        "diagnostics": f"{detail and f'At {detail}. '}{error.action}" if status != _AWAY else told,
    }
    if place:
        issue["expression"] = [place]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def taken(document: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome of a visit that is durable, and what of it was not understood."""
    return _durable(_warnings(document))


def _durable(warnings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the outcome of a visit that is durable, with what it warns of."""
    issue = {"severity": "information", "code": "informational", "details": {"text": "durable"}}
    return {"resourceType": "OperationOutcome", "issue": [issue, *warnings]}


def _warning(kind: str, told: str, places: list[str]) -> dict[str, Any]:
    """Return an issue about what was taken."""
    return {"severity": "warning", "code": kind, "details": {"text": told}, "expression": places}


def _warnings(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return that something modifies what was read, and is not understood: the visit is taken (ADR 0053)."""
    sent = [found for one in every(document, "entry") for found in every(one, "resource")]
    kinds = {text(one, "resourceType") for one in (document, *sent) if modified(_without_entries(one))} & READ
    if not kinds:
        return []
    told = "modifierExtension or implicitRules not understood; taken as if it were not there"
    return [_warning("not-supported", told, sorted(kinds))]


def _warnings_of_message(document: dict[str, Any]) -> list[dict[str, Any]]:
    """
    Return what a message's sender is warned of: other visits in it, which are not read, and a void visit in
    which by the event something happened (ruling 37).
    """
    found = _warnings(document)
    visit, unread = told_of(document)
    if unread:
        told = "an Encounter that is not the one in focus is not read; send a message for each"
        found.append(_warning("not-supported", told, [f"Bundle.entry[{one}].resource" for one in unread]))
    coding = within(document["entry"][0], "resource", "eventCoding")
    event = terms.event_of(text(coding, "system"), text(coding, "code"), VisitEvent.REGISTERED)
    if terms.contradicts(text(visit, "status"), event):
        told = "status contradicts the event; a visit is void by A11, or by its status with A08"
        found.append(_warning("business-rule", told, ["Encounter.status"]))
    return found


def _without_entries(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource without those in it that are looked at by themselves."""
    return {name: value for name, value in resource.items() if name != "entry"}


def answer_to_message(document: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a message Bundle that was taken: a message that says so."""
    header = within(document["entry"][0], "resource")
    event = {name: header[name] for name in ("eventCoding", "eventUri") if name in header}
    warnings = _warnings_of_message(document)
    outcome = {**_durable(warnings), "id": _id("outcome", document)}
    told = [{"fullUrl": f"urn:uuid:{outcome['id']}", "resource": outcome}] if warnings else []
    details = {"details": {"reference": told[0]["fullUrl"]}} if told else {}
    answer: dict[str, Any] = {
        "resourceType": "MessageHeader",
        "id": _id("header", document),
        **event,
        "source": {"name": "cpis", "endpoint": "urn:cpis:intake"},
        "response": {
            "identifier": text(header, "id") or text(document, "id") or "unnamed",
            "code": "ok",
            **details,
        },
    }
    stamp = text(document, "timestamp")
    return {
        "resourceType": "Bundle",
        "id": _id("bundle", document),
        "type": "message",
        **({"timestamp": stamp} if moment(stamp)[0] is not None else {}),
        "entry": [{"fullUrl": f"urn:uuid:{answer['id']}", "resource": answer}, *told],
    }


def answer_to_transaction(document: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a transaction that was taken: each entry is, the first with what is to be told."""
    warnings = _warnings(document)
    outcome = {"outcome": _durable(warnings)} if warnings else {}
    entries = [{"response": {"status": "200 OK", **outcome}}]
    entries += [{"response": {"status": "200 OK"}} for _ in every(document, "entry")[1:]]
    return {
        "resourceType": "Bundle",
        "id": _id("bundle", document),
        "type": "transaction-response",
        "entry": entries,
    }


def version_tag(body: bytes, document: dict[str, Any]) -> str:
    """Return the entity tag of a visit as it was put: its version at the source, failing that a digest."""
    version = text(document, "meta", "versionId")
    return f'W/"{version if _TAG.fullmatch(version) else hashlib.sha256(body).hexdigest()[:16]}"'


def written(resource: dict[str, Any]) -> bytes:
    """Return a resource as bytes."""
    return json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode()


def _id(purpose: str, document: dict[str, Any]) -> str:
    """Return an id that is the same for the same message, in the form of a UUID."""
    digest = hashlib.sha256(f"{purpose}\n{json.dumps(document, sort_keys=True)}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
