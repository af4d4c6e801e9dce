"""The twin of the tail: follows a topic of an in-memory Kafka."""

from collections.abc import AsyncIterator, Sequence

from broker.adapters.memory import MemoryKafka
from broker.ports import Record, Topic


class MemoryInputTail:
    """`InputTail` on a `MemoryKafka`."""

    def __init__(self, kafka: MemoryKafka, topic: Topic) -> None:
        """Follow this topic from its beginning."""
        self._kafka = kafka
        self._topic = topic
        self._next: dict[int, int] = {}

    async def news(self) -> AsyncIterator[Sequence[Record]]:
        """Yield what was appended since the last call, one record at a time."""
        self._kafka.check()
        for record in self._kafka.read(self._topic):
            if record.offset >= self._next.get(record.partition, 0):
                self._next[record.partition] = record.offset + 1
                yield [record]

    async def close(self) -> None:
        """Do nothing: there is no connection."""
