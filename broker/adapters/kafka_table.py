"""
Follows a compacted topic from its beginning, as a table of what stands under each key.

Knows how far it has read; what a value means is for those who take it.
"""

import asyncio
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline, lone_consumer, stop_consumer
from broker.adapters.kafka_reader import partitions_of
from broker.ports import Record

_ANSWER_MS = 5_000
_PROGRESS_MS = 30_000  # markers of transactions alone can fill a fetch: some get past without a record
_READ_WAIT_MS = 50
_RECORDS_MAX = 500  # some milliseconds of decoding between two turns of the event loop


class KafkaTable:
    """
    Reads one topic of a cluster; `begin` is told that everything follows anew, `take` gets each record.

    A tombstone is a record whose value is None. Only committed records are read.
    """

    def __init__(
        self, cluster: Cluster, topic: str, *, begin: Callable[[], None], take: Callable[[Record], None]
    ) -> None:
        """Connect to nothing yet."""
        self._cluster = cluster
        self._topic = topic
        self._begin = begin
        self._take = take
        self._consumer: AIOKafkaConsumer | None = None

    async def catch_up(self) -> None:
        """
        Take what is new up to the present end.

        Raise `KafkaUnavailable` or `TopicMissing`; the next call then begins anew.
        """
        try:
            async with deadline(_PROGRESS_MS, "connecting to a table"):
                consumer = await self._connected()
                ends = await consumer.end_offsets(list(consumer.assignment()))
            more = True
            while more:
                more = await self._takes_more(consumer, ends)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Give the connection back; safe to call twice."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def _takes_more(self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
        """Take what comes next, however long the table is; return whether there is more before these ends."""
        async with deadline(_PROGRESS_MS, "reading a table"):
            while [place for place in ends if await consumer.position(place) < ends[place]]:
                found = await consumer.getmany(timeout_ms=_READ_WAIT_MS, max_records=_RECORDS_MAX)
                for records in found.values():
                    for record in records:
                        self._take(record)
                await asyncio.sleep(0)
                if found:
                    return True
        return False

    async def _connected(self) -> AIOKafkaConsumer:
        """Return the consumer, started and at the beginning if it is new."""
        if self._consumer is not None:
            return self._consumer
        places = await partitions_of(self._cluster, self._topic)
        consumer = lone_consumer(self._cluster, answer_ms=_ANSWER_MS, wait_ms=_READ_WAIT_MS)
        self._consumer = consumer
        await consumer.start()
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        self._begin()
        return consumer
