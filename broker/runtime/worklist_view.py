"""
How many pieces of work are open, by their kind and age: `cpis.worklist` read as the table it is.

An item is open from the first record under its id to the tombstone that settles it, and its age counts from
the CloudEvents time of that record (of the oldest that compaction has left). A value under another schema
than an item's is somebody's note about an item and changes nothing.
"""

from collections import Counter
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from broker.core.errors import MalformedMessage
from broker.core.worklist import ItemKind
from broker.ports import Record
from broker.services.receipt import receipt_of
from broker.wire.records_codec import RecordsCodec


class Age(StrEnum):
    """How old an item is, at most; the last has no bound."""

    HOUR = "up to 1 hour"
    DAY = "up to 1 day"
    WEEK = "up to 7 days"
    OLDER = "over 7 days"


_BOUNDS = ((timedelta(hours=1), Age.HOUR), (timedelta(days=1), Age.DAY), (timedelta(days=7), Age.WEEK))


class _Open(NamedTuple):
    """An item that is not settled."""

    kind: ItemKind
    since: datetime


class WorklistView:
    """The open items as far as the topic was read."""

    def __init__(self, codec: RecordsCodec) -> None:
        """Begin without an item."""
        self._codec = codec
        self._open: dict[bytes, _Open] = {}

    def begin(self) -> None:
        """Forget every item: the topic is read anew."""
        self._open.clear()

    def take(self, record: Record) -> None:
        """Take one record; what is no item changes nothing."""
        key = record.key or b""
        if record.value is None:
            self._open.pop(key, None)
            return
        try:
            item = self._codec.decode_item(record.value)
        except MalformedMessage:
            return
        known = self._open.get(key)
        self._open[key] = _Open(item.kind, receipt_of(record) if known is None else known.since)

    def standing(self, now: datetime) -> Counter[tuple[ItemKind, Age]]:
        """Return how many items of each kind and age are open at `now` (aware)."""
        return Counter((item.kind, _age(now - item.since)) for item in self._open.values())

    def oldest_seconds(self, now: datetime) -> float:
        """Return the age of the oldest open item in seconds, 0 without one."""
        return max(((now - item.since).total_seconds() for item in self._open.values()), default=0.0)


def _age(passed: timedelta) -> Age:
    """Return the age of an item that was opened so long ago."""
    return next((age for bound, age in _BOUNDS if passed <= bound), Age.OLDER)
