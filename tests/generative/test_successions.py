"""Numbers that are superseded: wherever and whenever a fact comes, the survivor ends as the rulings ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from broker.core.alerts import Alert, Change, EventKind
from broker.core.facts import (
    Access,
    Birth,
    Cover,
    Fact,
    IdentityKind,
    IdentityNotice,
    PlanFact,
    VisitLeft,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import visit_reference
from broker.core.number_answers import ABOUT_THE_NUMBER
from broker.core.partition import Forwarding
from broker.core.person import Person
from broker.core.succession import Merged
from tests.generative.examples import always_the_same, examples
from tests.generative.expected import Expecting, row_of, without_own_ids
from tests.generative.oracle import Oracle
from tests.generative.picking import Picking
from tests.generative.relay import Relay
from tests.generative.stories import PROVIDERS, T, story
from tests.spec.settled import KEY, POLICY

A, B, C = NhsNumber("9990000018"), NhsNumber("9990000026"), NhsNumber("9990000034")
SUCCESSIONS: list[tuple[tuple[NhsNumber, NhsNumber], ...]] = [
    ((A, B),),
    ((A, B), (B, C)),
    ((A, C), (B, C)),
    ((A, B), (B, A)),
    ((A, B), (B, C), (C, A)),
]
"""In the order of their stamps; the last successor is the one in use."""
CIRCLES = [successions for successions in SUCCESSIONS if successions[0][0] == successions[-1][1]]
EXAMPLES = 220
_SENT_FIRST = 0.5
_TAKEN_BACK = (EventKind.WITHDRAWN, EventKind.RETRACTED)

Story = tuple[NhsNumber, list[tuple[NhsNumber, Fact]]]


def _under(number: NhsNumber, fact: Fact) -> Fact:
    """Return a fact as intake writes it under a number."""
    if isinstance(fact, Cover):
        return _renamed(fact, {name: _named(number, name) for name in PROVIDERS})
    if not isinstance(fact, VisitMessage | VisitLeft):
        return fact
    return replace(fact, visit=_named(number, fact.visit))


def _renamed(cover: Cover, names: Mapping[str, str]) -> Cover:
    """Return what covers a baby, with its visits named otherwise."""
    births = (replace(birth, visit=names.get(birth.visit or "")) for birth in cover.births)
    return replace(cover, births=tuple(births))


def _named(number: NhsNumber, name: str) -> str:
    """Return the reference of a story's visit under a number."""
    provider = OdsCode(PROVIDERS[name])
    return visit_reference(KEY, number, system="EDSYS", provider=provider, visit_number=name)


def _telling(pick: Picking) -> list[Fact]:
    """Return the facts of a story that speak of the person; of every fourth one the record is restricted."""
    told = [fact for fact in story(pick) if not _about_a_number(fact)]
    if pick.one(range(4)) == 0:
        restricted = IdentityNotice(notice_id="r", kind=IdentityKind.RESTRICTED, recorded_at=T, received_at=T)
        told.append(restricted)
    return told


def _said(successions: Sequence[tuple[NhsNumber, NhsNumber]]) -> list[tuple[NhsNumber, Fact]]:
    """Return the source's word of each succession, an hour apart."""
    said: list[tuple[NhsNumber, Fact]] = []
    for place, (former, successor) in enumerate(successions):
        at = T + timedelta(hours=place)
        notice = IdentityNotice(
            notice_id=f"s{place}",
            kind=IdentityKind.SUPERSEDED,
            successor=successor,
            recorded_at=at,
            received_at=at,
        )
        said.append((former, notice))
    return said


def _move(pick: Picking) -> Story:
    """
    Return the survivor, and facts with the number that each comes under, in the order of their sending.

    Some facts are told twice, under whichever numbers; in half the stories the successions come last.
    """
    told, chance = _telling(pick), pick.chance()
    successions = pick.one(SUCCESSIONS)
    numbers = sorted({number for pair in successions for number in pair})
    sent: list[tuple[NhsNumber, Fact]] = []
    for fact in (*told, *chance.choices(told, k=pick.one(range(4)))):
        number = pick.one(numbers)
        sent.append((number, _under(number, fact)))
    sent += _said(successions)
    whole = [*sent, *chance.choices(sent, k=pick.one(range(4)))]
    if pick.one((False, True)):
        chance.shuffle(whole)
    return successions[-1][1], whole


