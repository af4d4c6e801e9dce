"""
The in-memory twin of Kafka: topics, partitions, offsets, transactions and fencing in one process.

The reference for what `FactLog` and `PartitionLog` promise; one contract suite runs over it and the real one.
Knows no technology, keeps nothing when the process ends.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from broker.core.errors import Fenced, KafkaUnavailable, UnwritableRecord
from broker.core.operators import Place
from broker.ports import INPUTS, POLLED, Headers, Record, Topic, Write

PARTITIONS_DEFAULT = 6  # as many as deploy/topics.toml declares
RECORD_BYTES_MAX_DEFAULT = 1024 * 1024 * 16  # more than any topic of ours takes
_SCAN_BATCH_RECORDS = 100  # small, so that tests see more than one batch
_FIRST_APPEND_MS = 2_000_000_000_000  # later than any receipt in a test


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRecord:
    """One record; `offset` is its place in the partition, `timestamp` milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: Headers = ()


@dataclass(slots=True)
class _Partition:
    """A log: records by offset, with gaps where markers stand or the beginning was deleted."""

    records: dict[int, MemoryRecord] = field(default_factory=dict)
    begin: int = 0
    end: int = 0

    def between(self, start: int, end: int, records_max: int) -> list[MemoryRecord]:
        """Return at most `records_max` records from `start` to before `end`, in offset order."""
        found: list[MemoryRecord] = []
        for offset in range(start, end):
            record = self.records.get(offset)
            if record is not None:
                found.append(record)
                if len(found) == records_max:
                    break
        return found


class MemoryKafka:
    """
    A cluster of one process.

    `topics` are declared, each with `partitions` partitions; a write to any other is refused. `clock_ms`
    stamps what is appended (milliseconds since 1970; by default it counts up from 2033). A value of more than
    `record_bytes_max` is refused. While `available` is False everything raises `KafkaUnavailable`.
    """

    def __init__(
        self,
        topics: Iterable[str] = tuple(Topic),
        *,
        partitions: int = PARTITIONS_DEFAULT,
        record_bytes_max: int = RECORD_BYTES_MAX_DEFAULT,
        clock_ms: Callable[[], int] | None = None,
    ) -> None:
        """Declare the topics, all empty."""
        self.available = True
        self._record_bytes_max = record_bytes_max
        self._partitions = partitions
        self._clock_ms = clock_ms or count(_FIRST_APPEND_MS).__next__
        self._logs: dict[str, list[_Partition]] = {}
        self._epochs: dict[str, int] = {}
        self._waiting: set[asyncio.Future[None]] = set()
        for topic in topics:
            self.declare(topic)

    @property
    def topics(self) -> frozenset[str]:
        """The declared topics."""
        return frozenset(self._logs)

    def declare(self, topic: str) -> None:
        """Create a topic; harmless when it exists."""
        self._logs.setdefault(str(topic), [_Partition() for _ in range(self._partitions)])

    def partition_of(self, key: bytes | None) -> int:
        """Return the partition of a key: any stable spread will do here."""
        return zlib.crc32(key or b"") % self._partitions

    def read(self, topic: str) -> list[MemoryRecord]:
        """Return everything a `read_committed` reader finds in a topic, partition by partition."""
        return [record for log in self._log(topic) for record in log.records.values()]

    def end(self, topic: str, partition: int) -> int:
        """Return the offset behind the last record or marker."""
        return self._log(topic)[partition].end

    def begins(self, topic: str) -> dict[int, int]:
        """Return the offset at which each partition of a topic begins."""
        return {partition: log.begin for partition, log in enumerate(self._log(topic))}

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Move the beginning of a log, as retention does."""
        log = self._log(topic)[partition]
        for gone in [place for place in log.records if place < offset]:
            del log.records[gone]
        log.begin = max(log.begin, offset)

    def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """
        Append outside any transaction, all or nothing, and return where each record lies.

        Raises `KafkaUnavailable`, `UnwritableRecord`.
        """
        return self._write(writes, markers=False)

    def take(self, transactional_id: str) -> int:
        """Start an epoch of a transactional id and return it: every earlier one is fenced."""
        self.check()
        self._epochs[transactional_id] = self._epochs.get(transactional_id, 0) + 1
        return self._epochs[transactional_id]

    def commit(self, transactional_id: str, epoch: int, writes: Sequence[Write]) -> None:
        """Append all and a marker on each partition touched; `Fenced` when the epoch is not the newest."""
        self.check()
        if self._epochs[transactional_id] != epoch:
            raise Fenced
        self._write(writes, markers=True)

    def check(self) -> None:
        """Raise `KafkaUnavailable` while the cluster is away."""
        if not self.available:
            raise KafkaUnavailable

    def log(self, topic: str, partition: int) -> _Partition:
        """Return one partition for reading; raises `KafkaUnavailable`."""
        self.check()
        return self._log(topic)[partition]

    async def wait_for_more(self, wait_ms: int) -> None:
        """Return at the next append, or after `wait_ms`."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait({waiter}, timeout=wait_ms / 1000)
        finally:
            self._waiting.discard(waiter)
            waiter.cancel()

    def _log(self, topic: str) -> list[_Partition]:
        """Return a topic's partitions; an undeclared topic is as good as an absent cluster."""
        if topic not in self._logs:
            raise KafkaUnavailable(f"topic {topic} is not declared")
        return self._logs[topic]

    def _write(self, writes: Sequence[Write], *, markers: bool) -> Sequence[Place]:
        """Append, then wake whoever waits; return where each record lies."""
        self.check()
        logs = [self._log(write.topic) for write in writes]  # all or nothing: look before writing
        if any(len(write.value or b"") > self._record_bytes_max for write in writes):
            raise UnwritableRecord("a record is larger than its topic takes")
        touched: dict[int, _Partition] = {}
        places: list[Place] = []
        for write, partitions in zip(writes, logs, strict=True):
            number = self.partition_of(write.key) if write.partition is None else write.partition
            log = partitions[number]
            log.records[log.end] = MemoryRecord(
                topic=str(write.topic),
                partition=number,
                offset=log.end,
                timestamp=self._clock_ms(),
                key=write.key,
                value=write.value,
                headers=write.headers,
            )
            places.append(Place(topic=str(write.topic), partition=number, offset=log.end))
            log.end += 1
            touched[id(log)] = log
        if markers:
            for log in touched.values():
                log.end += 1
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        return places


