"""
What the rulings say, written down a second time: naive, slow and readable.

Shares facts, identifiers and settings with the core, none of its rules. Every question is answered from the
whole list of facts, as often as it is asked; the numbers in the docstrings are the rulings'.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

from broker.core.facts import (
    Access,
    Birth,
    Cover,
    Details,
    Fact,
    IdentityNotice,
    PlanContent,
    PlanFact,
    VisitLeft,
    VisitMessage,
)
from broker.core.identifiers import OdsCode, london_day
from broker.core.policy import AnyPolicy, Policy
from tests.generative.naive_excluded import own_words, words_of_mothers
from tests.generative.naive_matching import match_marks
from tests.generative.naive_newborn import (
    Covered,
    birthdays,
    born_under,
    corrected,
    covered,
    forgotten,
    heard_by,
    in_doubt,
    is_linked,
    last_day,
    named_another,
    said_again,
)
from tests.generative.naive_policy import has_stopped, in_force, of_authority, of_place
from tests.generative.naive_thread import Thread, Visits, first_received, gone_elsewhere
from tests.generative.naive_times import counted

Ended = Callable[[Birth], bool]
_ALWAYS = datetime.max.replace(tzinfo=UTC)
Marks = tuple[str, ...]
Name = tuple[object, ...]
"""Authority, type and start day of a plan, and whether it is on file for a mother."""

STOPPED = "ruling 45: sharing stopped by a controller"
"""What is said where a signed stop held."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One time a plan was said; `recorded_at` never later than the first receipt (37)."""

    content: PlanContent
    recorded_at: datetime
    received_at: datetime
    file_id: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan that counts for a stay, as it is told; `names` are its key and those it took over from."""

    shown: Version
    known: tuple[Version, ...]
    state: str
    live: bool
    said_at: datetime
    removed_afterwards: bool
    names: frozenset[Name]
    newborn: bool = False
    born: date | None = None
    losses: tuple[datetime, ...] = ()


class Oracle:
    """Everything that is to be told of one person, from all their facts in any order and number."""

    def __init__(
        self,
        facts: Iterable[Fact],
        policy: AnyPolicy,
        ended: Ended | None = None,
        again: Sequence[PlanContent] | None = None,
    ) -> None:
        self.facts = first_received(facts)
        self.policy = policy
        leavings = [fact for fact in self.facts if isinstance(fact, VisitLeft)]
        messages = [fact for fact in self.facts if isinstance(fact, VisitMessage)]
        self.elsewhere = gone_elsewhere(messages, leavings)
        self.visits = Visits([one for one in messages if one.visit not in self.elsewhere], policy)
        self.versions = _versions([fact for fact in self.facts if isinstance(fact, PlanFact)])
        views = [fact for fact in self.facts if isinstance(fact, Access)]
        self.views = sorted(views, key=lambda view: view.access_id)
        self.notices = [fact for fact in self.facts if isinstance(fact, IdentityNotice)]
        self.ended = ended or self._ended(messages)
        covers = [fact for fact in self.facts if isinstance(fact, Cover)]
        self.in_doubt = in_doubt(covers, self.ended, messages)
        self.again = said_again(covers) if again is None else again
        own = own_words(self.notices)
        self.of_mothers = words_of_mothers(covers, own, self.ended)
        self.words = [own, *self.of_mothers]
        self.covered = covered(covers, self.ended, self.again)
        self.restricted = _restricted(self.facts)
        self.enquiry = _under_enquiry(self.notices)

    def _ended(self, messages: Sequence[VisitMessage]) -> Ended:
        """Return what tells that a birth links nobody: its visit is elsewhere, or names another (44, 37)."""
        known = forgotten(fact for fact in self.facts if isinstance(fact, Cover))
        return lambda birth: (
            birth.visit in self.elsewhere
            or named_another(birth, messages, known)
            or corrected(birth, self.notices, known)
        )

    def received_by(self, moment: datetime) -> "Oracle":
        """Return the oracle of somebody who has only what was received by a moment (11)."""
        facts: list[Fact] = []
        for fact in self.facts:
            if isinstance(fact, Cover):
                births, plans = heard_by(fact, moment)
                facts.append(replace(fact, births=births, plans=plans))
            elif fact.received_at <= moment:
                facts.append(fact)
        return Oracle(facts, self.policy, self.ended, self.again)

    def why_not(self, thread: Thread) -> str | None:
        """Return the ruling by which a visit is no attendance to be told, if any (3, 16, 45, 49)."""
        if not thread.funded:
            return "ruling 49: service not paid for by the NHS"
        if not thread.unscheduled:
            return "ruling 3: scheduled setting"
        if self._kept_back(thread):
            return STOPPED
        if thread.state != "cancelled by the hospital":
            return None
        if not thread.unexplained:
            return "ruling 16: registered in error"
        twice = all(self._is_twice(thread, began_at) for began_at in thread.unexplained)
        return "ruling 16: registered twice" if twice else None

    def _is_twice(self, thread: Thread, began_at: datetime) -> bool:
        """Whether what was cancelled began again as another visit that tells of its plans (16)."""
        return any(
            other.reference != thread.reference
            and other.provider == thread.provider
            and other.unscheduled
            and other.funded
            and not self._kept_back(other)
            and other.state != "cancelled by the hospital"
            and abs(other.arrived_at - began_at) <= thread.policy.same_visit
            and self._told_of(thread) <= self._told_of(other)
            for other in self.visits.threads
        )

    @staticmethod
    def _kept_back(thread: Thread) -> bool:
        """Whether the provider of a visit had stopped sharing on the day of arrival (45)."""
        return has_stopped(thread.policy, thread.provider, london_day(thread.arrived_at))

    def _told_of(self, thread: Thread) -> set[Name]:
        """Return the plans that are told of a visit if anything is (16)."""
        return {name for plan, _ in self.matched(thread) for name in plan.names}

    def plans(
        self,
        arrived_at: datetime,
        until: datetime,
        cutoff: datetime,
        policy: Policy,
        judged: Thread | None = None,
    ) -> list[Plan]:
        """Return the plans that count for a stay, replacements in the place of what they replace (14)."""
        day = london_day(arrived_at)
        found = self._overlapping(arrived_at, until, cutoff, policy)
        return _replaced(
            _each_once(
                plan
                for plan in found
                if not self._history(plan, policy)
                and not self._lost(plan, arrived_at, cutoff, judged)
                and not self._adult(plan, day, cutoff, policy)
                and not has_stopped(policy, plan.shown.content.authority, day)
            ),
            policy,
        )

    def nothing_due(
        self,
        arrived_at: datetime,
        until: datetime,
        cutoff: datetime,
        policy: Policy,
        judged: Thread | None = None,
    ) -> str:
        """Return the ruling by which no plan counts (10, 13, 14, 18, 43, 45)."""
        day = london_day(arrived_at)
        found = self._overlapping(arrived_at, until, cutoff, policy)
        seen = [plan for plan in found if not self._history(plan, policy)]
        if any(
            not self._lost(plan, arrived_at, cutoff, judged) and not self._adult(plan, day, cutoff, policy)
            for plan in seen
        ):
            return STOPPED  # nothing but the stop is in the way of it
        if any(self._lost(plan, arrived_at, cutoff, judged) for plan in seen):
            return "ruling 43: pregnancy ended"
        if seen:
            return "ruling 13: 18th birthday passed"
        if found:
            return "ruling 18: out of view when recorded"
        if self._removed_before(arrived_at, cutoff, policy):
            return "ruling 14: removed before the arrival"
        linked = [one for one in self.covered if is_linked(one, cutoff)]
        days = [(one, birthdays(one, self._born_by_source(cutoff), cutoff)) for one in linked]
        under = [one for one, born in days if not born or born_under(one, born, policy)]
        if under and self.has_own_plan(cutoff, policy):
            return "ruling 26: the baby has a plan of its own"
        return (
            "ruling 26: not born under the unborn child's plan"
            if len(under) < len(linked)
            else "ruling 10: no plan due"
        )

    def _overlapping(
        self, arrived_at: datetime, until: datetime, cutoff: datetime, policy: Policy
    ) -> list[Plan]:
        """Return the plans that overlap a stay, whoever is of age and whenever they were recorded (10)."""
        found = []
        for name in {_name(version.content) for version in self.versions}:
            versions = [version for version in self.versions if _name(version.content) == name]
            first, last = london_day(arrived_at), london_day(until)
            plan = self._plan(
                versions, first, last, arrived_at, cutoff, partial(self.last_visible_day, policy=policy)
            )
            if plan is not None:
                found.append(plan)
        return found + self._newborn(arrived_at, until, cutoff, policy)

    def _newborn(self, arrived_at: datetime, until: datetime, cutoff: datetime, policy: Policy) -> list[Plan]:
        """Return the plans of a mother's that overlap a stay of her baby (26)."""
        found = []
        for one, born in self._covering(cutoff, policy):
            plan = self._plan(
                _versions(one.said),
                london_day(arrived_at),
                london_day(until),
                arrived_at,
                cutoff,
                partial(last_day, born=born, policy=policy),
            )
            if plan is not None:
                names = frozenset({(*_name(plan.shown.content), "mother")})
                found.append(replace(plan, newborn=True, born=born, losses=tuple(one.losses), names=names))
        return found

    def _covering(self, cutoff: datetime, policy: Policy) -> list[tuple[Covered, date | None]]:
        """Return the plans of a mother's under which the baby was born, and when; none beside its own."""
        if self.has_own_plan(cutoff, policy):
            return []
        found: list[tuple[Covered, date | None]] = []
        for one in self.covered:
            days = birthdays(one, self._born_by_source(cutoff), cutoff)
            under = born_under(one, days, policy)
            if is_linked(one, cutoff) and (under or not days):
                found.append((one, max(under, default=None)))
        return found

    def has_own_plan(self, cutoff: datetime, policy: Policy) -> bool:
        """Whether a plan of the person's own is on file by a cut-off, neither removed nor history (26)."""
        for name in {_name(version.content) for version in self.versions}:
            known = [v for v in self.versions if _name(v.content) == name and v.recorded_at <= cutoff]
            seen = [v for v in known if london_day(v.recorded_at) <= self.last_visible_day(v.content, policy)]
            if name[1] != "UCP" and seen and known[-1].content.deleted is None:
                return True
        return False

    def _born_by_source(self, cutoff: datetime) -> date | None:
        """Return the newest date of birth that the demographic source had recorded by a cut-off (13)."""
        said = [
            (counted(notice), notice.birth_date)
            for notice in self.notices
            if notice.birth_date and counted(notice) <= cutoff
        ]
        return max(said)[1] if said else None

    def _history(self, plan: Plan, policy: Policy) -> bool:
        """Whether a plan was out of view every time it was recorded (18)."""
        return all(
            london_day(version.recorded_at) > self.last_visible_day(version.content, policy)
            for version in plan.known
        )

    def _lost(self, plan: Plan, arrived_at: datetime, cutoff: datetime, judged: Thread | None) -> bool:
        """Whether the pregnancy of an unborn plan was said to have ended before an arrival (43)."""
        return plan.shown.content.plan_type.value == "UCP" and any(
            at <= arrived_at and london_day(at) >= plan.shown.content.start
            for at in [*self.all_losses(cutoff, judged), *plan.losses]
        )

    def all_losses(self, cutoff: datetime = _ALWAYS, judged: Thread | None = None) -> list[datetime]:
        """
        Return when a pregnancy was said to have ended in the person's own record (43).

        A stillbirth that was taken back by a cut-off, as it was said or later, ended none; nor does that of
        the visit judged, nor one at a visit that may be another woman's (1, 20, 46).
        """
        ended, stillborn, alive = (
            [counted(notice) for notice in self.notices if notice.kind.value == kind]
            for kind in ("pregnancy ended", "stillbirth", "stillbirth taken back")
        )
        return [
            *(
                thread.departed_at or thread.newest_at
                for thread in self.visits.threads
                if thread.registers["disposition"] == "5"
                and thread.state != "cancelled by the hospital"
                and (judged is None or judged.reference != thread.reference)
                and self._hers(thread, cutoff)
            ),
            *ended,
            *(
                at.replace(second=59, microsecond=999_999)  # it was said some time in that minute
                for at in stillborn
                if not any(at <= back <= cutoff for back in alive)
            ),
        ]

    def _hers(self, thread: Thread, cutoff: datetime) -> bool:
        """Whether details, or a person, say that a visit is of the woman with the unborn plans (20, 46)."""
        names = {_name(one.content) for one in self.versions if one.content.plan_type.value == "UCP"}
        for name in names:
            said = [one for one in self.versions if _name(one.content) == name and one.recorded_at <= cutoff]
            if match_marks(thread.stated, _details(said), by_hand=self.confirmed(thread)) is not None:
                return True
        return not names

    def _adult(self, plan: Plan, day: date, cutoff: datetime, policy: Policy) -> bool:
        """Whether the source and the authority, as far as they say when, had the child 18 by a day (13)."""
        if plan.shown.content.plan_type.value == "UCP":
            return False
        by_source = [
            (counted(notice), notice.birth_date)
            for notice in self.notices
            if notice.birth_date and counted(notice) <= cutoff
        ]
        by_authority = [
            (version.recorded_at, version.content.details.birth_date)
            for version in plan.known
            if version.content.details.birth_date
        ]
        newest = [max(said)[1] for said in (by_source, by_authority) if said]
        return bool(newest) and not any(age_reached(born, day) < policy.age_of_majority for born in newest)

    def _removed_before(self, arrived_at: datetime, cutoff: datetime, policy: Policy) -> bool:
        """Whether some plan was removed by a record made by the arrival (14)."""
        by = min(arrived_at, cutoff)
        names = {_name(version.content) for version in self.versions}
        newest = [
            [v for v in self.versions if _name(v.content) == name and v.recorded_at <= by] for name in names
        ]
        newest += [
            [v for v in _versions(one.said) if v.recorded_at <= by]
            for one, _ in self._covering(cutoff, policy)
        ]
        return any(versions[-1].content.deleted is not None for versions in newest if versions)

    def _plan(
        self,
        versions: Sequence[Version],
        first: date,
        last: date,
        arrived_at: datetime,
        cutoff: datetime,
        shown_until: Callable[[PlanContent], date],
    ) -> Plan | None:
        """Return one plan as it counts for a stay, or None (10, 14, 15)."""
        known = [version for version in versions if version.recorded_at <= cutoff]
        by_arrival = [version for version in known if version.recorded_at <= arrived_at]
        afterwards = known[len(by_arrival) :]
        candidates = by_arrival[-1:] + afterwards
        if by_arrival and by_arrival[-1].content.deleted is not None:
            while candidates and candidates[0].content.deleted is not None:
                candidates = candidates[1:]  # a removal recorded by the arrival, said again or not
        due = [
            version
            for version in candidates
            if version.content.start <= last and first <= shown_until(version.content)
        ]
        if not due:
            return None
        shown = known[-1]
        return Plan(
            shown=shown,
            known=tuple(known),
            state=self._plan_state(shown.content, first, last, shown_until(shown.content)),
            live=due[0] in by_arrival,
            said_at=due[0].recorded_at,
            removed_afterwards=shown.content.deleted is None and versions[-1].content.deleted is not None,
            names=frozenset({_name(shown.content)}),
        )

    def last_visible_day(self, content: PlanContent, policy: Policy) -> date:
        """Return the end plus 365 days, 28 for an unborn plan, or what is settled for its authority (9)."""
        if content.end is None:
            return date.max
        name = "unborn_visible" if content.plan_type.value == "UCP" else "visible_after_end"
        visible: timedelta = of_authority(policy, name, content.authority)
        return content.end + visible

    @staticmethod
    def _plan_state(content: PlanContent, first: date, last: date, shown_until: date) -> str:
        """Return how a plan stands (12, 14, 15)."""
        if content.deleted is not None:
            return "removed by the authority"
        if not (content.start <= last and first <= shown_until):
            return "no longer in force by the authority's newer record"
        if content.end is None or content.end >= first:
            return "active"
        return "past due date" if content.plan_type.value == "UCP" else "ended"

    def matched(self, thread: Thread) -> list[tuple[Plan, Marks]]:
        """Return the plans due for a visit that match its details, with all their marks (10, 11, 14, 20)."""
        policy = thread.policy
        by = max(
            thread.first_recorded_at + policy.delayed_after, thread.left_at + policy.delayed_after_departure
        )
        in_time = self.received_by(by).due_names(thread.members)
        told = []
        for plan in self.plans(thread.arrived_at, thread.until, thread.cutoff, policy, thread):
            by_hand = self.confirmed(thread)
            marks = () if plan.newborn else match_marks(thread.stated, _stated(plan), by_hand=by_hand)
            if marks is not None:
                told.append((plan, (*self.timing(plan, delayed=not plan.names & in_time), *marks)))
        return told

    def due_names(self, members: Iterable[str]) -> frozenset[Name]:
        """Return the plans that are due and match for any thread made of these visits alone."""
        alone = Visits([m for m in self.visits.messages if m.visit in set(members)], self.policy)
        names: set[Name] = set()
        for thread in alone.threads:
            for plan in self.plans(thread.arrived_at, thread.until, thread.cutoff, thread.policy, thread):
                told = thread.unscheduled and thread.funded and not self._kept_back(thread)
                by_hand = self.confirmed(thread)
                marks = () if plan.newborn else match_marks(thread.stated, _stated(plan), by_hand=by_hand)
                if told and marks is not None:
                    names |= plan.names
        return frozenset(names)

    def confirmed(self, thread: Thread) -> bool:
        """Whether the last word of a person about a visit is that it is the one whose number it has (46)."""
        yes, no = self._words(thread, "identity confirmed"), self._words(thread, "not this person")
        return bool(yes) and all(at <= max(yes) for at in no)

    def somebody_else(self, thread: Thread, plans: Sequence[Plan]) -> bool:
        """Whether a person said so when everything was known that visit and plans have stated (46)."""
        said = self._words(thread, "not this person")
        if not said:
            return False
        own = [one for one in self.visits.messages if one.visit in thread.members]
        then = Visits([one for one in own if one.received_at <= max(said)], self.policy)
        heard = [details for one in then.threads for _, details, _ in one.stated]
        versions = [version for plan in plans for version in plan.known]
        registered = [version.content.details for version in versions if version.received_at <= max(said)]
        return all(details in heard for _, details, _ in thread.stated) and all(
            version.content.details in registered for version in versions
        )

    def _others(self, thread: Thread) -> bool:
        """Whether a visit matches no plan and a person said that it is somebody else's (8, 46)."""
        due = self.plans(thread.arrived_at, thread.until, thread.cutoff, thread.policy, thread)
        return self.somebody_else(thread, due) and not self.matched(thread)

    def overdue(self, thread: Thread) -> bool:
        """Whether a timer found it unsettled 12 hours, or what is settled, after any arrival said (46)."""
        wait: timedelta = of_place(thread.policy, "unconfirmed_told", thread.provider)
        return any(at >= thread.first_said + wait for at in self._words(thread, "item unsettled"))

    def without_outcome(self, thread: Thread) -> bool:
        """Whether a timer heard nothing of its end in time, by any arrival said, nor anybody since (7)."""
        wait: timedelta = of_place(thread.policy, "outcome_awaited", thread.provider)
        told = any(at >= thread.first_said + wait for at in self._words(thread, "no outcome received"))
        return told and thread.state == "present"

    def unopened(self, thread: Thread) -> bool:
        """Whether a timer found it unopened in time, and the newest word is not that it was opened (45)."""
        wait: timedelta = of_place(thread.policy, "unopened_to_manager", thread.provider)
        said = [(at, 0) for at in self._words(thread, "not opened")]
        newest = max(said + [(at, 1) for at in self._words(thread, "opened")], default=None)
        return newest is not None and newest in said and newest[0] >= thread.first_said + wait

    def _words(self, thread: Thread, kind: str) -> list[datetime]:
        """Return when a word was said of a visit, or of one in its thread (37)."""
        return [
            counted(notice)
            for notice in self.notices
            if notice.kind.value == kind and notice.visit in thread.members
        ]

    def timing(self, plan: Plan, *, delayed: bool) -> Marks:
        """Return the marks of 11, 14 and 26."""
        marks = (
            ("retroactive", not plan.live),
            ("delayed", delayed),
            ("removed by the authority afterwards", plan.removed_afterwards),
            ("newborn of", plan.newborn),
            ("details not confirmed", plan.newborn and plan.born is None),
        )
        return tuple(mark for mark, applies in marks if applies)

    def earlier(self, thread: Thread) -> list[Thread]:
        """Return the other unscheduled visits that began in the seven days before (8)."""
        return [
            other
            for other in self.visits.threads
            if other.reference != thread.reference
            and self.why_not(other) is None
            and not self._others(other)
            and thread.arrived_at - thread.policy.reattendance <= other.arrived_at < thread.arrived_at
        ]

    def is_stopped_view(self, view: Access) -> bool:
        """Whether who looked had stopped sharing on the day of the view (45)."""
        policy = in_force(self.policy, view.accessed_at)
        return has_stopped(policy, view.organisation, london_day(view.accessed_at))

    def views_of(self, thread: Thread) -> list[Access]:
        """Return the unscheduled views in a stay by its provider or site, without stopped ones (1, 45)."""
        there = (thread.provider, thread.registers["site"])
        views = [
            view
            for view in self.views
            if view.unscheduled
            and view.organisation in there
            and thread.arrived_at <= view.accessed_at <= thread.until
            and not self.is_stopped_view(view)
        ]
        return sorted(views, key=lambda view: (view.accessed_at, view.access_id))

    def owner(self, plan: Plan, newest_at: datetime, policy: Policy) -> OdsCode:
        """Return the authority, or who has taken over by the day the pair was there to be told (19)."""
        return taken_over(plan.shown.content.authority, max(newest_at, plan.said_at), policy)


