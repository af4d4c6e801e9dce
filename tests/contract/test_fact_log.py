"""What a `FactLog` promises: one suite over the in-memory twin and the genuine Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.core.errors import KafkaUnavailable, UnwritableRecord
from broker.ports import FactLog, Record, Topic, Write
from tests.builders.declared_kafka import declared_kafka
from tests.builders.matcher import pause
from tests.fault.checker import read_topics

DEADLINE_S = 180
ANSWER_MS = 2_000
AT_ONCE_S = 1.5  # on a busy machine, and before the deadline
LATE_S = 8.0  # what such a machine may add to the answer; a client by itself takes 40 s


class World(Protocol):
    """A cluster that can go away and come back."""

    @asynccontextmanager
    def log(self) -> AsyncIterator[FactLog]:
        """Lend a log of the cluster."""
        ...

    async def go_away(self) -> None:
        """Stop answering."""
        ...

    async def come_back(self) -> None:
        """Answer again, with what was written before."""
        ...

    async def read(self) -> Sequence[Record]:
        """Return the plans written, in no particular order."""
        ...


class MemoryWorld:
    """The in-memory twin."""

    def __init__(self) -> None:
        """Begin with empty topics."""
        self._kafka = MemoryKafka(record_bytes_max=1024 * 1024)

    @asynccontextmanager
    async def log(self) -> AsyncIterator[FactLog]:
        """Lend a log of the cluster."""
        yield MemoryFactLog(self._kafka)

    async def go_away(self) -> None:
        """Stop answering."""
        self._kafka.available = False

    async def come_back(self) -> None:
        """Answer again."""
        self._kafka.available = True

    async def read(self) -> Sequence[Record]:
        """Return the plans written."""
        return self._kafka.read(Topic.PLANS)


class KafkaWorld:
    """The genuine Kafka."""

    def __init__(self, kafka: EmbeddedKafka) -> None:
        """Use this broker."""
        self._kafka = kafka

    @asynccontextmanager
    async def log(self) -> AsyncIterator[FactLog]:
        """Lend a log of the cluster."""
        log = KafkaFactLog(self._kafka.cluster, deadline_ms=ANSWER_MS)
        await log.start()
        try:
            yield log
        finally:
            await log.close()
            await log.close()

    async def go_away(self) -> None:
        """Kill the broker."""
        await asyncio.to_thread(self._kafka.kill)

    async def come_back(self) -> None:
        """Start it again."""
        await asyncio.to_thread(self._kafka.restart)

    async def read(self) -> Sequence[Record]:
        """Return the plans written."""
        return (await read_topics(self._kafka.cluster, [Topic.PLANS]))[Topic.PLANS]


@pytest.fixture(scope="module")
def plans_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka that a test may kill, if it starts it again."""
    with declared_kafka() as broker:
        yield broker


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest) -> World:
    """Return the world of a test."""
    if request.param == "memory":
        return MemoryWorld()
    return KafkaWorld(request.getfixturevalue("plans_kafka"))


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    """Play a scenario with a deadline."""

    async def timed() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await scenario()

    asyncio.run(timed())


def plans(*values: bytes) -> Sequence[Write]:
    """Return plan records."""
    return [Write(Topic.PLANS, value, value, (("ce_id", value),)) for value in values]


async def values(world: World) -> list[bytes | None]:
    """Return the values of the plans written, in no particular order."""
    return [record.value for record in await world.read()]


async def refused(log: FactLog, value: bytes) -> float:
    """Append what must be refused; return how many seconds the answer took."""
    began = time.monotonic()
    with pytest.raises(KafkaUnavailable):
        await log.append(plans(value))
    return time.monotonic() - began


async def append_until_taken(log: FactLog, value: bytes) -> None:
    """Append again and again until it is acknowledged."""
    while True:
        try:
            await log.append(plans(value))
        except KafkaUnavailable:
            await pause(0.1)
        else:
            return


def test_what_is_acknowledged_is_there(world: World) -> None:
    """Everything that `append` returned for can be read; nothing appended is nothing written."""

    async def scenario() -> None:
        async with world.log() as log:
            await log.append(plans(b"1", b"2"))
            await log.append([])
            await asyncio.gather(*(log.append(plans(str(number).encode())) for number in range(3, 20)))
        assert {str(number).encode() for number in range(1, 20)} <= set(await values(world))

    play(scenario)


