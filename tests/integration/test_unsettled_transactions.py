"""
What a cluster killed at the wrong moment leaves: records that no marker shows, of a decided transaction.

Kafka is told not to ask whether a late record belongs to a transaction, so that a test can leave one behind.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.produce import ProduceRequest

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_partition import KafkaPartitionLog, KafkaTimeouts
from broker.adapters.kafka_settling import Decision, hidden_places
from broker.core.errors import TransactionUnsettled
from broker.ports import POLLED, Topic, Write
from tests.builders.declared_kafka import declared_kafka
from tests.builders.partition_worlds import OPEN_MS, KafkaWorld

DEADLINE_S = 180.0
ANSWER_MS = 20_000  # for what comes, however busy the machine is
WAITED_OUT_MS = 4_000  # for what never does
_BATCH_BYTES = 16_384
_free_partitions = count()

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def credulous_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka that takes a record of a transaction without asking whether that is open."""
    with declared_kafka(properties={"transaction.partition.verification.enable": "false"}) as broker:
        yield broker


@pytest.fixture
def partition() -> int:
    """Return a partition that no other test here uses."""
    return next(_free_partitions)


def a_log(cluster: Cluster, partition: int, *, answer_ms: int = ANSWER_MS) -> KafkaPartitionLog:
    """Return a log of a partition, not yet open."""
    return KafkaPartitionLog(
        cluster, "unsettled", partition, KafkaTimeouts(open_ms=OPEN_MS, answer_ms=answer_ms)
    )


async def leave_behind(cluster: Cluster, partition: int, decision: Decision | None) -> None:
    """
    Be a predecessor with whose end something went wrong.

    Have its transaction decided and carried out, and then let there be more of it, which no marker shows.
    Without a decision it began nothing.
    """
    producer = AIOKafkaProducer(
        **cluster.connection(),
        transactional_id=f"unsettled-matcher-{partition}",
        transaction_timeout_ms=60_000,
    )
    await producer.start()
    try:
        if decision is not None:
            await producer.begin_transaction()
            await producer.send_and_wait(Topic.PEOPLE, b"seen", key=b"early", partition=partition)
            await (
                producer.commit_transaction() if decision is Decision.COMMIT else producer.abort_transaction()
            )
        begun = 0 if decision is None else 1
        await _write_late(producer, TopicPartition(Topic.PEOPLE, partition), b"late", begun)
        await _write_late(producer, TopicPartition(Topic.ALERTS, partition), b"late", 0)
    finally:
        await producer.stop()


async def _write_late(producer: Any, place: TopicPartition, key: bytes, sequence: int) -> None:
    """Write a record of the producer's transaction without telling the coordinator."""
    batch = BatchBuilder(_BATCH_BYTES, 0, is_transactional=1)
    batch.append(timestamp=None, key=key, value=b"hidden")
    manager = producer._txn_manager
    batch._set_producer_state(manager.producer_id, manager.producer_epoch, sequence)
    written = [(place.topic, [(place.partition, batch._build())])]
    request = ProduceRequest(manager.transactional_id, -1, ANSWER_MS, written)
    await producer.client._wait_on_metadata(place.topic)
    node = producer.client.cluster.leader_for_partition(place)
    [(_, [(_, code, *_)])] = (await producer.client.send(node, request)).topics
    assert 0 == code