def taken_over(owner: OdsCode, at: datetime, policy: Policy) -> OdsCode:
    """Return the authority, or who has taken over from it by a day (19)."""
    seen: set[OdsCode] = set()
    while owner not in seen and owner in policy.successors:
        seen.add(owner)
        successor = policy.successors[owner]
        if successor.opens_on > london_day(at) or successor.code in seen:
            break
        owner = successor.code
    return owner


def age_reached(born: date, day: date) -> int:
    """Return how many birthdays somebody has had; who was born on 29 February has some on 1 March (13)."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _restricted(facts: Sequence[Fact]) -> bool:
    """Whether some source marked the record and the demographic source has not lifted it since (24)."""
    marked = [at for fact in facts if (at := marked_at(fact)) is not None]
    lifted = [
        min(fact.recorded_at, fact.received_at)
        for fact in facts
        if isinstance(fact, IdentityNotice) and fact.kind.value == "restriction lifted"
    ]
    own = bool(marked) and all(at <= max(marked) for at in lifted)
    return own or _restricted_with_another(facts)


def _restricted_with_another(facts: Sequence[Fact]) -> bool:
    """Whether the record of a mother or a baby of the person's is restricted (26)."""
    if any(fact.restricted for fact in facts if isinstance(fact, Birth)):
        return True
    covers = [fact for fact in facts if isinstance(fact, Cover)]
    for mother in {cover.mother for cover in covers}:
        own = [cover for cover in covers if cover.mother == mother]
        if not any(cover.plans for cover in own):  # nothing is told of her
            continue
        newest = max(cover.recorded_at for cover in own)
        if any(cover.restricted for cover in own if mother is None or cover.recorded_at == newest):
            return True
    return False


