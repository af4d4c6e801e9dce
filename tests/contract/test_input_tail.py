"""What an `InputTail` promises: one suite over the in-memory twin and the genuine Kafka."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice

import pytest
from aiokafka import AIOKafkaProducer

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_tail import KafkaInputTail
from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.errors import KafkaUnavailable
from broker.ports import FactLog, InputTail, Topic, Write, nothing_known
from tests.builders.declared_kafka import declared_kafka

DEADLINE_S = 180
APPEND_MS = 20_000  # what is appended is to be there, however long a new Kafka takes on a busy machine

World = tuple[InputTail, FactLog, Callable[[], Awaitable[None]]]
"""A tail of the attendances, what writes them, and what makes the cluster go away."""


@pytest.fixture
def own_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka with empty topics."""
    with declared_kafka() as broker:
        yield broker


def memory_world() -> World:
    """Return the in-memory twin."""
    kafka = MemoryKafka()

    async def go_away() -> None:
        """Stop answering."""
        kafka.available = False

    return MemoryInputTail(kafka, Topic.ATTENDANCES), MemoryFactLog(kafka), go_away


def kafka_world(broker: EmbeddedKafka) -> World:
    """Return the genuine Kafka."""

    async def go_away() -> None:
        """Kill the broker."""
        await asyncio.to_thread(broker.kill)

    facts = KafkaFactLog(broker.cluster, deadline_ms=APPEND_MS)
    return KafkaInputTail(broker.cluster, Topic.ATTENDANCES), facts, go_away


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest) -> World:
    """Return the world of a test."""
    if request.param == "memory":
        return memory_world()
    return kafka_world(request.getfixturevalue("own_kafka"))


def play(world: World, scenario: Callable[[], Awaitable[None]]) -> None:
    """Play a scenario with a deadline, and give the connections back, twice."""
    tail, facts, _ = world

    async def timed() -> None:
        async with asyncio.timeout(DEADLINE_S):
            if isinstance(facts, KafkaFactLog):
                await facts.start()
            try:
                await scenario()
            finally:
                await tail.close()
                await tail.close()
                if isinstance(facts, KafkaFactLog):
                    await facts.close()

    asyncio.run(timed())


async def news(
    tail: InputTail, known: Callable[[int, int], bool] = nothing_known
) -> dict[int, list[bytes | None]]:
    """Return the values of what is new, by partition."""
    found: dict[int, list[bytes | None]] = {}
    async for records in tail.news(known):
        for record in records:
            found.setdefault(record.partition, []).append(record.value)
    return found


def writes(*values: int) -> list[Write]:
    """Return writes to two partitions."""
    return [Write(Topic.ATTENDANCES, b"%d" % value, b"v%d" % value, partition=value % 2) for value in values]


def test_what_is_new_is_yielded_once_and_in_order(world: World) -> None:
    """From the beginning, every partition, then what came since; nothing twice."""
    tail, facts, _ = world

    async def scenario() -> None:
        assert {} == await news(tail)
        await facts.append(writes(0, 1, 2, 3))
        assert {0: [b"v0", b"v2"], 1: [b"v1", b"v3"]} == await news(tail)
        assert {} == await news(tail)
        await facts.append(writes(5))
        assert {1: [b"v5"]} == await news(tail)

    play(world, scenario)


def test_what_is_known_is_passed_over_up_to_what_is_not(world: World) -> None:
    """It is asked about in order, once; what lies behind something unknown is read."""
    tail, facts, _ = world

    async def scenario() -> None:
        asked: list[tuple[int, int]] = []
        places = await facts.append(writes(0, 1, 2, 3, 4, 5))
        held = {(one.partition, one.offset) for one in places} - {(0, places[2].offset)}

        def known(partition: int, offset: int) -> bool:
            """Note what is asked, and answer."""
            asked.append((partition, offset))
            return (partition, offset) in held

        assert {0: [b"v2", b"v4"]} == await news(tail, known)
        await facts.append(writes(7))
        assert {1: [b"v7"]} == await news(tail, known)
        assert [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3)] == sorted(asked)

    play(world, scenario)


def test_it_goes_on_where_it_was_after_a_close(world: World) -> None:
    """As after a failure: what was yielded is not yielded again."""
    tail, facts, _ = world

    async def scenario() -> None:
        await facts.append(writes(0, 2))
        assert {0: [b"v0", b"v2"]} == await news(tail)
        await tail.close()
        await facts.append(writes(4))
        assert {0: [b"v4"]} == await news(tail)

    play(world, scenario)


def test_what_came_while_it_was_read_is_yielded_once(world: World) -> None:
    """Behind the end that was asked for, in the middle of the reading, on every partition: nothing twice."""
    tail, facts, _ = world

    async def scenario() -> None:
        await facts.append(writes(*range(20)))
        seen: list[bytes | None] = []
        coming = iter(range(20, 24))
        async for records in tail.news():
            seen.extend(record.value for record in records)
            await facts.append(writes(*islice(coming, 2)))
        for found in (await news(tail)).values():
            seen.extend(found)
        assert {} == await news(tail)
        assert {b"v%d" % value for value in range(24)} == set(seen)
        assert 24 == len(seen)

    play(world, scenario)


def test_an_absent_cluster_is_said_to_be_absent(world: World) -> None:
    """In time, not never."""
    tail, _, go_away = world

    async def scenario() -> None:
        assert {} == await news(tail)
        await go_away()
        with pytest.raises(KafkaUnavailable):
            await news(tail)

    play(world, scenario)


@pytest.mark.kafka
def test_an_open_transaction_hides_nothing(own_kafka: EmbeddedKafka) -> None:
    """A matcher that hangs must not keep intake from what came after it; nor does a marker count."""
    world = kafka_world(own_kafka)
    tail, facts, _ = world

    async def scenario() -> None:
        connection = own_kafka.cluster.connection()
        async with AIOKafkaProducer(**connection, transactional_id="hanging") as producer:
            await producer.begin_transaction()
            await producer.send_and_wait(Topic.ATTENDANCES, b"open", key=b"0", partition=0)
            await facts.append(writes(0))
            assert {0: [b"open", b"v0"]} == await news(tail)
            await producer.abort_transaction()
        await facts.append(writes(2))
        assert {0: [b"v2"]} == await news(tail)

    play(world, scenario)


@pytest.mark.kafka
def test_a_cluster_that_never_was_is_said_to_be_absent() -> None:
    """From the first call on."""
    tail = KafkaInputTail(Cluster("127.0.0.1:1"), Topic.ATTENDANCES)

    with pytest.raises(KafkaUnavailable):
        asyncio.run(news(tail))
