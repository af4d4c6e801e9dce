"""
The outbox role: brings every alert event into the inbox database, and on to providers' own systems.

Knows how a record becomes a row and where one goes that cannot be read. How nothing is lost on the way is in
`broker.adapters.faust_app`, how it goes on in `broker.runtime.deliveries`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from mode import Service

from broker.adapters.cluster import Cluster
from broker.adapters.faust_app import assigned_to, is_consuming, one_agent_app
from broker.adapters.kafka_rights import prove_group
from broker.adapters.kafka_table import KafkaTable
from broker.adapters.kafka_watch import Place
from broker.adapters.projection import InboxEvent, Projection
from broker.core.alerts import AlertEvent, Change
from broker.core.answers import Feeds
from broker.core.errors import (
    BrokerError,
    Fenced,
    KafkaUnavailable,
    MalformedMessage,
    StorageUnusable,
    TopicMissing,
)
from broker.core.feeds import FeedRule, count, heard_of
from broker.core.identifiers import OdsCode
from broker.core.worklist import ItemKind
from broker.ports import FactLog, Record, Topic
from broker.runtime import outbox_events as events
from broker.runtime.answer_pusher import AnswerPusher
from broker.runtime.deliveries import Deliveries
from broker.runtime.destinations import asks_for_answers, routes
from broker.runtime.feed_alarms import FeedAlarms
from broker.runtime.feed_view import FeedView
from broker.runtime.feeds import agreed_with, feed_rule
from broker.runtime.health import Health, State
from broker.runtime.logs import Log
from broker.runtime.mesh_following import mesh_following
from broker.runtime.mesh_routes import mesh_routes, own_topics
from broker.runtime.metrics import (
    INBOX_EVENTS,
    REJECTED,
    UNREADABLE_RECORD,
    WORKLIST_ITEMS,
    WORKLIST_OLDEST,
    Metrics,
)
from broker.runtime.parts import Parts, present
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics
from broker.runtime.worklist_view import Age, WorklistView
from broker.services.rejections import Rejections
from broker.wire.records_codec import Door, Rejected

_PAUSE_S_MIN = 0.5
_PAUSE_S_MAX = 10.0
_WORKLIST_EVERY_S = 5.0


class OutboxRole(Service):  # type: ignore[misc]  # mode carries no type information
    """
    Projects `cpis.alerts` into the database of the settings; `counts` tells what was done.

    Whatever fails, the app is stopped, and after a pause a new one takes the same record again.
    """

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        cluster: Cluster,
        facts: FactLog,
        *,
        metrics: Metrics | None = None,
        **options: Any,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._settings = settings
        self._parts = parts
        self._cluster = cluster
        self._facts = facts
        self._rejections = Rejections(parts.records, parts.key)
        self._log = Log("outbox")
        self._stopping = asyncio.Event()
        self._projection: Projection | None = None
        self._app: Any = None
        self._metrics = metrics or Metrics()
        self._worklist = WorklistView(parts.records)
        self._worklist_table = KafkaTable(
            cluster, Topic.WORKLIST.value, begin=self._worklist.begin, take=self._worklist.take
        )
        self._declared = declared_topics(settings.topics_file)
        self._feeds = FeedView(parts.feeds)
        self._alarms = FeedAlarms(parts.feeds, parts.key, self._log)
        self._feeds_table = KafkaTable(
            cluster, Topic.FEEDS.value, begin=self._feeds.begin, take=self._feeds.take
        )
        ages = self._feeds.ages(timedelta(hours=settings.feed_stale_hours), agreed_with(parts.senders))
        self._own_topics = own_topics(settings, parts)
        to_providers = routes(settings, parts.senders, feeds=ages)
        self._deliveries = Deliveries(
            settings.database_url,
            {**to_providers, **mesh_routes(settings, parts)},
            parts.answers,
            self._metrics,
        )
        self._answers = AnswerPusher(
            asks_for_answers(parts.senders),
            parts,
            cluster,
            self._count_feeds,
            self._metrics,
            self._deliveries.wake,
        )
        self._running: asyncio.Task[None] | None = None
        self._mesh = mesh_following(
            settings, parts, self._metrics, reading=lambda: self.health().state is State.READY
        )
        super().__init__(**options)

    def health(self) -> Health:
        """Return how far this role is: ready while records reach it."""
        if self._app is None or self._stopping.is_set():
            return Health(State.STARTING)
        return Health(State.READY if is_consuming(self._app) else State.JOINING)

    def measure(self) -> None:
        """Bring the gauges up to date."""
        now = present()
        self._metrics.clear(WORKLIST_ITEMS)
        standing = self._worklist.standing(now)
        for kind, age in product(ItemKind, Age):
            self._metrics.set(WORKLIST_ITEMS, standing[kind, age], reason=kind, age=age)
        self._metrics.set(WORKLIST_OLDEST, self._worklist.oldest_seconds(now))
        self._feeds.measure(self._metrics, now, self._feed_rule(now))

    async def taken(self) -> dict[Place, int]:
        """Return how far each partition of `cpis.alerts` that reaches us is stored."""
        if self._app is None or self._projection is None or not is_consuming(self._app):
            return {}
        stored = await asyncio.to_thread(self._projection.next_offsets, Topic.ALERTS.value)
        return {
            Place(Topic.ALERTS.value, partition): stored.get(partition, 0)
            for partition in assigned_to(self._app, Topic.ALERTS.value)
        }

    def _count_feeds(self, heard: Mapping[OdsCode, datetime], at: datetime) -> Feeds:
        """Return how many feeds are known and stale, by marks and by the files that were taken."""
        return count(heard_of(heard, self._feeds.last), at, self._feed_rule(at))

    def _feed_rule(self, at: datetime) -> FeedRule:
        """Return by what feeds are judged; the topics are those declared when we started."""
        return feed_rule(self._settings, self._parts, at, topics=self._declared)

    async def _watch(self) -> None:
        """
        Read `cpis.worklist` and `cpis.feeds` again and again.

        While the first fails nothing is open as far as we can tell; a feed that is not read grows old.
        """
        while not self._stopping.is_set():
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - a defect: the next look may do, and another may work
                self._log.write(events.OutboxLookFailed(error=error))
            await self._wait(_WORKLIST_EVERY_S)
        await self._worklist_table.close()
        await self._feeds_table.close()

    async def _look(self) -> None:
        """Take what is new of both tables."""
        with suppress(KafkaUnavailable, Fenced, TopicMissing):
            await self._feeds_table.catch_up()
            self._feeds.caught_up()
            await self._tell_of_stale_feeds()
        try:
            await self._worklist_table.catch_up()
        except (KafkaUnavailable, Fenced, TopicMissing):
            self._worklist.begin()

    async def _tell_of_stale_feeds(self) -> None:
        """Tell authorities that their feeds are stale; while the database is away they are told later."""
        if self._projection is not None:
            now = present()
            feeds = self._feeds.standing(now, self._feed_rule(now))
            with suppress(StorageUnusable):
                await self._alarms.look(self._projection, feeds, now)

    async def on_start(self) -> None:
        """Open the database and start taking."""
        self._projection = await asyncio.to_thread(Projection, self._settings.database_url)
        await self._deliveries.start()
        self._answers.start(self._projection)
        self._running = asyncio.create_task(self._run(self._projection))
        self._watching = asyncio.create_task(self._watch())
        if self._mesh is not None:
            self.add_future(self._mesh.run())
        self._log.write(events.OutboxStarted())

    async def on_stop(self) -> None:
        """Finish the event in hand and close the database."""
        self._stopping.set()
        if self._running is not None:
            await asyncio.wait({self._running, self._watching})
        await self._answers.stop()
        await self._deliveries.stop()
        if self._mesh is not None:
            await self._mesh.close()
        if self._projection is not None:
            await asyncio.to_thread(self._projection.close)
        self._log.write(events.OutboxStopped())

    async def _run(self, projection: Projection) -> None:
        """Run one app after the other until the role is stopped."""
        pause_s = _PAUSE_S_MIN
        while not self._stopping.is_set():
            taken = self.counts["taken"]
            try:
                error = await self._run_app(projection)
            except Exception as failure:  # noqa: BLE001 - a defect, or the app's: alerts must go on all the same
                error = failure
            if self._stopping.is_set():
                return
            if self.counts["taken"] > taken:
                pause_s = _PAUSE_S_MIN
            self._log.write(events.OutboxFailed(error=error, delay_seconds=pause_s))
            await self._wait(pause_s)
            pause_s = min(pause_s * 2, _PAUSE_S_MAX)

    async def _run_app(self, projection: Projection) -> BaseException | None:
        """Run an app until the role is stopped or the app crashes; return why it did."""

        async def handle(record: Record) -> None:
            """Put one record into this database."""
            await self._take(projection, record)

        group = f"{self._settings.application_id}-outbox-{projection.identity}"
        try:
            await prove_group(self._cluster, group)
        except KafkaUnavailable as error:
            return error
        app = one_agent_app(
            cluster=self._cluster,
            group=group,
            topics=[Topic.ALERTS.value, *self._own_topics],
            directory=self._settings.data_dir / "faust",
            handle=handle,
        )
        self._app = app
        starting = asyncio.ensure_future(app.start())
        stopping = asyncio.ensure_future(self._stopping.wait())
        crashing = asyncio.ensure_future(app.wait_until_stopped())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            failure: BaseException | None = starting.exception() if starting.done() else None
            if failure is not None:
                return failure
            await asyncio.wait({crashing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            crash: BaseException | None = app.crash_reason
            return crash
        finally:
            for task in (starting, stopping, crashing):
                task.cancel()
            self._app = None
            await app.stop()

    async def _take(self, projection: Projection, record: Record) -> None:
        """Put one record into the database; one that cannot be read goes to `cpis.rejected` first."""
        value = record.value or b""
        arrived, supersedes, erased = None, False, frozenset[str]()
        try:
            if self._parts.alerts.is_erasure(value):
                erased = self._parts.alerts.decode_erasure(value)
            else:
                event = self._parts.alerts.decode_event(value)
                arrived, supersedes = _arrived(event, value), Change.RESTRICTED in event.changes
        except MalformedMessage as error:
            await self._reject(record, error)
        known = await asyncio.to_thread(
            projection.store,
            record.topic,
            record.partition,
            record.offset,
            arrived,
            supersedes=supersedes,
            erased=erased,
            still=None if arrived is None or record.topic not in self._own_topics else self._same_as(arrived),
        )
        if arrived is not None:
            self._deliveries.wake(arrived.recipient)
        self.counts["taken" if known else "taken before"] += 1
        self._metrics.add(INBOX_EVENTS, outcome="stored" if known else "known")

    def _same_as(self, arrived: InboxEvent) -> Callable[[bytes], bool]:
        """Return what says whether a body of the inbox tells the event that arrived."""
        return lambda body: self._parts.alerts.decode_event(body).event_id == arrived.event_id

    async def _reject(self, record: Record, error: MalformedMessage) -> None:
        """Keep a record that cannot be read, and do not go on before it is kept."""
        self.counts["rejected"] += 1
        self._metrics.add(INBOX_EVENTS, outcome="rejected")
        self._metrics.add(REJECTED, door="kafka", code=UNREADABLE_RECORD)
        self._log.write(
            events.AlertNotReadable(topic=record.topic, offset=record.offset, reason=error.reason)
        )
        rejected = Rejected(
            door=Door.KAFKA, reason=error.reason, received_at=present(), raw=record.value or b""
        )
        writes = self._rejections.writes(rejected)
        while True:
            with suppress(KafkaUnavailable):
                await self._facts.append(writes)
                return
            await self._wait(_PAUSE_S_MIN)
            if self._stopping.is_set():
                raise BrokerError("stopped before an unreadable record could be kept")

    async def _wait(self, seconds: float) -> None:
        """Wait, but no longer than until the role is stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _arrived(event: AlertEvent, body: bytes) -> InboxEvent:
    """Return the inbox event of an alert event as it was published."""
    recipient = event.alert.recipient
    return InboxEvent(
        recipient=f"{recipient.kind}.{recipient.code}",
        event_id=event.event_id,
        alert_id=event.alert.alert_id,
        revision=event.revision,
        kind=event.kind.value,
        loud=event.loud,
        body=body,
    )
