"""
What newer rules alone make of somebody, and who is not told of it. ADR 0016.

Whoever was told is told what differs. What nobody was told is told where the person is still there, by the
partition's clock (ruling 45); else it is remembered, and told when a later fact changes it.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from broker.core.alerts import OWN_IDS, TAKEN_BACK, Alert, Recipient, RecipientKind, Why
from broker.core.audit import DecisionEntry
from broker.core.canonical import canonical
from broker.core.clock import later
from broker.core.content import flows_of, shared_fields
from broker.core.decisions import Deciding, Decisions
from broker.core.lawful_basis import Flow
from broker.core.person import Person, Untold
from broker.core.restriction import reduced
from broker.core.worklist import WorklistItem

_DIGEST_DIGITS = 16

Stays = Mapping[str, datetime]
"""Until when a person is taken to have been there, by visit or view (aware UTC)."""


def stays_of(deciding: Deciding) -> Stays:
    """Return until when a person was there at each visit and view; of a view nobody says when they left."""
    stays = {visit.reference: visit.stay_until for visit in deciding.visits}
    for access in deciding.accesses:
        settled = deciding.policy.at(access.accessed_at).site(access.organisation)
        stays[access.access_id] = later(access.accessed_at, settled.open_stay)
    return stays


def newly_untold(person: Person, decisions: Decisions, stays: Stays, clock: datetime) -> Iterator[Untold]:
    """
    Yield what stands by newer rules and nobody is told.

    `clock` is the partition's: who was there until it or longer is still there. What takes the place of an
    alert that another recipient of the same kind was told about the visit is told, since that one was.
    """

    def is_over(subject: str) -> bool:
        """Whether the person has left."""
        return subject in stays and stays[subject] < clock

    replaced = {
        (row.alert.recipient.kind, row.alert.subject)
        for alert_id, row in person.told.items()
        if row.alert is not None and row.kind not in TAKEN_BACK and alert_id not in decisions.alerts
    }
    for alert_id, alert in decisions.alerts.items():
        moved = (alert.recipient.kind, alert.subject) in replaced
        if alert_id not in person.told and not moved and is_over(alert.subject):
            yield _of_alert(alert, stays)
            yield _of_alert(reduced(alert), stays)  # should the record be restricted (24)
    told = {(row.alert.recipient, row.alert.subject) for row in person.told.values() if row.alert is not None}
    asked = {item.visit for item in person.items.values()}
    for item_id, item in decisions.items.items():
        known = item.visit in asked or (_asked_of(item), item.visit) in told
        if item_id not in person.items and not known and is_over(item.visit or ""):
            yield _of_item(item, stays)


def without_untold(
    decisions: Decisions, stays: Stays, untold: Collection[Untold]
) -> tuple[Decisions, frozenset[Untold]]:
    """
    Return decisions without what nobody is told, and what of `untold` still is such.

    The entry about a visit says who was told; where nobody was, that newer rules alone decided it.
    """
    if not untold:
        return decisions, frozenset()
    held_alerts = {
        alert_id: one
        for alert_id, alert in decisions.alerts.items()
        if (one := _of_alert(alert, stays)) in untold
    }
    held_items = {
        item_id: one for item_id, item in decisions.items.items() if (one := _of_item(item, stays)) in untold
    }
    still = {(one.to, one.subject) for one in (*held_alerts.values(), *held_items.values())}
    alerts = {one: alert for one, alert in decisions.alerts.items() if one not in held_alerts}
    withheld = [alert for one, alert in decisions.alerts.items() if one in held_alerts]
    told = replace(
        decisions,
        alerts=alerts,
        items={one: item for one, item in decisions.items.items() if one not in held_items},
        entries={
            subject: _told_alone(entry, alerts.values())
            if any(subject in _subjects(alert) for alert in withheld)
            else entry
            for subject, entry in decisions.entries.items()
        },
    )
    return told, frozenset(one for one in untold if (one.to, one.subject) in still)


def _told_alone(entry: DecisionEntry, alerts: Collection[Alert]) -> DecisionEntry:
    """Return the entry about a visit or view as shared with those alone who are told one of these alerts."""
    told = [alert for alert in alerts if entry.subject_reference in _subjects(alert)]
    if not told:
        return replace(entry, why=Why.NEWER_RULES, recipients=(), fields=(), basis=(Flow.NOTHING_SHARED,))
    own = [alert for alert in told if alert.subject == entry.subject_reference]
    fields = tuple(sorted({name for alert in own for name in shared_fields(alert)})) or entry.fields
    return replace(
        entry,
        recipients=tuple(alert.recipient for alert in told),
        fields=fields,
        basis=flows_of(told),
    )


def _subjects(alert: Alert) -> frozenset[str]:
    """Return what an alert is about: its visit or view, and the views that are lines in it."""
    return frozenset({alert.subject, *(view.access_id for view in alert.views)})


def _of_alert(alert: Alert, stays: Stays) -> Untold:
    """Return what is remembered of an alert; under another number it is the same (ruling 22)."""
    visit = None if alert.visit is None else replace(alert.visit, visit="")
    content = replace(alert, alert_id="", subject="", visit=visit)
    to = f"{alert.recipient.kind} {alert.recipient.code}"
    return _untold(to, alert.subject, canonical(content, without=OWN_IDS), stays)


def _of_item(item: WorklistItem, stays: Stays) -> Untold:
    """Return what is remembered of a worklist item; under another number it is the same (ruling 22)."""
    subject = item.visit or ""
    return _untold(item.kind, subject, canonical(replace(item, item_id="", visit=None)), stays)


def _untold(to: str, subject: str, content: str, stays: Stays) -> Untold:
    """Return what is remembered of something about a visit or view."""
    said = f"{content} {stays.get(subject)}"
    return Untold(to=to, subject=subject, digest=hashlib.sha256(said.encode()).hexdigest()[:_DIGEST_DIGITS])


def _asked_of(item: WorklistItem) -> Recipient | None:
    """Return the provider that an item is for, as the recipient of alerts."""
    return None if item.provider is None else Recipient(kind=RecipientKind.PROVIDER, code=item.provider)
