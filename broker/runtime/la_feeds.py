"""
What authorities ask over HTTP of their feeds: how they stand (R18, R20), and their plans (C8 to C10).

How feeds stand is followed from where it was read to. Plans are read in a thread of their own, each time from
the beginning: hospitals at the same door wait for nobody's file.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_archive import KafkaArchive
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_table import KafkaTable
from broker.core.errors import KafkaUnavailable, MalformedMessage
from broker.core.feeds import FeedHealth, later
from broker.core.identifiers import OdsCode
from broker.ports import Clock, Record, Topic
from broker.runtime.feed_view import FeedView
from broker.runtime.feeds import feed_rule, kept_for
from broker.runtime.parts import Parts
from broker.runtime.settings import Settings
from broker.services.desk_log import DeskLog
from broker.services.feed_door import FeedDoor
from broker.services.feed_health import heard_by
from broker.services.reconciliation import Reconciled, Reconciliation
from broker.services.reconciliation_door import GROUNDS, ReconciliationDoor
from broker.wire.http import Operation

_READ_EVERY = timedelta(seconds=5)
_RECONCILED_WITHIN_SECONDS = 300.0  # a nation's people are read in some minutes


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

    def __init__(self, settings: Settings, parts: Parts, cluster: Cluster, *, clock: Clock) -> None:
        """Connect to nothing yet."""
        self._parts = parts
        self._cluster = cluster
        self._clock = clock
        self._fetched = settings.feed_reconciliation
        self._sourced = settings.pds_url is not None
        self._followed = FollowedFeeds(settings, parts, cluster, clock=clock)

    def operations(self) -> tuple[Operation, ...]:
        """Return everything that can be asked."""
        read = kept_for(_READ_EVERY, self._followed.read, self._clock)
        feeds = FeedDoor(self._parts.senders, self._parts.authorities, read)
        plans = ReconciliationDoor(self._parts.senders, self._reconciled)
        return (*feeds.operations(), *(plans.operations() if self._fetched else ()))

    async def close(self) -> None:
        """Give the connections back; safe to call twice."""
        await self._followed.close()

    async def _reconciled(self, authorities: frozenset[OdsCode]) -> Reconciled:
        """Return authorities' plans; raise `KafkaUnavailable` where it cannot be noted, or read in time."""
        return await asyncio.to_thread(asyncio.run, self._read(authorities))

    async def _read(self, authorities: frozenset[OdsCode]) -> Reconciled:
        """
        Note it, then read, with connections of this thread's own.

        Were the right to write into the audit trail missing on the doors' own, hospitals would be refused.
        """
        parts, clock = self._parts, self._clock
        archive, facts = KafkaArchive(self._cluster), KafkaFactLog(self._cluster)
        log = DeskLog(facts, parts.records, key=parts.key, clock=clock)
        reading = Reconciliation(
            archive, parts.states, log, policy=parts.policy, clock=clock, sourced=self._sourced
        )
        try:
            async with asyncio.timeout(_RECONCILED_WITHIN_SECONDS):
                await facts.start()
                await archive.start()
                return await reading.of(authorities, GROUNDS)
        except TimeoutError:
            raise KafkaUnavailable from None
        finally:
            await archive.close()
            await facts.close()
