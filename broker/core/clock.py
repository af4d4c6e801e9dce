"""
Which times can be true, and what becomes of those that cannot (ruling 37).

No clock is read here: receipt is an argument. Whatever time a fact carries, nothing here raises: a fact that
nobody can work with would stop everybody behind it.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

FIRST_TIME: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""Before it stands some system's `never`, by which no plan was known yet."""

Moment = TypeVar("Moment", date, datetime)


def plausible_arrival(
    arrived_at: datetime, received_at: datetime, *, age: timedelta, ahead: timedelta
) -> bool:
    """
    Whether a PV1-44 may be believed: so old at most, and less than so far ahead of first receipt (ruling 37).

    Both times are aware. Before 1900 none is.
    """
    return arrived_at >= FIRST_TIME and -age <= arrived_at - received_at < ahead


def as_recorded(recorded_at: datetime, received_at: datetime) -> datetime:
    """
    Return when something was recorded, as it counts (ruling 37); both times are aware UTC.

    A time later than the first receipt, or before 1900, cannot be true: it is replaced by the receipt.
    """
    return recorded_at if FIRST_TIME <= recorded_at <= received_at else received_at


def as_recorded_within(recorded_at: datetime, minute: datetime) -> datetime:
    """
    Return the same of what was received within a `minute`, to which its receipt is cut (rulings 37, 42).

    So that two words of that minute keep their order.
    """
    return recorded_at if FIRST_TIME <= recorded_at <= last_of_minute(minute) else minute


def last_of_minute(moment: datetime) -> datetime:
    """Return the last moment of the minute of a time."""
    return moment.replace(second=59, microsecond=999_999)


def later(moment: Moment, span: timedelta) -> Moment:
    """Return a time, aware UTC, or a day that lies a span later; beyond the last day there is, on that."""
    try:
        return moment + span
    except OverflowError:
        return moment.replace(year=date.max.year, month=date.max.month, day=date.max.day)


def earlier(moment: Moment, span: timedelta) -> Moment:
    """Return a time, aware UTC, or a day that lies a span earlier; before the first day there is, on that."""
    try:
        return moment - span
    except OverflowError:
        return moment.replace(year=date.min.year, month=date.min.month, day=date.min.day)