def test_it_says_where_each_record_lies(world: World) -> None:
    """Its own place each, whoever else appends at the same time: nobody may take another's for their own."""

    async def scenario() -> None:
        every = [plans(b"place %d" % n, b"beside %d" % n) for n in range(20)]
        async with world.log() as log:
            places = await asyncio.gather(*map(log.append, every))
        lies = {(one.topic, one.partition, one.offset): one.value for one in await world.read()}
        for written, found in zip(every, places, strict=True):
            assert [write.value for write in written] == [
                lies[place.topic, place.partition, place.offset] for place in found
            ]

    play(scenario)


def test_an_absent_cluster_refuses_in_time_and_then_at_once(world: World) -> None:
    """The first refusal comes within the deadline, the next at once; after the return all is well."""

    async def scenario() -> None:
        async with world.log() as log:
            await log.append(plans(b"before"))
            await world.go_away()
            assert await refused(log, b"refused") < ANSWER_MS / 1000 + LATE_S
            assert await refused(log, b"refused at once") < AT_ONCE_S
            await world.come_back()
            await append_until_taken(log, b"after")
        found = await values(world)
        assert {b"before", b"after"} <= set(found)
        assert b"refused at once" not in found

    play(scenario)


@pytest.mark.kafka
def test_a_log_is_started_before_its_cluster(plans_kafka: EmbeddedKafka) -> None:
    """A process that comes up first refuses until its cluster is there."""

    async def scenario() -> None:
        world = KafkaWorld(plans_kafka)
        await world.go_away()
        async with world.log() as log:
            assert await refused(log, b"early") < AT_ONCE_S
            await world.come_back()
            await append_until_taken(log, b"in time")

    play(scenario)


def test_a_record_too_large_is_not_an_absent_cluster(world: World) -> None:
    """One sender's impossible record refuses nobody else."""

    async def scenario() -> None:
        async with world.log() as log:
            for size in (5_000_000, 50_000_000):
                with pytest.raises(UnwritableRecord):
                    await log.append([Write(Topic.PLANS, b"k", bytes(size))])
            await log.append(plans(b"small"))
        assert b"small" in await values(world)

    play(scenario)


@pytest.mark.parametrize("key", [b"one person", None])
def test_a_record_too_large_fails_no_neighbour(world: World, key: bytes | None) -> None:
    """Those that are on their way with it, and those that come after it, are taken at their first try."""

    async def one(log: FactLog, value: bytes) -> bool:
        """Return whether one record was taken; of one person all are in one partition."""
        try:
            await log.append([Write(Topic.PLANS, key, value)])
        except UnwritableRecord:
            return False
        return True

    async def scenario() -> None:
        ahead, behind = b"ahead of %r" % key, b"behind %r" % key
        beside = [b"%d beside %r" % (number, key) for number in range(9)]
        beside[3] = beside[5] = bytes(5_000_000)
        async with world.log() as log:
            assert await one(log, ahead)
            taken = await asyncio.gather(*(one(log, value) for value in beside))
            assert [len(value) < 100 for value in beside] == taken
            assert [True] * 3 == [await one(log, behind) for _ in range(3)]
        found = [value for value in await values(world) if value in {*beside, ahead, behind}]
        assert 1 + 7 + 3 == len(found)

    play(scenario)


def test_a_topic_that_is_not_there_takes_nothing(world: World) -> None:
    """Nothing is written to a topic that nobody declared, and the log goes on with those that are."""

    async def scenario() -> None:
        async with world.log() as log:
            with pytest.raises(KafkaUnavailable):
                await log.append([Write("cpis.nobody.declared.this", b"k", b"lost")])
            await append_until_taken(log, b"after a missing topic")
        assert b"after a missing topic" in await values(world)

    play(scenario)


@pytest.mark.kafka
def test_a_closed_log_refuses(plans_kafka: EmbeddedKafka) -> None:
    """What comes after `close` is refused at once and never written."""

    async def scenario() -> None:
        world = KafkaWorld(plans_kafka)
        async with world.log() as log:
            await log.append(plans(b"before the end"))
        assert await refused(log, b"after the end") < AT_ONCE_S
        found = await values(world)
        assert (True, False) == (b"before the end" in found, b"after the end" in found)

    play(scenario)
