"""What is kept of a visit that a sender repeats without end, and what of it is refused."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.effects import advance
from broker.core.facts import VisitEvent, VisitMessage
from broker.core.floods import FOLD_FROM, RESERVED_MAX, VISIT_MESSAGES_MAX, bounded
from broker.core.identifiers import OdsCode
from broker.core.person import Known, Person, lift
from broker.core.policy import Policy
from tests.builders.matcher import KEY, NOON, SALT, attendance, numbers, plan

NOBODY = Person(number=next(numbers()), salt=SALT)
FIRST = attendance()


def update(number: int, location: str = "MAJORS", event: VisitEvent = VisitEvent.UPDATED) -> VisitMessage:
    """Return the message that follows so many seconds after the registration."""
    at = NOON + timedelta(seconds=number)
    return replace(
        attendance(at=at, event=event, message_id=f"{event} {number}"), location=location, arrived_at=NOON
    )


def learned(messages: Sequence[VisitMessage], person: Person = NOBODY) -> Person:
    """Return a person of whom messages of one visit are known as well."""
    known = Known(visits={FIRST.visit: {message.message_id: message for message in messages}})
    return person.learn(known)


def ids(person: Person) -> list[str]:
    """Return the ids of the messages that are known of the visit, in their order."""
    messages = person.known.visits[FIRST.visit].values()
    return [message.message_id for message in sorted(messages, key=lambda each: each.recorded_at)]


@pytest.mark.parametrize(("count", "left"), [(FOLD_FROM, FOLD_FROM), (FOLD_FROM + 1, 2)])
def test_equal_updates_are_folded_when_there_are_too_many(count: int, left: int) -> None:
    """Up to the bound nothing goes; beyond it the first and the last of a run stay."""
    person, refused = bounded(learned([update(number) for number in range(count)]), NOBODY)

    assert (left, frozenset()) == (len(ids(person)), refused)
    assert ("A08 0", f"A08 {count - 1}") == (ids(person)[0], ids(person)[-1])


def test_a_run_ends_where_something_else_was_said() -> None:
    """Another place, or an event that is no update; and of those none goes."""
    messages = [update(number) for number in range(FOLD_FROM)]
    messages[200] = update(200, location="RESUS")
    messages[300] = update(300, event=VisitEvent.DISCHARGED)
    messages[301] = update(301, event=VisitEvent.DISCHARGED)
    messages[302] = update(302, event=VisitEvent.DISCHARGED)
    person, _ = bounded(learned([*messages, update(FOLD_FROM)]), NOBODY)

    assert [
        *("A08 0", "A08 199", "A08 200", "A08 201", "A08 299"),
        *("A03 300", "A03 301", "A03 302"),
        *("A08 303", f"A08 {FOLD_FROM}"),
    ] == ids(person)


@pytest.mark.parametrize("seed", range(5))
def test_folding_a_flood_changes_nothing_that_is_told(seed: int) -> None:
    """Neither events nor items nor decisions, with what comes between the folded messages afterwards."""
    chance = random.Random(seed)  # noqa: S311 – no secret
    places = ["MAJORS"] * 9 + ["RESUS"]
    flood = [update(number, chance.choice(places)) for number in range(0, 2 * FOLD_FROM, 2)]
    person = NOBODY.learn(lift(plan())).learn(lift(FIRST))
    whole = learned(flood, person)
    folded, refused = bounded(whole, NOBODY)
    late = [
        update(chance.randrange(1, 2 * FOLD_FROM, 2), "CUBICLE", chance.choice(list(VisitEvent)))
        for _ in range(3)
    ]

    one = advance(learned(late, advance(whole, Policy(), KEY).person), Policy(), KEY)
    other = advance(learned(late, advance(folded, Policy(), KEY).person), Policy(), KEY)

    assert frozenset() == refused
    assert len(folded.known.visits[FIRST.visit]) < FOLD_FROM
    assert (one.events, one.opened, one.entries) == (other.events, other.opened, other.entries)


def different(count: int, start: int = 0) -> list[VisitMessage]:
    """Return updates of which each says something else."""
    return [update(number, location=f"BED {number}") for number in range(start, start + count)]


def test_what_is_still_too_much_is_refused_in_the_order_of_receipt() -> None:
    """What was held before stays, and so does what came first."""
    before = learned(different(VISIT_MESSAGES_MAX - 1))
    person, refused = bounded(learned(different(3, start=VISIT_MESSAGES_MAX), before), before)

    assert {f"A08 {VISIT_MESSAGES_MAX + number}" for number in (1, 2)} == refused
    assert VISIT_MESSAGES_MAX == len(ids(person))
    assert set(ids(before)) < set(ids(person))


@pytest.mark.parametrize(
    ("event", "room"),
    [
        (VisitEvent.UPDATED, 0),
        (VisitEvent.TRANSFERRED, 0),
        (VisitEvent.TRANSFER_CANCELLED, 0),
        (VisitEvent.DISCHARGED, RESERVED_MAX),
    ],
)
def test_there_is_room_left_for_what_is_no_mere_update(event: VisitEvent, room: int) -> None:
    """A flood of updates does not keep an end, a cancellation or a transfer out."""
    before = learned(different(VISIT_MESSAGES_MAX))
    more = [
        update(VISIT_MESSAGES_MAX + number, f"BAY {number}", event)
        for number in range(0, 2 * RESERVED_MAX, 2)
    ]
    more += different(1, start=VISIT_MESSAGES_MAX + RESERVED_MAX + 1)
    person, refused = bounded(learned(more, before), before)

    assert (VISIT_MESSAGES_MAX + room, len(more) - room) == (len(ids(person)), len(refused))
    assert f"A08 {VISIT_MESSAGES_MAX + RESERVED_MAX + 1}" in refused


def test_a_transfer_to_another_provider_gets_into_a_full_visit() -> None:
    """It ends the stay, as a discharge does (ruling 7); a move to another bed does not."""
    before = learned(different(VISIT_MESSAGES_MAX))
    leaving = replace(update(VISIT_MESSAGES_MAX, event=VisitEvent.TRANSFERRED), disposition="7")
    moved = replace(update(VISIT_MESSAGES_MAX + 1, event=VisitEvent.TRANSFERRED), disposition="3")
    _, refused = bounded(learned([leaving, moved], before), before)

    assert {moved.message_id} == refused


def test_a_restriction_gets_into_a_full_visit() -> None:
    """Or a place would be given away (ruling 24)."""
    before = learned(different(VISIT_MESSAGES_MAX))
    message = replace(update(VISIT_MESSAGES_MAX), restricted=True)

    assert frozenset() == bounded(learned([message], before), before)[1]


def test_other_visits_are_left_alone() -> None:
    """One that has few messages, and one that nothing was learned of."""
    before = learned(different(FOLD_FROM + 1))
    person = before.learn(lift(attendance("visit-2")))

    assert (person, frozenset()) == bounded(person, before)


def test_a_person_with_plans_of_200_authorities_has_an_alert_for_each() -> None:
    """And one for the provider (ruling 19): what it costs is a larger record, and nothing stands still."""
    person = NOBODY.learn(lift(FIRST))
    for number in range(200, 400):
        person = person.learn(lift(plan(authority=OdsCode(str(number)))))

    assert 201 == len(advance(person, Policy(), KEY).events)
