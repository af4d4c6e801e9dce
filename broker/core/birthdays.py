"""When somebody was born, by the demographic source, and comes of age. Ruling 13."""

from collections.abc import Iterable
from datetime import date, datetime

from broker.core.clock import as_recorded
from broker.core.facts import IdentityNotice


def born_on(notices: Iterable[IdentityNotice], cutoff: datetime) -> date | None:
    """
    Return the newest date of birth the demographic source had recorded by a cut-off (ruling 13).

    At equal stamps the later one, by which the person is the longer a child (ruling 37).
    """
    births = [
        (recorded_at, notice.birth_date)
        for notice in notices
        if notice.birth_date is not None
        and (recorded_at := as_recorded(notice.recorded_at, notice.received_at)) <= cutoff
    ]
    return max(births)[1] if births else None


def birthday(born_on: date, years: int) -> date:
    """Return the day on which somebody is so many years old; for 29 February else 1 March (ruling 13)."""
    year = min(born_on.year + years, date.max.year)
    try:
        return born_on.replace(year=year)
    except ValueError:
        return date(year, 3, 1)