def marked_at(fact: Fact) -> datetime | None:
    """Return when a fact marked the record as restricted, None where it does not (24)."""
    match fact:
        case IdentityNotice():
            marks = fact.kind.value == "restricted"
        case VisitMessage():
            marks = bool(fact.restricted)
        case PlanFact():
            marks = fact.content.restricted
        case _:
            marks = False
    return counted(fact) if marks else None


def _under_enquiry(notices: Sequence[IdentityNotice]) -> bool:
    """Return whether a number change was notified, and nothing answered at that time or later (37, 38)."""
    said = [(counted(notice), notice.kind.value) for notice in notices]
    changes = [at for at, kind in said if kind == "number change"]
    answers = [at for at, kind in said if kind in ("superseded", "in use", "invalidated")]
    return any(all(answer < change for answer in answers) for change in changes)


def _versions(facts: Sequence[PlanFact]) -> list[Version]:
    """Return every version in the order of recording (10, 37)."""
    versions = [
        Version(
            content=fact.content,
            recorded_at=counted(fact),
            received_at=fact.received_at,
            file_id=fact.file_id,
        )
        for fact in facts
    ]
    return sorted(versions, key=_what_alerts_last)


def _what_alerts_last(version: Version) -> tuple[object, ...]:
    """Order by stamp; at equal stamps not deleted, then the later end, is the newest (37)."""
    content = version.content
    return (
        version.recorded_at,
        content.deleted is None,
        content.end or date.max,
        content.verified,
        version.file_id,
    )


