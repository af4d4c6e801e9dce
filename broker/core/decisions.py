"""
Decide which alerts stand for whom, and why a visit led to none. Pure: no clock, no randomness, no I/O.

The rules live in the modules named for them – `setting`, `visits`, `plans`, `matching` – and the content
in `content`; here they are put in their order. The rows of the tables in `tests/spec` are the specification.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.core.alerts import (
    Alert,
    DecisionEntry,
    ItemKind,
    Occasion,
    Recipient,
    RecipientKind,
    ViewLine,
    Why,
    WorklistItem,
)
from broker.core.content import (
    Handling,
    Matched,
    authority_alert,
    provider_alert,
    shared_fields,
    successor_of,
    view_alert,
    view_line,
)
from broker.core.facts import Access, IdentityKind, PlanKey, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey
from broker.core.matching import match_over_time
from broker.core.number_answers import under_enquiry
from broker.core.person import Known
from broker.core.plans import (
    Due,
    NotDue,
    Stay,
    Version,
    cutoff,
    delayed_from,
    due,
    histories,
    timing_marks,
    with_replacements,
)
from broker.core.policy import Policy
from broker.core.reading import Visit
from broker.core.visits import read_visits


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What follows from what is known: alerts and items by id, and one entry for every visit and view."""

    alerts: Mapping[str, Alert]
    items: Mapping[str, WorklistItem]
    entries: Mapping[str, DecisionEntry]


def decide(number: NhsNumber, known: Known, policy: Policy, key: IdentityKey) -> Decisions:
    """Return every standing alert, open item and decision about one person."""
    return _Deciding(number, known, policy, key).decide()


