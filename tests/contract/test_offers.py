"""What `Offers` promises: one suite over the in-memory twin and the genuine Kafka."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

import pytest

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_offers import KafkaOffers
from broker.adapters.kafka_topics import apply_topics
from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_offers import MemoryOffers
from broker.adapters.topic_declarations import load_topics
from broker.core.errors import KafkaUnavailable
from broker.ports import FactLog, Offered, Offers, Write
from tests.builders.declared_kafka import declared_kafka

DEADLINE_S = 90
TOPICS = """
partitions = 1
replication_factor = 1
[senders]
providers = ["RXX", "RXM"]
[sender_topics.providers]
name = "{name}.{{ods}}"
partitions = 1
settings = {{ "message.timestamp.type" = "LogAppendTime" }}
"""


class World(NamedTuple):
    """Two topics, what takes from them, another that takes in the same name, and what writes to them."""

    topics: Sequence[str]
    offers: Offers
    facts: FactLog
    again: Callable[[], Offers]


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka."""
    with declared_kafka() as broker:
        yield broker


def memory_world() -> World:
    """Return the in-memory twin."""
    topics = ["in.RXM", "in.RXX"]
    kafka = MemoryKafka(topics, partitions=1)
    offers = MemoryOffers(kafka, topics)
    return World(topics, offers, MemoryFactLog(kafka), lambda: offers)


def kafka_world(broker: EmbeddedKafka) -> World:
    """Return the genuine Kafka, with topics and a group of their own."""
    name = f"in-{uuid.uuid4().hex}"
    declared = load_topics(TOPICS.format(name=name))
    asyncio.run(apply_topics(broker.cluster, declared))
    topics = sorted(declared.written)

    def member() -> Offers:
        """Return a member of the group."""
        return KafkaOffers(broker.cluster, topics, group=name)

    return World(topics, member(), KafkaFactLog(broker.cluster, deadline_ms=20_000), member)


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest) -> World:
    """Return the world of a test."""
    if request.param == "memory":
        return memory_world()
    return kafka_world(request.getfixturevalue("kafka"))


def play(world: World, scenario: Callable[[], Awaitable[None]]) -> None:
    """Play a scenario with a deadline, and give the connections back, twice."""

    async def timed() -> None:
        async with asyncio.timeout(DEADLINE_S):
            if isinstance(world.facts, KafkaFactLog):
                await world.facts.start()
            try:
                await scenario()
            finally:
                await world.offers.close()
                await world.offers.close()
                if isinstance(world.facts, KafkaFactLog):
                    await world.facts.close()

    asyncio.run(timed())


async def taken(offers: Offers, count: int) -> list[Offered]:
    """Return so many records, as soon as they are there."""
    found: list[Offered] = []
    while len(found) < count:
        found += await offers.take()
    return found


def test_what_is_written_is_offered_once_in_its_order(world: World) -> None:
    """With the receipt that Kafka has for it."""
    first, second = world.topics

    async def scenario() -> None:
        await world.facts.append([Write(first, None, b"1"), Write(first, None, b"2")])
        await world.facts.append([Write(second, None, b"3"), Write(second, b"key", None)])
        found = await taken(world.offers, 4)
        assert [b"1", b"2"] == [one.value for one in found if one.topic == first]
        assert [b"3", b""] == [one.value for one in found if one.topic == second]
        assert None not in {one.received_at for one in found}
        await world.offers.done(found)
        await world.facts.append([Write(first, None, b"5")])
        assert [b"5"] == [one.value for one in await taken(world.offers, 1)]

    play(world, scenario)


def test_what_is_not_done_is_offered_again_and_what_is_is_not(world: World) -> None:
    """To whoever takes next in the same name."""
    topic = world.topics[0]

    async def scenario() -> None:
        await world.facts.append([Write(topic, None, b"1"), Write(topic, None, b"2")])
        found = await taken(world.offers, 2)
        await world.offers.done(found[:1])
        await world.offers.done([])
        await world.offers.close()
        again = world.again()
        try:
            [second] = await taken(again, 1)
            assert (b"2", found[1].offset, found[1].received_at) == (
                second.value,
                second.offset,
                second.received_at,
            )
        finally:
            await again.close()

    play(world, scenario)


@pytest.mark.kafka
def test_what_a_topic_forgot_untaken_is_told(kafka: EmbeddedKafka) -> None:
    """Nobody can take it any more; a topic that nobody has taken from yet tells nothing."""
    topic, *_ = kafka_topics = kafka_world(kafka).topics
    lost: list[tuple[str, int]] = []
    assigned: list[bool] = []

    def member() -> KafkaOffers:
        """Return a member of the group that listens."""
        return KafkaOffers(
            kafka.cluster,
            kafka_topics,
            group=f"{topic}-listening",
            on_assigned=lambda: assigned.append(True),
            on_lost=lambda name, count: lost.append((name, count)),
        )

    async def scenario() -> None:
        facts = KafkaFactLog(kafka.cluster, deadline_ms=20_000)
        await facts.start()
        await facts.append([Write(topic, None, b"%d" % number) for number in range(4)])
        first = member()
        found = await taken(first, 4)
        await first.done(found[:1])
        await first.close()
        assert [] == lost
        await kafka_deletes(kafka.cluster, topic, 3)
        second = member()
        try:
            assert [b"3"] == [one.value for one in await taken(second, 1)]
        finally:
            await second.close()
            await facts.close()

    asyncio.run(asyncio.wait_for(scenario(), DEADLINE_S))
    assert [(topic, 2)] == lost
    assert assigned


async def kafka_deletes(cluster: Cluster, topic: str, offset: int) -> None:
    """Let a topic forget what lies before an offset."""
    from aiokafka import TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

    admin = AIOKafkaAdminClient(**cluster.connection())
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


@pytest.mark.kafka
def test_a_cluster_that_never_was_is_said_to_be_absent() -> None:
    """From the first call on; there is nothing to be done, and nothing to close."""
    offers = KafkaOffers(Cluster("127.0.0.1:1"), ["in.RXX"], group="nobody")

    async def scenario() -> None:
        with pytest.raises(KafkaUnavailable):
            await offers.take()
        await offers.done([])
        await offers.close()

    asyncio.run(scenario())
