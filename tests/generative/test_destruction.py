"""
What is destroyed is missed by nobody: an oracle that hears only what came in time agrees about the rest.

The clock of the partition is the newest receipt; after each fact, and some time after the last, whoever is
known is settled. Closed visits and views are compared no more: nothing may be said of them either.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from broker.core.alerts import Alert, AlertEvent, EventKind
from broker.core.closed_visits import too_late, used_again
from broker.core.effects import advance
from broker.core.facts import Access, Cover, Fact, IdentityNotice, PlanFact, VisitMessage
from broker.core.floods import bounded
from broker.core.identifiers import NhsNumber
from broker.core.person import Person, lift
from broker.core.policy import Policy
from broker.core.retention import settle
from tests.generative.examples import always_the_same, examples
from tests.generative.expected import Expecting, row_of
from tests.generative.naive_destruction import subject_of
from tests.generative.oracle import Oracle
from tests.generative.picking import Picking
from tests.generative.settled import OTHER
from tests.generative.stories import story
from tests.spec.settled import KEY, SETTLED

NUMBER = NhsNumber("9990000018")
L = timedelta(days=35)
POLICIES = [replace(policy, lateness=L) for policy in (SETTLED, OTHER)]
WAITS = [timedelta(days=days) for days in (0, 1, 14, 35, 36, 49, 50, 57, 64, 90, 400, 2_000)]
TAKEN_BACK = (EventKind.WITHDRAWN, EventKind.RETRACTED)


@dataclass
class Partition:
    """One person under a matcher that forgets; `heard` is what came in time since the record was made."""

    policy: Policy
    person: Person | None = None
    heard: list[Fact] = field(default_factory=list)
    waiting: list[Fact] = field(default_factory=list)
    events: list[AlertEvent] = field(default_factory=list)
    tombstones: int = 0
    late: int = 0

    def take(self, fact: Fact, clock: datetime) -> None:
        """Fold a fact as the matcher does: without a record all but plans and notices wait."""
        if self.person is None and not isinstance(fact, PlanFact | IdentityNotice):
            self.waiting.append(fact)
        else:
            waited = self.waiting if self.person is None else []
            held = self.person or Person(number=NUMBER, salt=bytes(16))
            person = used_again(held, [fact], clock, self.policy)
            again = held.closed - person.closed  # nothing is held of what was before
            self.heard = [one for one in self.heard if subject_of(one) not in again]
            for each in (*waited, fact):
                if too_late(each, person):
                    self.late += 1
                else:
                    self.heard.append(each)
                person = bounded(person.learn(lift(each)), person)[0]
            advanced = advance(person, self.policy, KEY)
            self.waiting = []
            self.person = advanced.person
            self.events += [one for one in advanced.events if one.alert.subject not in person.closed]
            assert len(advanced.events) == sum(
                one.alert.subject not in person.closed for one in advanced.events
            )
        self.settle(clock)

    def settle(self, clock: datetime) -> None:
        """Let go of what is past revising, and of whoever nothing need be kept."""
        if self.person is None:
            return
        self.person = settle(self.person, clock, self.policy)
        if self.person is None:
            self.tombstones += 1
            self.heard = []
            return
        known = self.person.known
        if not (
            known.plans or known.visits or known.accesses
        ):  # all but a mark that only the source lifts is gone (ruling 24)
            self.heard = list(known.notices.values())
        assert () == advance(self.person, self.policy, KEY).events


def live(facts: Sequence[Fact], policy: Policy, wait: timedelta) -> Partition:
    """Return a partition that was told facts in the order of their receipt, some time after the last."""
    partition, clock = Partition(policy), facts[0].received_at
    for fact in facts:
        clock = max(clock, fact.received_at)
        partition.take(fact, clock)
    partition.settle(clock + wait)
    return partition


def standing(person: Person) -> dict[str, Alert]:
    """Return what stands about visits and views that are not closed."""
    return {
        alert_id: told.alert
        for alert_id, told in person.told.items()
        if told.alert is not None and told.kind not in TAKEN_BACK
    }


def in_time(pick: Picking) -> tuple[list[Fact], Policy, timedelta]:
    """
    Return facts by their receipt, what they are judged by, and how long is waited after the last.

    Each came within L of its recording: what is promised, is promised for those.
    """
    told: list[Fact] = []
    while not told:
        told = [fact for fact in story(pick) if timedelta() <= fact.received_at - fact.recorded_at <= L]
    return sorted(told, key=lambda fact: fact.received_at), pick.one(POLICIES), pick.one(WAITS)


@examples(in_time)
def test_what_is_left_stands_as_if_nothing_had_been_destroyed(
    told: list[Fact], policy: Policy, wait: timedelta
) -> None:
    """
    Of visits and views that are not closed, alerts equal those of the oracle, which never forgets.

    What follows from a birth of which a closed visit told is compared in test_oracle.py.
    """
    partition = live(told, policy, wait)
    if partition.person is None:
        return
    covers = [fact for fact in partition.heard if isinstance(fact, Cover)]
    closed = partition.person.closed
    if {birth.visit for cover in covers for birth in cover.births} & closed:
        return

    expected = Expecting(Oracle(partition.heard, policy)).told()

    assert {row for row in expected.alerts if row.subject not in closed} == {
        row_of(alert) for alert in standing(partition.person).values()
    }


@examples(in_time)
def test_nothing_is_raised_twice(told: list[Fact], policy: Policy, wait: timedelta) -> None:
    """A record goes only when no fact that comes in time can raise an alert a second time."""
    partition = live(told, policy, wait)

    raised = [one.alert.alert_id for one in partition.events if one.revision == 1]

    assert sorted(set(raised)) == sorted(raised)


@examples(in_time)
def test_what_is_closed_is_old_and_what_is_old_is_closed(
    told: list[Fact], policy: Policy, wait: timedelta
) -> None:
    """
    Nothing closes within L of its first message; everything has L after the last possible cut-off.

    What comes after the cut-off puts nothing off. A stillbirth says of later visits that an unborn plan is
    over: it stays while one may be asked about (ruling 43).
    """
    partition = live(told, policy, wait)
    if partition.person is None:
        return
    clock = max(fact.received_at for fact in told) + wait
    recorded: dict[str, list[datetime]] = {}
    for fact in partition.heard:
        if isinstance(fact, VisitMessage | Access):
            subject = fact.visit if isinstance(fact, VisitMessage) else fact.access_id
            recorded.setdefault(subject, []).append(fact.recorded_at)
    held = partition.person.known.visits.keys() | partition.person.known.accesses.keys()

    assert all(min(recorded[one]) + L < clock for one in partition.person.closed & recorded.keys())
    stillbirth = any(isinstance(fact, VisitMessage) and fact.disposition == "5" for fact in partition.heard)
    newest = max((at for every in recorded.values() for at in every), default=clock)
    if not stillbirth and newest + policy.plan_wait + L < clock:
        assert set() == held


EXAMPLES = 300
SEEN = ("closed visits", "closed views", "tombstones", "late facts", "marks alone", "open beside closed")


def test_every_way_of_forgetting_is_generated() -> None:
    """Closed visits and views, also beside open ones, late facts, records that went and marks that stayed."""
    seen: Counter[str] = Counter()

    for pick in always_the_same(EXAMPLES):
        told = sorted(story(pick), key=lambda fact: fact.received_at)
        partition = live(told, POLICIES[0], pick.one(WAITS))
        views = {fact.access_id for fact in told if isinstance(fact, Access)}
        person = partition.person
        seen["tombstones"] += partition.tombstones
        seen["late facts"] += partition.late
        if person is not None:
            seen["closed visits"] += bool(person.closed - views)
            seen["closed views"] += bool(person.closed & views)
            seen["open beside closed"] += bool(person.closed and person.known.visits)
            seen["marks alone"] += not (person.known.plans or person.known.visits)

    assert set(SEEN) == {name for name, count in seen.items() if count}
