"""
Decide which alerts stand for whom, and why a visit led to none. Pure: no clock, no randomness, no I/O.

The rules live in the modules named for them – `setting`, `visits`, `plans`, `matching` – and the content
in `content`; here they are put in their order. The rows of the tables in `tests/spec` are the specification.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    Matched,
    authority_alert,
    provider_alert,
    shared_fields,
    successor_of,
    view_alert,
)
from broker.core.facts import Access, IdentityKind
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.matching import match_over_time
from broker.core.person import Known
from broker.core.plans import Due, NotDue, Stay, delayed, due, histories, timing_marks
from broker.core.policy import Policy
from broker.core.visits import Visit, read_visits


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
        self.plans = list(histories(known.plans).values())
        self.visits = read_visits(known.visits, policy)
        self.accesses = sorted(known.accesses.values(), key=lambda access: access.access_id)
        self.sensitive = known.visits.keys() - {ref for visit in self.visits for ref in visit.references}
        self.restricted = any(notice.kind is IdentityKind.RESTRICTED for notice in known.notices.values())
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
        if visit.unscheduled_at is None:
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
            and other.unscheduled_at is not None
            and abs(other.arrived_at - visit.arrived_at) <= self.policy.same_visit
        )

    def _decide_visit(self, visit: Visit) -> None:
        """Decide one thread: setting, plans due, identity, then content for each recipient."""
        why = self._not_counted(visit)
        if why is not None:
            self._enter(visit.reference, Occasion.ATTENDED, why)
            return
        stay = Stay(arrived_at=visit.arrived_at, until=visit.stay_until, cutoff=visit.cutoff)
        pairs, none_because = self._due(stay)
        if not pairs:
            self._enter(visit.reference, Occasion.ATTENDED, none_because)
            return
        matched = [line for pair in pairs if (line := self._match(visit, pair)) is not None]
        if not matched:
            self._confirm_identity(visit)
            self._enter(visit.reference, Occasion.ATTENDED, Why.DETAILS_DISAGREE)
            return
        self._alert(visit, matched)

    def _due(self, stay: Stay) -> tuple[list[Due], Why]:
        """Return the plans that count for a stay, and the reason to give when none does."""
        found = [due(versions, stay, self.policy) for versions in self.plans]
        removed = any(result is NotDue.REMOVED_BEFORE for result in found)
        pairs = [result for result in found if isinstance(result, Due)]
        return pairs, Why.REMOVED_BEFORE if removed else Why.NO_PLAN_DUE

    def _match(self, visit: Visit, pair: Due) -> Matched | None:
        """Return the plan with its marks when the visit's details match it (ruling 20)."""
        match = match_over_time(visit.stated, pair.stated())
        if match is None:
            return None
        received = max(pair.received_at, match.received_at, visit.unscheduled_at or match.received_at)
        is_delayed = delayed(
            received,
            first_recorded_at=visit.first_recorded_at,
            left_at=visit.departed_at or visit.newest_at + self.policy.open_stay,
            policy=self.policy,
        )
        return Matched(plan=pair, marks=(*timing_marks(pair, is_delayed=is_delayed), *match.marks))

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
        earlier = self._earlier(visit)
        last_day = visit.stay_until
        owners = {successor_of(line.authority, self.policy, last_day) for line in matched}
        views = self._views_during(visit)
        raised = []
        for owner in sorted(owners):
            recipient = Recipient(kind=RecipientKind.AUTHORITY, code=owner)
            alert_id = self._alert_id(recipient, visit.reference)
            raised.append(
                authority_alert(
                    alert_id, recipient, visit, matched, self.policy,
                    earlier=earlier, views=views, restricted=restricted,
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
            ViewLine(
                access_id=access.access_id,
                organisation=access.organisation,
                organisation_name=access.organisation_name,
                role=access.role,
                user_name=access.user_name,
                accessed_at=access.accessed_at,
            )
            for access in self.accesses
            if access.unscheduled and self._during(access, visit)
        ]
        return tuple(sorted(lines, key=lambda line: (line.accessed_at, line.access_id)))

    @staticmethod
    def _during(access: Access, visit: Visit) -> bool:
        """Whether somebody at the provider looked the person up during the stay."""
        return (
            access.organisation == visit.provider
            and visit.arrived_at <= access.accessed_at <= visit.stay_until
        )

    def _decide_view(self, access: Access) -> None:
        """Decide one view: silent, a line in a thread, or an alert of its own (ruling 1, R23)."""
        if not access.unscheduled:
            self._enter(access.access_id, Occasion.VIEWED, Why.SILENT_VIEW)
            return
        threads = [
            entry.recipients
            for visit in self.visits
            if self._during(access, visit) and (entry := self.entries[visit.reference]).why is Why.SHARED
        ]
        if threads:
            self._enter(access.access_id, Occasion.VIEWED, Why.SHARED, recipients=threads[0])
            return
        at = access.accessed_at
        newest = min(access.recorded_at, access.received_at)
        stay = Stay(arrived_at=at, until=at, cutoff=max(newest, at + self.policy.plan_wait))
        pairs, none_because = self._due(stay)
        if not pairs:
            self._enter(access.access_id, Occasion.VIEWED, none_because)
            return
        lines = [Matched(plan=pair, marks=timing_marks(pair, is_delayed=False)) for pair in pairs]
        raised = []
        for owner in sorted({successor_of(line.authority, self.policy, at) for line in lines}):
            recipient = Recipient(kind=RecipientKind.AUTHORITY, code=owner)
            alert_id = self._alert_id(recipient, access.access_id)
            raised.append(
                view_alert(alert_id, recipient, access, lines, self.policy, restricted=self.restricted)
            )
        self._stand(access.access_id, Occasion.VIEWED, raised)

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
