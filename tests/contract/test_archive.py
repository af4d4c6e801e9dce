"""What an `Archive` promises: one suite over the in-memory twin and the genuine Kafka."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

import pytest
from aiokafka import AIOKafkaProducer

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_archive import KafkaArchive
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.adapters.memory import MemoryFactLog, MemoryKafka, MemoryPartitionLog
from broker.adapters.memory_archive import MemoryArchive
from broker.core.errors import KafkaUnavailable, TopicMissing
from broker.ports import Archive, Record, Topic, Write
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file

DEADLINE_S = 180
LARGE_BYTES = 11 * 1024 * 1024  # near what the topics of the desk take
MISSING = Topic.LATE


class World(Protocol):
    """A cluster with empty topics, one topic of the broker's absent."""

    @asynccontextmanager
    def archive(self) -> AsyncIterator[Archive]:
        """Lend an archive of the cluster."""
        ...

    async def append(self, *writes: Write) -> None:
        """Append outside any transaction."""
        ...

    async def commit(self, *writes: Write) -> None:
        """Append in a transaction, which leaves a marker."""
        ...

    async def go_away(self) -> None:
        """Stop answering."""
        ...


class MemoryWorld:
    """The in-memory twin."""

    def __init__(self) -> None:
        """Begin with empty topics."""
        self._kafka = MemoryKafka([topic for topic in Topic if topic is not MISSING])

    @asynccontextmanager
    async def archive(self) -> AsyncIterator[Archive]:
        """Lend an archive of the cluster."""
        yield MemoryArchive(self._kafka)

    async def append(self, *writes: Write) -> None:
        """Append outside any transaction."""
        await MemoryFactLog(self._kafka).append(writes)

    async def commit(self, *writes: Write) -> None:
        """Append in a transaction."""
        log = MemoryPartitionLog(self._kafka, "archive", 0)
        await log.open()
        await log.commit(writes)
        await log.close()

    async def go_away(self) -> None:
        """Stop answering."""
        self._kafka.available = False


class KafkaWorld:
    """The genuine Kafka."""

    def __init__(self, kafka: EmbeddedKafka) -> None:
        """Use this broker."""
        self._kafka = kafka

    @asynccontextmanager
    async def archive(self) -> AsyncIterator[Archive]:
        """Lend an archive of the cluster."""
        archive = KafkaArchive(self._kafka.cluster)
        await archive.start()
        try:
            yield archive
        finally:
            await archive.close()
            await archive.close()

    async def append(self, *writes: Write) -> None:
        """Append outside any transaction."""
        await self._send(None, *writes)

    async def commit(self, *writes: Write) -> None:
        """Append in a transaction."""
        await self._send("archive", *writes)

    async def go_away(self) -> None:
        """Kill the broker."""
        await asyncio.to_thread(self._kafka.kill)

    async def _send(self, transactional_id: str | None, *writes: Write) -> None:
        """Append, in a transaction or not."""
        async with AIOKafkaProducer(
            **self._kafka.cluster.connection(),
            transactional_id=transactional_id,
            max_request_size=2 * LARGE_BYTES,
        ) as producer:
            if transactional_id:
                await producer.begin_transaction()
            for write in writes:
                await producer.send_and_wait(
                    write.topic, write.value, key=write.key, partition=write.partition
                )
            if transactional_id:
                await producer.commit_transaction()


@pytest.fixture
def own_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka with empty topics, one of them left out."""
    topics = load_topics(topics_file().read_text("utf-8"))
    declared = tuple(topic for topic in topics if topic.name != MISSING)
    with embedded_kafka() as broker:
        asyncio.run(apply_topics(broker.cluster, replace(topics, declared=declared)))
        yield broker


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest) -> World:
    """Return the world of a test."""
    if request.param == "memory":
        return MemoryWorld()
    return KafkaWorld(request.getfixturevalue("own_kafka"))


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    """Play a scenario with a deadline."""

    async def timed() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await scenario()

    asyncio.run(timed())


async def everything(archive: Archive, topic: Topic) -> list[Record]:
    """Return all that an archive reads of a topic."""
    return [record async for records in archive.read(topic) for record in records]


def test_a_topic_is_read_back_and_a_record_found_at_its_place(world: World) -> None:
    """All partitions, each in order, tombstones included; an empty topic is empty; a gap is no record."""

    async def scenario() -> None:
        async with world.archive() as archive:
            assert [] == await everything(archive, Topic.WORKLIST)
            keyed = [Write(Topic.PLANS, b"%d" % n, b"v%d" % n, partition=n % 3) for n in range(9)]
            await world.append(*keyed, Write(Topic.PLANS, b"0", None, partition=0))

            found = await everything(archive, Topic.PLANS)

            expected = {
                partition: [write.value for write in keyed if write.partition == partition]
                for partition in range(3)
            }
            expected[0].append(None)
            assert expected == {
                partition: [record.value for record in found if record.partition == partition]
                for partition in range(3)
            }
            for record in found:
                place = (record.partition, record.offset)
                same = await archive.read_one(Topic.PLANS, *place)
                assert same is not None
                assert (record.key, record.value, *place) == (
                    same.key,
                    same.value,
                    same.partition,
                    same.offset,
                )
            since = {0: found[0].offset + 1, 1: 99}
            later = [record async for records in archive.read(Topic.PLANS, since=since) for record in records]
            assert [record.value for record in found if record.partition in {0, 2}][1:] == [
                record.value for record in later
            ]
            assert {0} == set((await archive.begins(Topic.PLANS)).values())
            for nowhere in ((0, 99), (5, 0), (77, 0)):
                assert await archive.read_one(Topic.PLANS, *nowhere) is None
            with pytest.raises(TopicMissing):
                await everything(archive, MISSING)
            with pytest.raises(TopicMissing):
                await archive.read_one(MISSING, 0, 0)
            with pytest.raises(TopicMissing):
                await archive.begins(MISSING)

    play(scenario)


def test_markers_are_passed_over_and_large_records_are_read(world: World) -> None:
    """What a transaction leaves behind is no record, also at the very end; nor is a record too large."""

    async def scenario() -> None:
        large = bytes(LARGE_BYTES)
        async with world.archive() as archive:
            await world.commit(Write(Topic.REJECTED, None, b"a", partition=0))
            await world.append(Write(Topic.REJECTED, None, large, partition=0))
            await world.commit(Write(Topic.REJECTED, None, b"b", partition=0))

            found = await everything(archive, Topic.REJECTED)

            assert [b"a", large, b"b"] == [record.value for record in found]
            assert await archive.read_one(Topic.REJECTED, 0, found[0].offset + 1) is None

    play(scenario)


def test_an_absent_cluster_is_said_to_be_absent(world: World) -> None:
    """In time, not never."""

    async def scenario() -> None:
        async with world.archive() as archive:
            await world.go_away()
            with pytest.raises(KafkaUnavailable):
                await everything(archive, Topic.PLANS)
            with pytest.raises(KafkaUnavailable):
                await archive.begins(Topic.PLANS)

    play(scenario)


@pytest.mark.kafka
def test_an_archive_is_started_first(own_kafka: EmbeddedKafka) -> None:
    """Before, and against a cluster that is away, it says so."""

    async def scenario() -> None:
        with pytest.raises(KafkaUnavailable):
            await KafkaArchive(own_kafka.cluster).read_one(Topic.PLANS, 0, 0)
        with pytest.raises(KafkaUnavailable):
            await KafkaArchive(Cluster("127.0.0.1:1")).start()

    play(scenario)
