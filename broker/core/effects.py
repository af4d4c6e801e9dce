"""
The difference between what stands and what was told: raised, updated, withdrawn.

Folding the same fact twice changes nothing, so nothing is told twice.
"""

import hashlib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from broker.core.alerts import (
    OWN_IDS,
    TAKEN_BACK,
    Alert,
    AlertEvent,
    Change,
    EventKind,
    Mark,
    Note,
    PlanLine,
    Recipient,
    VisitLine,
    VisitState,
    Why,
)
from broker.core.audit import DecisionEntry
from broker.core.canonical import canonical
from broker.core.decisions import Deciding, Decisions
from broker.core.keyed import IdentityKey
from broker.core.newer_rules import Stays, newly_untold, stays_of, without_untold
from broker.core.person import Known, Person, Told, Untold
from broker.core.policy import AnyPolicy
from broker.core.reading import OUTCOMES
from broker.core.restriction import is_reduced, keeping_mark, reduced
from broker.core.worklist import WorklistItem

_STATE_CHANGES = {
    VisitState.PRESENT: Change.VISIT,
    VisitState.ADMITTED: Change.ADMITTED,
    VisitState.TRANSFERRED: Change.TRANSFERRED,
    VisitState.DISCHARGED: Change.DISCHARGED,
    VisitState.LEFT_BEFORE_TREATMENT: Change.LEFT,
    VisitState.REFUSED_TREATMENT: Change.LEFT,
    VisitState.DIED: Change.DIED,
    VisitState.CANCELLED: Change.CANCELLED,
    VisitState.NOT_CONFIRMED: Change.IDENTITY,
}
_LEFT_STATES = frozenset(
    {
        VisitState.TRANSFERRED,
        VisitState.DISCHARGED,
        VisitState.LEFT_BEFORE_TREATMENT,
        VisitState.REFUSED_TREATMENT,
        VisitState.DIED,
    }
)
_BACK_STATES = frozenset({VisitState.PRESENT, VisitState.ADMITTED})
_VISIT_CHANGES = {
    "location": Change.LOCATION,
    "site": Change.LOCATION,
    "clinician_role": Change.CLINICIAN,
    "clinician_name": Change.CLINICIAN,
    "reason": Change.REASON,
    "acuity": Change.ACUITY,
}  # every other field of the visit is Change.VISIT
_VISIT_FIELDS = tuple(entry.name for entry in fields(VisitLine) if entry.name != "state")
_ANEW = timedelta(hours=24)
"""An arrival that is told to be more than so much later is another attendance (ADR 0049)."""
_DIGEST_DIGITS = 16  # 64 bits: two decisions about one visit never collide
_DUE = frozenset({Why.SHARED, Why.NEWER_RULES})  # somebody is to be told, or would be
_STILL_OPEN = (Why.NOT_CONFIRMED, True)  # others still hear of the possible attendance
_OF_ANOTHER = frozenset({Why.WRONG_PERSON, Why.NOT_THIS_PERSON})


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """
    What must be said to bring everybody up to date, and the person with it noted as told.

    `opened` and `closed` are worklist items; `entries` the decisions that are new or changed.
    """

    person: Person
    events: tuple[AlertEvent, ...]
    opened: tuple[WorklistItem, ...]
    closed: tuple[WorklistItem, ...]
    entries: tuple[DecisionEntry, ...]


def advance(
    person: Person, policy: AnyPolicy, key: IdentityKey, *, forgotten: Container[str] = ()
) -> Advance:
    """
    Decide, compare with what was told, and return the difference.

    `forgotten` are the ids of alerts that whoever was told has been made to forget, since the number was out
    of use (ruling 23): what stands is told once more, since nobody may have read it by then.
    """
    deciding = Deciding(person.number, open_part(person), policy, key)
    decisions = as_told(deciding.decide(), person, key)
    stays = stays_of(deciding) if person.untold else {}
    return _difference(person, decisions, policy, key, stays=stays, untold=person.untold, forgotten=forgotten)


