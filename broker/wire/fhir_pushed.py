"""
Answers that are pushed, as FHIR R4: a transaction of one `Communication`, never a `Flag` (ruling 41).

It is put by the identifier of the visit's answer, so that its newest word replaces those before: no outdated
`no plan on file` stands beside a plan.
"""

import json
import uuid
from datetime import datetime

from broker.core.answers import Uncheckable
from broker.core.pushing import PushedAnswer, answer_lines
from broker.wire.fhir_alert import (
    EVENT_SYSTEM,
    NAMESPACE,
    TERMINOLOGY,
    Resource,
    entry,
    instant,
    labels,
    organisation,
    patient,
    text_of,
)

ANSWER_SYSTEM = "urn:cpis-broker:answer"


def answer_bundle(pushed: PushedAnswer, *, at: datetime) -> bytes:
    """Return the transaction of an answer that is sent at an aware time, as JSON in UTF-8."""
    made = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            entry(
                f"urn:uuid:{uuid.uuid5(NAMESPACE, pushed.answer_id)}",
                _communication(pushed, at),
                method="PUT",
                url=f"Communication?identifier={ANSWER_SYSTEM}|{pushed.answer_id}",
            )
        ],
    }
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def _communication(pushed: PushedAnswer, at: datetime) -> Resource:
    """Return what is told of a visit; without a subject where it has no usable number."""
    answer, number = pushed.answer, pushed.visit.number
    communication: Resource = {
        "resourceType": "Communication",
        "meta": labels(restricted=answer is not None and answer.reason is Uncheckable.RESTRICTED),
        "identifier": [
            {"system": ANSWER_SYSTEM, "value": pushed.answer_id},
            {"system": EVENT_SYSTEM, "value": pushed.event_id},
        ],
        "status": "entered-in-error" if answer is None else "completed",
        "category": [
            {"coding": [{"system": f"{TERMINOLOGY}/communication-category", "code": "notification"}]}
        ],
        "priority": "routine",
        "sent": instant(at),
        "recipient": [organisation(pushed.visit.provider)],
        "payload": [
            {"contentString": f"{line.code.value}: {text_of(line.value)}"} for line in answer_lines(pushed)
        ],
    }
    return communication if number is None else communication | {"subject": patient(number)}
