"""The twin of the tail: follows a topic of an in-memory Kafka."""

from collections.abc import AsyncIterator, Callable, Sequence

from broker.adapters.memory import MemoryKafka
from broker.ports import Record, Topic, nothing_known


class MemoryInputTail:
    """`InputTail` on a `MemoryKafka`."""

    def __init__(self, kafka: MemoryKafka, topic: Topic) -> None:
        """Follow this topic from its beginning."""
        self._kafka = kafka
        self._topic = topic
        self._next: dict[int, int] = {}

    async def news(
        self, known: Callable[[int, int], bool] = nothing_known
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield what was appended since the last call and is not known, one record at a time."""
        self._kafka.check()
        reads = set[int]()
        for record in self._kafka.read(self._topic):
            if record.offset >= self._next.get(record.partition, 0):
                if record.partition not in reads and known(record.partition, record.offset):
                    self._next[record.partition] = record.offset + 1
                    continue
                reads.add(record.partition)
                self._next[record.partition] = record.offset + 1
                yield [record]

    async def close(self) -> None:
        """Do nothing: there is no connection."""
