"""A cluster as the contract of `PartitionLog` sees it from outside: the in-memory twin, the genuine Kafka."""

import asyncio
from typing import Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_partition import KafkaPartitionLog, KafkaTimeouts
from broker.adapters.memory import MemoryKafka, MemoryPartitionLog
from broker.ports import PartitionLog, Record, Write

APPLICATION = "contract"
ANSWER_MS = 3_000
OPEN_MS = 60_000
"""A new cluster makes its transaction log first: for 15 s and more where ten test runs share two cores."""


async def delete_before(cluster: Cluster, topic: str, partition: int, offset: int) -> None:
    """Move the beginning of a log of the genuine Kafka, as retention does in its own time."""
    admin = AIOKafkaAdminClient(**cluster.connection())
    try:
        await admin.start()
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


class World(Protocol):
    """A cluster as the tests use it: one partition of it, from the outside."""

    partition: int

    def log(self) -> PartitionLog:
        """Return a log of the partition, not yet open."""
        ...

    async def append(self, writes: list[Write]) -> None:
        """Append outside any transaction."""
        ...

    async def read(self, topic: str) -> list[Record]:
        """Return what a `read_committed` reader finds in the partition of a topic."""
        ...

    async def read_everywhere(self, topic: str) -> list[Record]:
        """Return the same of every partition of a topic."""
        ...

    async def forget(self, topic: str, before: int) -> None:
        """Let the log of a topic begin at `before`, as retention does."""
        ...

    async def go_away(self) -> None:
        """Stop answering."""
        ...

    async def come_back(self) -> None:
        """Answer again, with what was committed before."""
        ...


class MemoryWorld:
    """The in-memory twin."""

    def __init__(self) -> None:
        """Begin with empty topics."""
        self.partition = 2
        self._kafka = MemoryKafka()

    def log(self) -> PartitionLog:
        """Return a log of the partition."""
        return MemoryPartitionLog(self._kafka, APPLICATION, self.partition)

    async def append(self, writes: list[Write]) -> None:
        """Append outside any transaction."""
        self._kafka.append(writes)

    async def read(self, topic: str) -> list[Record]:
        """Return what is committed."""
        return [record for record in self._kafka.read(topic) if record.partition == self.partition]

    async def read_everywhere(self, topic: str) -> list[Record]:
        """Return what is committed in every partition."""
        return list(self._kafka.read(topic))

    async def forget(self, topic: str, before: int) -> None:
        """Let the log begin later."""
        self._kafka.delete_before(topic, self.partition, before)

    async def go_away(self) -> None:
        """Stop answering."""
        self._kafka.available = False

    async def come_back(self) -> None:
        """Answer again."""
        self._kafka.available = True


class KafkaWorld:
    """The genuine Kafka."""

    def __init__(self, kafka: EmbeddedKafka, partition: int) -> None:
        """Take a partition that no other test on this Kafka uses."""
        self.partition = partition
        self._kafka = kafka
        self._cluster = kafka.cluster

    def log(self) -> PartitionLog:
        """Return a log of the partition."""
        return KafkaPartitionLog(
            self._cluster,
            APPLICATION,
            self.partition,
            KafkaTimeouts(open_ms=OPEN_MS, answer_ms=ANSWER_MS),
        )

    async def append(self, writes: list[Write]) -> None:
        """Append outside any transaction."""
        async with AIOKafkaProducer(**self._cluster.connection()) as producer:
            for write in writes:
                await producer.send_and_wait(
                    write.topic,
                    write.value,
                    key=write.key,
                    partition=write.partition,
                    headers=list(write.headers),
                )

    async def read(self, topic: str) -> list[Record]:
        """Return what is committed."""
        return await self._read([TopicPartition(topic, self.partition)])

    async def read_everywhere(self, topic: str) -> list[Record]:
        """Return what is committed in every partition."""
        async with AIOKafkaConsumer(**self._cluster.connection()) as consumer:
            partitions = await consumer._client._wait_on_metadata(topic)
        return await self._read([TopicPartition(topic, partition) for partition in partitions])

    async def _read(self, places: list[TopicPartition]) -> list[Record]:
        """Return what is committed in these partitions."""
        settings = {**self._cluster.connection(), "auto_offset_reset": "earliest"}
        found: list[Record] = []
        async with (
            AIOKafkaConsumer(**settings) as everything,
            AIOKafkaConsumer(**settings, isolation_level="read_committed") as committed,
        ):
            # A commit is acknowledged before its markers are written: wait for what is still open.
            ends = await everything.end_offsets(places)
            committed.assign(places)
            while any([await committed.position(place) < ends[place] for place in places]):
                for records in (await committed.getmany(timeout_ms=100)).values():
                    found += records
        return found

    async def forget(self, topic: str, before: int) -> None:
        """Have the broker delete what lies before."""
        await delete_before(self._cluster, topic, self.partition, before)

    async def go_away(self) -> None:
        """Kill the broker."""
        await asyncio.to_thread(self._kafka.kill)

    async def come_back(self) -> None:
        """Start it again."""
        await asyncio.to_thread(self._kafka.restart)
