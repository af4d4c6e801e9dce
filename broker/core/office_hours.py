"""
Which of an authority's two numbers to ring at an hour (rulings 30, 45).

The hour is that at which something is shown or sent, never one of an alert's content.
"""

from dataclasses import dataclass
from datetime import date, datetime, time

from broker.core.identifiers import LONDON


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeHours:
    """
    When an authority's office answers, as the clock in Europe/London shows it.

    `weekdays` counts Monday as 0; from `opens` until just before `closes`, but for the days `closed_on`.
    """

    weekdays: frozenset[int]
    opens: time
    closes: time
    closed_on: frozenset[date] = frozenset()

    def is_open(self, at: datetime) -> bool:
        """Return whether the office answers at an aware time."""
        here = at.astimezone(LONDON)
        if here.weekday() not in self.weekdays or here.date() in self.closed_on:
            return False
        return self.opens <= here.time() < self.closes


def to_ring(emergency: str, office: str | None, hours: OfficeHours | None, at: datetime) -> str:
    """Return the number to ring at a time: unknown hours mean out of hours (ruling 45)."""
    return office if office is not None and hours is not None and hours.is_open(at) else emergency
