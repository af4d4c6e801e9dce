"""What stands of an alert and what was told of it: the ledger's row, and the events that are still held."""

from collections.abc import Sequence
from dataclasses import replace

from broker.core.alerts import Alert, AlertEvent, Note, RecipientKind
from broker.core.content import shared_fields
from broker.core.explanation import AlertFinding, Gone, Revision
from broker.core.facts import PlanKey
from broker.core.identifiers import OdsCode
from broker.core.person import Person

Events = Sequence[AlertEvent]


def told_of(alert_id: str, person: Person, events: Events, *, restricted: bool = False) -> AlertFinding:
    """
    Return what was told of one alert, which need not stand.

    `restricted` keeps the provider back also where the alert itself does not say so yet (ruling 24).
    """
    row = person.told.get(alert_id)
    held = _of(alert_id, events)
    contents = [row.alert if row is not None else None, *(event.alert for event in reversed(held))]
    known = next((alert for alert in contents if alert is not None), None)
    finding = AlertFinding(
        alert_id=alert_id,
        kind=None if known is None else known.recipient.kind,
        code=None if known is None else _code(known, restricted=restricted),
        stands=False,
        told=_revisions(held),
    )
    return finding if row is None else replace(finding, revision=row.revision, last_kind=row.kind)


def standing(alert: Alert, person: Person, events: Events, *, restricted: bool) -> AlertFinding:
    """Return an alert that stands, with what was told of it."""
    return replace(
        told_of(alert.alert_id, person, events, restricted=restricted),
        kind=alert.recipient.kind,
        code=_code(alert, restricted=restricted),
        stands=True,
        route=alert.route,
        urgency=alert.urgency,
        plans=tuple(
            PlanKey(authority=line.authority, plan_type=line.plan_type, start=line.start)
            for line in alert.plans
        ),
        fields=shared_fields(alert),
        notes=alert.notes,
    )


def gone(events: Events) -> Gone:
    """Return what can be said of an alert by its events alone, of which there is one at least."""
    held = _of(events[0].alert.alert_id, events)
    last = held[-1]
    return Gone(
        alert=AlertFinding(
            alert_id=last.alert.alert_id,
            kind=last.alert.recipient.kind,
            code=_code(last.alert, restricted=False),
            stands=False,
            revision=last.revision,
            last_kind=last.kind,
            told=_revisions(held),
        )
    )


def _of(alert_id: str, events: Events) -> list[AlertEvent]:
    """Return the events of an alert by revision, each once."""
    by_revision = {event.revision: event for event in events if event.alert.alert_id == alert_id}
    return [by_revision[revision] for revision in sorted(by_revision)]


def _code(alert: Alert, *, restricted: bool) -> OdsCode | None:
    """Return the recipient's code, but not of the provider in a restricted record (ruling 24)."""
    hidden = restricted or Note.RESTRICTED in alert.notes
    return None if hidden and alert.recipient.kind is RecipientKind.PROVIDER else alert.recipient.code


def _revisions(events: Events) -> tuple[Revision, ...]:
    """Return what each event did."""
    return tuple(
        Revision(
            revision=event.revision,
            kind=event.kind,
            changes=event.changes,
            why=event.why,
            policy_version=event.policy_version,
        )
        for event in events
    )
