"""A cluster as the contract of `PartitionLog` sees it from outside: the in-memory twin, the genuine Kafka."""

from itertools import count
from typing import Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from broker.adapters.kafka_partition import KafkaPartitionLog
from broker.adapters.memory import MemoryKafka, MemoryPartitionLog
from broker.ports import PartitionLog, Record, Write

APPLICATION = "contract"

_free_partitions = count()


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


class KafkaWorld:
    """The genuine Kafka."""

    def __init__(self, servers: str) -> None:
        """Take a partition that no other test uses."""
        self.partition = next(_free_partitions)
        self._servers = servers

    def log(self) -> PartitionLog:
        """Return a log of the partition."""
        return KafkaPartitionLog(self._servers, APPLICATION, self.partition)

    async def append(self, writes: list[Write]) -> None:
        """Append outside any transaction."""
        async with AIOKafkaProducer(bootstrap_servers=self._servers) as producer:
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
        place = TopicPartition(topic, self.partition)
        settings = {"bootstrap_servers": self._servers, "auto_offset_reset": "earliest"}
        found: list[Record] = []
        async with (
            AIOKafkaConsumer(**settings) as everything,
            AIOKafkaConsumer(**settings, isolation_level="read_committed") as committed,
        ):
            # A commit is acknowledged before its markers are written: wait for what is still open.
            end = (await everything.end_offsets([place]))[place]
            committed.assign([place])
            while await committed.position(place) < end:
                found += (await committed.getmany(timeout_ms=100)).get(place, [])
        return found
