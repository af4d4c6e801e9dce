"""A validator that is not ours reads every resource that is emitted, and finds no error in it (base R4)."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from broker.core.alerts import EventKind
from broker.core.door_errors import CallerUnknown, RequestRefused
from broker.core.errors import BrokerError, KafkaUnavailable, MalformedMessage, NotItsSender
from broker.wire.fhir_answer import (
    STATUSES,
    answer_to_message,
    answer_to_transaction,
    outcome_of,
    taken,
)
from broker.wire.fhir_capabilities import capabilities
from tests.builders.adt import Adt
from tests.builders.fhir import message, transaction
from tests.tools.stale_docs import REPOSITORY
from tests.unit.core.test_clinician import RESTRICTED, TO_PROVIDER, event
from tests.unit.wire.test_fhir_alert import made

pytest.importorskip("jpype", reason="the validator is a Java program")

_DEADLINE_S = 240.0  # ten seconds alone; much more on a machine that is shared
_ADT = Adt(
    event="A04",
    control_id="M1",
    recorded="20250301101500",
    pv1={"class": "E", "visit": "V-1", "arrived": "20250301101210"},
)
_MODIFIED = [{"url": "https://riverside.example/not", "valueBoolean": True}]
_HL7_CODES = (100, 101, 102, 103, 200, 201, 202, 207)
_OTHER_STATUSES = frozenset({200, 401, 403, 422, 500, 503})  # answered for what is not a refused request


def errors_in(resources: list[Any]) -> list[list[str]]:
    """Return what the validator finds in each resource."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.java.hapi_validator"],
        cwd=REPOSITORY,
        input=json.dumps(resources),
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEADLINE_S,
    )
    assert 0 == done.returncode, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


def alerts() -> list[Any]:
    """Return alerts as they are posted: raised and taken back, restricted and not, also without a visit."""
    told = [event(alert, kind=kind) for alert in (TO_PROVIDER, RESTRICTED) for kind in EventKind]
    return [made(one) for one in (*told, event(replace(TO_PROVIDER, visit=None)))]


def outcomes() -> list[Any]:
    """Return what is answered to a visit that is taken, and to whatever is not."""
    refused: list[BrokerError] = [
        CallerUnknown(),
        KafkaUnavailable(),
        NotItsSender("system not known", location="Bundle.entry[0].resource.source"),
        *(MalformedMessage("unusable", hl7_code=code, location="Encounter.subject") for code in _HL7_CODES),
        *(RequestRefused(status, "not what is taken here") for status in sorted(STATUSES - _OTHER_STATUSES)),
    ]
    modified = {"resourceType": "Encounter", "modifierExtension": _MODIFIED}
    return [taken({}), taken(modified), *map(outcome_of, refused)]


@pytest.mark.timeout(300)
def test_an_independent_validator_finds_no_error_in_what_is_emitted() -> None:
    """
    Flag and Communication within their Bundle, outcomes of every kind, answers, and the door's own statement.

    It finds what is wrong in the last one, which says less than R4 asks for and a code that it does not have.
    """
    emitted = [
        *alerts(),
        *outcomes(),
        *(answer_to_message(message(_ADT, **more)) for more in ({}, {"implicitRules": "urn:x"})),
        *(answer_to_transaction(transaction(_ADT) | more) for more in ({}, {"implicitRules": "urn:x"})),
        capabilities(),
    ]
    wrong = {"resourceType": "Flag", "status": "up"}

    *found, in_wrong = errors_in([*emitted, wrong])

    assert [[]] * len(emitted) == found
    assert any("Flag.code: minimum required = 1" in one for one in in_wrong)
    assert any("Unknown code" in one for one in in_wrong)
