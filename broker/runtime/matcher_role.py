"""
The matcher role: a task for each partition that the consumer group hands over.

Knows when a partition may be worked again after somebody else took it. What is done in a partition is in
`broker.services.matching`.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from mode import Service

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_group import KafkaGroup
from broker.adapters.kafka_partition import KafkaPartitionLog, KafkaTimeouts
from broker.adapters.kafka_watch import Place
from broker.core.errors import Fenced, NewerState, StateUnreadable, WrongIdentityKey
from broker.ports import Topic
from broker.runtime import matcher_events as events
from broker.runtime.health import Health, State
from broker.runtime.log_catalogue import LogEvent, reported
from broker.runtime.logs import Log
from broker.runtime.metrics import (
    ALERT_SECONDS,
    ALERTS,
    BOOTSTRAP_SECONDS,
    DESTROYED,
    MATCHER_NOTICES,
    PARTITION_STATE,
    TRANSACTIONS,
    Metrics,
)
from broker.runtime.parts import Parts
from broker.runtime.settings import Settings
from broker.services.matching import Codecs, PartitionMatcher, Phase, Surroundings
from broker.services.matching_turns import Notice, Pace

_SALT_BYTES = 32  # as strong as the hash it blinds
_STOP_DEADLINE_S = 5.0  # a transaction in hand is over by then, one way or the other
_RESTART_PAUSE_S = 1.0  # after a defect of ours, so that it does not fill the log
_MUST_STOP = (NewerState, StateUnreadable, WrongIdentityKey)  # going on would spoil the state
_UNREMARKABLE = frozenset({Notice.COMMITTED, Notice.TOLD})
_MILLISECONDS = 1_000


class MatcherRole(Service):  # type: ignore[misc]  # mode carries no type information
    """
    Works the partitions that the group assigns to this process.

    `counts` tells what happened so far, by notice. Crashes, and the process with it, when the state is a
    newer release's or was made with another identity key.
    """

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        cluster: Cluster,
        *,
        pace: Pace | None = None,
        metrics: Metrics | None = None,
        **options: Any,
    ) -> None:
        self.counts: Counter[Notice] = Counter()
        self._settings = settings
        self._parts = parts
        self._cluster = cluster
        self._pace = pace or Pace()
        self._metrics = metrics or Metrics()
        self._log = Log("matcher")
        self._wanted: frozenset[int] = frozenset()
        self._owners: dict[int, _Owner] = {}
        self._group: KafkaGroup | None = None
        self._floor = asyncio.Lock()
        super().__init__(**options)

    @property
    def working(self) -> frozenset[int]:
        """The partitions this process works at present."""
        return frozenset(self._owners)

    def health(self) -> Health:
        """Return how far this role is: ready when every partition that the group handed out is worked."""
        counts = {"assigned": len(self._wanted), "working": self._in_phase(Phase.WORKING)}
        if self._group is None or self.should_stop:
            return Health(State.STARTING)
        if not self._group.joined:
            return Health(State.JOINING)
        all_worked = counts["assigned"] == counts["working"]
        return Health(State.READY if all_worked else State.LOADING, counts)

    def _in_phase(self, phase: Phase) -> int:
        """Return how many partitions are wanted and that far."""
        return sum(self._owners[partition].phase is phase for partition in self._wanted & self._owners.keys())

    def measure(self) -> None:
        """Bring the gauges up to date."""
        self._metrics.clear(PARTITION_STATE)
        for partition, owner in self._owners.items():
            for phase in Phase:
                self._metrics.set(
                    PARTITION_STATE, owner.phase is phase, partition=str(partition), state=phase
                )

    async def taken(self) -> dict[Place, int]:
        """Return how far every input of our partitions was taken, as far as that is known."""
        return {
            Place(topic.value, partition): offset
            for partition, owner in self._owners.items()
            for topic, offset in owner.taken.items()
        }

    async def on_start(self) -> None:
        """Join the group."""
        self._group = KafkaGroup(
            self._cluster,
            self._settings.application_id,
            on_assigned=self._assigned,
            on_trouble=lambda error: self._log.write(events.MatcherGroupAway(error=error)),
            session_timeout_ms=self._settings.session_timeout_ms,
        )
        self._grouped = asyncio.ensure_future(self._group.run())
        self._log.write(events.MatcherStarted(application=self._settings.application_id))

    async def on_stop(self) -> None:
        """Finish the transactions in hand, then leave the group: nobody takes over what is still worked."""
        self._wanted = frozenset()
        tasks = [owner.task for owner in self._owners.values()]
        self._reconcile()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_DEADLINE_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        if self._group is not None:
            self._group.stop()
            await asyncio.wait({self._grouped})
        self._log.write(events.MatcherStopped())

    def _assigned(self, partitions: frozenset[int]) -> None:
        """Take over what the group handed out, and let go of the rest."""
        if self.should_stop:
            return
        self._wanted = partitions
        self._log.write(events.PartitionsAssigned(count=len(partitions)))
        for partition in partitions & self._owners.keys():
            self._owners[partition].confirm()
        self._reconcile()

    def _reconcile(self) -> None:
        """Start and stop owners until they are those wanted; one that is still stopping is waited for."""
        for partition, owner in self._owners.items():
            if partition not in self._wanted:
                owner.stop()
        for partition in sorted(self._wanted - self._owners.keys()):
            owner = _Owner(self, partition)
            self._owners[partition] = owner
            owner.task.add_done_callback(partial(self._ended, partition))

    def _ended(self, partition: int, task: asyncio.Task[None]) -> None:
        """Forget an owner that ended; the group may have handed the partition back meanwhile."""
        del self._owners[partition]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.add_future(self.crash(error))
        elif not self.should_stop:
            self._reconcile()

    def matcher(self, partition: int) -> PartitionMatcher:
        """Return a new matcher of one partition."""
        log = KafkaPartitionLog(
            self._cluster,
            self._settings.application_id,
            partition,
            KafkaTimeouts(transaction_ms=self._settings.transaction_timeout_ms),
        )
        parts = self._parts
        return PartitionMatcher(
            log,
            Codecs(
                facts=parts.facts,
                states=parts.states,
                alerts=parts.alerts,
                records=parts.records,
                details=parts.details,
            ),
            policy=parts.policy,
            key=parts.key,
            new_salt=lambda: os.urandom(_SALT_BYTES),
            report=self._report,
            surroundings=Surroundings(
                still_ours=partial(self.still_assigned, partition), floor=self._floor, pace=self._pace
            ),
        )

    @property
    def session_timeout_s(self) -> float:
        """How long the group takes a silent owner for alive."""
        return self._settings.session_timeout_ms / 1000

    async def still_assigned(self, partition: int) -> bool:
        """Return whether the group, asked now, takes us for the owner."""
        return self._group is not None and await self._group.still_assigned(partition)

    def tell(self, event: LogEvent) -> None:
        """Log why an owner pauses."""
        self._log.write(event)

    def _report(self, notice: Notice, fields: Mapping[str, int | str]) -> None:
        """Count a notice and log it as the event of its name, but for the many."""
        self.counts[notice] += 1
        self._measure(notice, fields)
        if notice not in _UNREMARKABLE:
            self._log.write(reported(notice, fields))

    def _measure(self, notice: Notice, fields: Mapping[str, int | str]) -> None:
        """Put a notice into the metrics."""
        metrics = self._metrics
        match notice:
            case Notice.COMMITTED:
                metrics.add(TRANSACTIONS, outcome="committed")
            case Notice.ABORTED:
                metrics.add(TRANSACTIONS, outcome="aborted")
            case Notice.TOLD:
                audience = str(fields["audience"])
                metrics.add(ALERTS, kind=str(fields["kind"]), audience=audience)
                if "received_ms" in fields:
                    seconds = time.time() - int(fields["received_ms"]) / _MILLISECONDS
                    metrics.observe(ALERT_SECONDS, max(0.0, seconds), audience=audience)
            case Notice.WORKING:
                metrics.observe(BOOTSTRAP_SECONDS, int(fields["duration_ms"]) / _MILLISECONDS)
            case Notice.DESTROYED:
                count, unread = int(fields["count"]), int(fields["unread"])
                metrics.add(DESTROYED, count - unread, topic=str(fields["topic"]), read="yes")
                metrics.add(DESTROYED, unread, topic=str(fields["topic"]), read="no")
            case _:
                metrics.add(MATCHER_NOTICES, notice=notice)


class _Owner:
    """The ownership of one partition, from assigned to revoked."""

    def __init__(self, role: MatcherRole, partition: int) -> None:
        self._role = role
        self._partition = partition
        self._stopping = False
        self._confirmed = False
        self._changed = asyncio.Event()
        self._matcher: PartitionMatcher | None = None
        self.task = asyncio.create_task(self._own())

    @property
    def phase(self) -> Phase:
        """How far the partition is."""
        return Phase.LOADING if self._matcher is None else self._matcher.phase

    @property
    def taken(self) -> Mapping[Topic, int]:
        """How far each input was taken, empty where that is not known."""
        return {} if self._matcher is None else self._matcher.taken

    def stop(self) -> None:
        """Finish the transaction in hand and end."""
        self._stopping = True
        self._changed.set()
        if self._matcher is not None:
            self._matcher.stop()

    def confirm(self) -> None:
        """Hear that a new settling of the group has handed the partition to us once more."""
        self._confirmed = True
        self._changed.set()

    async def _own(self) -> None:
        """Work the partition until `stop`, whatever happens but Kafka's own word."""
        while not self._stopping:
            self._confirmed = False
            self._matcher = self._role.matcher(self._partition)
            try:
                await self._matcher.run()
            except Fenced as error:
                self._role.tell(events.PartitionTakenOver(partition=self._partition, error=error))
                await self._ask_the_group()
            except _MUST_STOP:
                raise
            except Exception as error:  # noqa: BLE001 – nothing but Kafka may stop a partition
                self._role.tell(events.MatcherFailed(partition=self._partition, error=error))
                await self._wait(_RESTART_PAUSE_S)

    async def _ask_the_group(self) -> None:
        """
        Return when the partition may be worked again, or is not ours any more.

        Two owners that both start again as soon as they are fenced fence each other for ever. So wait a
        session timeout, then ask the group, and again until it agrees, hands it out anew or takes it away.
        """
        while not (self._confirmed or self._stopping):
            await self._wait(self._role.session_timeout_s)
            if await self._role.still_assigned(self._partition):
                return

    async def _wait(self, seconds: float) -> None:
        """Wait, but no longer than until something has changed."""
        self._changed.clear()
        if not (self._confirmed or self._stopping):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
