"""
How late it is, as a timer has said, and how often what is asked of an authority has been asked by then.

The core reads no clock: that a day has passed is a fact as any other, `IdentityKind.TIME_PASSED`, and the
newest counts. So a timer that fires twice, early or late, or says several days at once asks no more often
than it is time to, and any order of arrival ends in the same. Rulings 23, 26, 43.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from broker.core.clock import later
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import LONDON
from broker.core.number_answers import recorded


def reached(notices: Iterable[IdentityNotice]) -> datetime | None:
    """Return the latest time that a timer has said to have passed, aware UTC; None where none has spoken."""
    return max((recorded(one) for one in notices if one.kind is IdentityKind.TIME_PASSED), default=None)


def times_passed(since: datetime, every: timedelta, until: datetime | None) -> int:
    """Return how often a span has passed since a time by another; never below 0."""
    return 0 if until is None else max(0, (until - since) // every)


def next_time(since: datetime, every: timedelta, until: datetime | None) -> datetime:
    """Return when a span will have passed once more than it has by a time: when a timer is due."""
    return later(since, (times_passed(since, every, until) + 1) * every)


def day_begins(day: date) -> datetime:
    """Return when a calendar day begins in Europe/London, aware UTC."""
    return datetime.combine(day, time(), LONDON).astimezone(UTC)
