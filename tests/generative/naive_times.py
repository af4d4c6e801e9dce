"""When something was recorded, once more, for the oracle: as ruling 37 says it."""

from datetime import datetime, timedelta
from typing import Protocol


class Stamped(Protocol):
    """What its source recorded at a time, and we received at another."""

    @property
    def recorded_at(self) -> datetime:
        """When its source says that it recorded it."""
        ...

    @property
    def received_at(self) -> datetime:
        """When it was received first."""
        ...


def counted(one: Stamped) -> datetime:
    """Return when something counts as recorded: when it was received, if what its source says cannot be."""
    return believed(one.recorded_at, one.received_at)


def within_its_minute(one: Stamped) -> datetime:
    """Return the same of what was received some time in a minute of which its receipt is the first moment."""
    minute = one.received_at.replace(second=0, microsecond=0)
    is_in_it = minute < one.recorded_at < minute + timedelta(minutes=1)
    return one.recorded_at if is_in_it else counted(one)


def believed(said: datetime, received_at: datetime) -> datetime:
    """Return what a source says, or the receipt in its place: no year before 1900, no time to come (37)."""
    return received_at if said.year < 1900 or received_at < said else said