def decided_anew(person: Person, policy: AnyPolicy, key: IdentityKey, clock: datetime) -> Advance:
    """
    Decide by rules or a policy that have changed, and return the difference that these alone make (ADR 0016).

    Every event says so. What nobody was told of somebody who had left by `clock`, the partition's (aware
    UTC), is told nobody.
    """
    deciding = Deciding(person.number, open_part(person), policy, key)
    decisions, stays = as_told(deciding.decide(), person, key), stays_of(deciding)
    untold = person.untold.union(newly_untold(person, decisions, stays, clock))
    because = (Change.RULES,)
    anew = _difference(person, decisions, policy, key, stays=stays, untold=untold, because=because)
    return replace(anew, entries=tuple(replace(entry, rules_changed=True) for entry in anew.entries))


def compared(person: Person, decisions: Decisions, policy: AnyPolicy, key: IdentityKey) -> Advance:
    """Compare what was decided of a person with what was told, and return the difference."""
    decisions = as_told(decisions, person, key)
    return _difference(person, decisions, policy, key, stays={}, untold=person.untold)


def _difference(
    person: Person,
    decisions: Decisions,
    policy: AnyPolicy,
    key: IdentityKey,
    *,
    stays: Stays,
    untold: frozenset[Untold],
    because: tuple[Change, ...] = (),
    forgotten: Container[str] = (),
) -> Advance:
    """Return the difference between what was told and what stands, without what is `untold`."""
    decisions, untold = without_untold(decisions, stays, untold)
    events = tuple(
        replace(event, policy_version=_version(event.alert, decisions, policy))
        for event in _events(person, decisions, key, because, forgotten)
    )
    told = dict(person.told)
    for event in events:
        told[event.alert.alert_id] = Told(revision=event.revision, kind=event.kind, alert=event.alert)
    items = decisions.items
    digests = {subject: digest_of(entry) for subject, entry in decisions.entries.items()}
    changed = [subject for subject, digest in digests.items() if person.entries.get(subject) != digest]
    return Advance(
        person=replace(person, told=told, items=items, entries={**person.entries, **digests}, untold=untold)
        if events or changed or items != person.items or untold != person.untold
        else person,
        events=events,
        opened=tuple(item for item_id, item in items.items() if person.items.get(item_id) != item),
        closed=tuple(item for item_id, item in person.items.items() if item_id not in items),
        entries=tuple(decisions.entries[subject] for subject in changed),
    )


def as_told(decisions: Decisions, person: Person, key: IdentityKey) -> Decisions:
    """
    Return decisions under the ids under which their threads were first told (ruling 22).

    A thread that came from a former number keeps the id that it was raised with. Where both numbers had told
    it, the one that stands goes on, of two the lesser id, and the other is withdrawn. A number that came back
    into use counts as another: what it told before may still be on its way, with revisions not known here.
    """

    def own(thread_id: str, begun: Container[str]) -> str:
        """Return the id of what began under this number, since it came back if it did."""
        if not person.returns or thread_id in begun:
            return thread_id
        return key.derive("returned", thread_id, str(person.returns))

    told: dict[tuple[Recipient, str], tuple[bool, str]] = {}
    for alert_id, row in person.told.items():
        if row.alert is not None:
            thread = (row.alert.recipient, row.alert.subject)
            rank = (row.kind in TAKEN_BACK, alert_id)
            told[thread] = min(told.get(thread, rank), rank)
    asked = {(item.kind, item.visit): item_id for item_id, item in person.items.items()}
    alerts, items = {}, {}
    for alert in decisions.alerts.values():
        begun = told.get((alert.recipient, alert.subject))
        alert_id = own(alert.alert_id, person.told) if begun is None else begun[1]
        alerts[alert_id] = alert if alert_id == alert.alert_id else replace(alert, alert_id=alert_id)
    for item in decisions.items.values():
        item_id = asked.get((item.kind, item.visit)) or own(item.item_id, person.items)
        items[item_id] = item if item_id == item.item_id else replace(item, item_id=item_id)
    return replace(decisions, alerts=alerts, items=items)


