"""Which of an authority's numbers is rung at an hour (rulings 30, 45)."""

from datetime import UTC, date, datetime, time

import pytest

from broker.core.office_hours import OfficeHours, to_ring

HOURS = OfficeHours(
    weekdays=frozenset(range(5)),
    opens=time(9),
    closes=time(17, 30),
    closed_on=frozenset({date(2026, 12, 25)}),
)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (datetime(2026, 11, 30, 8, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 30, 9, tzinfo=UTC), True),
        (datetime(2026, 11, 30, 17, 29, 59, tzinfo=UTC), True),
        (datetime(2026, 11, 30, 17, 30, tzinfo=UTC), False),
        (datetime(2026, 7, 1, 8, tzinfo=UTC), True),  # nine o'clock of the summer
        (datetime(2026, 11, 29, 12, tzinfo=UTC), False),  # a Sunday
        (datetime(2026, 12, 25, 12, tzinfo=UTC), False),  # a Friday on which they are closed
        (datetime(2026, 12, 24, 12, tzinfo=UTC), True),
    ],
)
def test_the_office_is_rung_only_while_it_is_open(at: datetime, *, is_open: bool) -> None:
    """By the clock in Europe/London, on its days, but for those on which it is closed."""
    assert is_open == HOURS.is_open(at)
    assert ("office" if is_open else "emergency") == to_ring("emergency", "office", HOURS, at)


def test_unknown_hours_mean_out_of_hours() -> None:
    """Whoever has not said when the office answers is rung on the emergency number (ruling 45)."""
    assert "emergency" == to_ring("emergency", "office", None, datetime(2026, 11, 30, 12, tzinfo=UTC))


def test_without_an_office_number_the_emergency_number_is_rung() -> None:
    """R17: the emergency number is the one that is always there."""
    assert "emergency" == to_ring("emergency", None, HOURS, datetime(2026, 11, 30, 12, tzinfo=UTC))
