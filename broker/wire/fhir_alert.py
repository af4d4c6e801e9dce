"""
Alerts as FHIR R4: one transaction with the alert's standing `Flag` and a `Communication` of the event.

The flag is put by its identifier, the alert's id; the communication is made once by the event's, whatever is
sent again (valid base R4; systems of UK Core, dossier 6.7). When a reader may not see any more what was told
before, the communications that said it are put, emptied, in error.
"""

import json
import uuid
from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from broker.core.alerts import TAKEN_BACK, AlertEvent, Change, EventKind, Note
from broker.core.clinician import Line, Reader, is_shown, lines
from broker.core.identifiers import NhsNumber, OdsCode
from broker.wire.alerts_codec import Published

CONTENT_TYPE = "application/fhir+json"
ALERT_SYSTEM = "urn:cpis-broker:alert"
EVENT_SYSTEM = "urn:cpis-broker:event"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"

Resource = dict[str, Any]

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
NAMESPACE = uuid.UUID("5d3b1c1e-6a53-4b0c-9a4e-0f6a3c0f7d11")
_FLAG_STATUS = {
    EventKind.RAISED: "active",
    EventKind.UPDATED: "active",
    EventKind.WITHDRAWN: "inactive",
    EventKind.RETRACTED: "entered-in-error",
}
_FLAG_TEXT = "Child Protection – Information Sharing"


def request_id(event_id: str) -> str:
    """Return `X-Request-ID` of an event's transaction: a UUID, the same when it is sent again."""
    return str(uuid.uuid5(NAMESPACE, event_id))


def bundle(
    published: Published, reader: Reader, *, at: datetime, told: Collection[str]
) -> tuple[bytes, tuple[str, ...]]:
    """
    Return the transaction of an event that is sent at an aware time, as JSON in UTF-8, and what it leaves.

    These are the ids of the events whose communications then stand at the receiver with their words; `told`
    are those that may stand there already.
    """
    event = published.event
    earlier = [one for one in told if one != event.event_id]
    gone = earlier if _ends_what_was_told(event, reader) else []
    shown = lines(event, published.statements, reader, at)
    flag_url = f"urn:uuid:{uuid.uuid5(NAMESPACE, event.alert.alert_id)}"
    made = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            entry(
                flag_url,
                _flag(event),
                method="PUT",
                url=f"Flag?identifier={ALERT_SYSTEM}|{event.alert.alert_id}",
            ),
            entry(
                f"urn:uuid:{request_id(event.event_id)}",
                _communication(event, shown, flag_url, at),
                method="POST",
                url="Communication",
                ifNoneExist=f"identifier={EVENT_SYSTEM}|{event.event_id}",
            ),
            *(_emptied(one, event) for one in gone),
        ],
    }
    stands = (*(one for one in earlier if one not in gone), event.event_id)
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode(), stands


def _ends_what_was_told(event: AlertEvent, reader: Reader) -> bool:
    """Whether what was told of an alert before may not stand any more: taken back, or not for this reader."""
    return event.kind in TAKEN_BACK or Change.RESTRICTED in event.changes or not is_shown(event, reader)


def _emptied(event_id: str, later: AlertEvent) -> Resource:
    """Return what leaves of an earlier event's communication only that there was one (rulings 16, 24, 44)."""
    return entry(
        f"urn:uuid:{request_id(event_id)}",
        {
            "resourceType": "Communication",
            "meta": _security(later),
            "identifier": [{"system": EVENT_SYSTEM, "value": event_id}],
            "status": "entered-in-error",
            "subject": patient(later.subject),
        },
        method="PUT",
        url=f"Communication?identifier={EVENT_SYSTEM}|{event_id}",
    )


def entry(full_url: str, resource: Resource, **request: str) -> Resource:
    """Return one entry of a transaction."""
    return {"fullUrl": full_url, "resource": resource, "request": request}


def _flag(event: AlertEvent) -> Resource:
    """Return the flag on the patient's record."""
    flag: Resource = {
        "resourceType": "Flag",
        "meta": _security(event),
        "identifier": [{"system": ALERT_SYSTEM, "value": event.alert.alert_id}],
        "status": _FLAG_STATUS[event.kind],
        "category": [{"coding": [{"system": f"{TERMINOLOGY}/flag-category", "code": "safety"}]}],
        "code": {"text": _FLAG_TEXT},
        "subject": patient(event.subject),
    }
    if event.alert.visit is not None:
        flag["period"] = {"start": instant(event.alert.visit.arrived_at)}
    return flag


def _communication(event: AlertEvent, shown: tuple[Line, ...], flag_url: str, at: datetime) -> Resource:
    """Return what is told of one event."""
    return {
        "resourceType": "Communication",
        "meta": _security(event),
        "identifier": [{"system": EVENT_SYSTEM, "value": event.event_id}],
        "status": "completed",
        "category": [{"coding": [{"system": f"{TERMINOLOGY}/communication-category", "code": "alert"}]}],
        "priority": "urgent" if event.loud else "routine",
        "subject": patient(event.subject),
        "about": [{"reference": flag_url}],
        "sent": instant(at),
        "recipient": [organisation(event.alert.recipient.code)],
        "payload": [{"contentString": f"{line.code.value}: {text_of(line.value)}"} for line in shown],
    }


def _security(event: AlertEvent) -> Resource:
    """Return the labels of an alert."""
    return labels(restricted=Note.RESTRICTED in event.alert.notes)


def labels(*, restricted: bool) -> Resource:
    """Return the labels: how confidential, and that the patient and family are not shown it (ruling 30)."""
    return {
        "security": [
            {"system": f"{TERMINOLOGY}/v3-Confidentiality", "code": "V" if restricted else "R"},
            {"system": f"{TERMINOLOGY}/v3-ActCode", "code": "NOPAT"},
        ]
    }


def patient(number: NhsNumber) -> Resource:
    """Return who it is about, by the NHS number alone."""
    return {"type": "Patient", "identifier": {"system": NHS_NUMBER, "value": number.digits}}


def organisation(code: OdsCode) -> Resource:
    """Return an organisation by its code."""
    return {"type": "Organization", "identifier": {"system": ODS_CODE, "value": code.code}}


def text_of(value: str | int | date | datetime) -> str:
    """Return a value as a sentence has it."""
    return instant(value) if isinstance(value, datetime) else str(value)


def instant(at: datetime) -> str:
    """Return a time as FHIR writes it, to the second."""
    return at.isoformat(timespec="seconds")
