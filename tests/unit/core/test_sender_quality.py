"""What is counted of a message says how good it is, and nothing of whom it is about."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.facts import NumberStatus
from broker.core.sender_quality import LATE_AFTER, NumberState, Tally, observed
from tests.builders.hl7 import fixture, message_of

MESSAGE = message_of(fixture())


@pytest.mark.parametrize(
    ("status", "fault", "expected"),
    [
        (NumberStatus.VERIFIED, None, NumberState.VERIFIED),
        (NumberStatus.NOT_TRACED, None, NumberState.NOT_VERIFIED),
        (NumberStatus.POSTPONED, None, NumberState.NOT_VERIFIED),
        (None, None, NumberState.UNSAID),
        (None, "missing", NumberState.MISSING),
        (NumberStatus.VERIFIED, "wrong check digit", NumberState.UNUSABLE),
        (None, "placeholder", NumberState.UNUSABLE),
    ],
)
def test_a_number_is_in_one_state(
    status: NumberStatus | None, fault: str | None, expected: NumberState
) -> None:
    """Rulings 20, 21: how far it can be relied on."""
    message = replace(MESSAGE, number_status=status)

    assert expected is observed(message, number_fault=fault).number


@pytest.mark.parametrize(("after", "late"), [(LATE_AFTER, False), (LATE_AFTER + timedelta(seconds=1), True)])
def test_a_message_that_was_recorded_long_ago_is_late(after: timedelta, *, late: bool) -> None:
    """So is the alert that follows from it."""
    message = replace(MESSAGE, received_at=MESSAGE.recorded_at + after)

    assert late is observed(message).late


def test_a_tally_counts_and_has_shares() -> None:
    """Of nothing there is no share."""
    tally = Tally()
    assert tally.share(0) == 0
    tally.add(observed(MESSAGE, faults=["visit number missing"]))
    tally.add(observed(replace(MESSAGE, received_at=MESSAGE.recorded_at), number_fault="missing"))

    assert (2, 1) == (tally.messages, tally.late)
    assert {NumberState.VERIFIED: 1, NumberState.MISSING: 1} == tally.numbers
    assert {"visit number missing": 1} == tally.faults
    assert tally.share(tally.late) == 0.5
    assert observed(MESSAGE).sender == "RXX/EDSYS"
