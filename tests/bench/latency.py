"""How long an attendance takes to become a readable alert, and a bare record to become readable."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from broker.adapters.cluster import Cluster
from broker.ports import Topic, Write
from tests.builders.matcher import attendance, fact_write, numbers, plan
from tests.fault.checker import caught_up
from tests.fault.fleet import Fleet
from tests.fault.load import AUTHORITIES, PROVIDERS

RATE_PER_SECOND = 100
WARM_UP_SECONDS = 10  # a broker that has just started still compiles its own code
BARE_TOPIC = "bench.bare"
PARTITIONS = 6
_WAIT_SECONDS_MAX = 30.0  # for what must come


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles in milliseconds."""

    p50: float
    p90: float
    p99: float
    most: float


def quantiles(seconds: Iterable[float]) -> Latency:
    """Return the quantiles of some times."""
    ordered = [one * 1000 for one in sorted(seconds)]
    p50, p90, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.9, 0.99))
    return Latency(p50=p50, p90=p90, p99=p99, most=ordered[-1])


class _Arrivals:
    """When each thing was sent, and how long it took until it could be read."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.sent: dict[bytes, float] = {}
        self.seconds: dict[bytes, float] = {}
        self._news = asyncio.Event()

    def read(self, name: bytes, at: float) -> None:
        """Note the first reading of a thing that was sent."""
        if name in self.sent:
            self.seconds.setdefault(name, at - self.sent[name])
            self._news.set()

    async def more(self) -> None:
        """Wait until more was read."""
        self._news.clear()
        await self._news.wait()

    def latency(self) -> Latency:
        """Return the quantiles."""
        return quantiles(self.seconds.values())


async def measure_latency(cluster: Cluster, directory: Path, seconds: int) -> tuple[Latency, Latency]:
    """Return the bare round trip and attendance → alert, both at 100 a second under `read_committed`."""
    await _make_bare_topic(cluster)
    count = (WARM_UP_SECONDS + seconds) * RATE_PER_SECOND
    people = list(islice(numbers(), count))
    now = datetime.now(tz=UTC)
    before = now - timedelta(days=30)
    with Fleet(cluster, directory) as fleet:
        codecs = fleet.codecs()
        fleet.start()
        async with AIOKafkaProducer(**cluster.connection(), acks="all", linger_ms=0) as producer:
            for n, number in enumerate(people):
                known = plan(
                    authority=AUTHORITIES[n % len(AUTHORITIES)], recorded_at=before, received_at=before
                )
                await _send(producer, fact_write(codecs.facts, known, number))
            async with asyncio.timeout(_WAIT_SECONDS_MAX):
                while not await caught_up(cluster, codecs):
                    continue
            bare = [
                Write(BARE_TOPIC, number.key, codecs.facts.encode(attendance(at=now), number))
                for number in people
            ]
            trip = await _run(cluster, producer, [BARE_TOPIC], bare, lambda record: record.key)
            visits = [
                fact_write(
                    codecs.facts,
                    attendance(f"visit-{n}", at=now, provider=PROVIDERS[n % len(PROVIDERS)]),
                    number,
                )
                for n, number in enumerate(people)
            ]
            topics = [f"{Topic.ALERTS}.la.{code}" for code in AUTHORITIES]
            alert = await _run(
                cluster,
                producer,
                topics,
                visits,
                lambda record: codecs.alerts.decode_event(record.value).subject.key,
            )
    return trip, alert


async def _run(
    cluster: Cluster,
    producer: AIOKafkaProducer,
    topics: list[str],
    writes: list[Write],
    name_of: Callable[[Any], bytes],
) -> Latency:
    """Send at the rate and return how long each took, after the warm-up, until it could be read."""
    arrivals = _Arrivals()
    async with _reading(cluster, topics, arrivals, name_of):
        began = monotonic()
        for n, write in enumerate(writes):
            await asyncio.sleep(max(0.0, began + n / RATE_PER_SECOND - monotonic()))
            if n >= WARM_UP_SECONDS * RATE_PER_SECOND:
                arrivals.sent[write.key or b""] = monotonic()
            await _send(producer, write)
        async with asyncio.timeout(_WAIT_SECONDS_MAX):
            while len(arrivals.seconds) < len(arrivals.sent):
                await arrivals.more()
    return arrivals.latency()


async def _send(producer: AIOKafkaProducer, write: Write) -> None:
    """Hand a record to the client; it is on its way at once."""
    await producer.send(write.topic, write.value, key=write.key, headers=list(write.headers))


@asynccontextmanager
async def _reading(
    cluster: Cluster, topics: list[str], arrivals: _Arrivals, name_of: Callable[[Any], bytes]
) -> AsyncIterator[None]:
    """Read the topics from their ends for as long as the block runs."""
    async with AIOKafkaConsumer(
        **cluster.connection(), isolation_level="read_committed", auto_offset_reset="latest"
    ) as consumer:
        places = [
            TopicPartition(topic, place)
            for topic in topics
            for place in await consumer._client._wait_on_metadata(topic)
        ]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)

        async def read() -> None:
            """Note when each record could be read."""
            while True:
                batches = await consumer.getmany(timeout_ms=1_000)
                at = monotonic()
                for records in batches.values():
                    for record in records:
                        arrivals.read(name_of(record), at)

        task = asyncio.ensure_future(read())
        try:
            yield
        finally:
            task.cancel()


async def _make_bare_topic(cluster: Cluster) -> None:
    """Make the topic of the bare round trip."""
    admin = AIOKafkaAdminClient(**cluster.connection())
    await admin.start()
    try:
        await admin.create_topics([NewTopic(BARE_TOPIC, num_partitions=PARTITIONS, replication_factor=1)])
    finally:
        await admin.close()
