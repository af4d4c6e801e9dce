"""The twin of the index of messages: what the message desk searches, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.core.messages import FOUND_MAX, Message, Redrive, Sought
from broker.core.operators import Place


class MemoryMessages:
    """`MessageIndex` in memory; gone with the process."""

    def __init__(self) -> None:
        """Begin empty."""
        self._messages: dict[Place, Message] = {}
        self._redrives: dict[Place, Redrive] = {}
        self._taken: dict[tuple[str, int], int] = {}

    async def taken(self, topic: str) -> Mapping[int, int]:
        """Return the offset behind the last record taken of each partition that one was taken of."""
        return {partition: end for (name, partition), end in self._taken.items() if name == topic}

    async def store(self, end: Place, messages: Sequence[Message], redrives: Sequence[Redrive]) -> None:
        """Put in what was read of one partition before `end`, and note that it was; twice is once."""
        where = (end.topic, end.partition)
        if self._taken.get(where, 0) >= end.offset:
            return
        self._taken[where] = end.offset
        self._messages |= {message.place: message for message in messages}
        self._redrives |= {redrive.place: redrive for redrive in redrives}

    async def forget(self, topic: str, begins: Mapping[int, int]) -> None:
        """Destroy every row about what lay before the places where the partitions of a topic begin."""

        def kept(place: Place) -> bool:
            """Tell whether a place is not behind those."""
            return place.topic != topic or place.offset >= begins.get(place.partition, 0)

        self._messages = {place: row for place, row in self._messages.items() if kept(place)}
        self._redrives = {place: row for place, row in self._redrives.items() if kept(place)}

    async def search(self, sought: Sought) -> Sequence[Message]:
        """Return what is sought, newest receipt first."""
        found = [message for message in self._messages.values() if _is(message, sought)]
        found.sort(key=lambda message: message.received_at, reverse=True)
        return [self._redriven(message) for message in found[: min(sought.limit, FOUND_MAX)]]

    async def find(self, place: Place) -> Message | None:
        """Return the message at a place, None where none is known."""
        message = self._messages.get(place)
        return None if message is None else self._redriven(message)

    def _redriven(self, message: Message) -> Message:
        """Return a message with what came of its last redrive."""
        redrives = [one for one in self._redrives.values() if one.item_id == message.item_id]
        last = max(redrives, key=lambda one: one.at, default=None)
        return replace(message, redriven=None if last is None else last.outcome)


def _is(message: Message, sought: Sought) -> bool:
    """Tell whether a message is one of those sought."""
    asked = (
        (sought.control, message.control),
        (sought.sender, message.sender),
        (sought.visit, message.visit),
        (sought.outcome, message.outcome),
    )
    if any(wanted is not None and wanted != found for wanted, found in asked):
        return False
    if sought.since is not None and message.received_at < sought.since:
        return False
    return sought.until is None or message.received_at < sought.until
