"""
Follows an input topic from its beginning, all partitions of it, belonging to no consumer group.

Reads what is not committed too: intake writes outside transactions, and one of a matcher that hangs must not
hide what came after it.
"""

from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline, lone_consumer, stop_consumer
from broker.adapters.kafka_ranges import READ_WAIT_MS, records_between
from broker.adapters.kafka_reader import ANSWER_MS, partitions_of
from broker.ports import Record, Topic


class KafkaInputTail:
    """`InputTail` on a cluster; `answer_ms` bounds every wait for it."""

    def __init__(self, cluster: Cluster, topic: Topic, *, answer_ms: int = ANSWER_MS) -> None:
        """Connect to nothing yet."""
        self._cluster = cluster
        self._topic = topic
        self._answer_ms = answer_ms
        self._consumer: AIOKafkaConsumer | None = None
        self._next: dict[TopicPartition, int] = {}

    async def news(self) -> AsyncIterator[Sequence[Record]]:
        """Yield what was appended since the last call, up to now; connects where it has to."""
        try:
            consumer = self._consumer or await self._connected()
            async with deadline(self._answer_ms, "looking how far an input has grown"):
                ends = await consumer.end_offsets(sorted(self._next))
            for place, end in ends.items():
                found = records_between(consumer, place, self._next[place], end, answer_ms=self._answer_ms)
                async for records in found:
                    self._next[place] = records[-1].offset + 1
                    yield records
                self._next[place] = end
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Give the connection back; safe to call twice, and before `news`."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def _connected(self) -> AIOKafkaConsumer:
        """Return a consumer that has every partition of the topic."""
        places = await partitions_of(self._cluster, self._topic.value)
        self._consumer = consumer = lone_consumer(
            self._cluster, answer_ms=self._answer_ms, wait_ms=READ_WAIT_MS, uncommitted=True
        )
        async with deadline(self._answer_ms, "connecting"):
            await consumer.start()
            consumer.assign(places)
            starts = await consumer.beginning_offsets(places)
        self._next = {place: max(self._next.get(place, 0), start) for place, start in starts.items()}
        return consumer
