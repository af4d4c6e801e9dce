"""
Which alerts another policy would have added, removed or altered over the same facts.

Compares what two replays of one stream came to. Nobody is named: a visit is known by its keyed reference.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from broker.core.alerts import Alert, AlertEvent, EventKind, Occasion, Recipient, VisitLine, Why
from broker.core.identifiers import OdsCode
from broker.services.replay import Replayed

STATUS = "status"
"""Stands among the altered fields where an alert stands by one policy and is taken back by the other."""

_TAKEN_BACK = frozenset({EventKind.WITHDRAWN, EventKind.RETRACTED})
_NO_CONTENT = frozenset({"alert_id", "subject", "occasion", "recipient", "visit", "child_id", "file_id"})
_CONTENT = tuple(entry.name for entry in fields(Alert) if entry.name not in _NO_CONTENT)
_OF_A_VISIT = tuple(entry.name for entry in fields(VisitLine))


class Verdict(StrEnum):
    """What the second policy does to an alert of the first."""

    ADDED = "added"
    REMOVED = "removed"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """
    One alert that differs.

    `subject` is the keyed reference of the visit or view, `provider` and `at` where and when it was, None
    where the alert does not say so. `fields` are those that differ; `why` is the rule by which one of the
    policies tells nobody, None where it tells others of the same visit.
    """

    verdict: Verdict
    recipient: Recipient
    occasion: Occasion
    subject: str
    provider: OdsCode | None
    at: datetime | None
    fields: tuple[str, ...] = ()
    why: Why | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that differs, by verdict, recipient and visit; `before` and `after` count the alerts ever told."""

    differences: tuple[Difference, ...]
    before: int
    after: int


def compare(before: Replayed, after: Replayed) -> Comparison:
    """Return how the alerts of a stream differ between two policies."""
    first, second = _newest(before), _newest(after)
    found = [
        _difference(Verdict.ADDED, second[alert_id], why=_why(before, second[alert_id]))
        for alert_id in second.keys() - first.keys()
    ]
    found += [
        _difference(Verdict.REMOVED, first[alert_id], why=_why(after, first[alert_id]))
        for alert_id in first.keys() - second.keys()
    ]
    for alert_id in first.keys() & second.keys():
        altered = tuple(_altered(first[alert_id], second[alert_id]))
        if altered:
            found.append(_difference(Verdict.ALTERED, second[alert_id], altered=altered))
    found.sort(key=lambda one: (list(Verdict).index(one.verdict), one.recipient, one.subject))
    return Comparison(differences=tuple(found), before=len(first), after=len(second))


def _newest(outcome: Replayed) -> dict[str, AlertEvent]:
    """Return the newest event of every alert that was ever told."""
    return {event.alert.alert_id: event for event in outcome.events}


def _why(outcome: Replayed, event: AlertEvent) -> Why | None:
    """Return the rule by which nobody is told of a visit or view in the end, None where somebody is."""
    whys = [entry.why for entry in outcome.decisions if entry.subject_reference == event.alert.subject]
    return whys[-1] if whys and whys[-1] is not Why.SHARED else None


def _altered(before: AlertEvent, after: AlertEvent) -> Iterator[str]:
    """Yield the names of what differs between two contents of one alert."""
    if (before.kind in _TAKEN_BACK) != (after.kind in _TAKEN_BACK):
        yield STATUS
    yield from (name for name in _CONTENT if getattr(before.alert, name) != getattr(after.alert, name))
    one: Any = before.alert.visit
    other: Any = after.alert.visit
    yield from (
        f"visit.{name}" for name in _OF_A_VISIT if getattr(one, name, None) != getattr(other, name, None)
    )


def _difference(
    verdict: Verdict, event: AlertEvent, *, altered: tuple[str, ...] = (), why: Why | None = None
) -> Difference:
    """Return a difference in what is told by an event."""
    alert = event.alert
    visit, views = alert.visit, alert.views
    return Difference(
        verdict=verdict,
        recipient=alert.recipient,
        occasion=alert.occasion,
        subject=alert.subject,
        provider=visit.provider if visit else next((view.organisation for view in views), None),
        at=visit.arrived_at if visit else next((view.accessed_at for view in views), None),
        fields=altered,
        why=why,
    )
