"""
The part of the outbox that delivers: every destination at its own pace, counted, and told of when it fails.

A destination that is not in the file of senders any more goes on being looked at: what it would have been
sent is put aside, so that somebody sees that who was told of an alert did not hear its end.
"""

import asyncio
import random
import uuid
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta

from broker.adapters.delivery_store import SqlDeliveries
from broker.core.delivery import KEPT_FOR, Balance, Delivery, Fault, Outcome, State, failed
from broker.core.errors import BrokerError
from broker.runtime import delivery_events as events
from broker.runtime.delivery_metrics import (
    DELIVERIES,
    DELIVERIES_OLDEST,
    DELIVERIES_PRUNED,
    DELIVERIES_UNACCOUNTED,
    DELIVERY_ATTEMPTS,
    DELIVERY_SECONDS,
)
from broker.runtime.destinations import Route, channel_of
from broker.runtime.logs import Log
from broker.runtime.metrics import Metrics
from broker.runtime.parts import present
from broker.services.delivering import Deliverer, Destination, Letter, Surroundings
from broker.wire.answer_codec import AnswerCodec, Sendable

_AFTER_A_FAILURE = timedelta(seconds=5)
_BALANCE_EVERY_S = 5.0
_PRUNE_EVERY = timedelta(hours=1)
_DELIVERED = "delivered"