class _Deciding:
    """The decisions about one person in the making."""

    def __init__(self, number: NhsNumber, known: Known, policy: Policy, key: IdentityKey) -> None:
        self.number = number
        self.policy = policy
        self.key = key
        self.messages = known.visits
        self.plans = list(histories(known.plans).values())
        self.visits = read_visits(known.visits, policy)
        self.accesses = sorted(known.accesses.values(), key=lambda access: access.access_id)
        self.sensitive = known.visits.keys() - {ref for visit in self.visits for ref in visit.references}
        self.restricted = any(notice.kind is IdentityKind.RESTRICTED for notice in known.notices.values())
        self.enquiry = under_enquiry(known.notices.values())
        self.alerts: dict[str, Alert] = {}
        self.items: dict[str, WorklistItem] = {}
        self.entries: dict[str, DecisionEntry] = {}
        self.counted = [visit for visit in self.visits if self._not_counted(visit) is None]

    def decide(self) -> Decisions:
        """Go through the visits, then the views that belong to none."""
        for reference in sorted(self.sensitive):
            self._enter(reference, Occasion.ATTENDED, Why.SENSITIVE_PLACE)
        for visit in self.visits:
            self._decide_visit(visit)
        for access in self.accesses:
            self._decide_view(access)
        return Decisions(alerts=self.alerts, items=self.items, entries=self.entries)

    def _not_counted(self, visit: Visit) -> Why | None:
        """Return why a visit is no unscheduled attendance (rulings 3, 16), or None when it is one."""
        if not visit.unscheduled:
            return Why.SCHEDULED
        if visit.cancelled and visit.error_coded:
            return Why.REGISTERED_IN_ERROR
        if visit.cancelled and any(self._same_visit(visit, other) for other in self.visits):
            return Why.REGISTERED_TWICE
        return None

    def _same_visit(self, visit: Visit, other: Visit) -> bool:
        """Whether `other` is the visit that a cancelled registration was meant to be (ruling 16)."""
        return (
            other.reference != visit.reference
            and other.provider == visit.provider
            and not other.cancelled
            and other.unscheduled
            and abs(other.arrived_at - visit.arrived_at) <= self.policy.same_visit
        )

    def _decide_visit(self, visit: Visit) -> None:
        """Decide one thread: setting, plans due, identity, then content for each recipient."""
        why = self._not_counted(visit)
        if why is not None:
            self._enter(visit.reference, Occasion.ATTENDED, why)
            return
        pairs, none_because = self._due(_stay(visit), self.plans)
        if not pairs:
            self._enter(visit.reference, Occasion.ATTENDED, none_because)
            return
        matched = self._matched(visit, pairs)
        if len(matched) < len(pairs):
            self._confirm_identity(visit)
        if matched:
            self._alert(visit, matched)
        else:
            self._enter(visit.reference, Occasion.ATTENDED, Why.DETAILS_DISAGREE)

    def _due(self, stay: Stay, plans: Sequence[Sequence[Version]]) -> tuple[list[Due], Why]:
        """Return the plans that count for a stay, and the reason to give when none does."""
        found = [due(versions, stay, self.policy) for versions in plans]
        removed = any(result is NotDue.REMOVED_BEFORE for result in found)
        pairs = with_replacements([result for result in found if isinstance(result, Due)])
        return pairs, Why.REMOVED_BEFORE if removed else Why.NO_PLAN_DUE

    def _matched(self, visit: Visit, pairs: Sequence[Due]) -> list[Matched]:
        """Return the plans whose details match the visit's (ruling 20), with what a reader must know."""
        by = delayed_from(
            first_recorded_at=visit.first_recorded_at, left_at=visit.left_at, policy=self.policy
        )
        in_time = self._due_by(visit, pairs, by)
        matched = []
        for pair in pairs:
            match = match_over_time(visit.stated, pair.stated())
            if match is not None:
                marks = timing_marks(pair, is_delayed=in_time.isdisjoint(pair.keys))
                matched.append(
                    Matched(
                        plan=pair,
                        marks=(*marks, *match.marks),
                        owner=self._owner(pair, visit.newest_at),
                    )
                )
        return matched

    def _due_by(self, visit: Visit, pairs: Sequence[Due], by: datetime) -> frozenset[PlanKey]:
        """Return the plans that were due and matched by what had been received `by` then (ruling 11)."""
        held = {reference: self.messages[reference] for reference in visit.references}
        received = {reference: _received(messages, by) for reference, messages in held.items()}
        versions = (version for pair in pairs for version in pair.versions)
        if received == held and all(version.received_at <= by for version in versions):
            return frozenset(key for pair in pairs for key in pair.keys)
        return frozenset(
            key
            for thread in read_visits(received, self.policy)
            if thread.unscheduled
            for pair in self._due(_stay(thread), self._received_by(by))[0]
            if match_over_time(thread.stated, pair.stated()) is not None
            for key in pair.keys
        )

    def _received_by(self, by: datetime) -> list[list[Version]]:
        """Return the versions of every plan that had been received by a time."""
        heard = [[version for version in versions if version.received_at <= by] for versions in self.plans]
        return [versions for versions in heard if versions]

    def _owner(self, pair: Due, newest_at: datetime) -> OdsCode:
        """Return who answers for a plan from when it was there to be told, by the sources' stamps (19)."""
        return successor_of(pair.shown.content.authority, self.policy, max(newest_at, pair.said_at))

    def _confirm_identity(self, visit: Visit) -> None:
        """Ask the provider's safeguarding role, urgently, who the person is (rulings 20, 46)."""
        item = WorklistItem(
            item_id=self.key.derive("item", ItemKind.DETAILS_DISAGREE, visit.reference, self.number.key),
            kind=ItemKind.DETAILS_DISAGREE,
            urgent=True,
            provider=visit.provider,
            visit=visit.reference,
            control_id=visit.control_id,
            arrived_at=visit.arrived_at,
        )
        self.items[item.item_id] = item

    def _alert(self, visit: Visit, matched: Sequence[Matched]) -> None:
        """Raise one alert per authority, and one to the provider (ruling 19)."""
        restricted = self.restricted or visit.restricted
        handling = Handling(restricted=restricted, enquiry=self.enquiry)
        earlier = self._earlier(visit)
        views = self._views_during(visit)
        raised = []
        for owner in sorted({line.owner for line in matched}):
            recipient = Recipient(kind=RecipientKind.AUTHORITY, code=owner)
            alert_id = self._alert_id(recipient, visit.reference)
            raised.append(
                authority_alert(
                    alert_id, recipient, visit, matched, self.policy,
                    earlier=earlier, views=views, handling=handling,
                )
            )  # fmt: skip
        recipient = Recipient(kind=RecipientKind.PROVIDER, code=visit.provider)
        to_provider = provider_alert(
            self._alert_id(recipient, visit.reference), recipient, visit, matched, self.policy,
            earlier=earlier, restricted=restricted,
        )  # fmt: skip
        if to_provider is not None:
            raised.append(to_provider)
        self._stand(visit.reference, Occasion.ATTENDED, raised)

    def _earlier(self, visit: Visit) -> tuple[Visit, ...]:
        """Return the person's other unscheduled visits that began in the seven days before (ruling 8)."""
        since = visit.arrived_at - self.policy.reattendance
        return tuple(
            other
            for other in self.counted
            if other.reference != visit.reference and since <= other.arrived_at < visit.arrived_at
        )

    def _views_during(self, visit: Visit) -> tuple[ViewLine, ...]:
        """Return the views that are a line in this visit's thread (ruling 1)."""
        lines = [
            view_line(access)
            for access in self.accesses
            if access.unscheduled and self._during(access, visit)
        ]
        return tuple(sorted(lines, key=lambda line: (line.accessed_at, line.access_id)))

    @staticmethod
    def _during(access: Access, visit: Visit) -> bool:
        """Whether somebody at the provider, or at the site of the visit, looked the person up during it."""
        there = access.organisation in {visit.provider, visit.registers["site"]}
        return there and visit.arrived_at <= access.accessed_at <= visit.stay_until

    def _decide_view(self, access: Access) -> None:
        """Decide one view: silent, a line in a thread, or an alert of its own (ruling 1, R23)."""
        if not access.unscheduled:
            self._enter(access.access_id, Occasion.VIEWED, Why.SILENT_VIEW)
            return
        if any(self._in_thread(access, visit) for visit in self.visits):
            told = [alert for alert in self.alerts.values() if access.access_id in _view_ids(alert)]
            self._enter(
                access.access_id,
                Occasion.VIEWED,
                Why.SHARED,
                recipients=tuple(sorted(alert.recipient for alert in told)),
                fields=("views",) if told else (),
            )
            return
        at, recorded_at = access.accessed_at, min(access.recorded_at, access.received_at)
        stay = Stay(
            arrived_at=at,
            until=at,
            cutoff=cutoff(newest_at=recorded_at, arrived_at=at, policy=self.policy),
        )
        pairs, none_because = self._due(stay, self.plans)
        if not pairs:
            self._enter(access.access_id, Occasion.VIEWED, none_because)
            return
        lines = self._seen(access, recorded_at, stay, pairs)
        handling = Handling(restricted=self.restricted, enquiry=self.enquiry)
        raised = []
        for owner in sorted({line.owner for line in lines}):
            recipient = Recipient(kind=RecipientKind.AUTHORITY, code=owner)
            alert_id = self._alert_id(recipient, access.access_id)
            raised.append(view_alert(alert_id, recipient, access, lines, handling=handling))
        self._stand(access.access_id, Occasion.VIEWED, raised)

    def _in_thread(self, access: Access, visit: Visit) -> bool:
        """Whether a view is a line in the thread of a visit that is told (ruling 1)."""
        return self._during(access, visit) and self.entries[visit.reference].why is Why.SHARED

    def _seen(self, access: Access, recorded_at: datetime, stay: Stay, pairs: Sequence[Due]) -> list[Matched]:
        """Return the plans due at a view; it is over at once, so that what comes late is delayed (11)."""
        by = delayed_from(first_recorded_at=recorded_at, left_at=stay.until, policy=self.policy)
        heard = self._due(stay, self._received_by(by))[0] if access.received_at <= by else []
        in_time = {key for pair in heard for key in pair.keys}
        return [
            Matched(
                plan=pair,
                marks=timing_marks(pair, is_delayed=in_time.isdisjoint(pair.keys)),
                owner=self._owner(pair, recorded_at),
            )
            for pair in pairs
        ]

    def _alert_id(self, recipient: Recipient, subject: str) -> str:
        """Return the id of an alert: recipient, visit and number (architecture, "Identity of alerts")."""
        return self.key.derive("alert", recipient.kind, recipient.code.code, subject, self.number.key)

    def _stand(self, subject: str, occasion: Occasion, raised: Sequence[Alert]) -> None:
        """Let alerts stand and enter that they were shared."""
        self.alerts.update({alert.alert_id: alert for alert in raised})
        fields = sorted({name for alert in raised for name in shared_fields(alert)})
        self._enter(
            subject,
            occasion,
            Why.SHARED,
            recipients=tuple(alert.recipient for alert in raised),
            fields=tuple(fields),
        )

    def _enter(
        self,
        subject: str,
        occasion: Occasion,
        why: Why,
        *,
        recipients: tuple[Recipient, ...] = (),
        fields: tuple[str, ...] = (),
    ) -> None:
        """Record the decision about one visit or view."""
        self.entries[subject] = DecisionEntry(
            subject_reference=subject,
            occasion=occasion,
            why=why,
            recipients=recipients,
            fields=fields,
            policy_version=self.policy.version,
        )


def _stay(visit: Visit) -> Stay:
    """Return what a plan must overlap to count for a visit (ruling 10)."""
    return Stay(arrived_at=visit.arrived_at, until=visit.stay_until, cutoff=visit.cutoff)


def _received(messages: Mapping[str, VisitMessage], by: datetime) -> dict[str, VisitMessage]:
    """Return the messages that had been received by a time."""
    return {key: message for key, message in messages.items() if message.received_at <= by}


def _view_ids(alert: Alert) -> frozenset[str]:
    """Return the views that are lines in an alert."""
    return frozenset(line.access_id for line in alert.views)