@pytest.mark.parametrize(
    ("decision", "people", "shown"),
    [
        (Decision.COMMIT, {b"early": b"seen", b"late": b"hidden"}, [b"hidden"]),
        (Decision.ABORT, {}, []),
    ],
)
def test_what_was_decided_is_carried_out_before_anything_is_loaded(
    credulous_kafka: EmbeddedKafka,
    partition: int,
    decision: Decision,
    people: dict[bytes, bytes],
    shown: list[bytes],
) -> None:
    """A table without what was committed would tell everybody again; an alert in it would wait for ever."""
    cluster = credulous_kafka.cluster

    async def scenario() -> None:
        await leave_behind(cluster, partition, decision)
        log = a_log(cluster, partition)
        await log.open()
        log.seek({})
        try:
            assert people == await log.load_people()
            await log.commit([Write(Topic.PEOPLE, b"next", b"seen", (), partition)])
            await log.open()
            assert {**people, b"next": b"seen"} == await log.load_people()
        finally:
            await log.close()
        told = await KafkaWorld(credulous_kafka, partition).read(Topic.ALERTS)
        assert shown == [record.value for record in told]

    asyncio.run(asyncio.wait_for(scenario(), DEADLINE_S))


def test_what_nobody_knows_the_decision_of_is_not_passed_over(
    credulous_kafka: EmbeddedKafka, partition: int
) -> None:
    """The partition is not worked, and says why, until somebody has decided."""
    cluster = credulous_kafka.cluster

    async def scenario() -> None:
        await leave_behind(cluster, partition, None)
        log = a_log(cluster, partition, answer_ms=WAITED_OUT_MS)
        with pytest.raises(TransactionUnsettled):
            await log.open()
        await log.close()

    asyncio.run(asyncio.wait_for(scenario(), DEADLINE_S))


def test_a_decision_outlives_an_opening_that_failed(credulous_kafka: EmbeddedKafka, partition: int) -> None:
    """To open begins a new history under the id: what was asked before it failed must not be forgotten."""
    cluster = credulous_kafka.cluster

    async def scenario() -> None:
        await leave_behind(cluster, partition, Decision.COMMIT)
        log = a_log(cluster, partition)
        await fail_to_open(log)
        await log.open()
        log.seek({})
        try:
            assert {b"early": b"seen", b"late": b"hidden"} == await log.load_people()
        finally:
            await log.close()

    asyncio.run(asyncio.wait_for(scenario(), DEADLINE_S))


@pytest.mark.parametrize("killed", [True, False])
def test_an_idle_matcher_shows_what_a_killed_kafka_left_hidden(
    credulous_kafka: EmbeddedKafka, partition: int, *, killed: bool
) -> None:
    """Without another transaction and without being opened anew; of a Kafka that stayed nothing is asked."""
    cluster, world = credulous_kafka.cluster, KafkaWorld(credulous_kafka, partition)

    async def scenario() -> None:
        log = a_log(cluster, partition)
        await log.open()
        log.seek({})
        try:
            await log.commit([Write(Topic.PEOPLE, b"early", b"seen", (), partition)])
            producer = log._producer
            assert producer is not None
            await _write_late(producer, TopicPartition(Topic.PEOPLE, partition), b"late", 1)
            await _write_late(producer, TopicPartition(Topic.ALERTS, partition), b"late", 0)
            for connection in list(producer.client._conns.values()) if killed else ():
                connection.close()
            await log.poll(POLLED, wait_ms=0, records_max=1)
            await log.poll(POLLED, wait_ms=0, records_max=1)
            assert killed is not await hidden(cluster, TopicPartition(Topic.ALERTS, partition))
            if killed:
                assert [b"hidden"] == [one.value for one in await world.read(Topic.ALERTS)]
        finally:
            await log.close()

    asyncio.run(asyncio.wait_for(scenario(), DEADLINE_S))


async def hidden(cluster: Cluster, place: TopicPartition) -> bool:
    """Return whether something at the end of a partition is not shown."""
    async with AIOKafkaConsumer(**cluster.connection(), isolation_level="read_committed") as reader:
        return [place] == await hidden_places(reader, [place])


async def fail_to_open(log: KafkaPartitionLog) -> None:
    """Give an opening up as soon as its producer has begun its own history."""
    opening = asyncio.ensure_future(log.open())
    while log._producer is None or not log._producer._txn_manager.has_pid():
        assert not opening.done()
        await asyncio.sleep(0)
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening
