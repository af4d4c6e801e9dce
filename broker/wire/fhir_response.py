"""
What the answer of a FHIR R4 server to a transaction says beside its status (base R4, 3.1.0.11).

A server that answers 2xx may have done nothing all the same: a gateway may ask to log in, an operation
outcome may report an error, and where a transaction is taken for a batch each entry has a status of its own.
"""

import re
from collections.abc import Iterator
from typing import Any

from broker.core.delivery import Fault
from broker.core.errors import MalformedMessage
from broker.wire.json_strict import read_json

_PAGE = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<(!doctype\s+html|html)\b", re.IGNORECASE)
_BAD = frozenset({"error", "fatal"})
_DONE = "2"


def not_done(body: bytes) -> Fault | None:
    """
    Return why a transaction that was answered 2xx is not done, None where the answer does not say so.

    The body may be cut short. No word of the receiver's is repeated. What is no JSON that can be read says
    nothing: then the status counts.
    """
    if _PAGE.match(body):
        return Fault.NOT_THERE
    try:
        document = read_json(body)
    except MalformedMessage:
        return None
    if _reports_error(document) or any(not status.startswith(_DONE) for status in _statuses(document)):
        return Fault.IN_ERROR
    return None


def _reports_error(document: dict[str, Any]) -> bool:
    """Whether a document is an operation outcome with an issue that is an error."""
    if document.get("resourceType") != "OperationOutcome":
        return False
    return any(one.get("severity") in _BAD for one in _objects(document.get("issue")))


def _statuses(document: dict[str, Any]) -> Iterator[str]:
    """Yield the status of each entry of a bundle that has one."""
    for entry in _objects(document.get("entry")):
        response = entry.get("response")
        status = response.get("status") if isinstance(response, dict) else None
        if isinstance(status, str):
            yield status


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, nothing of what is none."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))
