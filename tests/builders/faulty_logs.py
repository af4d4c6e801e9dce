"""Partition logs with one fault each, over the in-memory Kafka: small, real, named for what goes wrong."""

from collections.abc import Callable, Sequence

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
