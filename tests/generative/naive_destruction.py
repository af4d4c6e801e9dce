"""
What may be destroyed, once more, for the oracle: architecture section 2, "Only people with a plan are kept".

Remembers facts as a plain list. What is destroyed leaves the list; what was told of it stays as it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from broker.core.facts import (
    Access,
    Birth,
    Cover,
    Fact,
    IdentityKind,
    IdentityNotice,
    PlanFact,
    VisitEvent,
    VisitLeft,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber, london_day
from broker.core.policy import AnyPolicy
from tests.generative.expected import BIRTH, OUTCOME, Expecting, Row
from tests.generative.naive_asking import old_words, outcome_to_come
from tests.generative.naive_excluded import Word, standing, standing_exclusions
from tests.generative.naive_newborn import as_first_said, covered, doubtful, last_visible, may_show, said_at
from tests.generative.naive_policy import in_force
from tests.generative.naive_thread import Thread, came_at, first_received
from tests.generative.naive_times import counted
from tests.generative.oracle import Oracle, Version, age_reached, marked_at


@dataclass
class Group:
    """Visits and views that are destroyed together."""

    members: set[str] = field(default_factory=set)
    open: bool = False
    stillbirth: bool = False


class Remembered:
    """
    A person's facts as far as they are held, and the alerts that stand.

    `closed` are the visits and views whose facts are gone for good; `destroyed` counts how often everything
    was.
    """

    def __init__(self, policy: AnyPolicy) -> None:
        self.policy = policy
        self.held: list[Fact] = []
        self.waiting: list[tuple[datetime, Fact]] = []
        self.has_record = False
        self.closed: set[str] = set()
        self.destroyed = 0
        self._as_told: dict[tuple[str, str], Row] = {}
        self._void: set[tuple[NhsNumber | None, str]] = set()
        self._again: set[str] = set()

    @property
    def tells_of_closed(self) -> bool:
        """Whether some alert stands as it was told of what is closed now."""
        return bool(self._as_told)

    def take(self, fact: Fact, clock: datetime) -> None:
        """Hold a fact: of a visit or view only from the first plan or notice on, until then it waits."""
        if not self.has_record and isinstance(fact, VisitMessage | VisitLeft | Access | Birth):
            self.waiting.append((clock, fact))
            return
        self.has_record = True
        if isinstance(fact, VisitMessage) and self._is_another_attendance(fact, clock):
            self._again |= self.closed & {fact.visit}
            self.closed.discard(fact.visit)
        self.held = first_received([*self.held, *(waited for _, waited in self.waiting), fact])
        self.waiting = []
        self._void_again(fact)
        if self.destroyed:
            self._overtake()
        if self._again:
            self._tell_anew()

    def standing(self) -> frozenset[Row]:
        """Return the alerts that stand: as told of what is closed, else as the facts held have it."""
        rows = {(row.to, row.subject): row for row in self._alerts()}
        return frozenset((self._as_told | rows).values())

    def settle(self, clock: datetime) -> None:
        """Destroy what may go at a time of the partition's clock."""
        self.waiting = [(at, fact) for at, fact in self.waiting if at >= clock - self.policy.horizon]
        if not self.has_record:
            return
        before = clock - self.policy.lateness
        asking = any(row.subject in {BIRTH, OUTCOME} for row in self._alerts())
        past = old_words(self.held, before, asking=asking)
        self.held = [fact for fact in self.held if all(fact is not one for one in past)]
        closing = self._closing(clock, before)
        asked, awaited = ([row for row in self._alerts() if row.subject == one] for one in (BIRTH, OUTCOME))
        for row in self._alerts() if closing else ():
            if row.subject in closing:
                self._as_told[row.to, row.subject] = row
        ended = Oracle(self._open(), self.policy).ended
        excluded_of_kin = self._excluded_of_kin()
        covered = any(isinstance(fact, Cover) for fact in self.held)
        self.closed |= closing
        mark, of_kin = self._mark(), self._mark_of_kin()
        self._void_links(ended)
        self.held = [fact for fact in self.held if subject_of(fact) not in self.closed]
        happened = [fact for fact in self.held if isinstance(fact, VisitMessage | Access)]
        if not happened:
            self._let_kin_go(clock, before, asked)
        if not happened and not self._to_come(clock, before):
            lasting = standing_exclusions((f for f in self.held if isinstance(f, IdentityNotice)), before)
            self._as_told |= {(row.to, row.subject): row for row in awaited}
            self.held, self.closed, self._void = [*lasting], set(), set()
            self.destroyed += 1
        if covered and not any(isinstance(fact, Cover) for fact in self.held):
            self.held = first_received([*self.held, *excluded_of_kin])
        self.held += mark if self._mark() != mark else []
        self.held += [] if self._mark_of_kin() else of_kin
        self.has_record = bool(self.held) or bool(self.closed)

    def _void_links(self, ended: Callable[[Birth], bool]) -> None:
        """Remember what closed visits said and do not say any more: it links nobody again (26, 44)."""
        for cover in (fact for fact in self.held if isinstance(fact, Cover)):
            over = [one for one in cover.births if one.visit in self.closed and ended(one)]
            self._void |= {(cover.mother, birth.birth_id) for birth in over}

    def _tell_anew(self) -> None:
        """Let go of what was told of a visit that is open again, once it is told of anew (ADR 0049)."""
        for row in self._alerts():
            if row.subject in self._again - self.closed:
                self._as_told.pop((row.to, row.subject), None)

    def _is_another_attendance(self, message: VisitMessage, clock: datetime) -> bool:
        """Whether a registration says of itself that the person came within L of the clock (ADR 0049)."""
        came = came_at(message, self.policy)
        registers = message.event in (VisitEvent.ADMITTED, VisitEvent.REGISTERED)
        return registers and came is not None and clock - came <= self.policy.lateness

    def _void_again(self, fact: Fact) -> None:
        """Remember of a mother whose number is in use again what had ended, and nothing held tells (23)."""
        if isinstance(fact, Cover) and fact.mother is not None:
            covers = [one for one in self.held if isinstance(one, Cover) and one.mother is None]
            over = {
                (one.visit, one.recorded_at)
                for cover in covers
                for one in cover.births
                if (None, one.birth_id) in self._void
            }
            visits = {one.visit for one in self.held if isinstance(one, VisitMessage)}
            self._void |= {
                (fact.mother, one.birth_id)
                for one in fact.births
                if (one.visit, one.recorded_at) in over and one.visit not in visits
            }

    def _without_void(self, fact: Fact) -> Fact:
        """Return a fact, what covers without what links nobody any more."""
        if not isinstance(fact, Cover):
            return fact
        births = tuple(one for one in fact.births if (fact.mother, one.birth_id) not in self._void)
        return replace(fact, births=births)

    def _let_kin_go(self, clock: datetime, before: datetime, asked: list[Row]) -> None:
        """Let mothers and babies go, each when no plan may be shown because of them any more (26)."""
        for baby in {fact.baby for fact in self.held if isinstance(fact, Birth)}:
            if not outcome_to_come(Oracle(self.held, self.policy), clock) and not self._birth_keeps(
                baby, clock, before
            ):
                self.held = [one for one in self.held if not isinstance(one, Birth) or one.baby != baby]
        if not self._covers_to_come(clock, before):
            self._as_told |= {(row.to, row.subject): row for row in asked}
            self.held = [fact for fact in self.held if not isinstance(fact, Cover)]

    def _birth_keeps(self, baby: NhsNumber, clock: datetime, before: datetime) -> bool:
        """Whether a birth keeps the mother's record: said within L, or an unborn plan may yet cover."""
        said = [fact for fact in self.held if isinstance(fact, Birth) and fact.baby == baby]
        births = as_first_said(said)
        if any(said_at(birth) >= before for birth in births):
            return True
        plans: dict[tuple[str, date], list[PlanFact]] = {}
        for fact in self.held:
            if isinstance(fact, PlanFact) and fact.content.plan_type.value == "UCP":
                plans.setdefault((fact.content.authority.code, fact.content.start), []).append(fact)
        return any(
            may_show(said, births, london_day(clock), self.policy)
            for said in plans.values()
            if any(
                birth.born is None
                or any(
                    plan.content.start <= birth.born <= last_visible(plan.content, one)
                    for plan in said
                    for one in self.policy.every
                )
                for birth in births
            )
        )

    def _covers_to_come(self, clock: datetime, before: datetime) -> bool:
        """Whether a plan of a mother's may be shown, or was said of her within L."""
        covers = [fact for fact in self.held if isinstance(fact, Cover)]
        if any(said_at(birth) >= before for cover in covers for birth in cover.births):
            return True
        if any(plan.recorded_at >= before for cover in covers for plan in cover.plans):
            return True
        return bool(doubtful(covers) - {None}) or any(
            may_show(one.said, one.births, london_day(clock), self.policy)
            for mother in {cover.mother for cover in covers}
            for one in covered([cover for cover in covers if cover.mother == mother], lambda _: False)
        )

    def _mark(self) -> list[Fact]:
        """Return that the record is restricted, as a notice of the newest mark; nothing if it is not (24)."""
        own = [fact for fact in self.held if not isinstance(fact, Birth | Cover)]
        if not Oracle(own, self.policy).restricted:
            return []
        at = max(at for fact in self.held if (at := marked_at(fact)) is not None)
        kind = IdentityKind.RESTRICTED
        return [IdentityNotice(notice_id=f"mark {at}", kind=kind, recorded_at=at, received_at=at)]

    def _mark_of_kin(self) -> list[Fact]:
        """Return that a mother's or a baby's record is restricted, as a notice that outlives it (24, 26)."""
        kin = [fact for fact in self.held if isinstance(fact, Birth | Cover)]
        if not Oracle(kin, self.policy).restricted:
            return []
        first_said = as_first_said(fact for fact in kin if isinstance(fact, Birth))
        births = [said_at(one) for one in first_said if one.restricted]
        telling = {one.mother for one in kin if isinstance(one, Cover) and one.plans}
        said = [one for one in kin if isinstance(one, Cover) and one.mother in telling]
        covers = [one.restricted for one in said if one.restricted]
        lifted = [
            min(one.recorded_at, one.received_at)
            for one in self.held
            if isinstance(one, IdentityNotice) and one.kind.value == "restriction lifted"
        ]
        at, kind = max([*births, *covers, *lifted]), IdentityKind.RESTRICTED
        return [IdentityNotice(notice_id=f"kin {at}", kind=kind, recorded_at=at, received_at=at)]

    def _excluded_of_kin(self) -> list[Fact]:
        """Return who must not see a mother, as notices of the baby's that outlive what covers it (26, 48)."""
        words = [word for said in Oracle(self._open(), self.policy).of_mothers for word in standing(said)]
        newest = {word for word in words if not any(_is_newer(other, word) for other in words)}
        return [
            IdentityNotice(
                notice_id=f"kin {word}",
                kind=IdentityKind.EXCLUDED,
                user=word.user,
                named_by=word.side,
                recorded_at=word.at,
                received_at=word.at,
            )
            for word in newest
        ]

    def _open(self) -> list[Fact]:
        """Return the facts that may still change what stands; a mark that came late with others does (24)."""
        still = [self._without_void(fact) for fact in self.held if subject_of(fact) not in self.closed]
        return [*still, *self._mark()]

    def _alerts(self) -> frozenset[Row]:
        """Return the alerts that the facts held ask for."""
        return Expecting(Oracle(self._open(), self.policy)).told().alerts

    def _overtake(self) -> None:
        """Let what is told anew take the place of what was told before everything was destroyed."""
        for row in self._alerts():
            self._as_told.pop((row.to, row.subject), None)

    def _closing(self, clock: datetime, before: datetime) -> set[str]:
        """
        Return the visits and views that nothing may change any more.

        A visit goes with its views and with those it may bear on, which began within a week, or what is
        settled, of it or have a view in common with it; none goes while the cut-off of one lies less than L
        behind. Who ever told of a stillbirth is the last to go, and not before the last unborn plan (43).
        """
        oracle = Oracle(self._open(), self.policy)
        messages = [fact for fact in self._open() if isinstance(fact, VisitMessage)]
        bound = max(span for one in self.policy.every for span in (one.reattendance, one.same_visit))
        threads = oracle.visits.threads
        during = [[view for view in oracle.views if _is_during(view, thread)] for thread in threads]
        groups: list[Group] = []
        for place, thread in enumerate(threads):
            ids = {view.access_id for view in during[place]}
            later = {view.access_id for views in during[place:] for view in views}
            near = place > 0 and thread.arrived_at - threads[place - 1].arrived_at <= bound
            if not near and not (groups and groups[-1].members & later):
                groups.append(Group())
            group = groups[-1]
            group.members |= {*thread.members, *ids}
            group.open |= any(c >= before for c in (thread.cutoff, *map(self._view_cutoff, during[place])))
            group.stillbirth |= any(
                message.disposition == "5" and message.visit in thread.members for message in messages
            )
        held = [fact for fact in self.held if isinstance(fact, PlanFact)]
        unborn = [fact for fact in held if fact.content.plan_type.value == "UCP"]
        in_groups = {reference for group in groups for reference in group.members}
        lonely = [view for view in oracle.views if view.access_id not in in_groups]
        asked_about = (
            any(group.open for group in groups)
            or any(self._view_cutoff(view) >= before for view in lonely)
            or self._plans_to_come(unborn, clock, before)
            or self._covers_to_come(clock, before)
            or outcome_to_come(Oracle(self.held, self.policy), clock)
        )
        closing: set[str] = set()
        for group in groups:
            if not group.open and not (group.stillbirth and asked_about):
                closing |= group.members
        for reference in oracle.visits.silent | oracle.elsewhere:
            own = [message for message in messages if message.visit == reference]
            if all(counted(message) < before for message in own):
                closing.add(reference)
        return closing | self._views_closing(oracle, closing, before)

    def _views_closing(self, oracle: Oracle, closing: set[str], before: datetime) -> set[str]:
        """Return the views to close: once no visit is open that they might yet belong to."""
        if (oracle.visits.everything | oracle.elsewhere) - closing:
            return set()
        return {view.access_id for view in oracle.views if self._view_cutoff(view) < before}

    def _view_cutoff(self, view: Access) -> datetime:
        """Return c of a view (10)."""
        recorded_at = counted(view)
        policy = in_force(self.policy, view.accessed_at)
        waits = recorded_at + policy.plan_wait, view.accessed_at + policy.plan_wait_after_arrival
        return max(recorded_at, min(waits))

    def _to_come(self, clock: datetime, before: datetime) -> bool:
        """Whether a plan is visible, may become so, or was recorded within L; or a notice was."""
        if any(isinstance(fact, IdentityNotice) and counted(fact) >= before for fact in self.held):
            return True
        babies = {fact.baby for fact in self.held if isinstance(fact, Birth)}
        if self._covers_to_come(clock, before) or any(
            self._birth_keeps(baby, clock, before) for baby in babies
        ):
            return True
        return self._plans_to_come([fact for fact in self.held if isinstance(fact, PlanFact)], clock, before)

    def _plans_to_come(self, facts: list[PlanFact], clock: datetime, before: datetime) -> bool:
        """Whether one of these plans is visible, may become so, or was recorded within L."""
        oracle = Oracle(facts, self.policy)
        plans: dict[object, list[Version]] = {}
        for version in oracle.versions:
            content = version.content
            plans.setdefault((content.authority, content.plan_type, content.start), []).append(version)
        return any(self._may_show(versions, clock, before, oracle) for versions in plans.values())

    def _may_show(self, versions: list[Version], clock: datetime, before: datetime, oracle: Oracle) -> bool:
        """Whether one plan keeps the record: recorded within L, or visible today or later, of a child."""
        newest = versions[-1]
        if newest.recorded_at >= before:
            return True
        if newest.content.deleted is not None:
            return False
        return any(
            oracle.last_visible_day(newest.content, policy) >= london_day(clock)
            and not self._grown_up(versions, clock, before, policy.age_of_majority)
            for policy in self.policy.every
        )

    def _grown_up(self, versions: list[Version], clock: datetime, before: datetime, age: int) -> bool:
        """Whether source and authority, as far as they say when, had the child of age by then (13)."""
        if versions[-1].content.plan_type.value == "UCP":
            return False
        source = [
            (counted(fact), fact.birth_date)
            for fact in self.held
            if isinstance(fact, IdentityNotice) and fact.birth_date is not None
            if counted(fact) <= clock
        ]
        authority = [
            (version.recorded_at, version.content.details.birth_date)
            for version in versions
            if version.content.details.birth_date is not None
        ]
        births = [max(said)[1] for said in (source, authority) if said]
        return bool(births) and all(age_reached(born, london_day(before)) >= age for born in births)


def subject_of(fact: Fact) -> str | None:
    """Return the visit or view that a fact is about, None for a plan, or a notice about none."""
    match fact:
        case VisitMessage() | VisitLeft() | IdentityNotice():
            return fact.visit
        case Access():
            return fact.access_id
        case _:
            return None


def _is_during(view: Access, thread: Thread) -> bool:
    """Whether somebody there looked, aloud or silently, during a stay (1)."""
    there = (thread.provider, thread.registers["site"])
    return view.organisation in there and thread.arrived_at <= view.accessed_at <= thread.until


def _is_newer(word: Word, than: Word) -> bool:
    """Whether a side said again of a user what it had said."""
    return (word.user, word.side) == (than.user, than.side) and word.at > than.at
