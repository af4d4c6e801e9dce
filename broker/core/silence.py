"""
When a sender that usually sends has fallen silent (dossier 8.5: a feed that stops is seen by nobody else).

What is usual is taken from what it sent: for each hour of the day, on working days and at weekends, the mean
of the last weeks. A silence is an alarm when it is long, and messages should have come in it.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from broker.core.identifiers import LONDON

USUAL_MESSAGES = 5.0
"""How many messages must be missing: chance alone leaves out five that come at random once in 150 times."""
SAMPLES_MIN = 3
"""Of how many days an hour must be known before anything is usual in it."""
PROFILE_KEPT = timedelta(days=21)
"""How far back what is usual is taken from: within H, so that a restart finds it in the log."""

_HOUR = timedelta(hours=1)
_HOUR_SECONDS = 3_600
_DAYS_OF_WORK = 5
_HOURS_KEPT = PROFILE_KEPT // _HOUR

Hours = Mapping[int, int]
"""How many messages came in each hour, by the hour's number since 1970."""


def hour_of(moment: datetime) -> int:
    """Return the number since 1970 of the hour of an aware time."""
    return int(moment.timestamp()) // _HOUR_SECONDS


@lru_cache(maxsize=4 * _HOURS_KEPT)
def _like(hour: int) -> tuple[bool, int]:
    """Return what hours are alike by: whether it is a weekend's, and the hour in Europe/London."""
    moment = datetime.fromtimestamp(hour * _HOUR_SECONDS, UTC).astimezone(LONDON)
    return moment.weekday() >= _DAYS_OF_WORK, moment.hour


def usual_between(hours: Hours, since: datetime, until: datetime) -> float:
    """
    Return how many messages usually come between two aware times, judged by what came before the first.

    An hour of which fewer than `SAMPLES_MIN` days are known has nothing usual.
    """
    before, first = hour_of(since), min(hours, default=0)
    known = range(max(first, before - _HOURS_KEPT), before)
    rates: dict[tuple[bool, int], float] = {}
    expected = 0.0
    for hour, share in _shares(since, until):
        like = _like(hour)
        if like not in rates:
            samples = [hours.get(one, 0) for one in known if _like(one) == like]
            rates[like] = sum(samples) / len(samples) if len(samples) >= SAMPLES_MIN else 0.0
        expected += rates[like] * share
    return expected


def _shares(since: datetime, until: datetime) -> Iterator[tuple[int, float]]:
    """Yield the hours between two times, each with the share of it that lies between them."""
    begin, end = since.timestamp() / _HOUR_SECONDS, until.timestamp() / _HOUR_SECONDS
    for hour in range(int(begin), int(end) + 1):
        yield hour, max(0.0, min(end, hour + 1) - max(begin, hour))


def is_silent(hours: Hours, last: datetime, now: datetime, *, quiet_after: timedelta) -> bool:
    """Tell whether a sender that was last heard at `last` has been silent for too long at `now`."""
    if now - last < quiet_after:
        return False
    return usual_between(hours, last, now) >= USUAL_MESSAGES


class Heard:
    """What one sender sent, hour by hour, and when it was last heard; forgets what is not usual any more."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.last: datetime | None = None
        self.hours: dict[int, int] = {}

    def at(self, moment: datetime) -> None:
        """Take in that a message was received at an aware time."""
        self.heard(moment)
        hour = hour_of(moment)
        self.hours[hour] = self.hours.get(hour, 0) + 1
        if len(self.hours) > _HOURS_KEPT + 1:
            newest = max(self.hours)
            self.hours = {one: count for one, count in self.hours.items() if one >= newest - _HOURS_KEPT}

    def heard(self, moment: datetime) -> None:
        """Take in that it was heard of, with what is counted elsewhere."""
        self.last = moment if self.last is None else max(self.last, moment)

    def silent(self, now: datetime, *, quiet_after: timedelta) -> bool:
        """Tell whether it has been silent for too long."""
        return self.last is not None and is_silent(self.hours, self.last, now, quiet_after=quiet_after)
