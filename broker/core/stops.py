"""
A controller's signed stop of sharing, the one thing that ends it. Ruling 45.

An agreement past its review, a feed that went quiet, a filter or an hour end nothing. A stop holds for whole
days in Europe/London: a visit is judged by its day of arrival, a view by its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from broker.core.alerts import RecipientKind
from broker.core.clock import earlier
from broker.core.identifiers import OdsCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """
    Who stopped sharing, the days on which it holds, and who signed it when.

    `first` and `last` are included; without a last day it holds until further notice. Raises `ValueError`
    where it ends before it begins, begins before it was signed, or nobody signed it.
    """

    controller: RecipientKind
    code: OdsCode
    first: date
    last: date | None = None
    signed_by: str
    signed_on: date

    def __post_init__(self) -> None:
        """Refuse a stop that is none."""
        if self.last is not None and self.last < self.first:
            raise ValueError("a stop ends on its first day or later")
        if self.signed_on > self.first:
            raise ValueError("a stop is signed before it begins: what was told until then was right")
        if not self.signed_by.strip():
            raise ValueError("a stop is signed by somebody")

    def holds(self, day: date) -> bool:
        """Whether it holds on a day."""
        return self.first <= day and (self.last is None or day <= self.last)


def stopped(stops: Iterable[Stop], code: OdsCode, day: date) -> bool:
    """Whether an organisation, of whichever kind, has stopped sharing on a day."""
    return any(stop.code == code and stop.holds(day) for stop in stops)


def shared_until(stops: Iterable[Stop], code: OdsCode) -> date:
    """Return the last day before a stop of an organisation that has no last day; `date.max` without one."""
    begun = (stop.first for stop in stops if stop.code == code and stop.last is None)
    return min((earlier(first, timedelta(days=1)) for first in begun), default=date.max)


def authority_stopped(stops: Iterable[Stop], day: date) -> bool:
    """Whether the plans of some authority are not shared on a day, so that nobody can say there is none."""
    return any(stop.controller is RecipientKind.AUTHORITY and stop.holds(day) for stop in stops)
