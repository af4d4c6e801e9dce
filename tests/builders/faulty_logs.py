"""Partition logs with one fault each, over the in-memory Kafka: small, real, named for what goes wrong."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from broker.adapters.memory import MemoryKafka, MemoryPartitionLog
from broker.core.errors import KafkaUnavailable
from broker.ports import Record, Topic, Write


class WatchedLog(MemoryPartitionLog):
    """No fault: calls `at_commit` before every commit, and counts them."""

    def __init__(self, kafka: MemoryKafka) -> None:
        """Work partition 0."""
        super().__init__(kafka, "house", 0)
        self.at_commit: Callable[[], None] = lambda: None
        self.commits = 0

    async def commit(self, writes: Sequence[Write]) -> None:
        """Commit."""
        self.commits += 1
        self.at_commit()
        await super().commit(writes)


class DoubtfulCommitLog(WatchedLog):
    """
    The commits named in `doubtful` (counted from 1) fail with an unknown outcome.

    With `written` they took place all the same: only their acknowledgement was lost.
    """

    def __init__(self, kafka: MemoryKafka, *, doubtful: frozenset[int], written: bool) -> None:
        """Work partition 0."""
        super().__init__(kafka)
        self._doubtful = doubtful
        self._written = written

    async def commit(self, writes: Sequence[Write]) -> None:
        """Commit, or not, and say that nobody knows."""
        if self.commits + 1 not in self._doubtful:
            await super().commit(writes)
            return
        if self._written:
            await super().commit(writes)
        else:
            self.commits += 1
        raise KafkaUnavailable


class ForgetfulLog(MemoryPartitionLog):
    """Retention has passed what is read again: `read_at` finds nothing."""

    def __init__(self, kafka: MemoryKafka) -> None:
        """Work partition 0."""
        super().__init__(kafka, "house", 0)

    async def read_at(self, topic: Topic, offsets: Sequence[int]) -> Sequence[Record]:
        """Find nothing any more."""
        assert await super().read_at(topic, offsets)
        return []


class FailingLog(MemoryPartitionLog):
    """Fails with `error` as soon as it is opened."""

    def __init__(self, kafka: MemoryKafka, error: Exception) -> None:
        """Work partition 0."""
        super().__init__(kafka, "house", 0)
        self._error = error
        self.closed = 0

    async def open(self) -> None:
        """Fail."""
        raise self._error

    async def close(self) -> None:
        """Count."""
        self.closed += 1


class Killed(Exception):
    """The process ends here, as by a power cut."""


class Fuse:
    """Raises `error` at its `length`-th spark, counted from 1, and never again."""

    def __init__(self, length: int, error: type[Exception]) -> None:
        """Light it."""
        self._left = length
        self._error = error

    @property
    def burnt(self) -> bool:
        """Whether it has raised."""
        return self._left <= 0

    def spark(self) -> None:
        """Burn one step further."""
        self._left -= 1
        if self._left == 0:
            raise self._error


class FusedLog(MemoryPartitionLog):
    """Fails once, at whichever of its awaits the fuse burns down; a commit has one before and one after."""

    def __init__(self, kafka: MemoryKafka, application: str, partition: int, fuse: Fuse) -> None:
        """Work a partition; others may burn the same fuse."""
        super().__init__(kafka, application, partition)
        self._fuse = fuse

    async def open(self) -> None:
        """Open."""
        self._fuse.spark()
        await super().open()

    async def load_people(self) -> dict[bytes, bytes]:
        """Load."""
        self._fuse.spark()
        return await super().load_people()

    async def start_offset(self, topic: Topic, since_ms: int) -> int:
        """Ask."""
        self._fuse.spark()
        return await super().start_offset(topic, since_ms)

    async def end_offsets(self) -> Mapping[Topic, int]:
        """Ask."""
        self._fuse.spark()
        return await super().end_offsets()

    async def scan(self, topic: Topic, start: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """Read."""
        self._fuse.spark()
        async for records in super().scan(topic, start, end):
            yield records
            self._fuse.spark()

    async def reached(self, ends: Mapping[Topic, int]) -> bool:
        """Ask."""
        self._fuse.spark()
        return await super().reached(ends)

    async def poll(
        self, topics: Sequence[Topic], *, wait_ms: int, records_max: int
    ) -> Mapping[Topic, Sequence[Record]]:
        """Poll; what is idle burns nothing."""
        found = await super().poll(topics, wait_ms=wait_ms, records_max=records_max)
        if found:
            self._fuse.spark()
        return found

    async def read_at(self, topic: Topic, offsets: Sequence[int]) -> Sequence[Record]:
        """Read again."""
        self._fuse.spark()
        return await super().read_at(topic, offsets)

    async def declared_topics(self) -> frozenset[str]:
        """Ask."""
        self._fuse.spark()
        return await super().declared_topics()

    async def commit(self, writes: Sequence[Write]) -> None:
        """Commit."""
        self._fuse.spark()
        await super().commit(writes)
        self._fuse.spark()
