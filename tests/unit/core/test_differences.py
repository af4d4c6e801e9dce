"""What changed between two contents of one alert: rulings 7 and 14."""

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from broker.core.alerts import (
    LOUD,
    Alert,
    Change,
    Contact,
    Mark,
    Note,
    Route,
    Urgency,
    ViewLine,
    VisitLine,
    VisitState,
)
from broker.core.effects import differences
from broker.core.identifiers import OdsCode
from broker.core.visit_reason import Reason
from tests.unit.core.samples import ALERT, AT, LINE, VISIT

VIEW = ViewLine(
    access_id="a1",
    organisation=OdsCode("RXX"),
    organisation_name="Exton Hospital",
    role="nurse",
    user_name="A Nurse",
    accessed_at=AT,
)
OTHER_VISIT: dict[str, Any] = {
    "provider": OdsCode("RYY"),
    "provider_name": "Exton Hospital",
    "site": OdsCode("RXX01"),
    "location": "ED",
    "arrived_at": AT.replace(hour=11),
    "departed_at": AT,
    "patient_class": "E",
    "arrival_mode": "A",
    "reason": Reason.FALL,
    "acuity": "2",
    "disposition": "3",
    "clinician_role": "nurse",
    "clinician_name": "A",
    "call_back": "0207",
    "next_of_kin_relationship": "3",
    "next_of_kin_name": "B",
    "accompanied_by": "C",
    "visit": "v2",
}


@pytest.mark.parametrize("name", [entry.name for entry in fields(VisitLine) if entry.name != "state"])
def test_every_field_of_a_visit_makes_one_quiet_change(name: str) -> None:
    """No change of content goes unsaid (ruling 7)."""
    changes = differences(ALERT, replace(ALERT, visit=replace(VISIT, **{name: OTHER_VISIT[name]})))

    assert (1, set()) == (len(changes), set(changes) & LOUD)


@pytest.mark.parametrize("after", VisitState)
@pytest.mark.parametrize("before", VisitState)
def test_every_change_of_state_is_said(before: VisitState, after: VisitState) -> None:
    """From any state to any other; only standing still says nothing."""
    one, other = (replace(ALERT, visit=replace(VISIT, state=state)) for state in (before, after))

    assert (before is after) == (() == differences(one, other))


OTHER_ALERTS: dict[str, tuple[Any, Change]] = {
    "route": (Route.SAFEGUARDING, Change.RECIPIENT_ROUTE),
    "urgency": (Urgency.SUMMARY, Change.RECIPIENT_ROUTE),
    "notes": ((Note.SITE_UNLISTED,), Change.NOTE),
    "plans": ((replace(LINE, end=date(2026, 1, 9)),), Change.PLAN),
    "views": ((VIEW,), Change.VIEW),
    "other_authorities": (
        (Contact(authority=OdsCode("E08"), name="B", phone_emergency="1", phone_office=None),),
        Change.PLAN,
    ),
    "earlier_visits": (1, Change.HISTORY),
    "last_visit_at": (AT, Change.HISTORY),
    "asked_again": (1, Change.ASKED_AGAIN),
}


@pytest.mark.parametrize("name", OTHER_ALERTS)
def test_every_field_of_an_alert_makes_a_change(name: str) -> None:
    """No change of content goes unsaid."""
    value, change = OTHER_ALERTS[name]
    assert (change,) == differences(ALERT, replace(ALERT, **{name: value}))


def test_what_is_asked_less_often_is_a_quiet_change() -> None:
    """One of two questions was answered: nobody is asked again by it (ruling 43)."""
    changes = differences(replace(ALERT, asked_again=2), replace(ALERT, asked_again=1))
    assert ((Change.NOTE,), set()) == (changes, set(changes) & LOUD)


def test_the_fields_that_make_a_change_are_all_there_are() -> None:
    """Beside what names the thread."""
    fixed = {"alert_id", "subject", "occasion", "recipient", "visit", "child_id", "file_id"}
    assert {entry.name for entry in fields(Alert)} == fixed | set(OTHER_ALERTS)


def test_an_alert_without_a_visit_has_no_change_of_one() -> None:
    """A view's alert (ruling 1)."""
    assert () == differences(replace(ALERT, visit=None), replace(ALERT, visit=None))


@pytest.mark.parametrize("before", [(), (Mark.DELAYED,)])
def test_only_the_mark_of_a_late_removal_is_quiet(before: tuple[Mark, ...]) -> None:
    """After the cut-off a removal is a quiet line; any other mark is a plan change (rulings 7, 14)."""
    quiet = replace(ALERT, plans=(replace(LINE, marks=(*before, Mark.REMOVED_AFTERWARDS)),))
    loud = replace(ALERT, plans=(replace(LINE, marks=(Mark.REMOVED_AFTERWARDS,)),))
    alert = replace(ALERT, plans=(replace(LINE, marks=before),))

    assert (Change.REMOVED_AFTERWARDS,) == differences(alert, quiet)
    assert ((Change.PLAN,) if before else (Change.REMOVED_AFTERWARDS,)) == differences(alert, loud)
