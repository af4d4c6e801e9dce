"""
The standing alerts, decisions and items that the rulings ask for, as plain rows.

Fills the rows from the oracle; turns the core's alerts into the same rows, to be compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from broker.core.alerts import Alert, Occasion, VisitLine
from broker.core.facts import Access, Cover, Fact, IdentityNotice
from broker.core.identifiers import OdsCode, london_day
from tests.generative.naive_asking import how_late, how_often, questions
from tests.generative.naive_excluded import excluded
from tests.generative.naive_newborn import said_at
from tests.generative.naive_policy import in_force, of_place
from tests.generative.naive_thread import Thread
from tests.generative.naive_times import counted
from tests.generative.oracle import STOPPED, Marks, Name, Oracle, Plan, Version

_DUTY = ("duty social worker", "recipients of restricted records")
_WITHHELD = "ruling 24: restricted, nothing is shared"
BIRTH, OUTCOME = "birth", "outcome"
"""What an alert is about that a birth or a due date led to; the core's references are keyed by the number."""
_ASKED = {Occasion.BORN: BIRTH, Occasion.OUTCOME_AWAITED: OUTCOME}
_IN_FORCE = ("active", "past due date")
_TOLD_REGISTERS = (
    "site",
    "location",
    "patient_class",
    "arrival_mode",
    "reason",
    "acuity",
    "disposition",
    "clinician_role",
    "clinician_name",
    "next_of_kin_relationship",
    "next_of_kin_name",
    "accompanied_by",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One standing alert."""

    to: str
    subject: str
    occasion: str
    route: str
    urgency: str
    plans: tuple[tuple[Any, ...], ...]
    visit: tuple[tuple[str, Any], ...] = ()
    views: tuple[str, ...] = ()
    others: tuple[tuple[str | None, ...], ...] = ()
    earlier: int = 0
    last_visit_at: datetime | None = None
    asked_again: int = 0
    notes: tuple[str, ...] = ()
    child_id: str | None = None
    file_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Told:
    """Everything that follows from a person's facts."""

    alerts: frozenset[Row]
    whys: Mapping[str, str]
    asked: frozenset[tuple[str, str, str]]


def row_of(alert: Alert) -> Row:
    """Return an alert of the core as a row."""
    visit = [(entry.name, getattr(alert.visit, entry.name)) for entry in fields(VisitLine) if alert.visit]
    return Row(
        to=f"{alert.recipient.kind.value} {alert.recipient.code}",
        subject=_ASKED.get(alert.occasion, alert.subject),
        occasion=alert.occasion.value,
        route=alert.route.value,
        urgency=alert.urgency.value,
        plans=tuple(
            (
                line.authority.code,
                line.plan_type.value,
                line.start,
                line.end,
                line.state.value,
                tuple(mark.value for mark in line.marks),
                line.authority_name,
                line.phone_emergency,
                line.phone_office,
                line.role.value,
            )
            for line in alert.plans
        ),
        visit=tuple(sorted((name, value) for name, value in visit if value is not None)),
        views=tuple(line.access_id for line in alert.views),
        others=tuple(
            (contact.authority.code, contact.name, contact.phone_emergency, contact.phone_office)
            for contact in alert.other_authorities
        ),
        earlier=alert.earlier_visits,
        last_visit_at=alert.last_visit_at,
        asked_again=alert.asked_again,
        notes=tuple(note.value for note in alert.notes),
        child_id=alert.child_id,
        file_id=alert.file_id,
    )


def without_own_ids(rows: Iterable[Row]) -> frozenset[Row]:
    """Return alerts without the authority's own ids: a change of them alone is told to nobody."""
    return frozenset(replace(row, child_id=None, file_id=None) for row in rows)


class Expecting:
    """What the rulings expect to be told, in the making."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.rows: set[Row] = set()
        self.whys: dict[str, str] = dict.fromkeys(oracle.visits.silent, "ruling 47: sensitive place")
        self.whys |= dict.fromkeys(oracle.elsewhere, "ruling 44: recorded under the wrong person")
        self.asked: set[tuple[str, str, str]] = set()

    def told(self) -> Told:
        """Go through visits, then views (1)."""
        for thread in self.oracle.visits.threads:
            self._visit(thread)
        for view in self.oracle.views:
            self._view(view)
        self._birth()
        self._outcome()
        return Told(alerts=frozenset(self.rows), whys=self.whys, asked=frozenset(self.asked))

    def _visit(self, thread: Thread) -> None:
        """Expect what a visit leads to (10, 16, 20)."""
        why_not = self.oracle.why_not(thread)
        if why_not is not None:
            self.whys[thread.reference] = why_not
            return
        due = self.oracle.plans(thread.arrived_at, thread.until, thread.cutoff, thread.policy, thread)
        if due and self.oracle.restricted and thread.policy.restricted.value == "national":
            self.asked.add(("restricted, could not check", thread.reference, thread.control_id))
            self.whys[thread.reference] = _WITHHELD
            return
        matched = self.oracle.matched(thread)
        unmatched = [plan for plan in due if all(plan.names != told.names for told, _ in matched)]
        refused = bool(unmatched) and self.oracle.somebody_else(thread, unmatched)
        asked = bool(unmatched) and not refused
        if asked:
            self.asked.add(("details disagree", thread.reference, thread.control_id))
        if asked and self.oracle.overdue(thread):
            self._possible(thread, unmatched, [plan for plan, _ in matched])
        if matched:
            self.whys[thread.reference] = "shared"
            self._authorities(thread, matched)
            self._provider(thread, matched)
        elif refused:
            self.whys[thread.reference] = "ruling 46: a person said that it is somebody else"
        elif due and self.oracle.overdue(thread):
            self.whys[thread.reference] = "ruling 46: identity not confirmed"
        elif due:
            self.whys[thread.reference] = "ruling 20: details disagree"
        else:
            self.whys[thread.reference] = self.oracle.nothing_due(
                thread.arrived_at, thread.until, thread.cutoff, thread.policy, thread
            )

    def _birth(self) -> None:
        """Expect the authority to be asked to open a newborn's own plan (26)."""
        births = [birth for one in self.oracle.covered for birth in one.births]
        if not births:
            return
        first, newest = min(map(said_at, births)), max(map(said_at, births))
        policy = in_force(self.oracle.policy, first)
        cutoff = max(newest, min(newest + policy.plan_wait, first + policy.plan_wait_after_arrival))
        alone = [fact for fact in self.oracle.facts if isinstance(fact, Cover) or _is_of_the_source(fact)]
        oracle = Oracle(alone, self.oracle.policy, self.oracle.ended)
        plans = oracle.plans(first, newest, cutoff, policy)
        why = oracle.nothing_due(first, newest, cutoff, policy) if not plans else "shared"
        lost = self.oracle.all_losses()
        alive = [
            plan
            for plan in plans
            if not any(london_day(at) >= plan.shown.content.start for at in (*lost, *plan.losses))
        ]
        why = why if len(alive) == len(plans) else "ruling 43: pregnancy ended"
        if self.oracle.has_own_plan(datetime.max.replace(tzinfo=UTC), policy):
            alive, why = [], "ruling 26: the baby has a plan of its own"
        restricted = self.oracle.restricted
        if restricted and policy.restricted.value == "national":
            self.whys[BIRTH] = _WITHHELD
            return
        self.whys[BIRTH] = "shared" if alive else why
        lines = [(plan, oracle.timing(plan, delayed=False)) for plan in alive]
        asked_at = max(newest, how_late(self.oracle.facts) or newest)
        owners = {plan.names: oracle.owner(plan, asked_at, policy) for plan in alive}
        for owner in set(owners.values()):
            own = [(plan, marks) for plan, marks in lines if owners[plan.names] == owner]
            moved = any(plan.shown.content.authority != owner for plan, _ in own)
            notes = (
                ("restricted record", restricted),
                ("moved to successor authority", moved),
                ("open the baby's own plan", True),
            )
            self.rows.add(
                Row(
                    to=f"la {owner}",
                    subject=BIRTH,
                    occasion="born",
                    route=_DUTY[restricted],
                    urgency="now",
                    plans=_plan_rows(own),
                    asked_again=how_often(first, how_late(self.oracle.facts), owner, policy),
                    notes=tuple(note for note, applies in notes if applies),
                    child_id=_last_said(own).content.child_id,
                    file_id=_last_said(own).file_id or None,
                )
            )

    def _outcome(self) -> None:
        """Expect the authority to be asked how a pregnancy ended (43)."""
        found = questions(self.oracle)
        if found is None:
            return
        asked, why, policy = found
        restricted = self.oracle.restricted
        if restricted and policy.restricted.value == "national":
            self.whys[OUTCOME] = _WITHHELD
            return
        self.whys[OUTCOME] = "shared" if asked else why
        for one in asked:
            own = [(plan, ()) for plan in one.plans]
            notes = (
                ("restricted record", restricted),
                (
                    "moved to successor authority",
                    any(plan.shown.content.authority != one.owner for plan in one.plans),
                ),
                ("tell how the pregnancy ended", one.open),
                ("lapsed without outcome", one.lapsed),
            )
            route = "safeguarding role" if one.lapsed else "duty social worker"
            self.rows.add(
                Row(
                    to=f"la {one.owner}",
                    subject=OUTCOME,
                    occasion="outcome awaited",
                    route=_DUTY[True] if restricted else route,
                    urgency="now" if one.lapsed else "next working morning",
                    plans=_plan_rows(own),
                    asked_again=one.asked_again,
                    notes=tuple(note for note, applies in notes if applies),
                    child_id=_last_said(own).content.child_id,
                    file_id=_last_said(own).file_id or None,
                )
            )

    def _authorities(self, thread: Thread, matched: Sequence[tuple[Plan, Marks]]) -> None:
        """Expect one alert per authority (19, 24, 29)."""
        owners = {plan.names: self.oracle.owner(plan, thread.newest_at, thread.policy) for plan, _ in matched}
        restricted = self.oracle.restricted
        earlier = self.oracle.earlier(thread)
        for owner in set(owners.values()):
            own = [(plan, marks) for plan, marks in matched if owners[plan.names] == owner]
            mother = all(_role(plan) == "mother of unborn" for plan, _ in own)
            told = self._visit_told(thread)
            if mother:
                told = {k: told[k] for k in told if k in _MOTHERS_VISIT}
            if restricted:
                told = {k: told[k] for k in told if k in _ALWAYS}
            views = () if restricted or mother else self.oracle.views_of(thread)
            self.rows.add(
                Row(
                    to=f"la {owner}",
                    subject=thread.reference,
                    occasion="attended",
                    route=_DUTY[restricted],
                    urgency=_urgency(own),
                    plans=_plan_rows(own),
                    visit=tuple(sorted(told.items())),
                    views=tuple(view.access_id for view in views),
                    others=() if restricted else _others(matched, own, owners),
                    earlier=0 if mother else len(earlier),
                    last_visit_at=None if mother or restricted else _last(earlier),
                    notes=self._notes(thread, own, owner=owner, restricted=restricted),
                    child_id=_last_said(own).content.child_id,
                    file_id=_last_said(own).file_id or None,
                )
            )

    def _possible(self, thread: Thread, plans: Sequence[Plan], matched: Sequence[Plan]) -> None:
        """Expect provider and time for each authority that is not told more (24, 46)."""
        told, place = self._visit_told(thread), thread.provider
        if "provider_name" in told:
            told["provider_name"] = of_place(thread.policy, "name", place)
        restricted = self.oracle.restricted
        kept = _ALWAYS if restricted else (*_ALWAYS, "provider", "provider_name")
        visit = {name: told[name] for name in kept if told.get(name) is not None}
        visit["state"] = "identity not confirmed"
        owners = [(self.oracle.owner(plan, thread.newest_at, thread.policy), plan) for plan in plans]
        more = {self.oracle.owner(plan, thread.newest_at, thread.policy) for plan in matched}
        for owner in {owner for owner, _ in owners} - more:
            ended = all(plan.state == "ended" for of, plan in owners if of == owner)
            self.rows.add(
                Row(
                    to=f"la {owner}",
                    subject=thread.reference,
                    occasion="attended",
                    route=_DUTY[restricted],
                    urgency="next working morning" if ended else "now",
                    plans=(),
                    visit=tuple(sorted(visit.items())),
                    notes=("restricted record",) * restricted
                    + ("possible attendance, identity not confirmed",),
                )
            )

    def _provider(self, thread: Thread, matched: Sequence[tuple[Plan, Marks]]) -> None:
        """Expect one alert to the provider, of the plans recorded in time (11, 19, 30)."""
        limit = thread.left_at
        if thread.departed_at is not None:
            limit += of_place(thread.policy, "provider_after_departure", thread.provider)
        told = [(plan, marks) for plan, marks in matched if plan.said_at <= limit]
        if not told:
            return
        visit = self._visit_told(thread)
        told_of_it = {name: visit[name] for name in visit if name != "accompanied_by"}  # the authority's (29)
        present = any(plan.said_at <= thread.left_at and "delayed" not in marks for plan, marks in told)
        restricted = self.oracle.restricted
        earlier = self.oracle.earlier(thread)
        notes = (
            ("location not listed", thread.unlisted),
            ("restricted record", restricted),
            ("nobody at the authority has opened this", self.oracle.unopened(thread)),
        )
        self.rows.add(
            Row(
                to=f"provider {thread.provider}",
                subject=thread.reference,
                occasion="attended",
                route="treating clinician" if present and not restricted else "safeguarding role",
                urgency="now",
                plans=_plan_rows(told),
                visit=tuple(sorted(told_of_it.items())),
                earlier=len(earlier),
                last_visit_at=_last(earlier),
                notes=tuple(note for note, applies in notes if applies),
            )
        )

    def _visit_told(self, thread: Thread) -> dict[str, Any]:
        """Return the fields of a visit that its site does not withhold (29)."""
        place = thread.provider, thread.registers["location"], thread.registers["site"]
        withheld = of_place(thread.policy, "withheld", *place)
        told = {name: thread.registers[name] for name in _TOLD_REGISTERS} | {
            "visit": thread.reference,
            "provider": thread.provider,
            "provider_name": of_place(thread.policy, "name", *place),
            "state": thread.state,
            "arrived_at": thread.arrived_at,
            "departed_at": thread.departed_at,
            "call_back": of_place(thread.policy, "call_back", *place),
        }
        return {
            name: value
            for name, value in told.items()
            if value is not None and (name in _ALWAYS or name not in withheld)
        }

    def _notes(
        self, thread: Thread, own: Sequence[tuple[Plan, Marks]], *, owner: OdsCode, restricted: bool
    ) -> tuple[str, ...]:
        """Return the notes of an authority's alert (4, 19, 24)."""
        moved = any(plan.shown.content.authority != owner for plan, _ in own)
        notes = (
            ("location not listed", thread.unlisted and not restricted),
            ("restricted record", restricted),
            ("moved to successor authority", moved),
            ("number change under enquiry", self.oracle.enquiry),
            ("no outcome received", self.oracle.without_outcome(thread)),
            ("open the baby's own plan", any(plan.newborn for plan, _ in own)),
        )
        return tuple(note for note, applies in notes if applies)

    def _view(self, view: Access) -> None:
        """Expect what a view leads to (1, R23)."""
        if any(view.user in excluded(words, view.accessed_at) for words in self.oracle.words):
            self.asked.add(("excluded person looked", view.access_id, ""))
        if not view.unscheduled:
            self.whys[view.access_id] = "R23: silent view"
            return
        if self.oracle.is_stopped_view(view):
            self.whys[view.access_id] = STOPPED
            return
        during = [
            thread
            for thread in self.oracle.visits.threads
            if view in self.oracle.views_of(thread) and self.whys[thread.reference] == "shared"
        ]
        if during:
            self.whys[view.access_id] = "shared"
            return
        at, recorded_at = view.accessed_at, counted(view)
        policy = in_force(self.oracle.policy, at)
        limit = min(recorded_at + policy.plan_wait, at + policy.plan_wait_after_arrival)
        cutoff = max(recorded_at, limit)
        plans = self.oracle.plans(at, at, cutoff, policy)
        if not plans:
            self.whys[view.access_id] = self.oracle.nothing_due(at, at, cutoff, policy)
            return
        if self.oracle.restricted and policy.restricted.value == "national":
            self.whys[view.access_id] = _WITHHELD
            return
        self.whys[view.access_id] = "shared"
        by = max(recorded_at + policy.delayed_after, at + policy.delayed_after_departure)
        heard = self.oracle.received_by(by).plans(at, at, cutoff, policy) if view.received_at <= by else []
        in_time = frozenset(name for plan in heard for name in plan.names)
        lines = [(plan, self.oracle.timing(plan, delayed=not plan.names & in_time)) for plan in plans]
        restricted = self.oracle.restricted
        owners = {plan.names: self.oracle.owner(plan, recorded_at, policy) for plan in plans}
        for owner in set(owners.values()):
            own = [(plan, marks) for plan, marks in lines if owners[plan.names] == owner]
            self.rows.add(
                Row(
                    to=f"la {owner}",
                    subject=view.access_id,
                    occasion="viewed",
                    route=_DUTY[restricted],
                    urgency=_urgency(own),
                    plans=_plan_rows(own),
                    views=() if restricted else (view.access_id,),
                    others=() if restricted else _others(lines, own, owners),
                    notes=("restricted record",) * restricted
                    + ("number change under enquiry",) * self.oracle.enquiry,
                    child_id=_last_said(own).content.child_id,
                    file_id=_last_said(own).file_id or None,
                )
            )


_ALWAYS = ("visit", "state", "arrived_at")
_MOTHERS_VISIT = (*_ALWAYS, "provider", "provider_name", "call_back")


def _plan_rows(matched: Sequence[tuple[Plan, Marks]]) -> tuple[tuple[Any, ...], ...]:
    """Return plans as told, by authority, type and start (30)."""
    return tuple(
        sorted(
            (
                (
                    plan.shown.content.authority.code,
                    plan.shown.content.plan_type.value,
                    plan.shown.content.start,
                    plan.shown.content.end,
                    plan.state,
                    marks,
                    plan.shown.content.authority_name,
                    plan.shown.content.phone_emergency,
                    plan.shown.content.phone_office,
                    _role(plan),
                )
                for plan, marks in matched
            ),
            key=lambda row: (*row[:3], row[9]),
        )
    )


def _role(plan: Plan) -> str:
    """Return whose plan it is (26, 29)."""
    if plan.newborn:
        return "newborn"
    return "mother of unborn" if plan.shown.content.plan_type.value == "UCP" else "child"


def _is_of_the_source(fact: Fact) -> bool:
    """Whether a fact is the demographic source's date of birth."""
    return isinstance(fact, IdentityNotice) and fact.birth_date is not None


def _urgency(own: Sequence[tuple[Plan, Marks]]) -> str:
    """Return when the authority is reached (11, 12, 45)."""
    punctual = [plan for plan, marks in own if "delayed" not in marks]
    if not punctual:
        return "summary"
    return "next working morning" if all(plan.state == "ended" for plan in punctual) else "now"


def _others(
    matched: Sequence[tuple[Plan, Marks]],
    own: Sequence[tuple[Plan, Marks]],
    owners: Mapping[frozenset[Name], OdsCode],
) -> tuple[tuple[str | None, ...], ...]:
    """Return who else answers for a plan in force: by its newest record, else what it took over (19)."""
    plans = [plan for plan, marks in matched if (plan, marks) not in own and plan.state in _IN_FORCE]
    found = []
    for owner in {owners[plan.names] for plan in plans}:
        theirs = [plan for plan in plans if owners[plan.names] == owner]
        sent = [plan for plan in theirs if plan.shown.content.authority == owner]
        content = max(sent or theirs, key=_newest_contact_last).shown.content
        numbers = content.phone_emergency, content.phone_office
        found.append((content.authority.code, content.authority_name, *numbers))
    return tuple(sorted(found, key=lambda one: [text or "" for text in one]))


def _newest_contact_last(plan: Plan) -> tuple[object, ...]:
    """Order plans by their record; at equal stamps by type, start and what is told."""
    content = plan.shown.content
    names = content.authority_name, content.phone_emergency, content.phone_office or ""
    return plan.shown.recorded_at, content.plan_type.value, content.start, *names


def _last(earlier: Sequence[Thread]) -> datetime | None:
    """Return when the newest of the earlier visits began (8)."""
    return max((thread.arrived_at for thread in earlier), default=None)


def _last_said(own: Sequence[tuple[Plan, Marks]]) -> Version:
    """Return the authority's newest record, which says what it calls the child, and in which file (29)."""
    return max(
        (plan.shown for plan, _ in own),
        key=lambda one: (one.recorded_at, one.content.child_id or "", one.file_id),
    )
