"""
Reads topics back for operators: whole, or one record at its place.

Belongs to no consumer group, moves nobody's place, and sees committed records only.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline, lone_consumer, stop_consumer
from broker.adapters.kafka_ranges import READ_WAIT_MS, records_between
from broker.adapters.kafka_reader import ANSWER_MS, partitions_of
from broker.core.errors import KafkaUnavailable
from broker.ports import Record, Topic

_FETCH_BYTES_MAX = 16 * 1024 * 1024  # the largest record of the topics read here is 12 MiB


class KafkaArchive:
    """`Archive` on a cluster: a consumer of no group, to be started before it reads and closed after."""

    def __init__(self, cluster: Cluster) -> None:
        """Connect to nothing yet."""
        self._cluster = cluster
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Connect; raise `KafkaUnavailable` when the cluster does not answer."""
        self._consumer = lone_consumer(
            self._cluster, answer_ms=ANSWER_MS, wait_ms=READ_WAIT_MS, fetch_bytes_max=_FETCH_BYTES_MAX
        )
        try:
            async with deadline(ANSWER_MS, "connecting"):
                await self._consumer.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Give the connection back; safe to call twice, and before `start`."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def read(
        self, topic: str, *, since: Mapping[int, int] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield everything that a topic holds now, or since, in batches; each partition in offset order."""
        known = since or {}
        for place in await partitions_of(self._cluster, str(topic)):
            consumer, begin, end = await self._take_on(place)
            start = max(begin, known.get(place.partition, begin))
            async for records in records_between(consumer, place, start, end, answer_ms=ANSWER_MS):
                yield records

    async def begins(self, topic: str) -> Mapping[int, int]:
        """Return the offset at which each partition of a topic begins now."""
        places = await partitions_of(self._cluster, str(topic))
        async with deadline(ANSWER_MS, "asking where a topic begins"):
            found = await self._started().beginning_offsets(places)
        return {place.partition: int(offset) for place, offset in found.items()}

    async def read_one(self, topic: Topic, partition: int, offset: int) -> Record | None:
        """Return the record at a place, None where the log has none there any more or yet."""
        place = TopicPartition(topic.value, partition)
        if place not in await partitions_of(self._cluster, topic.value):
            return None
        consumer, start, end = await self._take_on(place)
        if not start <= offset < end:
            return None
        found = records_between(consumer, place, offset, offset + 1, answer_ms=ANSWER_MS)
        async for records in found:
            return records[0]
        return None

    async def _take_on(self, place: TopicPartition) -> tuple[AIOKafkaConsumer, int, int]:
        """Return a consumer with a partition, where that begins, and its `read_committed` end."""
        consumer = self._started()
        consumer.assign([place])
        async with deadline(ANSWER_MS, "asking where a partition begins and ends"):
            start = (await consumer.beginning_offsets([place]))[place]
            end = (await consumer.end_offsets([place]))[place]
        return consumer, int(start), int(end)

    def _started(self) -> AIOKafkaConsumer:
        """Return the consumer; raise `KafkaUnavailable` before `start` and after `close`."""
        if self._consumer is None:
            raise KafkaUnavailable("the archive is not open")
        return self._consumer
