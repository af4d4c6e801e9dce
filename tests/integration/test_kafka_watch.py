"""What waits behind an offset, and a compacted topic read as a table, on a genuine Kafka."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_table import KafkaTable
from broker.adapters.kafka_watch import KafkaWatch, Place
from broker.core.errors import KafkaUnavailable, TopicMissing
from broker.ports import Record, Topic

DEADLINE_S = 180.0
ALERTS = Topic.ALERTS.value
WORKLIST = Topic.WORKLIST.value

pytestmark = pytest.mark.kafka


def bounded(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario with a deadline."""

    async def timed() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await scenario()

    asyncio.run(timed())


@asynccontextmanager
async def transactional(cluster: Cluster) -> AsyncIterator[AIOKafkaProducer]:
    """Lend a producer of transactions."""
    producer = AIOKafkaProducer(**cluster.connection(), transactional_id="test-watch")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def test_a_watch_counts_what_waits(kafka: EmbeddedKafka) -> None:
    """Nothing behind the end; behind an earlier offset so many offsets, as old as the first record there."""

    async def scenario() -> None:
        place = Place(ALERTS, 0)
        watch = KafkaWatch(kafka.cluster)
        async with AIOKafkaProducer(**kafka.cluster.connection()) as producer:
            sent = await producer.send_and_wait(ALERTS, b"x", partition=0)
        try:
            at_end = (await watch.look({place: sent.offset + 1}))[place]
            behind = (await watch.look({place: sent.offset}))[place]
        finally:
            await watch.close()
        assert (0, 0.0) == at_end
        assert 1 == behind.records
        assert 0 <= behind.seconds < DEADLINE_S

    bounded(scenario)


def test_markers_alone_are_nothing_that_waits(kafka: EmbeddedKafka) -> None:
    """Behind the last record of a transaction stands its marker: nobody waits for that."""

    async def scenario() -> None:
        place = Place(ALERTS, 1)
        watch = KafkaWatch(kafka.cluster)
        async with transactional(kafka.cluster) as producer:
            async with producer.transaction():
                sent = await producer.send_and_wait(ALERTS, b"x", partition=1)
            try:
                found = await watch.look({place: sent.offset + 1, Place(ALERTS, 2): 0})
            finally:
                await watch.close()
        assert (0, 0.0) == found[place]

    bounded(scenario)


def test_an_open_transaction_is_not_waited_for(kafka: EmbeddedKafka) -> None:
    """What is not committed does not count yet."""

    async def scenario() -> None:
        place = Place(ALERTS, 3)
        watch = KafkaWatch(kafka.cluster)
        async with transactional(kafka.cluster) as producer:
            await producer.begin_transaction()
            sent = await producer.send_and_wait(ALERTS, b"x", partition=3)
            try:
                found = (await watch.look({place: sent.offset}))[place]
            finally:
                await watch.close()
                await producer.abort_transaction()
        assert (0, 0.0) == found

    bounded(scenario)


def test_a_cluster_that_is_not_there_is_told() -> None:
    """Nobody listens at that port."""

    async def scenario() -> None:
        watch = KafkaWatch(Cluster("127.0.0.1:1"))
        with pytest.raises(KafkaUnavailable):
            await watch.look({})
        await watch.close()

    bounded(scenario)


def test_a_table_holds_what_was_written_last(kafka: EmbeddedKafka) -> None:
    """Everything from the beginning, tombstones among it, then only what is new."""
    found: list[tuple[bytes | None, bytes | None]] = []
    begun: list[bool] = []

    def take(record: Record) -> None:
        """Note a record of this test."""
        if (record.key or b"").startswith(b"table-"):
            found.append((record.key, record.value))

    async def scenario() -> None:
        table = KafkaTable(kafka.cluster, WORKLIST, begin=lambda: begun.append(True), take=take)
        try:
            async with transactional(kafka.cluster) as producer:
                async with producer.transaction():
                    for key, value in ((b"table-1", b"a"), (b"table-2", b"b"), (b"table-1", None)):
                        await producer.send_and_wait(WORKLIST, value, key=key, partition=0)
                await table.catch_up()
                first = list(found)
                async with producer.transaction():
                    await producer.send_and_wait(WORKLIST, b"c", key=b"table-3", partition=0)
                await table.catch_up()
        finally:
            await table.close()
        assert [(b"table-1", b"a"), (b"table-2", b"b"), (b"table-1", None)] == first
        assert [(b"table-3", b"c")] == found[3:]
        assert [True] == begun

    bounded(scenario)


def test_a_table_of_a_topic_that_is_not_there_is_told(kafka: EmbeddedKafka) -> None:
    """The topic is named; the next call begins anew."""

    async def scenario() -> None:
        table = KafkaTable(kafka.cluster, "cpis.nothing", begin=lambda: None, take=lambda _record: None)
        with pytest.raises(TopicMissing, match=r"cpis\.nothing"):
            await table.catch_up()
        await table.close()

    bounded(scenario)
