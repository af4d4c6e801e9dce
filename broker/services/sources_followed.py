"""
What an answer depends on, held in memory and brought up to date record by record: for who always asks.

Reading `cpis.people` from its beginning for every visit would cost seconds each; here a look costs nothing,
and says which keys were looked at, so that a visit is looked at again when something changes under one.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress

from broker.core.errors import MalformedMessage
from broker.ports import PARTITION_STATE_KEY, Record
from broker.services.people_reading import Marked, Read, marked
from broker.wire.records_codec import RecordsCodec


class FollowedSources:
    """
    `Sources` as far as three topics were followed.

    Each `begin_…` says that a topic follows anew, each `take_…` takes one record of it. Check marks are to be
    followed before people are, `cpis.in.details` between them: then `no plan` is safe.
    """

    def __init__(self, records: RecordsCodec) -> None:
        """Begin with nothing."""
        self._records = records
        self._people: dict[bytes, bytes] = {}
        self._states: dict[int, bytes] = {}
        self._marks: dict[tuple[bytes, int], Marked] = {}
        self._ends: dict[bytes, dict[int, int]] = {}
        self._looked_at: set[bytes] = set()
        self._changed: set[bytes] = set()

    async def people(self, keys: Collection[bytes]) -> Read:
        """Return what lies under these keys and the matcher's own records, and note that it was looked at."""
        self._looked_at.update(keys)
        values = {key: self._people[key] for key in keys if key in self._people}
        return Read(values=values, states=self._states)

    def value(self, key: bytes) -> bytes | None:
        """Return what lies under a key now, None for nothing; it is not noted that it was looked at."""
        return self._people.get(key)

    async def details_ends(self, buckets: Collection[bytes]) -> Mapping[int, int]:
        """Return, by partition, the offset behind the last record of `cpis.in.details` under these keys."""
        ends: dict[int, int] = {}
        for bucket in buckets:
            for partition, end in self._ends.get(bucket, {}).items():
                ends[partition] = max(end, ends.get(partition, 0))
        return ends

    def marks(self) -> Collection[Marked]:
        """Return the newest mark of every sender in every partition."""
        return self._marks.values()

    def looked_at(self) -> frozenset[bytes]:
        """Return the keys that were looked at since this was last called."""
        looked_at, self._looked_at = frozenset(self._looked_at), set()
        return looked_at

    def changed(self) -> frozenset[bytes]:
        """Return the keys under which something else lies than when this was last called."""
        changed, self._changed = frozenset(self._changed), set()
        return changed

    def begin_people(self) -> None:
        """Forget everybody."""
        self._people.clear()
        self._states.clear()

    def take_people(self, record: Record) -> None:
        """Take what lies under a key now."""
        if record.key is None:
            return
        if record.key == PARTITION_STATE_KEY:
            self._states[record.partition] = record.value or b""
            return
        self._changed.add(record.key)
        if record.value is None:
            self._people.pop(record.key, None)
        else:
            self._people[record.key] = record.value

    def begin_marks(self) -> None:
        """Forget every mark."""
        self._marks.clear()

    def take_mark(self, record: Record) -> None:
        """Take a check mark; what is none passes nothing."""
        with suppress(MalformedMessage):
            one = marked(record, self._records)
            self._marks[one.mark.key, one.mark.partition] = one

    def begin_details(self) -> None:
        """Forget what is to be put on shelves."""
        self._ends.clear()

    def take_detail(self, record: Record) -> None:
        """Take in that something is to be put on a shelf, or into a search."""
        if record.key is not None:
            self._ends.setdefault(record.key, {})[record.partition] = record.offset + 1