def _name(content: PlanContent) -> tuple[str, str, date]:
    """Return which plan of a person it is: authority, type, start day (10)."""
    return content.authority.code, content.plan_type.value, content.start


def _stated(plan: Plan) -> list[tuple[datetime, Details, bool]]:
    """Return the registered details of a plan over time (20)."""
    return _details(plan.known)


def _details(versions: Sequence[Version]) -> list[tuple[datetime, Details, bool]]:
    """Return what versions registered over time; verified once is verified (20)."""
    verified = any(version.content.verified for version in versions)
    return [(version.recorded_at, version.content.details, verified) for version in versions]


def _each_once(plans: Iterable[Plan]) -> list[Plan]:
    """Return what is on file under several numbers of mothers once, as the one that alerts most (26)."""
    found: dict[frozenset[Name], Plan] = {}
    for plan in plans:
        other = found.get(plan.names)
        if other is None:
            found[plan.names] = plan
            continue
        first, second = sorted((plan, other), key=_tells_most)
        found[plan.names] = replace(
            second, live=first.live or second.live, said_at=min(first.said_at, second.said_at)
        )
    return list(found.values())


def _tells_most(plan: Plan) -> tuple[object, ...]:
    """Order one plan under several mothers' numbers: removed, no longer in force, lost, older (26, 37)."""
    return (
        plan.state != "removed by the authority",
        plan.state != "no longer in force by the authority's newer record",
        not plan.losses,
        _what_alerts_last(plan.shown),
        plan.born or date.min,
    )


def _replaced(plans: Sequence[Plan], policy: Policy) -> list[Plan]:
    """Put the first plan recorded after a removed one of the same type in its place (14, 19)."""
    standing = [plan for plan in plans if plan.state != "removed by the authority"]
    told = []
    taken = {id(plan): [plan] for plan in standing}  # own and mother's may have one name
    for removed in (plan for plan in plans if plan not in standing):
        later = [
            plan
            for plan in standing
            if plan.shown.content.plan_type is removed.shown.content.plan_type
            and plan.known[0].recorded_at > removed.known[0].recorded_at
            and plan.shown.content.authority
            in {
                removed.shown.content.authority,
                taken_over(removed.shown.content.authority, plan.known[0].recorded_at, policy),
            }
        ]
        if later:
            first = min(later, key=lambda plan: (plan.known[0].recorded_at, plan.shown.content.start))
            taken[id(first)].append(removed)
        else:
            told.append(removed)
    for plan in standing:
        together = taken[id(plan)]
        told.append(
            replace(
                plan,
                known=tuple(sorted((v for one in together for v in one.known), key=_what_alerts_last)),
                live=any(one.live for one in together),
                said_at=min(one.said_at for one in together),
                names=frozenset(name for one in together for name in one.names),
            )
        )
    return told
