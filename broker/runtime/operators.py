"""
What operators see of one process: health and metrics on a port of their own, open before any role starts.

Knows how the watches, the roles' health and the metrics become the answers of `/livez`, `/readyz` and
`/metrics`. Roles know nothing of it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from broker.adapters.kafka_admission import refusal
from broker.adapters.kafka_watch import KafkaWatch, Place, Waiting
from broker.adapters.ops_server import Answer, OpsServer, Page
from broker.core.errors import BrokerError, Fenced, KafkaNotAuthorized, KafkaUnavailable
from broker.runtime import log_events as events
from broker.runtime.health import Health, readiness
from broker.runtime.logs import Log
from broker.runtime.loop_watch import LAG_SECONDS_MAX, LoopWatch
from broker.runtime.metrics import KAFKA_AWAY, LAG_RECORDS, LAG_SECONDS, LOOP_LAG, READY, Metrics
from broker.runtime.settings import Settings

LOOK_EVERY_SECONDS = 2.0
"""How often the cluster is asked whether it answers, and what waits."""


class Watched(Protocol):
    """A role as operators see it."""

    def health(self) -> Health:
        """Return how far it is."""
        ...

    def measure(self) -> None:
        """Bring its gauges up to date."""
        ...

    async def taken(self) -> Mapping[Place, int]:
        """Return the next offset of each place that it reads."""
        ...


class Operators:
    """Answers for one process; `roles` are those it has, by name, empty until they are started."""

    def __init__(
        self, settings: Settings, metrics: Metrics, *, lag_seconds_max: float = LAG_SECONDS_MAX
    ) -> None:
        self.roles: Mapping[str, Watched] = {}
        self._settings = settings
        self._metrics = metrics
        self._lag_seconds_max = lag_seconds_max
        self._loop_watch = LoopWatch(lambda lag: metrics.observe(LOOP_LAG, lag))
        self._cluster = settings.require_cluster()
        self._kafka_watch = KafkaWatch(self._cluster)
        self._kafka_answers = False
        self._told = ""  # of the refusal that was logged last
        self._server = OpsServer(
            host=settings.ops_host,
            port=settings.ops_port,
            live=self.live,
            ready=self.ready,
            metrics=self._page,
        )
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        return self._server.port

    async def start(self) -> None:
        """Open the port and begin to watch; raise `ConfigurationError` when the port cannot be had."""
        try:
            await self._server.start()
        except OSError as error:
            await self._server.stop()
            raise self._settings.cannot_listen("ops", error) from error
        watches = (self._loop_watch.run(), self._watch_kafka())
        self._tasks = [asyncio.create_task(watch) for watch in watches]
        Log().write(events.OperatorsPortOpen(address=self._settings.ops_host, port=self.port))

    async def stop(self) -> None:
        """Close the port and end the watches."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._kafka_watch.close()
        await self._server.stop()

    def live(self) -> Answer:
        """Return what `/livez` answers: whether the event loop turns."""
        lag_seconds = self._loop_watch.lag_seconds
        turns = lag_seconds < self._lag_seconds_max
        return Answer(ok=turns, body={"live": turns, "loop_lag_seconds": round(lag_seconds, 3)})

    def ready(self) -> Answer:
        """Return what `/readyz` answers."""
        roles = {name: role.health() for name, role in self.roles.items()}
        return readiness(roles, kafka_answers=self._kafka_answers)

    def _page(self) -> Page:
        """Return what `/metrics` answers."""
        for role in self.roles.values():
            role.measure()
        self._metrics.set(READY, self.ready().ok)
        self._metrics.set(KAFKA_AWAY, not self._kafka_answers)
        return Page(content_type=CONTENT_TYPE_LATEST, body=self._metrics.text())

    async def _watch_kafka(self) -> None:
        """Ask the cluster again and again."""
        while True:
            await self._look()
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _look(self) -> None:
        """Ask once whether the cluster answers, and what waits behind what the roles have taken."""
        taken: dict[Place, int] = {}
        for role in self.roles.values():
            with suppress(Exception):  # a role that cannot say, its database gone, must not end the watch
                taken |= await role.taken()
        waiting: Mapping[Place, Waiting] = {}
        try:
            waiting = await self._kafka_watch.look(taken)
        except (KafkaUnavailable, Fenced) as error:
            self._kafka_answers = False
            await self._explain(error)
        else:
            self._kafka_answers = True
            self._told = ""
        for metric in (LAG_RECORDS, LAG_SECONDS):
            self._metrics.clear(metric)  # a partition that went to another process is not ours to show
        for place, found in waiting.items():
            labels = {"topic": place.topic, "partition": str(place.partition)}
            self._metrics.set(LAG_RECORDS, found.records, **labels)
            self._metrics.set(LAG_SECONDS, found.seconds, **labels)

    async def _explain(self, error: BrokerError) -> None:
        """Say why Kafka refuses us, where it does: once for each reason, until it answers again."""
        refused = error if isinstance(error, KafkaNotAuthorized) else await refusal(self._cluster)
        if refused is not None and str(refused) != self._told:
            self._told = str(refused)
            Log().write(events.KafkaRefusesUs(error=refused))


@asynccontextmanager
async def operating(settings: Settings, metrics: Metrics) -> AsyncIterator[Operators]:
    """Lend the operators' port, open; it is closed at the end."""
    operators = Operators(settings, metrics)
    await operators.start()
    try:
        yield operators
    finally:
        await operators.stop()