def open_part(person: Person) -> Known:
    """Return what is known of a person without the visits and views that nothing may revise any more."""
    known, closed = person.known, person.closed
    if not closed:
        return known
    still_open = replace(
        known,
        visits={ref: said for ref, said in known.visits.items() if ref not in closed},
        left={ref: said for ref, said in known.left.items() if ref not in closed},
        accesses={ref: access for ref, access in known.accesses.items() if ref not in closed},
    )
    return keeping_mark(known, still_open)


def _events(
    person: Person,
    decisions: Decisions,
    key: IdentityKey,
    because: tuple[Change, ...],
    forgotten: Container[str],
) -> tuple[AlertEvent, ...]:
    """Return the events that turn what was told into what stands, by alert id, each with why it is made."""
    events = []
    for alert_id in sorted(decisions.alerts):
        alert, told = decisions.alerts[alert_id], person.told.get(alert_id)
        if told is None:
            events.append(_event(person, key, alert, 1, EventKind.RAISED, because))
        elif told.kind in TAKEN_BACK or told.alert is None:
            since = () if told.alert is None else _restricted_since(told.alert, alert)
            moved = () if told.number is None else (Change.NUMBER,)
            again = (Change.REINSTATED, *moved, *since, *because)
            events.append(_event(person, key, alert, told.revision + 1, EventKind.UPDATED, again))
        elif told.alert != alert or told.number is not None or alert_id in forgotten:
            changes = {*differences(told.alert, alert), *because}
            changes |= {Change.NUMBER} if told.number is not None else set()
            changes |= {Change.REINSTATED} if alert_id in forgotten else set()
            said = tuple(sorted(changes))
            events.append(_event(person, key, alert, told.revision + 1, EventKind.UPDATED, said))
    for alert_id, told in sorted(person.told.items()):
        if alert_id not in decisions.alerts and told.alert is not None:
            events += _taken_back(person, key, told, told.alert, decisions, because)
    return tuple(events)


def _taken_back(
    person: Person,
    key: IdentityKey,
    told: Told,
    alert: Alert,
    decisions: Decisions,
    because: tuple[Change, ...],
) -> Iterator[AlertEvent]:
    """Yield what must be said of an alert that does not stand; what it said is reduced even then (24)."""
    content = reduced(alert) if decisions.restricted else alert
    changes = _restricted_since(alert, content)
    if told.kind in TAKEN_BACK and not changes:
        return
    why = _why(content, decisions.entries)
    kind = EventKind.RETRACTED if why in _OF_ANOTHER else EventKind.WITHDRAWN
    kind = told.kind if told.kind in TAKEN_BACK else kind
    yield _event(person, key, content, told.revision + 1, kind, (*changes, *because), why=why)


def _restricted_since(before: Alert, after: Alert) -> tuple[Change, ...]:
    """Return that recipients must delete what they were told before the record was restricted (24)."""
    return (Change.RESTRICTED,) if is_reduced(after) and not is_reduced(before) else ()


def _why(alert: Alert, entries: Mapping[str, DecisionEntry]) -> Why | None:
    """Return the rule that took an alert back; None when its thread joined another."""
    entry = entries.get(alert.subject)
    if entry is None or entry.why in _DUE or (entry.why, Note.NOT_CONFIRMED in alert.notes) == _STILL_OPEN:
        return None
    return entry.why


def _version(alert: Alert, decisions: Decisions, policy: AnyPolicy) -> str:
    """Return the version of the policy that decided about an alert; of all where its visit is none now."""
    entry = decisions.entries.get(alert.subject)
    return policy.version if entry is None else entry.policy_version


def _event(
    person: Person,
    key: IdentityKey,
    alert: Alert,
    revision: int,
    kind: EventKind,
    changes: tuple[Change, ...] = (),
    *,
    why: Why | None = None,
) -> AlertEvent:
    """Return an event whose id covers alert, revision, status and content; its own ids are no content."""
    content = canonical(alert, without=OWN_IDS) + canonical((*changes, why))
    return AlertEvent(
        event_id=key.derive("event", alert.alert_id, str(revision), kind, content),
        subject=person.number,
        alert=alert,
        revision=revision,
        kind=kind,
        changes=changes,
        why=why,
    )


