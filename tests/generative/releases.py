"""A story amid which the rules change: who is told, who is not, and why, by the core and by the oracle."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from broker.core.alerts import Alert, AlertEvent, Change, EventKind, Why
from broker.core.effects import advance, decided_anew
from broker.core.facts import Fact
from broker.core.identifiers import OdsCode
from broker.core.person import lift
from broker.core.policy import AnyPolicy
from broker.core.policy_keys import Successor
from tests.generative.expected import Row, row_of, without_own_ids
from tests.generative.living import check_adds_up, new_person, restarted, standing
from tests.generative.naive_releases import Readers
from tests.generative.picking import Picking
from tests.generative.settled import POLICIES
from tests.generative.stories import story
from tests.spec.settled import KEY, SETTLED

MOVED: AnyPolicy = replace(
    SETTLED,
    successors={
        **SETTLED.successors,
        OdsCode("E09"): Successor(code=OdsCode("E10"), opens_on=date(2025, 1, 1)),
    },
)
"""E09 has a successor."""

_POLICIES: Sequence[AnyPolicy] = (*POLICIES, MOVED)


@dataclass(frozen=True, kw_only=True)
class Played:
    """Facts in the order in which they come, some again; before some places the rules change."""

    first: AnyPolicy
    facts: Sequence[Fact]
    changes: dict[int, tuple[AnyPolicy, datetime]]


class Outcome(StrEnum):
    """What a change of rules, or a fact after it, may do."""

    RAISED = "raised where somebody is still there"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"
    REINSTATED = "reinstated"
    MOVED = "raised in another's place"
    UNTOLD = "told nobody"
    UNASKED = "asked nobody"
    TOLD_LATER = "told when a fact changed it"


def playing(pick: Picking) -> Played:
    """Return a story during and after which the rules change, by a clock amid and after its stays."""
    facts, chance = story(pick), pick.chance()
    again = [*facts, *chance.choices(facts, k=3)]
    chance.shuffle(again)
    received = [fact.received_at for fact in facts]
    late = max(received) + timedelta(days=60)
    changes = {
        place: (chance.choice(_POLICIES), chance.choice([late, chance.choice(received)]))
        for place in sorted(chance.sample(range(1, len(again) + 1), k=min(2, len(again))))
    }
    return Played(first=chance.choice(_POLICIES), facts=again, changes=changes)


def check_played(one: Played) -> set[Outcome]:
    """Return what happened; raise `AssertionError` where core and oracle differ, or the reason is wrong."""
    readers, person = Readers(one.first), new_person()
    policy, events, happened = one.first, list[AlertEvent](), set[Outcome]()
    for place in range(len(one.facts) + 1):
        if place in one.changes:
            policy, clock = one.changes[place]
            advanced = decided_anew(person, policy, KEY, clock)
            readers.change(policy, clock)
            happened |= _seen(readers, advanced.events)
            assert all(Change.RULES in event.changes for event in advanced.events)
            assert all(entry.rules_changed for entry in advanced.entries)
            untold = {entry.subject_reference for entry in advanced.entries if entry.why is Why.NEWER_RULES}
            assert untold <= _untold(readers)
            person = restarted(advanced.person)
            events += advanced.events
            again = decided_anew(person, policy, KEY, clock + timedelta(days=400))
            assert (person, (), ()) == (again.person, again.events, again.entries)
        if place < len(one.facts):
            waiting = set(readers.untold)
            advanced = advance(person.learn(lift(one.facts[place])), policy, KEY)
            readers.take(one.facts[place])
            happened |= {Outcome.TOLD_LATER} if waiting & set(readers.told) else set()
            assert not any(Change.RULES in event.changes for event in advanced.events)
            person = advanced.person
            events += advanced.events
        assert _rows(standing(person).values()) == readers.standing
        assert readers.asked == {
            (item.kind.value, item.visit or "", item.control_id or "") for item in person.items.values()
        }
    check_adds_up(events)
    return happened


def _seen(readers: Readers, events: Sequence[AlertEvent]) -> set[Outcome]:
    """Return what a change of rules did."""
    kinds = {event.kind for event in events}
    withdrawn = {event.alert.subject for event in events if event.kind is EventKind.WITHDRAWN}
    seen = {
        Outcome.RAISED: EventKind.RAISED in kinds,
        Outcome.UPDATED: EventKind.UPDATED in kinds,
        Outcome.WITHDRAWN: EventKind.WITHDRAWN in kinds,
        Outcome.REINSTATED: any(Change.REINSTATED in event.changes for event in events),
        Outcome.MOVED: any(
            event.kind is EventKind.RAISED and event.alert.subject in withdrawn for event in events
        ),
        Outcome.UNTOLD: bool(readers.untold),
        Outcome.UNASKED: bool(readers.unasked),
    }
    return {outcome for outcome, is_so in seen.items() if is_so}


def _untold(readers: Readers) -> set[str]:
    """Return the visits and views of which somebody is told nothing."""
    views = {view for forms in readers.untold.values() for row, _ in forms for view in row.views}
    return {subject for _, subject in readers.untold} | views


def _rows(alerts: Iterable[Alert]) -> frozenset[Row]:
    """Return alerts as the oracle has them, without the authority's own ids."""
    return without_own_ids(map(row_of, alerts))
