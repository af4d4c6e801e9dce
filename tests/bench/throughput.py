"""How many attendances a second a matcher takes, and how many a client that only reads them."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from time import monotonic

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_partition import KafkaPartitionLog
from broker.core.policy import Policy
from broker.ports import Topic, Write
from broker.services.matching import Codecs, PartitionMatcher
from broker.services.matching_turns import Notice
from tests.builders.matcher import KEY, SALT, attendance, fact_write, make_codecs, numbers, plan
from tests.fault.load import AUTHORITIES, PROVIDERS

FLAGGED_SHARE = 0.025
PARTITIONS = 6  # as deploy/topics.toml declares
_IN_FLIGHT_MAX = 2_000  # records on their way while a topic is filled
_RUN_SECONDS_MAX = 120.0


async def measure_throughput(cluster: Cluster, attendances: int) -> tuple[float, float]:
    """Return attendances a second of a bare read and of the matcher, over the same records."""
    codecs = make_codecs()
    every = round(1 / FLAGGED_SHARE)
    people = list(islice(numbers(), attendances))
    now = datetime.now(tz=UTC)
    before = now - timedelta(days=30)
    flagged = people[::every]
    print(f"filling: {len(flagged):,} plans, {attendances:,} attendances, {FLAGGED_SHARE:.1%} flagged")
    plans = (
        fact_write(
            codecs.facts,
            plan(authority=AUTHORITIES[n % len(AUTHORITIES)], recorded_at=before, received_at=before),
            number,
        )
        for n, number in enumerate(flagged)
    )
    await fill(cluster, plans)
    await matched(cluster, len(flagged), codecs)
    visits = (
        fact_write(
            codecs.facts, attendance(f"visit-{n}", at=now, provider=PROVIDERS[n % len(PROVIDERS)]), number
        )
        for n, number in enumerate(people)
    )
    await fill(cluster, visits)
    bare = await _bare_read(cluster, attendances)
    return attendances / bare, attendances / await matched(cluster, attendances, codecs)


async def fill(cluster: Cluster, writes: Iterable[Write]) -> None:
    """Write facts as fast as the cluster takes them."""
    async with AIOKafkaProducer(**cluster.connection(), linger_ms=5) as producer:
        sent = []
        for write in writes:
            sent.append(
                await producer.send(write.topic, write.value, key=write.key, headers=list(write.headers))
            )
            if len(sent) == _IN_FLIGHT_MAX:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)


async def _bare_read(cluster: Cluster, attendances: int) -> float:
    """Return the seconds that a client takes to read every attendance and do nothing with it."""
    async with AIOKafkaConsumer(
        **cluster.connection(),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    ) as consumer:
        began, read = monotonic(), 0
        consumer.assign([TopicPartition(Topic.ATTENDANCES.value, place) for place in range(PARTITIONS)])
        while read < attendances:
            batches = await consumer.getmany(timeout_ms=1_000, max_records=5_000)
            read += sum(len(records) for records in batches.values())
        return monotonic() - began


class _StopWatch:
    """Hears the matchers' reports: runs from the first that is loaded to the commit of the last record."""

    def __init__(self, records: int) -> None:
        """Wait for this many records in all."""
        self.finished = asyncio.Event()
        self.began: float | None = None
        self.ended = 0.0
        self._left = records

    def __call__(self, notice: Notice, fields: Mapping[str, int | str]) -> None:
        """Take a report."""
        if notice is Notice.OPENED and self.began is None:
            self.began = monotonic()
        if notice is Notice.COMMITTED:
            self._left -= int(fields["records"])
            if self._left <= 0:
                self.ended = monotonic()
                self.finished.set()


async def matched(cluster: Cluster, records: int, codecs: Codecs) -> float:
    """Let matchers take everything there is; return the seconds from loaded to the last commit."""
    watch = _StopWatch(records)
    matchers = [
        PartitionMatcher(
            KafkaPartitionLog(cluster, "bench", place),
            codecs,
            policy=Policy(),
            key=KEY,
            new_salt=lambda: SALT,
            report=watch,
        )
        for place in range(PARTITIONS)
    ]
    tasks = [asyncio.ensure_future(matcher.run()) for matcher in matchers]
    async with asyncio.timeout(_RUN_SECONDS_MAX):
        await watch.finished.wait()
    for matcher in matchers:
        matcher.stop()
    await asyncio.gather(*tasks)
    return watch.ended - (watch.began or watch.ended)
