"""
The attendances that this intake has written itself: nothing in them is news to it. Decision 0043.

Reading the log back costs time that a sender who connects waits for. What Kafka has acknowledged lies where
it said, and is known since; a place that is not found here is read, whoever wrote what lies there.
"""

from datetime import datetime
from typing import NamedTuple

from broker.core.facts import VisitMessage
from broker.core.identifiers import OdsCode
from broker.core.operators import Place


class Heard(NamedTuple):
    """Whose message it was, and when it was first received."""

    provider: OdsCode
    system: str
    received_at: datetime


class OwnWrites:
    """
    Places of records that are durable and noted, until whoever follows the log comes by.

    A place at which that one was before it was told here has been read: it is not kept.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._held: dict[tuple[int, int], Heard] = {}
        self._read_to: dict[int, int] = {}

    def __len__(self) -> int:
        """How many have not been come by."""
        return len(self._held)

    def wrote(self, place: Place, message: VisitMessage) -> None:
        """Take in that the record of a message is durable at a place, and that it is noted what it says."""
        if place.offset >= self._read_to.get(place.partition, 0):
            heard = Heard(message.provider, message.system, message.received_at)
            self._held[place.partition, place.offset] = heard

    def come_by(self, partition: int, offset: int) -> Heard | None:
        """Return whose message lies there if it is one of them, each once; None where it must be read."""
        heard = self._held.pop((partition, offset), None)
        if heard is None:
            self._read_to[partition] = max(offset + 1, self._read_to.get(partition, 0))
        return heard
