"""
A Faust app with one agent that loses nothing, by the one recipe that was found not to.

Raw bytes, one event at a time, acknowledged only when its work is done; an exception stops the app instead of
losing its event. Only committed records are read: a transaction that is aborted told nobody anything.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from mode.supervisors import CrashingSupervisor
from mode.threads import QueueServiceThread

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import stop_consumer
from broker.ports import Record

_COMMIT_EVERY_S = 0.5  # what is taken again after a crash
_SESSION_TIMEOUT_S = 10.0
_HEARTBEAT_S = 3.0
_REQUEST_TIMEOUT_S = 15.0  # longer than the session, as the driver demands


class _CommittedThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # faust carries no usable types
    """Faust's consumer, reading committed records only."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        """Make the consumer as if transactions were on: the isolation level has no setting of its own."""
        before = self.consumer.in_transaction
        self.consumer.in_transaction = True
        try:
            return super()._create_worker_consumer(transport)
        finally:
            self.consumer.in_transaction = before

    async def on_thread_stop(self) -> None:
        """
        Stop within a bound, whatever the group is at.

        A rebalance asks the app, over the queue that has just been stopped: the driver would wait for the
        rebalance, and the rebalance for an answer, without end.
        """
        await QueueServiceThread.on_thread_stop(self)
        if self._consumer is not None:
            await stop_consumer(self._consumer)


class _CommittedConsumer(Consumer):  # type: ignore[misc]  # faust carries no usable types
    """Starts the thread above."""

    def _new_consumer_thread(self) -> _CommittedThread:
        """Return the thread that polls."""
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class _CommittedTransport(Transport):  # type: ignore[misc]  # faust carries no usable types
    """Makes the consumer above."""

    Consumer = _CommittedConsumer


class _CommittedApp(faust.App):  # type: ignore[misc]  # faust carries no usable types
    """Uses the transport above."""

    def _new_transport(self) -> _CommittedTransport:
        """Return the transport of the consumer side."""
        return _CommittedTransport(self.conf.broker_consumer, self)


def _credentials(cluster: Cluster) -> Any:
    """Return the cluster's manner as Faust takes it, None for an open wire."""
    if cluster.scram is not None:
        return faust.SASLCredentials(
            username=cluster.scram.user,
            password=cluster.scram.password,
            mechanism=cluster.scram.mechanism,
            ssl_context=cluster.tls,
        )
    return None if cluster.tls is None else faust.SSLCredentials(cluster.tls)


def is_consuming(app: Any) -> bool:
    """Return whether the app's group has settled with the app in it, so that records reach its agent."""
    return bool(app.started and app.rebalancing_count and not app.rebalancing)


def assigned_to(app: Any, topic: str) -> frozenset[int]:
    """Return the partitions of a topic that reach a consuming app's agent."""
    return frozenset(place.partition for place in app.consumer.assignment() if place.topic == topic)


def one_agent_app(
    *,
    cluster: Cluster,
    group: str,
    topics: Sequence[str],
    directory: Path,
    handle: Callable[[Record], Awaitable[None]],
) -> Any:
    """
    Return a Faust app, not yet started, whose one agent gives every record of `topics` to `handle`.

    The record counts as taken when `handle` returns; when it raises the app crashes and the record is given
    again after the next start. `group` holds the offsets; `directory` is where Faust may keep files.
    """
    app = _CommittedApp(
        group,
        broker=[f"aiokafka://{server}" for server in cluster.bootstrap_servers.split(",")],
        broker_credentials=_credentials(cluster),
        store="memory://",
        datadir=str(directory),
        web_enabled=False,  # its /table would serve contents over HTTP
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,  # hangs with an event that is not acknowledged yet
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=_COMMIT_EVERY_S,
        broker_session_timeout=_SESSION_TIMEOUT_S,
        broker_heartbeat_interval=_HEARTBEAT_S,
        broker_request_timeout=_REQUEST_TIMEOUT_S,
        worker_redirect_stdouts=False,
    )
    raw = app.topic(*topics, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)

    async def take(stream: Any) -> None:
        """Take event after event, each acknowledged when its work is done."""
        async for arrived in stream.noack().events():
            await handle(arrived.message)
            await stream.ack(arrived)

    app.agent(raw, name=f"{group}.take", concurrency=1, supervisor_strategy=CrashingSupervisor)(take)
    return app
