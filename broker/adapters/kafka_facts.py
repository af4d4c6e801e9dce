"""
Makes facts durable on Kafka: acknowledged by all in-sync replicas within a deadline of our own, or refused.

After a failure everything is refused at once until a new producer has spoken with the cluster: what queues up
behind a cluster that is gone would be written long after its sender was told that it was not.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import abandon_producer, deadline, meant, stop_producer
from broker.core.errors import Fenced, KafkaNotAuthorized, KafkaUnavailable, UnwritableRecord
from broker.core.operators import YET_UNWRITTEN, Place
from broker.deadlines import Deadlines
from broker.ports import Write

DEADLINE_MS_DEFAULT = 2_000  # the answer that a sender waits for
_WRITE_BYTES_MAX = 16 * 1024 * 1024  # a rejected upload file, sealed
_PROBE_PAUSE_S_MIN = 0.1
_PROBE_PAUSE_S_MAX = 1.0  # how long senders are refused after the cluster is back
_PROBE_DEADLINE_MS = 5_000
_RETRY_BACKOFF_MS = 20


class KafkaFactLog:
    """
    `FactLog` on a cluster; `deadline_ms` bounds every `append`.

    `on_refused` hears of a right that is missing, once until something could be written again: whoever
    appends is told no more than of a cluster that is away.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        deadline_ms: int = DEADLINE_MS_DEFAULT,
        on_refused: Callable[[KafkaNotAuthorized], None] = lambda _error: None,
    ) -> None:
        """Connect to nothing yet."""
        self._on_refused = on_refused
        self._told = ""
        self._cluster = cluster
        self._deadline_ms = deadline_ms
        self._in_time = Deadlines(deadline_ms / 1000)
        self._producer: AIOKafkaProducer | None = None
        self._probe: asyncio.Task[None] | None = None
        self._cuts: set[asyncio.Future[None]] = set()
        self._closed = False

    @property
    def refusing(self) -> bool:
        """Whether every append is refused at once, until a probe has succeeded."""
        return self._producer is None

    async def start(self) -> None:
        """Connect; when the cluster is away go on trying in the background, refusing meanwhile."""
        try:
            await self._connect()
        except KafkaUnavailable:
            self._start_probe()

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """
        Return where each record lies, once every one is acknowledged by all in-sync replicas.

        Raise `KafkaUnavailable` otherwise, at once while the cluster is known to be away, and
        `UnwritableRecord` for a record larger than its topic takes.
        """
        producer = self._producer
        if producer is None:
            raise KafkaUnavailable("Kafka is away: nothing is taken until it answers again")
        try:
            with self._in_time.one():
                writes = [await _placed(producer, write) for write in writes]
                sent = [await _sent(producer, write) for write in writes]
                await _settled(sent)
                found: list[RecordMetadata] = []
                for write, one in zip(writes, sent, strict=True):
                    again = isinstance(one.exception(), MessageSizeTooLargeError)  # it, or its neighbour
                    found.append(await (await _sent_alone(producer, write) if again else one))
        except MessageSizeTooLargeError as error:
            raise UnwritableRecord("a record is larger than its topic takes") from error
        except (KafkaError, OSError) as error:
            raise self._refused(producer, meant(error, self._deadline_ms, "writing facts")) from error
        self._told = ""
        return [place_of(one) for one in found]

    def _refused(self, producer: AIOKafkaProducer, meaning: KafkaUnavailable | Fenced) -> KafkaUnavailable:
        """Give a producer up, tell once of a missing right, and return what whoever appends is told."""
        self._give_up(producer)
        if isinstance(meaning, KafkaNotAuthorized) and str(meaning) != self._told:
            self._told = str(meaning)
            self._on_refused(meaning)
        return meaning if isinstance(meaning, KafkaUnavailable) else KafkaUnavailable(str(meaning))

    async def close(self) -> None:
        """Give the connection back; safe to call twice."""
        self._closed = True
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.cancel()
            await asyncio.wait({probe})
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)
        if self._cuts:
            await asyncio.wait(self._cuts)

    async def _connect(self) -> None:
        """Start a producer and take it into use once the cluster has given it an id."""
        producer = AIOKafkaProducer(
            **self._cluster.connection(),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            request_timeout_ms=_PROBE_DEADLINE_MS,
            max_request_size=_WRITE_BYTES_MAX,
        )
        try:
            async with deadline(_PROBE_DEADLINE_MS, "connecting"):
                await producer.start()
        except BaseException:
            await abandon_producer(producer)
            raise
        self._producer = producer

    def _give_up(self, producer: AIOKafkaProducer) -> None:
        """Cut a producer off whose outcome is doubtful, and look for the cluster, both in the background."""
        if self._producer is not producer:
            return
        self._producer = None
        cut = asyncio.ensure_future(abandon_producer(producer))
        self._cuts.add(cut)
        cut.add_done_callback(self._cuts.discard)
        if not self._closed:
            self._start_probe()

    def _start_probe(self) -> None:
        """Look for the cluster until it answers."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        """Try to connect, with a growing pause."""
        pause_s = _PROBE_PAUSE_S_MIN
        while self._producer is None:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _PROBE_PAUSE_S_MAX)
            try:
                await self._connect()
            except (KafkaUnavailable, Fenced):
                continue


async def _placed(producer: AIOKafkaProducer, write: Write) -> Write:
    """Return a record with its partition where it has no key, so that it is known where it went."""
    if write.key is not None or write.partition is not None:
        return write
    await producer.partitions_for(write.topic)  # waits until they are known, as sending does
    return replace(write, partition=_partition_of(producer, write))


async def _sent(producer: AIOKafkaProducer, write: Write) -> asyncio.Future[RecordMetadata]:
    """Hand a record over; return what becomes of it."""
    future: asyncio.Future[RecordMetadata] = await producer.send(
        write.topic, write.value, key=write.key, partition=write.partition, headers=list(write.headers)
    )
    future.add_done_callback(partial(_count_back, producer, write))
    return future


async def _settled(sent: Sequence[asyncio.Future[RecordMetadata]]) -> None:
    """Wait until of each record it is known what became of it, whatever that is."""
    if len(sent) == 1:  # most are
        with suppress(KafkaError):
            await sent[0]
    else:
        await asyncio.gather(*sent, return_exceptions=True)


async def _sent_alone(producer: AIOKafkaProducer, write: Write) -> asyncio.Future[RecordMetadata]:
    """Hand a record over in a batch of its own, which is refused for nobody else's size."""
    batch = producer.create_batch()
    batch.append(key=write.key, value=write.value, timestamp=None, headers=list(write.headers))
    future: asyncio.Future[RecordMetadata] = await producer.send_batch(
        batch, write.topic, partition=_partition_of(producer, write)
    )
    future.add_done_callback(partial(_count_back, producer, write))
    return future


