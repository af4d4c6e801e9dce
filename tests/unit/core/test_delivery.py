"""What becomes of a delivery after each attempt, and how long a receiver is left alone."""

from datetime import datetime, timedelta

import pytest

from broker.core.delivery import (
    PASSED_OVER_AFTER,
    PAUSE_FIRST,
    PAUSE_MAX,
    REFUSALS_MAX,
    STATE_WORDS,
    Balance,
    Delivery,
    Fault,
    Outcome,
    State,
    after,
    begins,
    delivered,
    failed,
    leave_alone,
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
        Fault.NOT_THERE,
    ],
)
def test_a_destination_that_is_away_is_waited_for_without_end(fault: Fault) -> None:
    """An alert is never given up because an engine was down for a night."""
    assert State.WAITING is after(failed(fault), attempts=10_000, at=AT, chance=0.5).state


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.IN_ERROR])
@pytest.mark.parametrize(
    ("attempts", "state"), [(REFUSALS_MAX - 1, State.WAITING), (REFUSALS_MAX, State.DEAD)]
)
def test_a_refusal_is_tried_again_so_often(attempts: int, state: State, fault: Fault) -> None:
    """`AR` may be the receiver's trouble of the moment, or last for ever (dossier 6.5); so may an error."""
    assert state is after(failed(fault), attempts=attempts, at=AT, chance=0.5).state


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.IN_ERROR])
def test_a_receiver_that_refuses_everything_is_waited_for_without_end(fault: Fault) -> None:
    """Its database is away for a night, say: none of the alerts is at fault."""
    step = after(failed(fault), attempts=10_000, at=AT, chance=0.5, refuses_all=True)

    assert State.WAITING is step.state


@pytest.mark.parametrize(
    ("failures", "longest"),
    [(1, PAUSE_FIRST), (2, 2 * SECOND), (6, 32 * SECOND), (7, PAUSE_MAX), (10_000, PAUSE_MAX)],
)
def test_pauses_double_up_to_the_longest_and_are_spread(failures: int, longest: timedelta) -> None:
    """Half of each pause is chance: many that failed together do not come back together."""
    assert (longest / 2, longest) == (pause(failures, 0.0), pause(failures, 1.0))


@pytest.mark.parametrize(
    ("asked", "left"),
    [(None, PAUSE_FIRST), (20 * SECOND, 20 * SECOND), (timedelta(days=1), PAUSE_MAX)],
)
def test_a_receiver_that_asks_to_be_left_is_left(asked: timedelta | None, left: timedelta) -> None:
    """But no longer than the longest pause: a clinician waits."""
    assert left == leave_alone(failed(Fault.BUSY, wait=asked), failures=1, chance=1.0)


@pytest.mark.parametrize(
    "outcome",
    [
        delivered(),
        failed(Fault.REFUSED),
        failed(Fault.IN_ERROR),
        failed(Fault.REFUSED_CONTENT),
        failed(Fault.UNWRITABLE),
    ],
)
def test_a_receiver_that_answers_is_not_left_for_one_events_fault(outcome: Outcome) -> None:
    """Other patients' alerts do not wait for it (peers.md 3.2, complaint 3)."""
    assert leave_alone(outcome, failures=1, chance=1.0) is None


@pytest.mark.parametrize(
    ("received_at", "delivered_at", "took"),
    [(AT, AT + SECOND, SECOND), (None, AT, None), (AT, None, None)],
)
def test_how_long_it_took_is_known_once_it_is_delivered(
    received_at: datetime | None, delivered_at: datetime | None, took: timedelta | None
) -> None:
    """From the receipt of what caused it to the receiver's yes."""
    delivery = Delivery(
        destination="d",
        number=1,
        event_id="e",
        alert_id="a",
        state=State.DELIVERED,
        due_at=AT,
        received_at=received_at,
        delivered_at=delivered_at,
    )

    assert took == delivery.took


def test_what_is_missing_is_counted() -> None:
    """Neither to come, nor waiting, nor at an end (peers.md 3.2, complaint 5)."""
    states = {State.WAITING: 1, State.DELIVERED: 3, State.DEAD: 1}

    assert [0, 1] == [Balance(arrived=arrived, untaken=2, states=states).unaccounted for arrived in (7, 8)]


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
