"""
A seeded load for a matcher, and what must come of it, derived from the inputs by the pure core alone.

Every fact is an ordinary one; what makes the load hard is the order: plans before and after their visit,
duplicates, several messages of a visit, and most attendances of people without any plan.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from broker.adapters.topic_declarations import load_topics
from broker.core.alerts import Alert, AlertEvent
from broker.core.decisions import decide
from broker.core.effects import advance
from broker.core.facts import Fact, PlanFact, VisitEvent
from broker.core.identifiers import NhsNumber
from broker.core.person import NOTHING, Person, lift, merge
from broker.core.policy import Policy
from broker.runtime.resources import topics_file
from tests.builders.matcher import KEY, NOON, SALT, attendance, numbers, plan

_DECLARED = load_topics(topics_file().read_text("utf-8"))
AUTHORITIES = sorted(_DECLARED.local_authorities)
PROVIDERS = sorted(_DECLARED.providers)
_LATE_PLANS = 0.3  # of the people with a plan: it comes after the visit
_DISCHARGED = 0.2  # of the visits with a plan: a second message follows
_RESENT = 0.02  # of all messages

POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Sent:
    """One fact as it is sent to an input, under its person's number."""

    number: NhsNumber
    fact: Fact


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent before anything else, and what follows in this order."""

    first: Sequence[Sent]
    then: Sequence[Sent]

    def people(self) -> dict[NhsNumber, list[Fact]]:
        """Return the facts of everybody who has a plan."""
        facts: dict[NhsNumber, list[Fact]] = defaultdict(list)
        for sent in (*self.first, *self.then):
            facts[sent.number].append(sent.fact)
        return {
            number: known
            for number, known in facts.items()
            if any(isinstance(fact, PlanFact) for fact in known)
        }


def make_load(*, seed: int, attendances: int, flagged: int) -> Load:
    """Return a load of `attendances` visits, `flagged` of them by people who have or get a plan."""
    chance = random.Random(seed)  # noqa: S311 – a load that can be repeated, no secret
    people = numbers()
    first: list[Sent] = []
    then: list[tuple[float, Sent]] = []
    for serial in range(flagged):
        number, at = next(people), chance.random()
        visit = attendance(
            f"flagged-{serial}",
            provider=chance.choice(PROVIDERS),
            at=NOON + timedelta(seconds=serial),
        )
        then.append((at, Sent(number, visit)))
        if chance.random() < _DISCHARGED:
            left = attendance(
                f"flagged-{serial}",
                provider=visit.provider,
                at=visit.recorded_at + timedelta(minutes=90),
                event=VisitEvent.DISCHARGED,
            )
            then.append((chance.random(), Sent(number, left)))
        known = Sent(number, plan(authority=chance.choice(AUTHORITIES)))
        if chance.random() < _LATE_PLANS:
            then.append((chance.random(), known))
        else:
            first.append(known)
    unflagged = [next(people) for _ in range(max(1, (attendances - flagged) // 3))]
    for serial in range(attendances - flagged):
        visit = attendance(f"other-{serial}", provider=chance.choice(PROVIDERS))
        then.append((chance.random(), Sent(chance.choice(unflagged), visit)))
    then += [(chance.random(), sent) for _, sent in chance.sample(then, int(len(then) * _RESENT))]
    then.sort(key=lambda pair: pair[0])
    return Load(first, [sent for _, sent in then])


def standing(load: Load) -> dict[str, Alert]:
    """Return, by id, every alert that must stand in the end."""
    alerts: dict[str, Alert] = {}
    for number, facts in load.people().items():
        known = NOTHING
        for fact in facts:
            known = merge(known, lift(fact))
        alerts.update(decide(number, known, POLICY, KEY).alerts)
    return alerts


def single_events(load: Load) -> Iterator[AlertEvent]:
    """Yield the events of people of whom only one thing can be said, whatever the order."""
    for number, facts in load.people().items():
        distinct = {fact for fact in facts if not isinstance(fact, PlanFact)}
        if len(distinct) == 1:
            person = Person(number=number, salt=SALT)
            for fact in facts:
                person = person.learn(lift(fact))
            yield from advance(person, POLICY, KEY).events
