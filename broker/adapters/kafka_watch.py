"""
Watches a cluster from outside the work: whether it answers, and how much waits behind what was taken.

Knows nothing of what the records hold: of the first one that waits it reads only when it was appended.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline, lone_consumer, stop_consumer

ANSWER_MS = 4_000
"""A cluster that does not answer a question about itself in this time counts as away (milliseconds)."""

_FETCH_BYTES_MAX = 65_536  # one batch is enough, and a larger one is sent all the same
_READ_WAIT_MS = 50


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Waiting(NamedTuple):
    """
    What lies behind a place that was taken up to an offset.

    `records` counts offsets up to the `read_committed` end, markers of transactions among them; `seconds`
    is the age of the oldest record, by the time Kafka has for it. Both are 0 where no record waits.
    """

    records: int
    seconds: float


class KafkaWatch:
    """Asks a cluster, over a connection of its own that is made when needed."""

    def __init__(self, cluster: Cluster) -> None:
        """Connect to nothing yet."""
        self._cluster = cluster
        self._consumer: AIOKafkaConsumer | None = None

    async def look(self, taken: Mapping[Place, int]) -> dict[Place, Waiting]:
        """
        Return what waits behind `taken`, the next offset of each place; raise `KafkaUnavailable`.

        Without a place it only asks whether the cluster answers.
        """
        try:
            async with deadline(ANSWER_MS, "looking at the cluster"):
                consumer = await self._connected()
                await consumer.topics()
                places = {TopicPartition(*place): offset for place, offset in taken.items()}
                ends = await consumer.end_offsets(list(places)) if places else {}
                behind = {place: offset for place, offset in places.items() if offset < ends[place]}
                ages = await self._ages(consumer, behind, ends)
        except BaseException:
            await self.close()
            raise
        return {
            Place(place.topic, place.partition): (
                Waiting(ends[place] - offset, ages[place]) if place in ages else Waiting(0, 0.0)
            )
            for place, offset in places.items()
        }

    async def close(self) -> None:
        """Give the connection back; safe to call twice."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def _connected(self) -> AIOKafkaConsumer:
        """Return the consumer, started."""
        if self._consumer is None:
            self._consumer = lone_consumer(
                self._cluster, answer_ms=ANSWER_MS, wait_ms=_READ_WAIT_MS, fetch_bytes_max=_FETCH_BYTES_MAX
            )
            await self._consumer.start()
        return self._consumer

    @staticmethod
    async def _ages(
        consumer: AIOKafkaConsumer,
        behind: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
    ) -> dict[TopicPartition, float]:
        """Return the age in seconds of the first record at or behind each offset, where there is one."""
        ages: dict[TopicPartition, float] = {}
        if not behind:
            return ages
        consumer.assign(list(behind))
        for place, offset in behind.items():
            consumer.seek(place, offset)
        open_places = set(behind)
        while open_places:
            found = await consumer.getmany(*open_places, timeout_ms=_READ_WAIT_MS)
            for place, records in found.items():
                ages[place] = max(0.0, time.time() - records[0].timestamp / 1000)
            open_places -= ages.keys()
            for place in tuple(open_places):
                if await consumer.position(place) >= ends[place]:
                    open_places.discard(place)
            await asyncio.sleep(0)
        consumer.pause(*behind)
        return ages
