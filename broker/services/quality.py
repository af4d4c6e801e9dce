"""What hears how good messages are: counts for whoever looks after senders, which decide nothing."""

from typing import NamedTuple, Protocol

from broker.core.identifiers import OdsCode
from broker.core.sender_quality import Observation


class Refused(NamedTuple):
    """A message that could not be read: its sender, None where that could not be either, and the place."""

    provider: OdsCode | None
    location: str


class Quality(Protocol):
    """Hears of messages once they are durable."""

    def observe(self, one: Observation) -> None:
        """Take in a message that could be read."""
        ...

    def refused(self, one: Refused) -> None:
        """Take in one that could not."""
        ...


class Unobserved:
    """Hears nothing: for whoever plays messages again."""

    def observe(self, one: Observation) -> None:
        """Do nothing."""

    def refused(self, one: Refused) -> None:
        """Do nothing."""
