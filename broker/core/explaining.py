"""
Why a visit or view led to which alert, or to none: the steps of `decide`, gone through once more and noted.

Nothing is decided here. Each finding is what the functions that decide return, with the days they compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from broker.core.alerts import ASKED, Alert, AlertEvent, Occasion, Why
from broker.core.audit import commit_to
from broker.core.clock import as_recorded
from broker.core.counting import view_not_counted
from broker.core.decisions import Deciding
from broker.core.effects import as_told, digest_of, open_part
from broker.core.explained_alerts import Events, standing, told_of
from broker.core.explained_plans import taken
from broker.core.explanation import AlertFinding, Closed, Explanation, FactLine, Happening, PlanFinding, Trail
from broker.core.facts import Access, VisitMessage
from broker.core.keyed import IdentityKey, moved_reference
from broker.core.message_times import stamp
from broker.core.newborn import counting, said_at
from broker.core.newer_rules import stays_of, without_untold
from broker.core.number_answers import recorded
from broker.core.person import Person
from broker.core.policy import AnyPolicy
from broker.core.reading import Visit
from broker.core.setting import Ground, Setting
from broker.core.visits import is_during, read_visits


def explain(
    person: Person,
    subject: str,
    policy: AnyPolicy,
    key: IdentityKey,
    *,
    told: Events = (),
    audited: bool = True,
) -> Explanation | Closed:
    """
    Return the chain for a visit's reference or a view's id; what is not known of the person is closed.

    `told` are the events that are held of the person's alerts. `audited` False is for a replay, which writes
    no audit trail. A visit that joined another's thread is explained as that thread (ruling 7).
    """
    explaining = _Explaining(person, policy, key, told, audited=audited)
    thread = next((visit for visit in explaining.visits if subject in visit.references), None)
    if thread is not None:
        return explaining.visit(thread)
    if subject in explaining.sensitive:
        return explaining.sensitive_visit(subject)
    if subject in explaining.elsewhere:
        return explaining.left_visit(subject)
    if subject in explaining.entries and explaining.entries[subject].occasion in ASKED:
        return explaining.asked(subject)
    access = next((access for access in explaining.accesses if access.access_id == subject), None)
    if access is not None:
        return explaining.view(access)
    ids = {event.alert.alert_id for event in told if subject in _subjects(event, person, key)}
    return Closed(subject=subject, alerts=tuple(told_of(one, person, told) for one in sorted(ids)))


def explain_alert(
    person: Person,
    alert_id: str,
    policy: AnyPolicy,
    key: IdentityKey,
    *,
    told: Events = (),
    audited: bool = True,
) -> Explanation | Closed:
    """Return the chain of what an alert of the person is about."""
    alert = person.told[alert_id].alert
    if alert is None:
        return Closed(subject=None, alerts=(told_of(alert_id, person, told),))
    return explain(person, alert.subject, policy, key, told=told, audited=audited)


def _subjects(event: AlertEvent, person: Person, key: IdentityKey) -> set[str]:
    """Return what an event is about: as it was told, and as that reads under the present number (22)."""
    subject = event.alert.subject
    if event.alert.occasion is Occasion.VIEWED:
        return {subject}
    return {subject, moved_reference(key, subject, former=event.subject, number=person.number)}


class _Explaining(Deciding):
    """The decisions about one person, with what led to each."""

    def __init__(
        self, person: Person, policy: AnyPolicy, key: IdentityKey, told: Events, *, audited: bool
    ) -> None:
        """Decide, and keep every step at hand."""
        super().__init__(person.number, open_part(person), policy, key)
        self.person = person
        self.told = told
        self.audited = audited
        decisions = as_told(self.decide(), person, key)
        self.alerts = dict(decisions.alerts)
        self.recorded = without_untold(decisions, stays_of(self), person.untold)[0]

    def visit(self, visit: Visit) -> Explanation:
        """Explain one thread."""
        stay = self._stay(visit, self.notices)
        happening = Happening(
            where=None if self.restricted else visit.provider,
            state=visit.state,
            arrived_at=visit.arrived_at,
            departed_at=visit.departed_at,
            left_at=visit.left_at,
            first_day=stay.first_day,
            last_day=stay.last_day,
            newest_at=visit.newest_at,
            cutoff=visit.cutoff,
            unscheduled=visit.unscheduled,
            ground=_decisive(visit),
            joined=len(visit.references) - 1,
        )
        plans: tuple[PlanFinding, ...] = ()
        if self._not_counted(visit) is None and not self._kept_back(visit.reference):
            pairs = counting(stay, self.plans, visit.policy)[0]
            found = pairs, self._matched(visit, pairs)
            refused = not any(item.visit == visit.reference for item in self.items.values())
            plans = taken(self.plans, stay, visit.policy, found, visit.stated, refused=refused)
        views = [access for access in self.accesses if is_during(access, visit)]
        facts = [_message_line(message, restricted=self.restricted) for message in visit.kept]
        facts += [_view_line(access, restricted=self.restricted) for access in views]
        return self._whole(visit.reference, frozenset(visit.references), happening, plans, facts)

    def sensitive_visit(self, reference: str) -> Explanation:
        """Explain a visit that sensitive places alone recorded: no place, no time, no count (ruling 47)."""
        return self._whole(reference, frozenset({reference}), None, (), ())

    def left_visit(self, reference: str) -> Explanation:
        """Explain a visit that goes on under another number: which is known nowhere here (ruling 44)."""
        alone = read_visits({reference: self.elsewhere[reference]}, self.policy)  # none: a sensitive place
        kept = [message for visit in alone for message in visit.kept]
        whole = self._whole(reference, frozenset({reference}), None, (), ())
        return replace(whole, facts=tuple(_message_line(one, restricted=self.restricted) for one in kept))

    def asked(self, reference: str) -> Explanation:
        """Explain what an authority is asked because of a birth or its due date (26, 43): no place."""
        whole = self._whole(reference, frozenset({reference}), None, (), ())
        return replace(whole, facts=tuple(self._of_the_person(frozenset({reference}))))

    def view(self, access: Access) -> Explanation:
        """Explain one view."""
        in_force = self.policy.at(access.accessed_at)
        recorded_at, stay = self._view_stay(access, in_force)
        in_thread = access.unscheduled and any(self._in_thread(access, visit) for visit in self.visits)
        happening = Happening(
            where=None if self.restricted else access.organisation,
            state=None,
            arrived_at=access.accessed_at,
            departed_at=None,
            left_at=access.accessed_at,
            first_day=stay.first_day,
            last_day=stay.last_day,
            newest_at=recorded_at,
            cutoff=stay.cutoff,
            unscheduled=access.unscheduled,
            in_thread=in_thread,
        )
        plans: tuple[PlanFinding, ...] = ()
        counted = view_not_counted(access, in_force) is None
        if counted and not in_thread and not self._kept_back(access.access_id):
            pairs = counting(stay, self.plans, in_force)[0]
            found = pairs, self._seen(access, recorded_at, stay, pairs)
            plans = taken(self.plans, stay, in_force, found, None)
        facts = [_view_line(access, restricted=self.restricted)]
        subject = access.access_id
        return self._whole(subject, frozenset({subject}), happening, plans, facts)

    def _kept_back(self, subject: str) -> bool:
        """Whether nothing is shared of a restricted record, so that no plan counts (24)."""
        return self.entries[subject].why is Why.RESTRICTED

    def _whole(
        self,
        subject: str,
        subjects: frozenset[str],
        happening: Happening | None,
        plans: tuple[PlanFinding, ...],
        facts: Sequence[FactLine],
    ) -> Explanation:
        """Return the whole chain; of what a sensitive place recorded the facts are no part of it."""
        entry = self.recorded.entries[subject]
        lines = [] if happening is None else [*facts, *self._of_the_person(subjects)]
        return Explanation(
            subject=subject,
            occasion=entry.occasion,
            restricted=self.restricted,
            facts=tuple(sorted(lines, key=lambda line: (line.recorded_at, line.received_at))),
            happening=happening,
            plans_on_file=len(self.plans),
            plans=plans,
            alerts=self._alerts_about(subjects),
            why=entry.why,
            basis=entry.basis,
            policy_version=entry.policy_version,
            trail=None
            if not self.audited
            else Trail(
                agrees=self.person.entries.get(subject) == digest_of(entry),
                commitment=commit_to(self.person.salt, self.number, subject).hex(),
            ),
        )

    def _of_the_person(self, subjects: frozenset[str]) -> Iterator[FactLine]:
        """Yield the versions of every plan, and what was said of the person, or of one of these visits."""
        for version in (version for versions in self.plans for version in versions):
            content = version.content
            yield FactLine(
                what=content.plan_type,
                recorded_at=version.recorded_at,
                received_at=version.received_at,
                source=content.authority,
                start=content.start,
                end=content.end,
                deleted=content.deleted,
            )
        births = {one for versions in self.plans if (kin := versions[0].newborn) for one in kin.births}
        for birth in sorted(births, key=lambda one: (said_at(one), one.birth_id)):
            yield FactLine(what=Occasion.BORN, recorded_at=said_at(birth), received_at=birth.received_at)
        for notice in self.notices:
            if notice.visit is None or notice.visit in subjects:
                yield FactLine(what=notice.kind, recorded_at=recorded(notice), received_at=notice.received_at)

    def _alerts_about(self, subjects: frozenset[str]) -> tuple[AlertFinding, ...]:
        """Return the alerts that stand about a visit or view, and those once told of it, by recipient."""
        person, told = self.person, self.told
        stand = {one: alert for one, alert in self.alerts.items() if _is_about(alert, subjects)}
        taken_back = {
            one: row.alert
            for one, row in person.told.items()
            if one not in stand and row.alert is not None and _is_about(row.alert, subjects)
        }
        both = sorted((stand | taken_back).values(), key=lambda alert: (alert.recipient, alert.alert_id))
        return tuple(
            replace(
                standing(alert, person, told, restricted=self.restricted),
                untold=alert.alert_id not in self.recorded.alerts,
            )
            if alert.alert_id in stand
            else told_of(alert.alert_id, person, told, restricted=self.restricted)
            for alert in both
        )


def _is_about(alert: Alert, subjects: frozenset[str]) -> bool:
    """Whether an alert is about one of these visits or views, or has one of these views in its thread."""
    return alert.subject in subjects or any(view.access_id in subjects for view in alert.views)


def _decisive(visit: Visit) -> Ground:
    """Return the ground that decided the setting: the first that was not scheduled, else the first (4)."""
    return next((one for one in visit.grounds if one.setting is not Setting.SCHEDULED), visit.grounds[0])


def _message_line(message: VisitMessage, *, restricted: bool) -> FactLine:
    """Return one hospital message, by the time that orders it (ruling 37)."""
    return FactLine(
        what=message.event,
        recorded_at=stamp(message)[0],
        received_at=message.received_at,
        source=None if restricted else message.provider,
    )


def _view_line(access: Access, *, restricted: bool) -> FactLine:
    """Return one view."""
    return FactLine(
        what=Occasion.VIEWED,
        recorded_at=as_recorded(access.recorded_at, access.received_at),
        received_at=access.received_at,
        source=None if restricted else access.organisation,
    )
