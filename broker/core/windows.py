"""
When an authority is told of accesses: at once, or at the end of an hour or a day (dossier 3.6).

Pure: the time is an argument. A window is the national manner; at once is what the broker is for (ruling 45).
"""

from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import assert_never

from broker.core.identifiers import LONDON

MORNING = time(7)
"""When a day's window ends, Europe/London: before offices open."""


class Window(StrEnum):
    """How long accesses are gathered before an authority is told."""

    IMMEDIATE = "immediate"
    HOURLY = "hourly"
    DAILY = "daily"


def window_end(window: Window, at: datetime) -> datetime:
    """
    Return when what came at an aware time is told: then, at the next full hour, or in the next morning.

    A time that is the end of a window itself belongs to the next.
    """
    match window:
        case Window.IMMEDIATE:
            return at
        case Window.HOURLY:
            return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        case Window.DAILY:
            here = at.astimezone(LONDON)
            day = here.date() if here.time() < MORNING else here.date() + timedelta(days=1)
            return datetime.combine(day, MORNING, LONDON).astimezone(at.tzinfo)
        case _:
            assert_never(window)


def last_window_end(window: Window, at: datetime) -> datetime | None:
    """Return when the newest window ended by an aware time, None where there are no windows."""
    if window is Window.IMMEDIATE:
        return None
    span = timedelta(hours=1) if window is Window.HOURLY else timedelta(days=1)
    return window_end(window, at - span)