class MemoryFactLog:
    """`FactLog` on a `MemoryKafka`."""

    def __init__(self, kafka: MemoryKafka) -> None:
        """Write to this cluster."""
        self._kafka = kafka

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """Append every record, or raise `KafkaUnavailable` and append none."""
        return self._kafka.append(writes)


class MemoryPartitionLog:
    """`PartitionLog` on a `MemoryKafka`."""

    def __init__(self, kafka: MemoryKafka, application_id: str, partition: int) -> None:
        """Connect to nothing yet."""
        self.partition = partition
        self._kafka = kafka
        self._transactional_id = f"{application_id}-matcher-{partition}"
        self._epoch: int | None = None
        self._positions: dict[Topic, int] = {}

    async def open(self) -> None:
        """1. Take the transactional id: fences a predecessor."""
        self._epoch = self._kafka.take(self._transactional_id)
        self._positions = dict.fromkeys(POLLED, 0)

    async def load_people(self) -> dict[bytes, bytes]:
        """2. Return the newest value of every key of `cpis.people`."""
        people: dict[bytes, bytes] = {}
        for record in self._kafka.log(Topic.PEOPLE, self.partition).records.values():
            if record.key is None:
                continue
            if record.value is None:
                people.pop(record.key, None)
            else:
                people[record.key] = record.value
        return people

    async def start_offset(self, topic: Topic, since_ms: int) -> int:
        """Return the offset of the first record appended at or after `since_ms` (epoch), else the end."""
        log = self._kafka.log(topic, self.partition)
        return next((r.offset for r in log.records.values() if r.timestamp >= since_ms), log.end)

    async def end_offsets(self) -> Mapping[Topic, int]:
        """Return the end of every input."""
        return {topic: self._kafka.log(topic, self.partition).end for topic in POLLED}

    async def begin_offsets(self) -> Mapping[Topic, int]:
        """Return where the log of every input begins now."""
        self._require_open()
        return {topic: self._kafka.log(topic, self.partition).begin for topic in INPUTS}

    async def scan(self, topic: Topic, start: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """3. Yield an input's records from offset `start` (inclusive) to `end` (exclusive) in batches."""
        log = self._kafka.log(topic, self.partition)
        while found := log.between(start, end, _SCAN_BATCH_RECORDS):
            yield found
            start = found[-1].offset + 1

    def seek(self, offsets: Mapping[Topic, int]) -> None:
        """Place the inputs; an input that is not named starts at its beginning."""
        self._require_open()
        self._positions = {topic: offsets.get(topic, 0) for topic in POLLED}

    async def reached(self, ends: Mapping[Topic, int]) -> bool:
        """Return whether everything before these offsets has been polled."""
        self._require_open()
        return all(self._positions[topic] >= end for topic, end in ends.items())

    async def poll(
        self, topics: Sequence[Topic], *, wait_ms: int, records_max: int
    ) -> Mapping[Topic, Sequence[Record]]:
        """4. Return what these inputs hold, at once or after at most `wait_ms`; each in offset order."""
        self._require_open()
        found = self._take(topics, records_max)
        if not found:
            await self._kafka.wait_for_more(wait_ms)
            found = self._take(topics, records_max)
        return found

    async def read_at(self, topic: Topic, offsets: Sequence[int]) -> Sequence[Record]:
        """Return the records of an input at these offsets, as far as the log still has them."""
        records = self._kafka.log(topic, self.partition).records
        return [records[offset] for offset in sorted(set(offsets)) if offset in records]

    async def declared_topics(self) -> frozenset[str]:
        """Return the topics that exist now."""
        self._kafka.check()
        return self._kafka.topics

    async def commit(self, writes: Sequence[Write]) -> None:
        """Write everything or nothing; after a failure only `open` helps."""
        epoch = self._require_open()
        self._epoch = None
        self._kafka.commit(self._transactional_id, epoch, writes)
        self._epoch = epoch

    async def close(self) -> None:
        """Forget the epoch; safe to call twice, and before `open`."""
        self._epoch = None

    def _require_open(self) -> int:
        """Return the epoch; raise `KafkaUnavailable` when the partition is not open."""
        if self._epoch is None:
            raise KafkaUnavailable("the partition is not open")
        return self._epoch

    def _take(self, topics: Sequence[Topic], records_max: int) -> dict[Topic, Sequence[Record]]:
        """Return at most `records_max` records in all and move the positions behind them."""
        found: dict[Topic, Sequence[Record]] = {}
        for topic in topics:
            log = self._kafka.log(topic, self.partition)
            records = log.between(self._positions[topic], log.end, records_max)
            records_max -= len(records)
            if records:
                found[topic] = records
            complete = records_max > 0
            self._positions[topic] = log.end if complete else self._after(topic, records)
            if not complete:
                break
        return found

    def _after(self, topic: Topic, records: Sequence[Record]) -> int:
        """Return the position behind these records, or the present one when there are none."""
        return records[-1].offset + 1 if records else self._positions[topic]
