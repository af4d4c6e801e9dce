"""The core against the oracle: any order and number of facts, restarts among them, destruction after them."""

from collections.abc import Sequence

from broker.core.alerts import AlertEvent, Change
from broker.core.decisions import Deciding, decide
from broker.core.facts import Fact
from broker.core.policy import AnyPolicy
from broker.core.restriction import is_reduced, reduced
from tests.generative.examples import examples
from tests.generative.lives import Life, Retold, life, retelling, told_again
from tests.generative.living import NUMBER, check_life, check_retold, fold
from tests.generative.oracle import Oracle
from tests.generative.settled import POLICIES
from tests.generative.stories import known_of, story
from tests.spec.settled import KEY


@examples(lambda pick: (retelling(pick),))
def test_any_order_and_number_of_facts_ends_in_the_alerts_of_the_oracle(told: Retold) -> None:
    """
    Standing alerts, reasons and items are those of the rulings written a second time.

    Permuted, received again later, several at once, split by restarts: what stands and what is asked is
    equal. Revisions count from 1 without gaps, no event id occurs twice, and telling everything again says
    nothing.
    """
    check_retold(told)


@examples(lambda pick: (life(pick),))
def test_what_is_destroyed_changes_nothing_that_was_told(lived: Life) -> None:
    """As the clock runs on: the same is held, closed and destroyed as by the oracle, and the same stands."""
    check_life(lived)


@examples(lambda pick: (told_again(story(pick), pick.chance()), pick.one(POLICIES)))
def test_what_was_told_of_a_restricted_record_lives_on_nowhere(facts: list[Fact], policy: AnyPolicy) -> None:
    """Whatever was told before, the ledger holds what may be told now, taken back or not (ruling 24)."""
    person, events = fold(facts, policy)
    contents = [told.alert for told in person.told.values() if told.alert is not None]

    restricted = Oracle(facts, policy).restricted
    assert restricted == decide(NUMBER, person.known, policy, KEY).restricted
    assert not restricted or contents == [reduced(alert) for alert in contents]
    assert not restricted or all(_asked(alert.alert_id, events) for alert in contents)


@examples(lambda pick: (told_again(story(pick), pick.chance()), pick.one(POLICIES)))
def test_who_is_in_doubt_because_of_a_mother_is_by_the_oracle(facts: list[Fact], policy: AnyPolicy) -> None:
    """By her newest word, as long as somebody says that the baby is hers, in any order (26, 41)."""
    expected = Oracle(facts, policy).in_doubt
    assert expected == Deciding(NUMBER, known_of(facts), policy, KEY).in_doubt
    assert expected == Deciding(NUMBER, known_of(facts[::-1]), policy, KEY).in_doubt


def _asked(alert_id: str, events: Sequence[AlertEvent]) -> bool:
    """Whether the event behind the last one told in full asks for its deletion; True if none was."""
    told = [event for event in events if event.alert.alert_id == alert_id]
    full = [event.revision for event in told if not is_reduced(event.alert)]
    return not full or Change.RESTRICTED in told[max(full)].changes
