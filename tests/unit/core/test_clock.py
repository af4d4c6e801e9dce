"""Which time of arrival can be believed."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.core.clock import plausible_arrival

RECEIVED = datetime(2025, 3, 1, 10, 16, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("after_receipt", "plausible"),
    [
        (timedelta(0), True),
        (timedelta(hours=24) - MOMENT, True),
        (timedelta(hours=24), False),
        (-timedelta(days=400), True),
        (-timedelta(days=400) - MOMENT, False),
    ],
)
def test_an_arrival_is_near_its_receipt(after_receipt: timedelta, *, plausible: bool) -> None:
    """Up to 400 days old, less than 24 hours ahead (ruling 37)."""
    assert plausible == plausible_arrival(RECEIVED + after_receipt, RECEIVED)


def test_an_arrival_before_1900_is_never_believed() -> None:
    """A default date of an old system is no arrival."""
    assert not plausible_arrival(datetime(1899, 12, 31, 23, tzinfo=UTC), RECEIVED)
