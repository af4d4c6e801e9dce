"""
Marks of restriction that are said in a while: of the other numbers of a message that names several (24, 42).

Any of the numbers may be the patient's, so each is marked. Marks of one moment would put the numbers side by
side for whoever reads the topic, as an adopted child's old and new one. So the first goes out at once, and
each other at a time of its own by chance, up to an hour later. It is durable before the sender is answered.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from broker.core.facts import IdentityKind
from broker.core.identifiers import NhsNumber, to_the_minute
from broker.core.keyed import IdentityKey
from broker.core.number_answers import notice_of
from broker.ports import FactLog, Write
from broker.services.fact_writes import fact_write
from broker.services.rejections import SOURCE
from broker.wire.facts_codec import FactCodec


class MarkShelf(Protocol):
    """Where the numbers lie until their time has come, over restarts. `keep` raises `StorageUnusable`."""

    def keep(self, number: NhsNumber, due_at: datetime) -> None:
        """Keep a number until a time, aware, durably."""
        ...

    def due(self, now: datetime) -> Sequence[tuple[str, NhsNumber]]:
        """Return the numbers whose time has come, with what each is kept as."""
        ...

    def drop(self, name: str) -> None:
        """Keep a number no more."""
        ...


def mark_of(codec: FactCodec, key: IdentityKey, number: NhsNumber, at: datetime) -> Write:
    """Return the record that a number's record is restricted, to the minute of an aware time."""
    at = to_the_minute(at)
    mark = notice_of(number, IdentityKind.RESTRICTED, at, at, key)
    return fact_write(codec, mark, number, mark.notice_id, SOURCE)


class MarksToCome:
    """Puts marks by, and says those that are due; `delay` draws how long one is put by."""

    def __init__(
        self, shelf: MarkShelf, codec: FactCodec, key: IdentityKey, delay: Callable[[], timedelta]
    ) -> None:
        """Keep on the shelf, write with the codec."""
        self._shelf = shelf
        self._codec = codec
        self._key = key
        self._delay = delay

    def put_by(self, numbers: Iterable[NhsNumber], at: datetime) -> None:
        """Put a mark by for each number, from an aware time on; raise `StorageUnusable`."""
        for number in numbers:
            self._shelf.keep(number, at + self._delay())

    async def say(self, facts: FactLog, now: datetime) -> None:
        """Write the marks that are due, one by one; raise `KafkaUnavailable`, and the rest waits."""
        for name, number in self._shelf.due(now):
            await facts.append([mark_of(self._codec, self._key, number, now)])
            self._shelf.drop(name)
