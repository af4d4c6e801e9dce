"""
Decide which alerts stand for whom, and why a visit led to none. Pure: no clock, no randomness, no I/O.

The rules live in the modules named for them – `setting`, `visits`, `plans`, `matching` – and the content
in `content`; here they are put in their order. The rows of the tables in `tests/spec` are the specification.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from broker.core.alerts import Alert, Occasion, Recipient, RecipientKind, Why
from broker.core.asking import about_hold, about_view, about_visit
from broker.core.audit import DecisionEntry
from broker.core.birthdays import born_on
from broker.core.clock import as_recorded
from broker.core.content import (
    Matched,
    authority_alert,
    flows_of,
    owner_of,
    possible_alert,
    provider_alert,
    view_alert,
    view_line,
    views_during,
)
from broker.core.counting import view_not_counted
from broker.core.excluded import was_excluded
from broker.core.facts import Access, IdentityNotice
from broker.core.holding import held_since
from broker.core.identifiers import NhsNumber
from broker.core.identity_words import (
    is_confirmed,
    is_overdue,
    is_refused,
    is_unopened,
    is_without_outcome,
    was_refused,
)
from broker.core.keyed import IdentityKey
from broker.core.leaving import elsewhere, staying, staying_by
from broker.core.newborn import (
    counting,
    covering,
    ends,
    in_doubt,
    match,
    received_by,
    timing_marks,
    was_received,
)
from broker.core.newborn_asked import Asked, asked_of_authorities
from broker.core.noting import Noting
from broker.core.number_answers import under_enquiry
from broker.core.outcome_asked import outcomes_asked
from broker.core.person import Known
from broker.core.plans import Due, PlanName, Stay, Version, cutoff, delayed_from, histories
from broker.core.policy import AnyPolicy, Policy
from broker.core.policy_keys import Restricted
from broker.core.pregnancies import losses, visits_heard_of
from broker.core.reading import Visit
from broker.core.restriction import is_restricted
from broker.core.visits import earlier_than, is_during, is_registered_again, judging, read_visits
from broker.core.worklist import ItemKind, WorklistItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """
    What follows from what is known: alerts and items by id, and one entry for every visit and view.

    `restricted`: the person's record is (ruling 24), so that nothing is told of it but what is reduced.
    """

    alerts: Mapping[str, Alert]
    items: Mapping[str, WorklistItem]
    entries: Mapping[str, DecisionEntry]
    restricted: bool


def decide(number: NhsNumber, known: Known, policy: AnyPolicy, key: IdentityKey) -> Decisions:
    """Return every standing alert, open item and decision about one person."""
    return Deciding(number, known, policy, key).decide()


class Deciding(Noting):
    """The decisions about one person in the making; `broker.core.explanation` goes through the same steps."""

    def __init__(self, number: NhsNumber, known: Known, policy: AnyPolicy, key: IdentityKey) -> None:
        super().__init__(number, key, restricted=is_restricted(known))
        self.policy = policy
        self.known = known
        self.elsewhere = elsewhere(known.visits, known.left)
        self.messages = staying(known.visits, known.left)
        self.notices = known.notices.values()
        ended = ends(known, self.elsewhere)
        self.plans = [*histories(known.plans).values(), *covering(known.covers, ended)]
        self.in_doubt = in_doubt(known, ended)
        self.visits = read_visits(self.messages, policy)
        self.accesses = sorted(known.accesses.values(), key=lambda access: access.access_id)
        self.sensitive = self.messages.keys() - {ref for visit in self.visits for ref in visit.references}
        self.enquiry = under_enquiry(self.notices)
        self.losses = losses(self.visits, self.notices, self.plans)
        told = (visit for visit in self.visits if self._not_counted(visit) is None)
        self.counted = [visit for visit in told if not self._is_anothers(visit)]

    def decide(self) -> Decisions:
        """Go through the visits, then the views that belong to none."""
        why = dict.fromkeys(self.elsewhere, Why.WRONG_PERSON)
        why |= dict.fromkeys(self.sensitive, Why.SENSITIVE_PLACE)
        for ref in sorted(why):
            self._enter(ref, Occasion.ATTENDED, why[ref], judging(self.known.visits[ref], self.policy))
        for visit in self.visits:
            self._decide_visit(visit)
        for access in self.accesses:
            self._decide_view(access)
        self._decide_birth()
        self._decide_outcome()
        if held_since(self.notices) is not None:
            self._ask(about_hold(self.number, self.key))
        return Decisions(
            alerts=self.alerts, items=self.items, entries=self.entries, restricted=self.restricted
        )

    def _not_counted(self, visit: Visit) -> Why | None:
        """Return why a visit is no attendance to be told (rulings 3, 16, 45, 49), or None when it is one."""
        if not visit.tells:
            return Why.SCHEDULED if visit.funded else Why.NOT_FUNDED
        if visit.kept_back:
            return Why.SHARING_STOPPED
        if visit.error_coded:
            return Why.REGISTERED_IN_ERROR
        if visit.cancelled and all(self._is_twice(visit, at) for at in visit.unexplained):
            return Why.REGISTERED_TWICE
        return None

    def _is_anothers(self, visit: Visit) -> bool:
        """Whether a person said that a visit is somebody else's, and it matches no plan (20, 46)."""
        if not was_refused(self.notices, visit):
            return False
        pairs = counting(self._stay(visit, self.notices), self.plans, visit.policy)[0]
        doubted = is_refused(self.notices, visit, pairs, self.messages, self.policy)
        return doubted and not self._matched(visit, pairs)

    def _is_twice(self, visit: Visit, began_at: datetime) -> bool:
        """Whether another visit is what a cancelled registration was meant to be, and tells of its plans."""
        return any(
            is_registered_again(visit, began_at, other) and self._plans_told(visit) <= self._plans_told(other)
            for other in self.visits
        )

    def _plans_told(self, visit: Visit) -> frozenset[PlanName]:
        """Return the plans that a visit tells of where it counts: due, with details that match."""
        pairs = counting(self._stay(visit, self.notices), self.plans, visit.policy)[0]
        return frozenset(name for line in self._matched(visit, pairs) for name in line.plan.names)

    def _decide_visit(self, visit: Visit) -> None:
        """Decide one thread: setting, plans due, identity, then content for each recipient."""
        why = self._not_counted(visit)
        if why is not None:
            self._enter(visit.reference, Occasion.ATTENDED, why, visit.policy)
            return
        pairs, none_because = counting(self._stay(visit, self.notices), self.plans, visit.policy)
        if not pairs:
            self._enter(visit.reference, Occasion.ATTENDED, none_because, visit.policy)
            return
        if self._withheld(visit.policy):
            self._ask(about_visit(ItemKind.RESTRICTED, visit, self.number, self.key))
            self._enter(visit.reference, Occasion.ATTENDED, Why.RESTRICTED, visit.policy)
            return
        matched = self._matched(visit, pairs)
        raised = self._raised(visit, matched) if matched else []
        found = {id(line.plan) for line in matched}
        unmatched = [pair for pair in pairs if id(pair) not in found]
        why, possible = self._unsettled(visit, unmatched) if unmatched else (Why.SHARED, [])
        told = {alert.recipient for alert in raised}
        raised += [alert for alert in possible if alert.recipient not in told]
        self._stand(visit.reference, raised, visit.policy, why=Why.SHARED if matched else why)

    def _withheld(self, policy: Policy) -> bool:
        """Whether nothing at all is shared of a restricted record: the answer is `could not check` (24)."""
        return self.restricted and policy.restricted is Restricted.NATIONAL

    def _stay(self, visit: Visit, notices: Iterable[IdentityNotice]) -> Stay:
        """Return what a plan must overlap to count for a visit (ruling 10), as these notices date a birth."""
        return Stay(
            arrived_at=visit.arrived_at,
            until=visit.stay_until,
            cutoff=visit.cutoff,
            born_on=born_on(notices, visit.cutoff),
            losses=self._lost(visit.cutoff, visit),
        )

    def _stay_by(self, visit: Visit, by: datetime) -> Stay:
        """Return a stay by what had been received by a time: who was born when, which pregnancy was over."""
        heard = [notice for notice in self.notices if notice.received_at <= by]
        return replace(self._stay(visit, heard), losses=self._lost_by(by, visit.cutoff, visit))

    def _lost(self, limit: datetime, judged: Visit | None = None) -> tuple[datetime, ...]:
        """Return when a pregnancy had ended by what may have been recorded by a cut-off (rulings 10, 43)."""
        return losses(self.visits, self.notices, self.plans, cutoff=limit, judged=judged)

    def _lost_by(self, by: datetime, limit: datetime, judged: Visit | None = None) -> tuple[datetime, ...]:
        """Return the same by what had been received by a time (rulings 11, 43)."""
        visits = visits_heard_of(self.known, by, self.policy)
        heard = [notice for notice in self.notices if notice.received_at <= by]
        return losses(visits, heard, self._received_by(by), cutoff=limit, judged=judged)

    def _decide_birth(self) -> None:
        """Ask whose unborn plan covers the person to open the baby's own, visit or no visit (ruling 26)."""
        asked = asked_of_authorities(
            self.number, self.plans, self.notices, self.losses, self.policy, self.key
        )
        self._stand_asked(asked, Occasion.BORN)

    def _decide_outcome(self) -> None:
        """Ask whose unborn plan is past its due date how the pregnancy ended (ruling 43)."""
        asked = outcomes_asked(
            self.number,
            self.plans,
            self.notices,
            self.losses,
            self.policy,
            self.key,
            births=self.known.births,
        )
        self._stand_asked(asked, Occasion.OUTCOME_AWAITED)

    def _stand_asked(self, asked: Asked | None, occasion: Occasion) -> None:
        """Let stand what is asked of authorities, if anything is."""
        if asked is None:
            return
        if self._withheld(asked.policy):
            self._enter(asked.subject, occasion, Why.RESTRICTED, asked.policy)
        elif asked.alerts:
            self._stand(asked.subject, asked.alerts, asked.policy, occasion=occasion)
        else:
            self._enter(asked.subject, occasion, asked.why, asked.policy)

    def _matched(self, visit: Visit, pairs: Sequence[Due]) -> list[Matched]:
        """Return the plans whose details match the visit's (ruling 20), with what a reader must know."""
        by = delayed_from(
            first_recorded_at=visit.first_recorded_at, left_at=visit.left_at, policy=visit.policy
        )
        in_time = self._due_by(visit, pairs, by)
        by_hand = is_confirmed(self.notices, visit)
        matched = []
        for pair in pairs:
            found = match(visit.stated, pair, by_hand=by_hand)
            if found is not None:
                marks = timing_marks(pair, is_delayed=in_time.isdisjoint(pair.names))
                owner = owner_of(pair, visit.policy, visit.newest_at)
                matched.append(Matched(plan=pair, marks=(*marks, *found.marks), owner=owner))
        return matched

    def _due_by(self, visit: Visit, pairs: Sequence[Due], by: datetime) -> frozenset[PlanName]:
        """Return the plans that were due and matched by what had been received `by` then (ruling 11)."""
        held = {reference: self.messages[reference] for reference in visit.references}
        received = staying_by(held, self.known.left, by)
        heard = [notice for notice in self.notices if notice.received_at <= by]
        everything = received == held and len(heard) == len(self.notices)
        everything = everything and self._lost_by(by, visit.cutoff, visit) == self._lost(visit.cutoff, visit)
        if everything and all(was_received(version, by) for versions in self.plans for version in versions):
            return frozenset(name for pair in pairs for name in pair.names)
        return frozenset(
            name
            for thread in read_visits(received, self.policy)
            if thread.tells and not thread.kept_back
            for pair in counting(self._stay_by(thread, by), self._received_by(by), thread.policy)[0]
            if match(thread.stated, pair, by_hand=is_confirmed(heard, thread)) is not None
            for name in pair.names
        )

    def _received_by(self, by: datetime) -> list[list[Version]]:
        """Return the versions of every plan that had been received by a time."""
        heard = [received_by(versions, by) for versions in self.plans]
        return [versions for versions in heard if versions]

    def _unsettled(self, visit: Visit, unmatched: Sequence[Due]) -> tuple[Why, list[Alert]]:
        """Return why plans are not shared whose details disagree, and what is told instead (20, 46)."""
        if is_refused(self.notices, visit, unmatched, self.messages, self.policy):
            return Why.NOT_THIS_PERSON, []
        self._ask(about_visit(ItemKind.DETAILS_DISAGREE, visit, self.number, self.key))
        if not is_overdue(self.notices, visit):
            return Why.DETAILS_DISAGREE, []
        lines = [
            Matched(plan=pair, marks=(), owner=owner_of(pair, visit.policy, visit.newest_at))
            for pair in unmatched
        ]
        return Why.NOT_CONFIRMED, [
            possible_alert(self._alert_id(recipient, visit.reference), recipient, visit, lines)
            for recipient in _owners(lines)
        ]

    def _raised(self, visit: Visit, matched: Sequence[Matched]) -> list[Alert]:
        """Return one alert per authority, and one to the provider (ruling 19)."""
        earlier = earlier_than(visit, self.counted)
        views = views_during(self.accesses, visit, self.policy)
        no_outcome = is_without_outcome(self.notices, visit)
        raised = [
            authority_alert(
                self._alert_id(recipient, visit.reference), recipient, visit, matched,
                earlier=earlier, views=views, enquiry=self.enquiry, no_outcome=no_outcome,
            )
            for recipient in _owners(matched)
        ]  # fmt: skip
        recipient = Recipient(kind=RecipientKind.PROVIDER, code=visit.provider)
        to_provider = provider_alert(
            self._alert_id(recipient, visit.reference), recipient, visit, matched,
            earlier=earlier, unopened=is_unopened(self.notices, visit),
        )  # fmt: skip
        if to_provider is not None:
            raised.append(to_provider)
        return raised

    def _decide_view(self, access: Access) -> None:
        """Decide one view: silent, a line in a thread, or an alert of its own (ruling 1, R23)."""
        in_force = self.policy.at(access.accessed_at)
        if was_excluded(self.known, access):
            self._ask(about_view(ItemKind.EXCLUDED_PERSON, access, self.number, self.key))
        why = view_not_counted(access, in_force)
        if why is not None:
            self._enter(access.access_id, Occasion.VIEWED, why, in_force)
            return
        if any(self._in_thread(access, visit) for visit in self.visits):
            told = [alert for alert in self.alerts.values() if view_line(access) in alert.views]
            self._enter(
                access.access_id,
                Occasion.VIEWED,
                Why.SHARED,
                in_force,
                recipients=tuple(sorted(alert.recipient for alert in told)),
                fields=("views",) if told else (),
                basis=flows_of(told),
            )
            return
        recorded_at, stay = self._view_stay(access, in_force)
        pairs, none_because = counting(stay, self.plans, in_force)
        if not pairs:
            self._enter(access.access_id, Occasion.VIEWED, none_because, in_force)
            return
        if self._withheld(in_force):
            self._enter(access.access_id, Occasion.VIEWED, Why.RESTRICTED, in_force)
            return
        lines = self._seen(access, recorded_at, stay, pairs)
        raised = [
            view_alert(
                self._alert_id(recipient, access.access_id), recipient, access, lines, enquiry=self.enquiry
            )
            for recipient in _owners(lines)
        ]
        self._stand(access.access_id, raised, in_force, occasion=Occasion.VIEWED)

    def _view_stay(self, access: Access, in_force: Policy) -> tuple[datetime, Stay]:
        """Return when a view was recorded, and the moment of it that a plan must overlap (ruling 10)."""
        at, recorded_at = access.accessed_at, as_recorded(access.recorded_at, access.received_at)
        limit = cutoff(newest_at=recorded_at, arrived_at=at, policy=in_force)
        born, lost = born_on(self.notices, limit), self._lost(limit)
        return recorded_at, Stay(arrived_at=at, until=at, cutoff=limit, born_on=born, losses=lost)

    def _in_thread(self, access: Access, visit: Visit) -> bool:
        """Whether a view is a line in the thread of a visit that is told (ruling 1)."""
        return is_during(access, visit) and self.entries[visit.reference].why is Why.SHARED

    def _seen(self, access: Access, recorded_at: datetime, stay: Stay, pairs: Sequence[Due]) -> list[Matched]:
        """Return the plans due at a view; it is over at once, so that what comes late is delayed (11)."""
        in_force = self.policy.at(access.accessed_at)
        by = delayed_from(first_recorded_at=recorded_at, left_at=stay.until, policy=in_force)
        notices = [notice for notice in self.notices if notice.received_at <= by]
        heard_stay = replace(
            stay, born_on=born_on(notices, stay.cutoff), losses=self._lost_by(by, stay.cutoff)
        )
        in_hand = self._received_by(by) if access.received_at <= by else []
        heard = counting(heard_stay, in_hand, in_force)[0]
        in_time = {name for pair in heard for name in pair.names}
        return [
            Matched(
                plan=pair,
                marks=timing_marks(pair, is_delayed=in_time.isdisjoint(pair.names)),
                owner=owner_of(pair, in_force, recorded_at),
            )
            for pair in pairs
        ]


def _owners(lines: Iterable[Matched]) -> list[Recipient]:
    """Return the authorities that answer for plans, in a settled order."""
    owners = sorted({line.owner for line in lines})
    return [Recipient(kind=RecipientKind.AUTHORITY, code=owner) for owner in owners]
