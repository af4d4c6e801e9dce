"""What becomes of a delivery after each attempt, and how long a receiver is left alone."""

from datetime import timedelta

import pytest

from broker.core.delivery import (
    PASSED_OVER_AFTER,
    PAUSE_FIRST,
    PAUSE_MAX,
    REFUSALS_MAX,
    STATE_WORDS,
    Fault,
    State,
    after,
    begins,
    delivered,
    failed,
    pause,
)
from tests.unit.core.samples import AT

SECOND = timedelta(seconds=1)


def test_what_was_taken_is_done() -> None:
    """An answer that accepts ends it."""
    step = after(delivered(), attempts=3, at=AT, chance=0.5)

    assert (State.DELIVERED, None) == (step.state, step.due_at)


@pytest.mark.parametrize("fault", [Fault.REFUSED_CONTENT, Fault.UNWRITABLE, Fault.NOT_CONFIGURED])
def test_what_cannot_help_is_not_tried_again(fault: Fault) -> None:
    """It is put aside at once, with its reason, and nothing waits behind it."""
    assert State.DEAD is after(failed(fault), attempts=1, at=AT, chance=0.5).state


@pytest.mark.parametrize(
    "fault",
    [
        Fault.AWAY,
        Fault.UNTRUSTED,
        Fault.NO_ANSWER,
        Fault.CUT_OFF,
        Fault.ANSWER_OF_ANOTHER,
        Fault.ANSWER_UNREADABLE,
        Fault.NOT_ADMITTED,
        Fault.BUSY,
    ],
)
def test_a_destination_that_is_away_is_waited_for_without_end(fault: Fault) -> None:
    """An alert is never given up because an engine was down for a night."""
    assert State.WAITING is after(failed(fault), attempts=10_000, at=AT, chance=0.5).state


@pytest.mark.parametrize(
    ("attempts", "state"), [(REFUSALS_MAX - 1, State.WAITING), (REFUSALS_MAX, State.DEAD)]
)
def test_a_refusal_is_tried_again_so_often(attempts: int, state: State) -> None:
    """`AR` may be the receiver's trouble of the moment, or last for ever (dossier 6.5)."""
    assert state is after(failed(Fault.REFUSED), attempts=attempts, at=AT, chance=0.5).state


@pytest.mark.parametrize(
    ("failures", "longest"),
    [(1, PAUSE_FIRST), (2, 2 * SECOND), (6, 32 * SECOND), (7, PAUSE_MAX), (10_000, PAUSE_MAX)],
)
def test_pauses_double_up_to_the_longest_and_are_spread(failures: int, longest: timedelta) -> None:
    """Half of each pause is chance: many that failed together do not come back together."""
    assert (longest / 2, longest) == (pause(failures, 0.0), pause(failures, 1.0))


def test_a_receiver_that_asks_to_be_left_is_left() -> None:
    """But no longer than the longest pause: a clinician waits."""
    for asked, waited in ((20 * SECOND, 20 * SECOND), (timedelta(days=1), PAUSE_MAX)):
        step = after(failed(Fault.BUSY, wait=asked), attempts=1, at=AT, chance=0.0)

        assert AT + waited == step.due_at


def test_what_is_older_than_a_day_is_no_news_to_a_new_destination() -> None:
    """A database made anew has every event of 35 days; of a time that is not known it is sent."""
    edge = AT - PASSED_OVER_AFTER

    assert [State.WAITING, State.PASSED_OVER, State.WAITING] == [
        begins(received_at=received, first_seen_at=AT)
        for received in (edge, edge - timedelta(milliseconds=1), None)
    ]


def test_every_state_has_words() -> None:
    """A queue says why, not only `queued` (peers.md 3.2, complaint 8)."""
    assert set(State) == STATE_WORDS.keys()