def _count_back(producer: AIOKafkaProducer, write: Write, sent: asyncio.Future[RecordMetadata]) -> None:
    """
    Take back the sequence number of a record that was refused for its size.

    The client counts it as written and Kafka does not: whatever follows on its partition would be out of
    order, and the whole log be given up for one record. Called before the client sends the next batch there.
    """
    if sent.cancelled() or not isinstance(sent.exception(), MessageSizeTooLargeError):
        return
    place = TopicPartition(write.topic, _partition_of(producer, write))
    producer._txn_manager._sequence_numbers[place] -= 1  # noqa: SLF001 - there is no other way in


def _partition_of(producer: AIOKafkaProducer, write: Write) -> int:
    """Return where the producer puts a record."""
    key = write.key
    partition: int = producer._partition(write.topic, write.partition, None, None, key, None)  # noqa: SLF001
    return partition


def place_of(acknowledged: RecordMetadata) -> Place:
    """
    Return where a record lies, its offset unknown where Kafka does not say where its partition begins.

    A batch that it had already has neither; the client counts from -1 then, and tells places of others.
    """
    begins = acknowledged.log_start_offset
    offset = YET_UNWRITTEN if begins is None or begins < 0 else acknowledged.offset
    return Place(topic=acknowledged.topic, partition=acknowledged.partition, offset=offset)
