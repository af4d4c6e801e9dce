"""
Follows an input topic from its beginning, all partitions of it, belonging to no consumer group.

Reads what is not committed too: intake writes outside transactions, and one of a matcher that hangs must not
hide what came after it.

Knows: that aiokafka asks for everything that is not paused, and asks a node for nothing more until its answer
is there, which a partition without news delays.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline, lone_consumer, stop_consumer
from broker.adapters.kafka_ranges import READ_BATCH_RECORDS, READ_WAIT_MS
from broker.adapters.kafka_reader import ANSWER_MS, partitions_of
from broker.core.errors import KafkaUnavailable
from broker.ports import Record, Topic, nothing_known


class KafkaInputTail:
    """`InputTail` on a cluster; `answer_ms` bounds every wait for it."""

    def __init__(self, cluster: Cluster, topic: Topic, *, answer_ms: int = ANSWER_MS) -> None:
        """Connect to nothing yet."""
        self._cluster = cluster
        self._topic = topic
        self._answer_ms = answer_ms
        self._consumer: AIOKafkaConsumer | None = None
        self._next: dict[TopicPartition, int] = {}
        self._at: dict[TopicPartition, int] = {}  # where the consumer stands, which has read what is behind

    async def news(
        self, known: Callable[[int, int], bool] = nothing_known
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield what was appended since the last call, up to now, and is not known; connect where need be."""
        try:
            consumer = self._consumer or await self._connected()
            async with deadline(self._answer_ms, "looking how far an input has grown"):
                ends = await consumer.end_offsets(sorted(self._next))
            for place, end in ends.items():
                while self._next[place] < end and known(place.partition, self._next[place]):
                    self._next[place] += 1
                await asyncio.sleep(0)
            grown = {place: end for place, end in ends.items() if self._next[place] < end}
            async for records in self._records_before(grown, consumer):
                yield records
        except BaseException:
            await self.close()
            raise

    async def _records_before(
        self, ends: dict[TopicPartition, int], consumer: AIOKafkaConsumer
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield what lies before these ends, of all partitions at once, some of what lies behind as well."""
        for place in ends:
            if self._at.get(place) != self._next[place]:
                consumer.seek(place, self._next[place])
                self._at[place] = self._next[place]
            consumer.resume(place)
        clock = asyncio.get_running_loop().time
        moved_at = clock()
        while ends:
            async with deadline(self._answer_ms, "reading an input"):
                found = await consumer.getmany(*ends, timeout_ms=READ_WAIT_MS, max_records=READ_BATCH_RECORDS)
                reached = {place: await consumer.position(place) for place in ends}
            ended = [place for place, end in ends.items() if reached[place] >= end]
            consumer.pause(*ended)  # before the loop turns: then nothing is asked about them
            for place in ended:
                del ends[place]
            if any(self._at[place] != position for place, position in reached.items()):
                moved_at = clock()
            elif clock() - moved_at > self._answer_ms / 1000:
                raise KafkaUnavailable("reading an input: no progress")
            self._at |= reached
            for place, records in found.items():
                self._next[place] = records[-1].offset + 1
                yield records
            self._next |= reached
            await asyncio.sleep(0)

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
            consumer.pause(*places)
            self._at = {}
            starts = await consumer.beginning_offsets(places)
        self._next = {place: max(self._next.get(place, 0), start) for place, start in starts.items()}
        return consumer
