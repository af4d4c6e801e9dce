"""
Runtimes of the specifications of changed rules: each release goes on from what the last one left.

Each person has a partition of their own, whose clock is that of their own facts.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NoReturn, Protocol

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_partition import KafkaPartitionLog
from broker.adapters.kafka_topics import apply_topics
from broker.adapters.memory import MemoryKafka, MemoryPartitionLog
from broker.core.everybody import Everybody
from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber
from broker.core.operators import Place
from broker.core.policy import AnyPolicy
from broker.core.restriction import unlinked
from broker.core.succession import Came
from broker.ports import PartitionLog, Record, Topic, Write
from broker.runtime.kafka import embedded_kafka
from broker.services.finding import VisitAsked
from broker.services.matching_turns import Notice
from tests.builders.matcher import SALT, Reported, fact_write, make_codecs, until
from tests.fault.checker import read_topics
from tests.spec.genuine import APPEND_MS, declared
from tests.spec.looked import Request
from tests.spec.matchers import DEADLINE_S, RECIPIENT_TOPICS, WRITTEN, make_matcher, outcome_of
from tests.spec.outcome import Outcome
from tests.spec.settled import KEY

PARTITIONS = 32
"""More than there are rows: each has one of its own."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of the rules, by number, with its policy and the facts that it takes one by one."""

    facts: Sequence[Fact]
    policy: AnyPolicy
    version: int = 1


class Releases(Protocol):
    """Lets one release after the other work on what is known of one person."""

    def __call__(self, number: NhsNumber, releases: Sequence[Release]) -> list[Outcome]:
        """Return what is new with each."""
        ...


def releases_on_core(number: NhsNumber, releases: Sequence[Release]) -> list[Outcome]:
    """Fold here and now; a release that changes anything decides anew before it folds anything."""
    everybody = Everybody(releases[0].policy, KEY, salt=SALT)
    outcomes = []
    clock = _EPOCH
    for last, one in zip((releases[0], *releases), releases, strict=False):
        advances = everybody.decide_anew(one.policy, clock) if _differs(last, one) else []
        for fact in one.facts:
            clock = max(clock, fact.received_at)
            advances += everybody.take(number, [Came(fact)])
        opened = {item.item_id: item for advanced in advances for item in advanced.opened}
        closed = {item.item_id for advanced in advances for item in advanced.closed}
        events = [event for advanced in advances for event in advanced.events]
        outcomes.append(
            Outcome(
                events=tuple(replace(event, alert=unlinked(event.alert)) for event in events),
                items=tuple(item for item_id, item in opened.items() if item_id not in closed),
                decisions={
                    entry.subject_reference: entry for advanced in advances for entry in advanced.entries
                },
                ask=_nobody_asks,
                look_at=_nobody_asks,
            )
        )
    return outcomes


def _differs(last: Release, one: Release) -> bool:
    """Whether a release decides by other rules or another policy than the last one."""
    return (last.version, last.policy) != (one.version, one.policy)


def _nobody_asks(_asked: VisitAsked | Request) -> NoReturn:
    """Refuse: these specifications ask nothing."""
    raise AssertionError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """One partition of a Kafka: how it is worked, written and read."""

    log: PartitionLog
    partition: int
    append: Callable[[Sequence[Write]], Awaitable[Sequence[Place]]]
    read: Callable[[], Awaitable[Mapping[str, Sequence[Record]]]]


class _Worked:
    """A partition that one release after the other works."""

    def __init__(self, site: _Site, number: NhsNumber) -> None:
        """Begin with nothing known."""
        self._site = site
        self._number = number
        self._codecs = make_codecs()
        self._ends: Counter[str] = Counter()
        self._seen: set[tuple[str, int, int]] = set()
        self._sent: list[tuple[NhsNumber, Fact]] = []

    async def work(self, releases: Sequence[Release]) -> list[Outcome]:
        """Return what is new with each release."""
        pairs = zip((releases[0], *releases), releases, strict=False)
        return [await self._release(one, changed=_differs(last, one)) for last, one in pairs]

    async def _release(self, release: Release, *, changed: bool) -> Outcome:
        """Let a matcher of a release decide everybody anew if it must, then take facts one by one."""
        report = Reported()
        matcher = make_matcher(
            self._site.log, self._codecs, release.policy, report, rules_version=release.version
        )
        working = asyncio.ensure_future(matcher.run())
        if changed:
            await until(lambda: Notice.SWEPT in report.kinds(), DEADLINE_S)
        for fact in release.facts:
            write = fact_write(self._codecs.facts, fact, self._number, self._site.partition)
            await self._site.append([write])
            self._ends[write.topic] += 1
            self._sent.append((self._number, fact))
            await until(lambda: self._is_taken(matcher.taken), DEADLINE_S)
        matcher.stop()
        await working
        new = {
            topic: [record for record in records if _place(record) not in self._seen]
            for topic, records in (await self._site.read()).items()
        }
        self._seen.update(_place(record) for records in new.values() for record in records)
        return outcome_of(self._codecs, self._sent, new, report.notices, _nobody_asks, _nobody_asks)

    def _is_taken(self, taken: Mapping[Topic, int]) -> bool:
        """Return whether everything that was sent is in the matcher's hands."""
        return all(taken.get(Topic(topic), 0) >= end for topic, end in self._ends.items())


def _place(record: Record) -> tuple[str, int, int]:
    """Return where a record lies."""
    return record.topic, record.partition, record.offset


def releases_on_twin(number: NhsNumber, releases: Sequence[Release]) -> list[Outcome]:
    """Let matchers work on an in-memory Kafka of their own."""
    kafka = MemoryKafka((*Topic, *RECIPIENT_TOPICS), partitions=1)

    async def append(writes: Sequence[Write]) -> Sequence[Place]:
        """Append facts."""
        return kafka.append(list(writes))

    async def read() -> Mapping[str, Sequence[Record]]:
        """Return everything written."""
        return {topic: kafka.read(topic) for topic in WRITTEN}

    site = _Site(log=MemoryPartitionLog(kafka, "releases", 0), partition=0, append=append, read=read)
    return asyncio.run(_Worked(site, number).work(releases))


@contextmanager
def releases_on_kafka() -> Iterator[Releases]:
    """Run a genuine Kafka and lend a partition of it to each specification."""
    with embedded_kafka() as broker:
        asyncio.run(apply_topics(broker.cluster, declared(partitions=PARTITIONS)))
        partitions = iter(range(PARTITIONS))

        def run(number: NhsNumber, releases: Sequence[Release]) -> list[Outcome]:
            """Let matchers work on a partition that nobody else has."""
            return asyncio.run(_on_partition(broker.cluster, next(partitions), number, releases))

        yield run


async def _on_partition(
    cluster: Cluster, partition: int, number: NhsNumber, releases: Sequence[Release]
) -> list[Outcome]:
    """Let matchers work on one partition of a cluster."""
    facts = KafkaFactLog(cluster, deadline_ms=APPEND_MS)
    await facts.start()

    async def read() -> Mapping[str, Sequence[Record]]:
        """Return everything written."""
        return await read_topics(cluster, WRITTEN)

    log = KafkaPartitionLog(cluster, "releases", partition)
    site = _Site(log=log, partition=partition, append=facts.append, read=read)
    try:
        return await _Worked(site, number).work(releases)
    finally:
        await facts.close()
