"""
What authorities ask over HTTP of their feeds: how they stand (R18, R20), and their plans (C8 to C10).

How feeds stand is followed from where it was read to. Plans are read in a thread of their own, each time from
the beginning: hospitals at the same door wait for nobody's file.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_archive import KafkaArchive
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_table import KafkaTable
from broker.core.errors import KafkaUnavailable, MalformedMessage
from broker.core.feeds import FeedHealth, later
from broker.core.identifiers import OdsCode
from broker.core.reconciling import PlansCounted
from broker.ports import Clock, Record, Topic
from broker.runtime.feed_metrics import FEED_PLANS
from broker.runtime.feed_view import FeedView
from broker.runtime.feeds import feed_rule, kept_for
from broker.runtime.metrics import Metrics
from broker.runtime.parts import Parts
from broker.runtime.settings import Settings
from broker.services.audited_access import AuditedAccess
from broker.services.desk_log import DeskLog
from broker.services.feed_door import FeedDoor
from broker.services.feed_health import heard_by
from broker.services.reconciliation import Reconciled, Reconciliation
from broker.services.reconciliation_door import GROUNDS, ReconciliationDoor
from broker.wire.http import Operation

_T = TypeVar("_T")
_COUNTED_EVERY_SECONDS = 3_600.0
_LOOKS_EVERY_SECONDS = 0.2
_READ_EVERY = timedelta(seconds=5)
_READ_WITHIN_SECONDS = 600.0  # a nation's people are read in some minutes


class FollowedFeeds:
    """How every feed stands, read on from where it was read to."""

    def __init__(self, settings: Settings, parts: Parts, cluster: Cluster, *, clock: Clock) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._parts = parts
        self._clock = clock
        self._view = FeedView(parts.feeds)
        self._marks: dict[OdsCode, datetime] = {}
        self._tables = (
            KafkaTable(cluster, Topic.FEEDS.value, begin=self._view.begin, take=self._view.take),
            KafkaTable(cluster, Topic.CHECKS.value, begin=self._marks.clear, take=self._mark),
        )

    async def read(self) -> Sequence[FeedHealth]:
        """Return how every feed stands now; raise `KafkaUnavailable` or `TopicMissing`."""
        for table in self._tables:
            await table.catch_up()
        now = self._clock()
        return self._view.standing(now, feed_rule(self._settings, self._parts, now), self._marks)

    async def close(self) -> None:
        """Give the connections back; safe to call twice."""
        for table in self._tables:
            await table.close()

    def _mark(self, record: Record) -> None:
        """Take a check mark."""
        try:
            mark = self._parts.records.decode_mark(record.value or b"")
        except MalformedMessage:
            return
        self._marks.update(later(self._marks, heard_by([mark])))


class LaFeeds:
    """The operations, and what they hold; plans can be fetched where the settings say so."""

    def __init__(
        self, settings: Settings, parts: Parts, cluster: Cluster, *, clock: Clock, metrics: Metrics
    ) -> None:
        """Connect to nothing yet."""
        self._metrics = metrics
        self._counted: PlansCounted | None = None
        self._parts = parts
        self._cluster = cluster
        self._clock = clock
        self._fetched = settings.feed_reconciliation
        self._sourced = settings.pds_url is not None
        self._followed = FollowedFeeds(settings, parts, cluster, clock=clock)

    def operations(self) -> tuple[Operation, ...]:
        """Return everything that can be asked."""
        read = kept_for(_READ_EVERY, self._followed.read, self._clock)
        feeds = FeedDoor(self._parts.senders, self._parts.authorities, read, lambda: self._counted)
        plans = ReconciliationDoor(self._parts.senders, self._reconciled)
        return (*feeds.operations(), *(plans.operations() if self._fetched else ()))

    async def count(self) -> None:
        """
        Count plans by how they stand, each hour from now on, where the settings let people be read.

        While Kafka is away what was counted last stands, with its time.
        """
        while self._fetched:
            with suppress(
                Exception
            ):  # whatever it is, hospitals' doors stay open: its time says how old it is
                at = self._clock()
                plans = await _aside(lambda: self._reading(lambda reading: reading.counts(_Quarter().rest)))
                self._counted = PlansCounted(at=at, plans=plans)
                self._show(self._counted)
            await asyncio.sleep(_COUNTED_EVERY_SECONDS)

    def _show(self, counted: PlansCounted) -> None:
        """Bring the gauge up to date."""
        self._metrics.name("owner", (code.code for code in counted.plans))
        self._metrics.clear(FEED_PLANS)
        for code in counted.plans:
            for standing, count in counted.of(code).items():
                self._metrics.set(FEED_PLANS, count, owner=code.code, standing=standing)

    async def close(self) -> None:
        """Give the connections back; safe to call twice."""
        await self._followed.close()

    async def _reconciled(self, authorities: frozenset[OdsCode]) -> Reconciled:
        """Return authorities' plans; raise `KafkaUnavailable` where it cannot be noted, or read in time."""
        return await _aside(lambda: self._reading(lambda reading: reading.of(authorities, GROUNDS)))

    async def _reading(self, read: Callable[[Reconciliation], Awaitable[_T]]) -> _T:
        """
        Read people, with connections of this thread's own, in which the audit trail is written first.

        Were the right to write into the audit trail missing on the doors' own, hospitals would be refused.
        """
        parts, clock = self._parts, self._clock
        archive, facts = KafkaArchive(self._cluster), KafkaFactLog(self._cluster)
        log = DeskLog(facts, parts.records, key=parts.key, clock=clock)
        access = AuditedAccess(
            archive=archive,
            readers=parts.readers,
            log=log,
            policy=parts.policy,
            key=parts.key,
            clock=clock,
        )
        reading = Reconciliation(access, sourced=self._sourced)
        try:
            async with asyncio.timeout(_READ_WITHIN_SECONDS):
                await facts.start()
                await archive.start()
                return await read(reading)
        except TimeoutError:
            raise KafkaUnavailable from None
        finally:
            await archive.close()
            await facts.close()


class _Quarter:
    """Rests three times as long as was worked, in this thread: hospitals' doors need the processor."""

    def __init__(self) -> None:
        """Begin to work."""
        self._rested_at = time.thread_time()

    async def rest(self) -> None:
        """Rest."""
        await asyncio.sleep(3 * (time.thread_time() - self._rested_at))
        self._rested_at = time.thread_time()


async def _aside(read: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Read in a thread and a loop of its own; where nobody waits for it any more it ends."""
    gone = threading.Event()

    async def unless_gone() -> _T:
        """Read; stop where nobody waits."""
        reading = asyncio.ensure_future(read())
        while not (await asyncio.wait({reading}, timeout=_LOOKS_EVERY_SECONDS))[0]:
            if gone.is_set():
                reading.cancel()
        return reading.result()

    try:
        return await asyncio.to_thread(lambda: asyncio.run(unless_gone()))
    finally:
        gone.set()