class Deliveries:
    """Delivers to these destinations from `start` to `stop`; `wake` says that there is something new."""

    def __init__(self, url: str, routes: Mapping[str, Route], bodies: AnswerCodec, metrics: Metrics) -> None:
        self._url = url
        self._routes = routes
        self._bodies = bodies
        self._metrics = metrics
        self._log = Log("outbox")
        self._stopping = asyncio.Event()
        self._new: dict[str, asyncio.Event] = {}
        self._failing: dict[str, Fault] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._store: SqlDeliveries | None = None

    async def start(self) -> None:
        """Open the database and begin; raise as `SqlDeliveries`."""
        self._store = store = await asyncio.to_thread(SqlDeliveries, self._url)
        around = Surroundings(
            store=store,
            bodies=self._bodies,
            clock=present,
            chance=random.random,
            owner=uuid.uuid4().hex,
            report=self._report,
        )
        known = await asyncio.to_thread(store.destinations)
        for name in {*known, *self._routes}:
            route = self._routes.get(name)
            gone = Destination(name=name, recipient=_recipient(name), configured=False)
            destination = gone if route is None else route.destination
            courier = Gone() if route is None else route.courier()
            self._new[name] = asyncio.Event()
            self._begin(self._deliver(name, Deliverer(destination, courier, around)))
        if self._new:
            self._begin(self._watch(store))

    def wake(self, recipient: str) -> None:
        """Say that an event for a recipient was stored."""
        for name, new in self._new.items():
            if _recipient(name) == recipient:
                new.set()

    async def stop(self) -> None:
        """Finish the attempts in hand, close every connection and the database."""
        self._stopping.set()
        for new in self._new.values():
            new.set()
        await asyncio.gather(*self._tasks)
        if self._store is not None:
            await asyncio.to_thread(self._store.close)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        """Have something done until the end."""
        self._tasks.add(asyncio.create_task(work))

    async def _deliver(self, name: str, deliverer: Deliverer) -> None:
        """Deliver to one destination, whatever fails."""
        while not self._stopping.is_set():
            self._new[name].clear()
            try:
                idle = await deliverer.turn()
            except Exception as error:  # noqa: BLE001 - one destination's trouble must not end the others
                self._log.write(events.DeliveryStopped(destination=name, error=error))
                idle = _AFTER_A_FAILURE
            if idle and not self._stopping.is_set():
                await _wait(self._new[name], idle.total_seconds())
        with suppress(BrokerError):  # the database is away: the next process waits until we are forgotten
            await deliverer.close()

    async def _watch(self, store: SqlDeliveries) -> None:
        """Count again and again what came in and what became of it."""
        prune_at = present()
        while not self._stopping.is_set():
            try:
                known = self._new.keys() & {*await asyncio.to_thread(store.destinations)}
                now = present()
                self._measure({name: await asyncio.to_thread(store.balance, name, at=now) for name in known})
                if present() >= prune_at:
                    await self._prune(store, known)
                    prune_at = present() + _PRUNE_EVERY
            except BrokerError:  # the deliverers tell of it
                pass
            except Exception as error:  # noqa: BLE001 - a defect: nobody would see any more what is dead
                self._log.write(events.DeliveriesUncounted(error=error))
            await _wait(self._stopping, _BALANCE_EVERY_S)

    async def _prune(self, store: SqlDeliveries, names: Iterable[str]) -> None:
        """Drop what has been at its end for long, and count it."""
        for name in names:
            pruned = await asyncio.to_thread(store.prune, name, before=present() - KEPT_FOR)
            self._metrics.add(DELIVERIES_PRUNED, pruned, channel=channel_of(name))

    def _measure(self, balances: Mapping[str, Balance]) -> None:
        """Bring the gauges up to date, and tell of what is nowhere."""
        now = present()
        for gauge in (DELIVERIES, DELIVERIES_OLDEST, DELIVERIES_UNACCOUNTED):
            self._metrics.clear(gauge)
        for channel in sorted({channel_of(name) for name in balances}):
            of_channel = [one for name, one in balances.items() if channel_of(name) == channel]
            for state in State:
                count = sum(one.states.get(state, 0) for one in of_channel)
                self._metrics.set(DELIVERIES, count, channel=channel, state=state)
            waiting = [one.waiting_since for one in of_channel if one.waiting_since is not None]
            oldest = (now - min(waiting)).total_seconds() if waiting else 0.0
            self._metrics.set(DELIVERIES_OLDEST, oldest, channel=channel)
            missing = sum(abs(one.unaccounted) for one in of_channel)
            self._metrics.set(DELIVERIES_UNACCOUNTED, missing, channel=channel)

    def _report(self, delivery: Delivery, fault: Fault | None) -> None:
        """Count an attempt, and tell of a destination's first failure, its return, and what is put aside."""
        name, channel = delivery.destination, channel_of(delivery.destination)
        outcome = _DELIVERED if delivery.state is State.DELIVERED else fault
        if outcome is not None:
            self._metrics.add(DELIVERY_ATTEMPTS, channel=channel, outcome=outcome)
        if delivery.took is not None and delivery.state is State.DELIVERED:
            self._metrics.observe(DELIVERY_SECONDS, delivery.took.total_seconds(), channel=channel)
        if delivery.state is State.DELIVERED:
            if self._failing.pop(name, None) is not None:
                self._log.write(events.DestinationAnswers(destination=name))
        elif fault is not None and delivery.state is State.DEAD:
            self._log.write(events.DeliveryPutAside(destination=name, reason=fault.value))
        elif fault is not None and self._failing.get(name) is not fault:
            self._failing[name] = fault
            self._log.write(events.DestinationFails(destination=name, reason=fault.value))


class Gone:
    """What would go to a destination that is not in the file of senders any more: put aside."""

    def write(self, sendable: Sendable, *, at: object, told: object) -> Letter:  # noqa: ARG002
        """Return a letter of which nothing is sent."""
        return Letter(body=b"", letter_id=sendable.event_id)

    async def send(self, letter: Letter) -> Outcome:  # noqa: ARG002
        """Send nothing."""
        return failed(Fault.NOT_CONFIGURED)

    async def looked_for(self, letter_id: str) -> Outcome | None:  # noqa: ARG002
        """Return nothing: there is nobody to ask."""
        return None

    async def close(self) -> None:
        """Nothing is open."""


def _recipient(destination: str) -> str:
    """Return whose alerts a destination is sent."""
    return destination.rpartition(".")[0]


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer than this."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
