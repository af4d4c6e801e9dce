"""When something was recorded, once more, for the oracle: as ruling 37 says it."""

from datetime import datetime
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


def believed(said: datetime, received_at: datetime) -> datetime:
    """Return what a source says, or the receipt in its place: no year before 1900, no time to come (37)."""
    return received_at if said.year < 1900 or received_at < said else said
