"""An answer of 2xx that says, in what comes with it, that nothing was done."""

import json

import pytest

from broker.core.delivery import Fault
from broker.wire.fhir_response import not_done

MADE = {"response": {"status": "201 Created", "location": "Flag/1"}}


def bundle(*entries: object) -> bytes:
    """Return a response bundle with these entries."""
    return json.dumps({"resourceType": "Bundle", "type": "batch-response", "entry": entries}).encode()


def outcome(*severities: object) -> bytes:
    """Return an operation outcome with issues of these severities."""
    issues = [{"severity": one, "code": "processing"} for one in severities]
    return json.dumps({"resourceType": "OperationOutcome", "issue": issues}).encode()


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"<!DOCTYPE html>\n<title>Log in", Fault.NOT_THERE),
        (b"\n <HTML><form>" + bytes(99), Fault.NOT_THERE),
        (b'<?xml version="1.0"?>\n<html/>', Fault.NOT_THERE),
        (outcome("warning", "error"), Fault.IN_ERROR),
        (outcome("fatal"), Fault.IN_ERROR),
        (bundle(MADE, {"response": {"status": "412"}}), Fault.IN_ERROR),
        (bundle({"response": {"status": "500 Internal Server Error"}}), Fault.IN_ERROR),
    ],
)
def test_what_was_not_done_is_seen(body: bytes, fault: Fault) -> None:
    """A page of a gateway is no server; an error of one may be over in a minute."""
    assert fault is not_done(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"<Bundle/>",
        b"[]",
        b'{"resourceType":"Bundle","entry":[' + b"[" * 100_000,
        outcome("information", "warning", None, 7),
        b'{"resourceType":"OperationOutcome","issue":{"severity":"error"}}',
        bundle(MADE, {"response": {"status": "200"}}),
        bundle({}, "entry", {"response": []}, {"response": {"status": 412}}),
        b'{"ok":true}',
    ],
)
def test_what_does_not_say_so_is_judged_by_its_status(body: bytes) -> None:
    """Receivers of their own making answer as they like; whatever it is, it is read at a bounded cost."""
    assert not_done(body) is None
