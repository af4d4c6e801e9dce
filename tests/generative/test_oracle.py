"""The core against the oracle, and any order and number of the same facts against each other."""

from collections.abc import Sequence

from hypothesis import given, note
from hypothesis import strategies as st

from broker.core.alerts import Alert, AlertEvent, Change, EventKind
from broker.core.decisions import decide
from broker.core.effects import advance
from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber
from broker.core.person import Person, lift
from broker.core.policy import AnyPolicy
from broker.core.restriction import is_reduced, reduced
from tests.generative.examples import examples
from tests.generative.expected import Expecting, Told, row_of
from tests.generative.oracle import Oracle
from tests.generative.settled import policies
from tests.generative.stories import known_of, retellings, stories
from tests.spec.settled import KEY

NUMBER = NhsNumber("9990000018")
TAKEN_BACK = (EventKind.WITHDRAWN, EventKind.RETRACTED)


def fold(facts: Sequence[Fact], policy: AnyPolicy) -> tuple[Person, list[AlertEvent]]:
    """Return a person who was told of after every single fact, and everything that was said."""
    person = Person(number=NUMBER, salt=bytes(16))
    events: list[AlertEvent] = []
    for fact in facts:
        advanced = advance(person.learn(lift(fact)), policy, KEY)
        person = advanced.person
        events += advanced.events
    return person, events


def standing(person: Person) -> dict[str, Alert]:
    """Return what the told ledger says stands."""
    return {
        alert_id: told.alert
        for alert_id, told in person.told.items()
        if told.alert is not None and told.kind not in TAKEN_BACK
    }


@examples
@given(stories(), policies)
def test_the_core_decides_as_the_rulings_written_a_second_time(facts: list[Fact], policy: AnyPolicy) -> None:
    """Standing alerts, reasons and items equal those of the brute-force oracle."""
    decisions = decide(NUMBER, known_of(facts), policy, KEY)
    expected = Expecting(Oracle(facts, policy)).told()

    assert expected == Told(
        alerts=frozenset(row_of(alert) for alert in decisions.alerts.values()),
        whys={subject: entry.why.value for subject, entry in decisions.entries.items()},
        asked=frozenset(
            (item.kind.value, item.visit or "", item.control_id or "") for item in decisions.items.values()
        ),
    )


@examples
@given(stories().flatmap(lambda facts: st.tuples(st.just(facts), retellings(facts))), policies)
def test_any_order_and_number_of_facts_ends_in_the_same(
    told: tuple[list[Fact], list[Fact]], policy: AnyPolicy
) -> None:
    """Permuted, and some received again later: what stands, what is asked, what was decided is equal."""
    facts, again = told
    decisions = decide(NUMBER, known_of(facts), policy, KEY)

    person, _ = fold(again, policy)

    note(f"{len(facts)} facts, {len(again)} told")
    assert (decisions.alerts, decisions.items) == (standing(person), person.items)


@examples
@given(stories().flatmap(retellings), policies)
def test_what_was_said_adds_up(facts: list[Fact], policy: AnyPolicy) -> None:
    """Revisions count from 1 without gaps, no event id occurs twice, nothing new is said to the same."""
    person, events = fold(facts, policy)

    revisions: dict[str, list[int]] = {}
    for event in events:
        revisions.setdefault(event.alert.alert_id, []).append(event.revision)
    assert all(list(range(1, len(counted) + 1)) == counted for counted in revisions.values())
    assert len(events) == len({event.event_id for event in events})
    assert () == advance(person, policy, KEY).events


@examples
@given(stories().flatmap(retellings), policies)
def test_telling_everything_again_says_nothing(facts: list[Fact], policy: AnyPolicy) -> None:
    """Merging twice is merging once (architecture, section 2)."""
    person, _ = fold(facts, policy)

    again, events = person, list[AlertEvent]()
    for fact in facts:
        advanced = advance(again.learn(lift(fact)), policy, KEY)
        again, events = advanced.person, [*events, *advanced.events]

    assert (person, []) == (again, events)


@examples
@given(stories().flatmap(retellings), policies)
def test_what_was_told_of_a_restricted_record_lives_on_nowhere(facts: list[Fact], policy: AnyPolicy) -> None:
    """Whatever was told before, the ledger holds what may be told now, taken back or not (ruling 24)."""
    person, events = fold(facts, policy)
    contents = [told.alert for told in person.told.values() if told.alert is not None]

    restricted = Oracle(facts, policy).restricted
    assert restricted == decide(NUMBER, person.known, policy, KEY).restricted
    assert not restricted or contents == [reduced(alert) for alert in contents]
    assert not restricted or all(_asked(alert.alert_id, events) for alert in contents)


def _asked(alert_id: str, events: Sequence[AlertEvent]) -> bool:
    """Whether the event behind the last one told in full asks for its deletion; True if none was."""
    told = [event for event in events if event.alert.alert_id == alert_id]
    full = [event.revision for event in told if not is_reduced(event.alert)]
    return not full or Change.RESTRICTED in told[max(full)].changes
