"""The twin of the archive: reads an in-memory Kafka back."""

from collections.abc import AsyncIterator, Mapping, Sequence

from broker.adapters.memory import MemoryKafka
from broker.core.errors import TopicMissing
from broker.ports import Record, Topic


class MemoryArchive:
    """`Archive` on a `MemoryKafka`."""

    def __init__(self, kafka: MemoryKafka) -> None:
        """Read this cluster."""
        self._kafka = kafka

    async def read(
        self, topic: str, *, since: Mapping[int, int] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield everything that a topic holds now, or since, in offset order; one record at a time."""
        self._require(topic)
        known = since or {}
        for record in self._kafka.read(topic):
            if record.offset >= known.get(record.partition, 0):
                yield [record]

    async def begins(self, topic: str) -> Mapping[int, int]:
        """Return the offset at which each partition of a topic begins now."""
        self._require(topic)
        return self._kafka.begins(topic)

    async def read_one(self, topic: Topic, partition: int, offset: int) -> Record | None:
        """Return the record at a place, None where the log has none there any more or yet."""
        self._require(topic)
        found = (r for r in self._kafka.read(topic) if (r.partition, r.offset) == (partition, offset))
        return next(found, None)

    def _require(self, topic: str) -> None:
        """Raise `KafkaUnavailable` while the cluster is away, `TopicMissing` where the topic is not there."""
        self._kafka.check()
        if topic not in self._kafka.topics:
            raise TopicMissing(f"topic {topic} does not exist")
