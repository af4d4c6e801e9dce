"""
How every Kafka client of ours is waited for and thrown away.

Knows: that aiokafka waits for ever for a cluster that is gone, and that a client whose outcome is doubtful
must never write again.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from itertools import chain
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidProducerEpoch,
    KafkaError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from broker.adapters.cluster import Cluster
from broker.core.errors import Fenced, KafkaNotAuthorized, KafkaUnavailable

_SESSION_MS = 6_000  # how long a process that died keeps what its group gave it
_HEARTBEAT_MS = 2_000
STOP_DEADLINE_S = 2.0  # a client that has not said goodbye by then is cut off
_CANCEL_WAIT_S = 0.2  # aiokafka's sender needs a turn of the loop for each of its requests
_CANCELS_MAX = 5  # one for the sender, one for each request that it may be waiting for
_LACKING = {
    TopicAuthorizationFailedError: "READ or WRITE on topic",
    GroupAuthorizationFailedError: "READ on group",
    TransactionalIdAuthorizationFailed: "WRITE on transactional id",
    ClusterAuthorizationFailedError: "WRITE on any topic, or what was asked on the cluster",
}


def lone_consumer(
    cluster: Cluster,
    *,
    answer_ms: int,
    wait_ms: int,
    uncommitted: bool = False,
    fetch_bytes_max: int | None = None,
) -> AIOKafkaConsumer:
    """
    Return a consumer of no group, not yet started: where it reads is its owner's to say and to remember.

    `answer_ms` bounds its requests, `wait_ms` is how long Kafka holds an empty fetch. With `uncommitted` it
    is shown the records of open transactions, too.
    """
    limits = {} if fetch_bytes_max is None else {"max_partition_fetch_bytes": fetch_bytes_max}
    return AIOKafkaConsumer(
        **cluster.connection(),
        **limits,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_uncommitted" if uncommitted else "read_committed",
        request_timeout_ms=answer_ms,
        fetch_max_wait_ms=wait_ms,
    )


def deadline(timeout_ms: int, doing: str) -> AbstractAsyncContextManager[None]:
    """
    Give what is done inside `timeout_ms`, and turn its failures into `Fenced` or `KafkaUnavailable`.

    `doing` names the step in the error; it never holds a key or a value. What Kafka does not let us do is a
    `KafkaUnavailable` with a code of its own.
    """
    return _Deadline(timeout_ms, doing)


class _Deadline:
    """What `deadline` lends."""

    __slots__ = ("_doing", "_timeout", "_timeout_ms")

    def __init__(self, timeout_ms: int, doing: str) -> None:
        self._timeout_ms = timeout_ms
        self._doing = doing
        self._timeout = asyncio.timeout(timeout_ms / 1000)

    async def __aenter__(self) -> None:
        """Begin."""
        await self._timeout.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End, raising what a failure means."""
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError as late:
            error = late
        if isinstance(error, KafkaError | OSError):
            raise meant(error, self._timeout_ms, self._doing) from error


def meant(error: KafkaError | OSError, timeout_ms: int, doing: str) -> KafkaUnavailable | Fenced:
    """Return what the failure of a step means that was given so much time; a time-out is an `OSError`."""
    match error:
        case TimeoutError():
            return KafkaUnavailable(f"{doing}: no answer within {timeout_ms} ms")
        case ProducerFenced() | InvalidProducerEpoch():
            return Fenced()
        case _:
            return unavailable(error, doing)


def unavailable(error: KafkaError | OSError, doing: str) -> KafkaUnavailable:
    """Return what an error of Kafka's client means for the step that it ended."""
    lacking = _LACKING.get(type(error))
    if lacking is None:
        return KafkaUnavailable(f"{doing}: {type(error).__name__}")
    return KafkaNotAuthorized(f"{doing}: this principal lacks {' '.join([lacking, *_named(error)])}")


def _named(error: KafkaError) -> list[str]:
    """Return the names of what an error is about, as far as the client tells."""
    names = [argument for argument in error.args if isinstance(argument, str | set | frozenset)]
    return sorted({name for named in names for name in ([named] if isinstance(named, str) else named)})


async def abandon_producer(producer: AIOKafkaProducer) -> None:
    """
    Cut a producer off without flushing: what it still holds must not be written later.

    `stop()` would send the rest first, and with the cluster gone it would wait for that without end.
    """
    parts: Any = producer  # the sender and the closed mark are private: there is no public way to cut it off
    parts._closed = True  # noqa: SLF001
    sender = parts._sender.sender_task  # noqa: SLF001
    for _ in range(_CANCELS_MAX):
        if sender is None or sender.done():
            break
        sender.cancel()
        await asyncio.wait({sender}, timeout=_CANCEL_WAIT_S)
    _hear_out(parts)
    await _bounded(producer.client.close())


def _hear_out(parts: Any) -> None:
    """Look at the failures nobody waits for any more, so that asyncio does not report each as forgotten."""
    accumulator = parts._message_accumulator  # noqa: SLF001
    batches = [*accumulator._pending_batches, *chain.from_iterable(accumulator._batches.values())]  # noqa: SLF001
    waiters = [batch._drain_waiter for batch in batches]  # noqa: SLF001
    waiters.append(parts._txn_manager and parts._txn_manager._transaction_waiter)  # noqa: SLF001
    for waiter in waiters:
        if waiter is not None and waiter.done() and not waiter.cancelled():
            waiter.exception()


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Stop a producer in good health; cut it off when that takes longer than `STOP_DEADLINE_S`."""
    if not await _bounded(producer.stop()):
        await abandon_producer(producer)


async def group_member(cluster: Cluster, group: str, *, answer_ms: int, **more: Any) -> AIOKafkaConsumer:
    """
    Return a started member of a consumer group, subscribed to nothing yet; no offset moves by itself.

    `answer_ms` is how long Kafka may take for anything; `more` are settings of aiokafka's consumer. What a
    process that died was given is another's after six seconds.
    """
    consumer = AIOKafkaConsumer(
        **cluster.connection(),
        group_id=group,
        enable_auto_commit=False,
        session_timeout_ms=_SESSION_MS,
        heartbeat_interval_ms=_HEARTBEAT_MS,
        rebalance_timeout_ms=_SESSION_MS,
        request_timeout_ms=answer_ms,
        **more,
    )
    try:
        await consumer.start()
    except BaseException:
        await stop_consumer(consumer)
        raise
    return consumer


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, leaving its group; cut it off when that takes longer than `STOP_DEADLINE_S`."""
    if not await _bounded(consumer.stop()):
        parts: Any = consumer  # its client is private: there is no public way to close it alone
        await _bounded(parts._client.close())  # noqa: SLF001


async def _bounded(goodbye: Any) -> bool:
    """Await a coroutine for at most `STOP_DEADLINE_S`; return whether it came to its end."""
    task = asyncio.ensure_future(goodbye)
    await asyncio.wait({task}, timeout=STOP_DEADLINE_S)
    if not task.done():
        task.cancel()
        return False
    return not task.cancelled() and task.exception() is None