def differences(before: Alert, after: Alert) -> tuple[Change, ...]:
    """
    Return what changed between two contents of one alert (ruling 7).

    Of a record restricted meanwhile (24) it is that, and what changed of what may still be told.
    """
    changes = set(_restricted_since(before, after))
    if changes:
        before = reduced(before)
    if before.plans != after.plans:
        lasting = _lasting(before.plans) == _lasting(after.plans)
        changes.add(Change.REMOVED_AFTERWARDS if lasting else Change.PLAN)
    if before.other_authorities != after.other_authorities:
        changes.add(Change.PLAN)
    if (before.route, before.urgency) != (after.route, after.urgency):
        changes.add(Change.RECIPIENT_ROUTE)
    changes |= _note_changes(before.notes, after.notes)
    if (before.earlier_visits, before.last_visit_at) != (after.earlier_visits, after.last_visit_at):
        changes.add(Change.HISTORY)
    if before.asked_again != after.asked_again:
        changes.add(Change.ASKED_AGAIN if before.asked_again < after.asked_again else Change.NOTE)
    if before.views != after.views:
        changes.add(Change.VIEW)
    if before.visit is not None and after.visit is not None and before.visit != after.visit:
        changes |= _visit_changes(before.visit, after.visit)
    return tuple(sorted(changes))


def _note_changes(before: tuple[Note, ...], after: tuple[Note, ...]) -> set[Change]:
    """Return what came and went of notes: quiet, but for the clinician who is to ring the authority (45)."""
    came, went = set(after) - set(before), set(before) - set(after)
    changes = {Change.NOT_OPENED} if Note.NOT_OPENED in came else set()
    return changes | ({Change.NOTE} if (came - {Note.NOT_OPENED}) or went else set())


def _lasting(plans: tuple[PlanLine, ...]) -> list[PlanLine]:
    """Return plans without the one mark that a version recorded after the cut-off may add (ruling 14)."""
    quiet = Mark.REMOVED_AFTERWARDS
    return [replace(plan, marks=tuple(mark for mark in plan.marks if mark is not quiet)) for plan in plans]


def _visit_changes(before: VisitLine, after: VisitLine) -> set[Change]:
    """Return what changed of a visit."""
    changes = {
        _VISIT_CHANGES.get(name, Change.VISIT)
        for name in _VISIT_FIELDS
        if getattr(before, name) != getattr(after, name)
    }
    if after.state in _BACK_STATES and after.arrived_at - before.arrived_at > _ANEW:
        changes.add(Change.REINSTATED)
    return changes | _state_changes(before.state, after.state) | _said_beside(before, after)


def _state_changes(before: VisitState, after: VisitState) -> set[Change]:
    """Return what a visit's new state says; one that stands again, or is back, says that first."""
    if before is after:
        return set()
    changes = {_STATE_CHANGES[after]}
    if before is VisitState.CANCELLED:
        changes.add(Change.REINSTATED)
    if before is VisitState.NOT_CONFIRMED:
        changes.add(Change.IDENTITY)
    if before in _LEFT_STATES and after in _BACK_STATES:
        changes.add(Change.DISCHARGE_CANCELLED)
    return changes


def _said_beside(before: VisitLine, after: VisitLine) -> set[Change]:
    """Return what a disposition says of a visit that is cancelled: the child came, and left so (7, R46)."""
    if after.state is not VisitState.CANCELLED or before.disposition == after.disposition:
        return set()
    outcome = OUTCOMES.get(after.disposition or "")
    return set() if outcome is None else {_STATE_CHANGES[outcome]}


def digest_of(entry: DecisionEntry) -> str:
    """Return what tells two decisions about one visit apart; what led to them does not."""
    return hashlib.sha256(canonical(entry, without=frozenset({"rules_changed"})).encode()).hexdigest()[
        :_DIGEST_DIGITS
    ]
