"""
Faust as the runtime of the outbox, by the one recipe that loses no event (ADR 1).

Raw bytes, one at a time, only committed records; acknowledged once the work is done and awaited; an agent
that raises stops the worker instead of stepping over the event.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import faust
from faust.transport.drivers import aiokafka as driver
from mode import CrashingSupervisor

SESSION_TIMEOUT_S = 10.0  # an outbox that is away for this long gives its partitions up
HEARTBEAT_S = 3.0
REQUEST_TIMEOUT_S = 30.0  # longer than the session, or Faust refuses
_READ_COMMITTED = "read_committed"


class Message(NamedTuple):
    """One committed record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class _CommittedThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust's types are skipped
    """Faust's consumer, which must not see what a matcher took back."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        """Return the consumer, reading committed records, which Faust ties to its own transactions."""
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = _READ_COMMITTED  # noqa: SLF001 – read when the consumer starts
        return consumer


class _CommittedConsumer(driver.Consumer):  # type: ignore[misc]  # Faust's types are skipped
    """A consumer of committed records."""

    def _new_consumer_thread(self) -> _CommittedThread:
        """Return the thread that reads."""
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class _CommittedTransport(driver.Transport):  # type: ignore[misc]  # Faust's types are skipped
    """A transport whose consumers read committed records."""

    Consumer = _CommittedConsumer


class OutboxApp(faust.App):  # type: ignore[misc]  # Faust's types are skipped
    """A Faust application that hands committed records of one topic to one function, at least once."""

    def _new_transport(self) -> _CommittedTransport:
        """Return the transport of its consumers."""
        return _CommittedTransport(self.conf.broker_consumer, self, loop=self.loop)


def outbox_app(
    application_id: str, bootstrap_servers: str, topic: str, handle: Callable[[Message], Awaitable[None]]
) -> OutboxApp:
    """
    Return an application that calls `handle` for every committed record of `topic`, one after the other.

    A record counts as done when `handle` has returned; when it raises, the worker stops and the record
    comes again at the next start.
    """
    app = OutboxApp(
        f"{application_id}-outbox",
        broker=[f"aiokafka://{server}" for server in bootstrap_servers.split(",")],
        autodiscover=False,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_request_timeout=REQUEST_TIMEOUT_S,
        broker_session_timeout=SESSION_TIMEOUT_S,
        consumer_auto_offset_reset="earliest",
        key_serializer="raw",
        value_serializer="raw",
        stream_wait_empty=False,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )

    async def project(stream: Any) -> None:
        """Do the work of each record, then acknowledge it."""
        async for event in stream.noack().events():
            message = event.message
            await handle(
                Message(message.topic, message.partition, message.offset, message.key, message.value)
            )
            await stream.ack(event)

    app.agent(
        app.topic(topic, key_type=bytes, value_type=bytes),
        name="project-alerts",
        concurrency=1,
        supervisor_strategy=CrashingSupervisor,
    )(project)
    return app
