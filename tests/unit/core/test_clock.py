"""Which times can be believed, and that none of them ends in an error."""

from datetime import UTC, date, datetime, timedelta

import pytest

from broker.core.clock import FIRST_TIME, as_recorded, earlier, later, plausible_arrival

RECEIVED = datetime(2025, 3, 1, 10, 16, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)
ALWAYS = timedelta(days=999_999)


def believed(arrived_at: datetime, *, age: timedelta = timedelta(days=400)) -> bool:
    """Return whether an arrival is plausible, at most so old and less than 24 hours ahead."""
    return plausible_arrival(arrived_at, RECEIVED, age=age, ahead=timedelta(hours=24))


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
    assert plausible == believed(RECEIVED + after_receipt)


def test_an_arrival_before_1900_is_never_believed() -> None:
    """A default date of an old system is no arrival, however old one may be (ruling 37)."""
    assert believed(FIRST_TIME, age=ALWAYS)
    assert not believed(datetime(1899, 12, 31, 23, tzinfo=UTC), age=ALWAYS)


@pytest.mark.parametrize(
    ("recorded_at", "counts"),
    [
        (RECEIVED - MOMENT, RECEIVED - MOMENT),
        (RECEIVED, RECEIVED),
        (RECEIVED + MOMENT, RECEIVED),
        (FIRST_TIME, FIRST_TIME),
        (FIRST_TIME - MOMENT, RECEIVED),
        (datetime.min.replace(tzinfo=UTC), RECEIVED),
        (datetime.max.replace(tzinfo=UTC), RECEIVED),
    ],
)
def test_a_record_time_that_cannot_be_true_counts_as_the_receipt(
    recorded_at: datetime, counts: datetime
) -> None:
    """Before 1900, or later than the receipt (ruling 37)."""
    assert counts == as_recorded(recorded_at, RECEIVED)


@pytest.mark.parametrize("span", [timedelta(0), timedelta(days=35), timedelta(hours=-3)])
def test_a_time_within_the_calendar_moves_by_the_whole_span(span: timedelta) -> None:
    """Times and days alike."""
    assert (RECEIVED + span, RECEIVED - span) == (later(RECEIVED, span), earlier(RECEIVED, span))
    day = RECEIVED.date()
    assert (day + span, day - span) == (later(day, span), earlier(day, span))


def test_beyond_the_calendar_stands_its_last_day_and_before_it_the_first() -> None:
    """A fact may carry any time there is; a sum that ended in an error would stop whoever comes behind."""
    span = timedelta(days=366)
    assert datetime(9999, 12, 31, 10, 16, tzinfo=UTC) == later(RECEIVED.replace(year=9999), span)
    assert datetime(1, 1, 1, 10, 16, tzinfo=UTC) == earlier(RECEIVED.replace(year=1), span)
    assert (date.max, date.min) == (later(date.max, span), earlier(date.min, span))