def _circle(pick: Picking) -> Story:
    """Return a story told under one number, a circle back to it, and the story told once more."""
    sent = [(A, _under(A, fact)) for fact in _telling(pick)]
    return A, [*sent, *_said(pick.one(CIRCLES)), *sent]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Facts as they were sent, with the number of each; who survived, and what became of them."""

    survivor: NhsNumber
    sent: list[tuple[NhsNumber, Fact]]
    relay: Relay


def moving(pick: Picking) -> Moved:
    """Return a story of numbers that move, everything delivered, and what moves, in an order of its own."""
    survivor, sent = pick.one((_move, _circle))(pick)
    relay, chance = Relay([A, B, C], POLICY), pick.chance()
    left = list(sent)
    while left or relay.waiting():
        queues = relay.waiting()
        if left and (not queues or chance.random() < _SENT_FIRST):
            relay.send(*left.pop(0))
        else:
            relay.deliver(chance.choice(queues), chance.randint(1, 3))
    return Moved(survivor=survivor, sent=sent, relay=relay)


def standing(person: Person) -> list[Alert]:
    """Return what the told ledger says stands."""
    return [
        told.alert for told in person.told.values() if told.alert is not None and told.kind not in _TAKEN_BACK
    ]


@examples(lambda pick: (moving(pick),))
def test_the_survivor_ends_as_if_it_had_been_the_number_all_along(moved: Moved) -> None:
    """
    Standing alerts and work are the oracle's; the former numbers hold where to, and nothing else.

    The told ledger keeps an authority's own ids as they were told, though it has sent others since.
    """
    survivor, sent, relay = moved.survivor, moved.sent, moved.relay
    facts = [_moved(number, fact, survivor) for number, fact in sent if not _about_a_number(fact)]
    expected = Expecting(Oracle(facts, POLICY)).told()
    person = relay.held(survivor)

    assert isinstance(person, Person)
    assert without_own_ids(expected.alerts) == without_own_ids(map(row_of, standing(person)))
    assert len(expected.alerts) == len(standing(person))
    assert {visit for _, visit, _ in expected.asked} == {item.visit for item in person.items.values()}
    former = {number for number, fact in sent if _about_a_number(fact)} - {survivor}
    assert all(isinstance(relay.held(number), Forwarding) for number in former)
    assert [] == relay.poison


@examples(lambda pick: (moving(pick),))
def test_what_was_said_of_moving_people_adds_up(moved: Moved) -> None:
    """Revisions count from 1 without gaps, no event id occurs twice, and the last word names the survivor."""
    survivor, relay = moved.survivor, moved.relay
    revisions: dict[str, list[int]] = {}
    for event in relay.events:
        revisions.setdefault(event.alert.alert_id, []).append(event.revision)
    last = {event.alert.alert_id: event for event in relay.events}

    assert all(list(range(1, len(told) + 1)) == told for told in revisions.values())
    assert len(relay.events) == len({event.event_id for event in relay.events})
    assert {survivor} >= {event.subject for event in last.values() if event.kind not in _TAKEN_BACK}


def _about_a_number(fact: Fact) -> bool:
    """Return whether a fact speaks of a number and not of a person."""
    return isinstance(fact, IdentityNotice) and fact.kind in ABOUT_THE_NUMBER


def _moved(number: NhsNumber, fact: Fact, survivor: NhsNumber) -> Fact:
    """Return a fact as it would have been under the survivor."""
    if not isinstance(fact, VisitMessage | VisitLeft | Cover):
        return fact
    names = {_named(number, name): _named(survivor, name) for name in PROVIDERS}
    if isinstance(fact, Cover):
        return _renamed(fact, names)
    return replace(fact, visit=names[fact.visit])


def _twice(person: Person) -> bool:
    """Whether one recipient was told of one thread under two ids."""
    rows = [told.alert for told in person.told.values() if told.alert is not None]
    return len(rows) > len({(alert.recipient, alert.subject) for alert in rows})


def test_the_moves_are_really_generated() -> None:
    """
    Every kind of fact comes under every number, every succession occurs, and told alerts move.

    Numbers come back into use and tell anew before what they told is back with them.
    """
    played = [moving(pick) for pick in always_the_same(EXAMPLES)]
    relays = [one.relay for one in played]
    kinds = {(number, type(fact)) for one in played for number, fact in one.sent}
    survivors = {one.survivor for one in played}
    changes = {change for relay in relays for event in relay.events for change in event.changes}
    withdrawn = [event for relay in relays for event in relay.events if event.kind in _TAKEN_BACK]
    moved = {type(arrival.fact) for relay in relays for arrival in relay.arrivals() if arrival.passage}
    back = [held for relay in relays if isinstance(held := relay.held(A), Person) and held.returns]

    assert {PlanFact, VisitMessage, VisitLeft, Access, IdentityNotice, Birth, Cover, Merged} == moved
    assert any(_twice(person) for person in back)
    assert {(number, kind) for number in (A, B, C) for kind in (PlanFact, VisitMessage)} <= kinds
    assert {A, B, C} == survivors
    assert Change.NUMBER in changes
    assert any(event.why is None for event in withdrawn)
