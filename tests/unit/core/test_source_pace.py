"""When a demographic source may be asked: the gate, the pause before a question is sent again, the rate."""

from itertools import pairwise

import pytest

from broker.core.source_pace import (
    FAILURES_MAX,
    WAIT_SECONDS_MAX,
    Gate,
    asked,
    failed,
    may_ask,
    resend_after,
    reserve,
)

SHUT = Gate(failures=FAILURES_MAX, shut_until=10.0)


def failing(times: int, *, wait: float = 0) -> Gate:
    """Return the gate after so many questions at second 0 that failed, one after the other."""
    gate = Gate()
    for _ in range(times):
        gate = failed(asked(gate), 0.0, chance=1.0, wait=wait)
    return gate


@pytest.mark.parametrize(
    ("gate", "now", "may"),
    [
        (Gate(), 0.0, True),
        (failing(FAILURES_MAX - 1), 0.0, True),
        (failing(FAILURES_MAX), 0.9, False),
        (failing(FAILURES_MAX), 1.0, True),
        (failing(1, wait=7), 6.9, False),
        (failing(1, wait=7), 7.0, True),
        (SHUT, 9.9, False),
        (SHUT, 10.0, True),
        (asked(SHUT), 10.0, False),
        (asked(Gate()), 10.0, True),
    ],
)
def test_the_gate_is_shut_after_failures_and_lets_one_probe_through(
    gate: Gate,
    now: float,
    may: bool,  # noqa: FBT001
) -> None:
    """Five failures in a row shut it for a second at first, a source's own word for as long as it says."""
    assert may is may_ask(gate, now)


def test_each_probe_that_fails_keeps_it_shut_for_longer() -> None:
    """Twice as long each time, a minute at most; half of it is chance."""
    gate, shut_for = failing(FAILURES_MAX), []
    for _ in range(10):
        now = gate.shut_until or 0.0
        gate = failed(asked(gate), now, chance=1.0)
        shut_for.append((gate.shut_until or 0.0) - now)

    assert [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] == shut_for[:7]
    assert all(before <= after for before, after in pairwise(shut_for))
    assert 12.0 == failed(asked(SHUT), 10.0, chance=1.0).shut_until
    assert 11.0 == failed(asked(SHUT), 10.0, chance=0.0).shut_until


def test_a_probe_that_fails_after_a_mere_request_to_wait_shuts_it_as_well() -> None:
    """A source that was asked to be left alone, and fails again, is left alone for a moment."""
    assert 8.0 == failed(asked(failing(1, wait=7)), 7.0, chance=1.0).shut_until


@pytest.mark.parametrize(("wait", "until"), [(0, 10.0), (1, 10.0), (9, 12.0)])
def test_a_question_that_was_under_way_is_no_further_failure(wait: float, until: float) -> None:
    """Many at once that fail together count as one; what the source asks for is kept all the same."""
    assert Gate(failures=FAILURES_MAX, shut_until=until) == failed(SHUT, 3.0, chance=1.0, wait=wait)


def test_nothing_that_a_source_says_keeps_it_shut_for_long() -> None:
    """A number in a head may be any number."""
    assert WAIT_SECONDS_MAX == failing(1, wait=1e9).shut_until


@pytest.mark.parametrize(
    ("resends", "chance", "wait", "left", "after"),
    [
        (0, 1.0, 0.0, 2.0, 0.1),
        (0, 0.0, 0.0, 2.0, 0.05),
        (1, 1.0, 0.0, 2.0, 0.2),
        (3, 1.0, 0.0, 2.0, 0.8),
        (4, 1.0, 0.0, 1.6, None),
        (90, 1.0, 0.0, 9.0, 6.4),
        (0, 1.0, 1.0, 2.0, 1.0),
        (0, 1.0, 2.0, 2.0, None),
        (0, 1.0, 0.0, 0.05, None),
    ],
)
def test_a_question_is_sent_again_while_there_is_time(
    resends: int, chance: float, wait: float, left: float, after: float | None
) -> None:
    """After a pause that doubles and half of which is chance, or what the source asked for (peers.md 8.4)."""
    assert after == resend_after(resends, chance=chance, wait=wait, left=left)


def test_no_more_is_asked_than_was_agreed() -> None:
    """A few at once after a pause, then evenly."""
    due, waits = 0.0, []
    for _ in range(6):
        due, wait = reserve(due, 100.0, per_second=2.0, burst=3)
        waits.append(wait)

    assert [0.0, 0.0, 0.0, 0.5, 1.0, 1.5] == waits
    assert (due + 0.5, 1.0) == reserve(due, 101.0, per_second=2.0, burst=3)
    assert 0.0 == reserve(due, 200.0, per_second=2.0, burst=3)[1]
