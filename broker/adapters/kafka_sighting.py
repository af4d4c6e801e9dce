"""Looks out for one record of a topic from now on, belonging to no group; every wait has a limit."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from aiokafka import AIOKafkaConsumer

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline, lone_consumer, stop_consumer
from broker.adapters.kafka_ranges import READ_WAIT_MS
from broker.adapters.kafka_reader import ANSWER_MS, PLACE_MS, partitions_of
from broker.ports import Record

T = TypeVar("T")


class Sighting:
    """A topic looked at from where it ended."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        """Read with a consumer that is placed."""
        self._consumer = consumer

    async def find(self, recognise: Callable[[Record], T | None], *, seconds: float) -> T | None:
        """
        Return what the first record is recognised as, None where none is within so many seconds.

        Raises `KafkaUnavailable`.
        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    async with deadline(ANSWER_MS, "looking out for a record"):
                        batches = await self._consumer.getmany(timeout_ms=READ_WAIT_MS)
                    for record in (one for records in batches.values() for one in records):
                        found = recognise(record)
                        if found is not None:
                            return found
        except TimeoutError:
            return None


@asynccontextmanager
async def looking_out(cluster: Cluster, topic: str) -> AsyncIterator[Sighting]:
    """
    Lend a look-out on everything that a topic holds from now on, committed alone.

    Raises `TopicMissing`, `KafkaNotAuthorized` and `KafkaUnavailable`.
    """
    places = await partitions_of(cluster, topic)
    consumer = lone_consumer(cluster, answer_ms=ANSWER_MS, wait_ms=READ_WAIT_MS)
    try:
        async with deadline(PLACE_MS, "connecting"):
            await consumer.start()
            consumer.assign(places)
            for place, end in (await consumer.end_offsets(places)).items():
                consumer.seek(place, end)
        yield Sighting(consumer)
    finally:
        await stop_consumer(consumer)
