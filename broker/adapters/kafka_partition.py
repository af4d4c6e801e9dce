"""
One partition of the matcher on a Kafka cluster: transactions, positions, re-reading.

Knows: aiokafka and what it really does. Does not know: what the bytes mean.
The transactional id is one per partition, since the client speaks version 0 of the transaction protocol: a
new owner fences the old one by taking the id, whatever the consumer group believes.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import (
    abandon_producer,
    deadline,
    lone_consumer,
    stop_consumer,
    stop_producer,
)
from broker.adapters.kafka_ranges import READ_WAIT_MS, records_between
from broker.adapters.kafka_settling import (
    Decision,
    carry_out,
    hidden_places,
    newest_decision,
    written_places,
)
from broker.core.errors import KafkaUnavailable, TransactionUnsettled
from broker.ports import INPUTS, POLLED, Record, Topic, Write

_RETRY_BACKOFF_MS = (
    5  # `begin` right after `commit` is told to try again; the default of 100 would be the p99
)
_WRITE_BYTES_MAX = 16 * 1024 * 1024  # a person's record may grow to 8 MB; the batch around it is larger
_FETCH_BYTES_MAX = 4 * 1024 * 1024  # per input and request: thousands of attendances, and bounded memory
_FETCH_WAIT_MS = 250  # how long the broker holds an empty fetch; a stopping consumer waits as long
_SENDS_PER_TURN = 250  # the same, for a large transaction
_GAP_OFFSETS_MAX = 1_000  # reading over a gap of this size costs less than a second fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaTimeouts:
    """
    Deadlines of our own, in milliseconds: aiokafka waits for ever for a cluster that is gone.

    `open_ms` is longer, since a new cluster first makes its transaction log. `transaction_ms` is also how
    long an owner that was stopped in the middle may hide the records of others.
    """

    open_ms: int = 15_000
    answer_ms: int = 5_000
    transaction_ms: int = 4_000


class KafkaPartitionLog:
    """`PartitionLog` on a cluster, for one partition of one deployment."""

    def __init__(
        self,
        cluster: Cluster,
        application_id: str,
        partition: int,
        timeouts: KafkaTimeouts | None = None,
    ) -> None:
        """Connect to nothing yet."""
        self.partition = partition
        self._cluster = cluster
        self._transactional_id = f"{application_id}-matcher-{partition}"
        self._timeouts = timeouts or KafkaTimeouts()
        self._producer: AIOKafkaProducer | None = None
        self._inputs: AIOKafkaConsumer | None = None
        self._paused: frozenset[Topic] = frozenset()
        self._decision: Decision | None = None
        self._told_over: Sequence[Any] = ()

    async def open(self) -> None:
        """1. Start the transactional producer: fences a predecessor and settles its open transaction."""
        await self.close()
        producer = AIOKafkaProducer(
            **self._cluster.connection(),
            transactional_id=self._transactional_id,
            transaction_timeout_ms=self._timeouts.transaction_ms,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            request_timeout_ms=self._timeouts.answer_ms,
            max_request_size=_WRITE_BYTES_MAX,
        )
        self._producer = producer
        inputs = self._consumer(wait_ms=_FETCH_WAIT_MS)
        self._inputs = inputs
        self._paused = frozenset()
        try:
            async with deadline(self._timeouts.open_ms, "taking the partition over"):
                await inputs.start()
                await self._take_over(producer, inputs)
            inputs.assign([self._place(topic) for topic in POLLED])
        except BaseException:
            await self._drop()
            raise

    async def _take_over(self, producer: AIOKafkaProducer, inputs: AIOKafkaConsumer) -> None:
        """Start the producer, and carry out what Kafka decided of its predecessor's last transaction."""
        client, people = inputs._client, self._place(Topic.PEOPLE)  # noqa: SLF001
        decision = await newest_decision(client, self._transactional_id)
        self._decision = decision or self._decision  # an opening that failed has begun a new history
        await producer.start()
        hidden = await hidden_places(inputs, written_places(await client.fetch_all_metadata()))
        if hidden and self._decision is not None:
            await carry_out(producer, self._decision, hidden)
        if people in hidden:
            await self._wait_until_shown(inputs, people)
        self._decision = None

    async def _wait_until_shown(self, inputs: AIOKafkaConsumer, people: TopicPartition) -> None:
        """Return when all of `cpis.people` is shown: only we write there, and none of ours is open."""
        now = asyncio.get_running_loop().time
        began = now()
        while await hidden_places(inputs, [people]):
            if now() - began > self._timeouts.answer_ms / 1000:
                raise TransactionUnsettled
            await asyncio.sleep(READ_WAIT_MS / 1000)

    async def load_people(self) -> dict[bytes, bytes]:
        """2. Return the newest value of every key of `cpis.people`, to the `read_committed` end."""
        people: dict[bytes, bytes] = {}
        async with self._reader(Topic.PEOPLE) as (reader, place):
            async with deadline(self._timeouts.answer_ms, "asking where the people begin and end"):
                start = (await reader.beginning_offsets([place]))[place]
                end = (await reader.end_offsets([place]))[place]
            async for records in self._records(reader, place, start, end):
                for record in records:
                    if record.key is None:
                        continue
                    if record.value is None:
                        people.pop(record.key, None)
                    else:
                        people[record.key] = record.value
        return people

    async def start_offset(self, topic: Topic, since_ms: int) -> int:
        """Return the offset of the first record appended at or after `since_ms` (epoch), else the end."""
        place, inputs = self._place(topic), self._open_inputs()
        async with deadline(self._timeouts.answer_ms, "looking an offset up by time"):
            found = (await inputs.offsets_for_times({place: since_ms}))[place]
            if found is not None:
                return int(found.offset)
            return int((await inputs.end_offsets([place]))[place])

    async def end_offsets(self) -> Mapping[Topic, int]:
        """Return the `read_committed` end of every input."""
        places = {self._place(topic): topic for topic in POLLED}
        async with deadline(self._timeouts.answer_ms, "asking for the ends of the inputs"):
            ends = await self._open_inputs().end_offsets(list(places))
        return {topic: int(ends[place]) for place, topic in places.items()}

    async def begin_offsets(self) -> Mapping[Topic, int]:
        """Return where the log of every input begins now."""
        places = {self._place(topic): topic for topic in INPUTS}
        async with deadline(self._timeouts.answer_ms, "asking for the beginnings of the inputs"):
            begins = await self._open_inputs().beginning_offsets(list(places))
        return {topic: int(begins[place]) for place, topic in places.items()}

    async def scan(self, topic: Topic, start: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """3. Yield an input's records from offset `start` (inclusive) to `end` (exclusive) in batches."""
        async with self._reader(topic) as (reader, place):
            async for records in self._records(reader, place, start, end):
                yield records

    def seek(self, offsets: Mapping[Topic, int]) -> None:
        """Place the inputs; an input that is not named starts at its beginning."""
        inputs = self._open_inputs()
        for topic in POLLED:
            # Before the beginning is out of range, and out of range is reset to the beginning.
            inputs.seek(self._place(topic), offsets.get(topic, 0))

    async def reached(self, ends: Mapping[Topic, int]) -> bool:
        """Return whether everything before these offsets has been polled, markers included."""
        inputs = self._open_inputs()
        async with deadline(self._timeouts.answer_ms, "asking for the position of an input"):
            for topic, end in ends.items():
                if await inputs.position(self._place(topic)) < end:
                    return False
        return True

    async def poll(
        self, topics: Sequence[Topic], *, wait_ms: int, records_max: int
    ) -> Mapping[Topic, Sequence[Record]]:
        """4. Return what these inputs hold, at once or after at most `wait_ms`; each in offset order."""
        inputs = self._open_inputs()
        self._pause_all_but(inputs, topics)
        async with deadline(wait_ms + self._timeouts.answer_ms, "polling the inputs"):
            found = await inputs.getmany(timeout_ms=wait_ms, max_records=records_max)
        if not found:
            await self._see_to_what_is_hidden()
        return {Topic(place.topic): records for place, records in found.items()}

    async def _see_to_what_is_hidden(self) -> None:
        """
        Show what the last transaction wrote, should Kafka have been killed since and not have done so.

        The next transaction would; without one, as at night, an alert would stay hidden. A connection that is
        gone is all that can be seen of a Kafka that was killed.
        """
        producer = self._producer
        if producer is None or all(connection.connected() for connection in self._told_over):
            return
        reader = self._consumer(wait_ms=READ_WAIT_MS)
        try:
            async with deadline(self._timeouts.answer_ms, "asking what Kafka shows after it was away"):
                await reader.start()
                places = written_places(await reader._client.fetch_all_metadata())  # noqa: SLF001
                hidden = await hidden_places(reader, places)
                if hidden:  # whatever this producer ended was answered as committed
                    await carry_out(producer, Decision.COMMIT, hidden)
        finally:
            await stop_consumer(reader)
        self._told_over = ()

    async def read_at(self, topic: Topic, offsets: Sequence[int]) -> Sequence[Record]:
        """Return the records of an input at these offsets, as far as the log still has them."""
        wanted = sorted(set(offsets))
        found: list[Record] = []
        if not wanted:
            return found
        wanted_set = frozenset(wanted)
        async with self._reader(topic) as (reader, place):
            for start, end in _stretches(wanted):
                async for records in self._records(reader, place, start, end):
                    found.extend(record for record in records if record.offset in wanted_set)
        return found

    async def declared_topics(self) -> frozenset[str]:
        """
        Return the topics that exist now.

        Asked over the producer's connection: the inputs' would answer only behind a fetch that waits.
        """
        producer = self._producer
        if producer is None:
            raise KafkaUnavailable("the partition is not open")
        async with deadline(self._timeouts.answer_ms, "listing the topics"):
            cluster = await producer.client.fetch_all_metadata()
        return frozenset(cluster.topics())

    async def commit(self, writes: Sequence[Write]) -> None:
        """Begin, send, commit, with nothing in between; see `PartitionLog.commit`."""
        producer = self._producer
        if producer is None:
            raise KafkaUnavailable("the partition is not open")
        try:
            async with deadline(self._timeouts.transaction_ms, "committing a transaction"):
                await producer.begin_transaction()
                sent = []
                for number, write in enumerate(writes, start=1):
                    sent.append(
                        await producer.send(
                            write.topic,
                            write.value,
                            key=write.key,
                            partition=write.partition,
                            headers=list(write.headers),
                        )
                    )
                    if number % _SENDS_PER_TURN == 0:
                        await asyncio.sleep(0)
                await asyncio.gather(*sent)
                await producer.commit_transaction()
                self._told_over = tuple(producer.client._conns.values())  # noqa: SLF001
        except BaseException:
            self._producer = None
            await abandon_producer(producer)
            raise

    async def close(self) -> None:
        """Give every connection back; safe to call twice, and before `open`."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)
        await self._drop()

    async def _drop(self) -> None:
        """Throw the clients away without a last write."""
        producer, self._producer = self._producer, None
        inputs, self._inputs = self._inputs, None
        if producer is not None:
            await abandon_producer(producer)
        if inputs is not None:
            await stop_consumer(inputs)

    def _place(self, topic: Topic) -> TopicPartition:
        """Return the client's name for this partition of a topic."""
        return TopicPartition(topic.value, self.partition)

    def _open_inputs(self) -> AIOKafkaConsumer:
        """Return the consumer of the inputs; raise `KafkaUnavailable` when the partition is not open."""
        if self._inputs is None:
            raise KafkaUnavailable("the partition is not open")
        return self._inputs

    def _pause_all_but(self, inputs: AIOKafkaConsumer, topics: Sequence[Topic]) -> None:
        """Fetch the inputs asked for and no others: what another holds would block the fetch of these."""
        paused = frozenset(POLLED) - frozenset(topics)
        if paused == self._paused:
            return
        inputs.pause(*(self._place(topic) for topic in paused - self._paused))
        inputs.resume(*(self._place(topic) for topic in self._paused - paused))
        self._paused = paused

    def _consumer(self, *, wait_ms: int) -> AIOKafkaConsumer:
        """Return a consumer of committed records, not yet started: places are chosen by us."""
        return lone_consumer(
            self._cluster,
            answer_ms=self._timeouts.answer_ms,
            wait_ms=wait_ms,
            fetch_bytes_max=_FETCH_BYTES_MAX,
        )

    @asynccontextmanager
    async def _reader(self, topic: Topic) -> AsyncIterator[tuple[AIOKafkaConsumer, TopicPartition]]:
        """Lend a consumer of this partition of one topic, apart from the inputs' positions."""
        reader = self._consumer(wait_ms=READ_WAIT_MS)
        place = self._place(topic)
        try:
            async with deadline(self._timeouts.answer_ms, "connecting a reader"):
                await reader.start()
            reader.assign([place])
            yield reader, place
        finally:
            await stop_consumer(reader)

    async def _records(
        self, reader: AIOKafkaConsumer, place: TopicPartition, start: int, end: int
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield the records from `start` to before `end`; a position that moves over markers counts."""
        async for records in records_between(reader, place, start, end, answer_ms=self._timeouts.answer_ms):
            yield records


def _stretches(offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Return sorted offsets as few ranges, the last exclusive: near ones are read in one go."""
    stretches: list[tuple[int, int]] = []
    for offset in offsets:
        if stretches and offset - stretches[-1][1] <= _GAP_OFFSETS_MAX:
            stretches[-1] = (stretches[-1][0], offset + 1)
        else:
            stretches.append((offset, offset + 1))
    return stretches
