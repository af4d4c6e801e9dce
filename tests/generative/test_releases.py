"""The core against the oracle when the rules change amid a story."""

from tests.generative.examples import always_the_same, examples
from tests.generative.releases import Outcome, Played, check_played, playing

EXAMPLES = 250  # the rarest outcome is reached seven times


@examples(lambda pick: (playing(pick),))
def test_changed_rules_tell_whom_the_oracle_tells_and_nobody_else(one: Played) -> None:
    """
    After each fact and each change of rules the same stands with the same readers, and the same is asked.

    What a change does carries the reason, what a fact does does not; deciding anew a second time, at any
    later time, says nothing (ruling 45, ADR 0016).
    """
    check_played(one)


def test_everything_that_changed_rules_can_do_is_generated() -> None:
    """No outcome is missing."""
    happened = set[Outcome]().union(*(check_played(playing(pick)) for pick in always_the_same(EXAMPLES)))

    assert set() == set(Outcome) - happened
