"""Alerts as FHIR R4."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.communication import Communication
from fhir.resources.R4B.flag import Flag
from hypothesis import given, settings

from broker.core.alerts import Alert, AlertEvent, Change, EventKind
from broker.core.clinician import Reader
from broker.wire.fhir_alert import bundle, request_id
from tests.strategies import alert_events
from tests.unit.core.test_clinician import RESTRICTED, TO_PROVIDER, event
from tests.unit.wire.test_oru import published

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
EVERYBODY = Reader(hours={})


def made(one: AlertEvent) -> Any:
    """Return an event's bundle as JSON."""
    return json.loads(bundle(published(one), EVERYBODY, at=AT, told=())[0])


def gone(one: AlertEvent, reader: Reader, *told: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what is put in the place of what was told before, by its address, and what is told since."""
    body, stands = bundle(published(one), reader, at=AT, told=told)
    entries = json.loads(body)["entry"][2:]
    assert ["PUT"] * len(entries) == [entry["request"]["method"] for entry in entries]
    return {entry["request"]["url"]: entry["resource"] for entry in entries}, stands


def resources(one: AlertEvent) -> list[Any]:
    """Return flag and communication of an event."""
    return [entry["resource"] for entry in made(one)["entry"]]


def test_a_raised_alert_is_an_active_flag_and_an_urgent_communication() -> None:
    """About the patient by NHS number alone, told to the provider, each with its identifier."""
    flag, told = resources(event())

    patient = {
        "type": "Patient",
        "identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"},
    }
    assert ("Flag", "active", patient, {"start": "2026-01-10T10:00:00+00:00"}) == (
        flag["resourceType"],
        flag["status"],
        flag["subject"],
        flag["period"],
    )
    assert ("Communication", "completed", "urgent", patient, "2026-07-01T12:00:00+00:00") == (
        told["resourceType"],
        told["status"],
        told["priority"],
        told["subject"],
        told["sent"],
    )
    assert ["RXX"] == [one["identifier"]["value"] for one in told["recipient"]]
    assert "Plan: LAC, looked-after child" in [one["contentString"] for one in told["payload"]]
    assert "Last of them: 2026-01-10T10:00:00+00:00" in [one["contentString"] for one in told["payload"]]


def test_sending_again_makes_nothing_anew() -> None:
    """The flag is put by the alert's id, the communication made only where the event's is not there."""
    flag, told = (entry["request"] for entry in made(event())["entry"])

    assert {"method": "PUT", "url": "Flag?identifier=urn:cpis-broker:alert|x"} == flag
    assert {
        "method": "POST",
        "url": "Communication",
        "ifNoneExist": "identifier=urn:cpis-broker:event|e1",
    } == told


def test_a_request_is_known_again_by_a_uuid() -> None:
    """The same when the event is sent again, another for another (peers.md 8.4)."""
    assert str(uuid.UUID(request_id("e1"))) == request_id("e1") != request_id("e2")


def test_the_communication_is_about_the_flag() -> None:
    """By the address that the transaction gives it."""
    flag, told = made(event())["entry"]

    assert [{"reference": flag["fullUrl"]}] == told["resource"]["about"]
    assert flag["fullUrl"] != told["fullUrl"]


@pytest.mark.parametrize(
    ("kind", "changes", "status", "priority"),
    [
        (EventKind.RAISED, (), "active", "urgent"),
        (EventKind.UPDATED, (Change.PLAN,), "active", "urgent"),
        (EventKind.UPDATED, (Change.HISTORY,), "active", "routine"),
        (EventKind.WITHDRAWN, (), "inactive", "urgent"),
        (EventKind.RETRACTED, (), "entered-in-error", "urgent"),
    ],
)
def test_the_flag_stands_as_long_as_the_alert(
    kind: EventKind, changes: tuple[Change, ...], status: str, priority: str
) -> None:
    """Withdrawn it is inactive, of a wrong person an error (rulings 7, 16, 44)."""
    flag, told = resources(event(kind=kind, changes=changes))

    assert (status, priority) == (flag["status"], told["priority"])


@pytest.mark.parametrize(("alert", "label"), [(TO_PROVIDER, "R"), (RESTRICTED, "V")])
def test_neither_is_for_the_patient_or_the_family(alert: Alert, label: str) -> None:
    """Labelled `NOPAT` (ruling 30); a restricted record is labelled very restricted (24)."""
    for resource in resources(event(alert)):
        assert [label, "NOPAT"] == [one["code"] for one in resource["meta"]["security"]]


def test_staff_at_large_are_told_nothing_of_a_restricted_record() -> None:
    """No plan and no number in any payload (ruling 24)."""
    assert "0207" not in json.dumps(made(event(RESTRICTED)))


@pytest.mark.parametrize(
    ("alert", "kind", "changes", "safeguarding"),
    [
        (TO_PROVIDER, EventKind.WITHDRAWN, (), False),
        (TO_PROVIDER, EventKind.RETRACTED, (), True),
        (RESTRICTED, EventKind.UPDATED, (Change.RESTRICTED,), True),
        (RESTRICTED, EventKind.UPDATED, (), False),
    ],
)
def test_what_may_not_be_read_any_more_stands_nowhere_at_the_receiver(
    alert: Alert, kind: EventKind, changes: tuple[Change, ...], *, safeguarding: bool
) -> None:
    """
    The plan, the authority and its numbers stood on in what was told first, beside the word to delete them.

    As every row comes back with `D` in HL7 v2 (rulings 16, 24, 44).
    """
    one, reader = event(alert, kind, changes), Reader(safeguarding=safeguarding, hours={})

    put, stands = gone(one, reader, "e-2", "e-1", one.event_id)

    assert [f"Communication?identifier=urn:cpis-broker:event|{name}" for name in ("e-2", "e-1")] == [*put]
    assert ["e-2", "e-1"] == [resource["identifier"][0]["value"] for resource in put.values()]
    assert {"resourceType", "meta", "identifier", "status", "subject"} == {*chain.from_iterable(put.values())}
    assert (one.event_id,) == stands
    read = [Communication.model_validate(resource) for resource in put.values()]
    assert ["entered-in-error"] * 2 == [resource.status for resource in read]


def test_what_still_holds_stays() -> None:
    """An update says more, and is a communication beside the first."""
    one = event(kind=EventKind.UPDATED, changes=(Change.PLAN,))

    assert ({}, ("e-1", one.event_id)) == gone(one, EVERYBODY, "e-1")
    assert ({}, ("e-1", one.event_id)) == gone(one, EVERYBODY, "e-1", one.event_id)


def test_an_alert_without_a_visit_has_no_period() -> None:
    """Nothing is said that is not known."""
    assert "period" not in resources(event(replace(TO_PROVIDER, visit=None)))[0]


@settings(max_examples=20)
@given(one=alert_events())
def test_an_independent_model_takes_every_resource(one: AlertEvent) -> None:
    """Whatever is told, bundle, flag and communication are valid base R4."""
    found = made(one)
    models: tuple[Any, ...] = (Bundle, Flag, Communication)
    resources_sent = (found, *(entry["resource"] for entry in found["entry"]))

    read = [model.model_validate(sent) for model, sent in zip(models, resources_sent, strict=True)]

    assert ["transaction", one.subject.digits, one.event_id] == [
        read[0].type,
        read[1].subject.identifier.value,
        read[2].identifier[0].value,
    ]
