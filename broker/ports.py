"""The few narrow protocols that the services need from the world outside."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from broker.core.demographics import NumberAnswer, SearchAnswer
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.core.messages import Message, Redrive, Sought
from broker.core.operators import Place

Headers = tuple[tuple[str, bytes], ...]


class Topic(StrEnum):
    """The topics of the broker that do not belong to one recipient (architecture, section 4)."""

    PLANS = "cpis.in.plans"
    IDENTITY = "cpis.in.identity"
    ATTENDANCES = "cpis.in.attendances"
    ACCESSES = "cpis.in.accesses"
    DETAILS = "cpis.in.details"
    PEOPLE = "cpis.people"
    ALERTS = "cpis.alerts"
    WORKLIST = "cpis.worklist"
    REJECTED = "cpis.rejected"
    LATE = "cpis.late"
    AUDIT = "cpis.audit"
    ACKNOWLEDGEMENTS = "cpis.acknowledgements"
    CHECKS = "cpis.checks"
    FEEDS = "cpis.feeds"


INPUTS: tuple[Topic, ...] = (Topic.PLANS, Topic.IDENTITY, Topic.ATTENDANCES, Topic.ACCESSES)
"""The co-partitioned inputs of the matcher, keyed by NHS number."""

POLLED: tuple[Topic, ...] = (*INPUTS, Topic.DETAILS)
"""Everything that a matcher takes: the inputs, and what joins visits without a number, keyed otherwise."""

PARTITION_STATE_KEY = b"#p"
"""Key of the matcher's own record in `cpis.people`, one per partition."""


class Record(Protocol):
    """
    One record as read from a topic. `value` None is a tombstone.

    A protocol and not a class of ours: the Kafka client's own records have this shape, and building a second
    object for each of a nation's attendances would cost more than looking its key up.
    """

    @property
    def topic(self) -> str:
        """Name of the topic."""
        ...

    @property
    def partition(self) -> int:
        """Partition number, from 0."""
        ...

    @property
    def offset(self) -> int:
        """Place in the partition."""
        ...

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970, by the clock that the topic is configured for."""
        ...

    @property
    def key(self) -> bytes | None:
        """For an input the NHS number; None only where a producer broke the rules."""
        ...

    @property
    def value(self) -> bytes | None:
        """The payload, Avro with Confluent framing."""
        ...

    @property
    def headers(self) -> Headers:
        """CloudEvents attributes."""
        ...


@dataclass(frozen=True, slots=True)
class Write:
    """One record to be written; `partition` None lets the default partitioner decide by key."""

    topic: str
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: Headers = ()
    partition: int | None = None


class FactLog(Protocol):
    """Where intake makes what it accepted durable."""

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """
        Return where each record lies, once all are acknowledged by all in-sync replicas, within a deadline.

        The offset is negative where Kafka did not say: of a record that it had already.
        Raise `KafkaUnavailable` otherwise; after a failure refuse at once, without queueing, until a probe
        has succeeded. What was refused may, rarely, still be written: merging makes that harmless.
        Raise `UnwritableRecord` for a record larger than its topic takes, which refuses nobody else.
        """
        ...


class Archive(Protocol):
    """
    Topics read back as they stand, as operators do; what a transaction left uncommitted is not there.

    Every method raises `TopicMissing` for a topic that does not exist and `KafkaUnavailable` when Kafka does
    not answer in time.
    """

    def read(self, topic: str, *, since: Mapping[int, int] | None = None) -> AsyncIterator[Sequence[Record]]:
        """
        Yield everything that a topic holds now, in batches; each partition in offset order.

        Of a partition that `since` names nothing before that offset; a batch is of one partition.
        """
        ...

    async def begins(self, topic: str) -> Mapping[int, int]:
        """Return the offset at which each partition of a topic begins now: what lay before is destroyed."""
        ...

    async def read_one(self, topic: Topic, partition: int, offset: int) -> Record | None:
        """Return the record at a place, None where the log has none there any more or yet."""
        ...


def nothing_known(_partition: int, _offset: int) -> bool:
    """Return that a place must be read."""
    return False


class InputTail(Protocol):
    """An input topic, all partitions of it, followed from its beginning as it grows."""

    def news(self, known: Callable[[int, int], bool] = nothing_known) -> AsyncIterator[Sequence[Record]]:
        """
        Yield what was appended since the last call, up to now, in batches; each partition in offset order.

        What was yielded is not yielded again. `known` says of a place, partition and offset, whether nothing
        need be read there; up to the first of a partition that must be, places are passed over. They are
        asked about in order, and not again once they are known. Raise `KafkaUnavailable` when Kafka does not
        answer in time; the next call then goes on where this one was.
        """
        ...

    async def close(self) -> None:
        """Give the connection back; safe to call twice, and before `news`."""
        ...


class MessageIndex(Protocol):
    """
    What the message desk searches: a projection of the topics, which can be dropped and made anew from them.

    Every method raises `StorageUnusable` where the database cannot be used.
    """

    async def taken(self, topic: str) -> Mapping[int, int]:
        """Return the offset behind the last record taken of each partition that one was taken of."""
        ...

    async def store(self, end: Place, messages: Sequence[Message], redrives: Sequence[Redrive]) -> None:
        """
        Put in what was read of one partition before `end`, in offset order, and note that it was.

        What was taken before, by whomever, is there once.
        """
        ...

    async def forget(self, topic: str, begins: Mapping[int, int]) -> None:
        """Destroy every row about what lay before the places where the partitions of a topic begin."""
        ...

    async def search(self, sought: Sought) -> Sequence[Message]:
        """Return what is sought, newest receipt first."""
        ...

    async def find(self, place: Place) -> Message | None:
        """Return the message at a place, None where none is known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """
    One record that somebody else wrote for us to take.

    `received_at` is when Kafka received it (aware UTC), None where the topic has only its sender's word.
    """

    topic: str
    partition: int
    offset: int
    value: bytes = field(repr=False)
    received_at: datetime | None


class Offers(Protocol):
    """
    Topics that others write to, shared by the processes that take from them: at least once.

    `take` and `done` raise `KafkaUnavailable` when Kafka does not answer in time.
    """

    async def take(self) -> Sequence[Offered]:
        """Return what is there and nobody has taken, in order within a topic; none after a short wait."""
        ...

    async def done(self, taken: Sequence[Offered]) -> None:
        """Say that these, as `take` returned them, are durable elsewhere: they are not offered again."""
        ...

    async def close(self) -> None:
        """Give the topics back; what was not done is offered again. Safe to call twice, and before `take`."""
        ...


class PartitionLog(Protocol):
    """
    One partition as the matcher works it; the numbers are those of architecture.md section 3.

    Every method but `seek` and `close` raises `KafkaUnavailable` when Kafka does not answer in time; `poll`
    and `reached` may instead go by what was fetched before.
    """

    partition: int

    async def open(self) -> None:
        """1. Start the transactional producer: fences a predecessor and settles its open transaction."""
        ...

    async def load_people(self) -> dict[bytes, bytes]:
        """2. Return the newest value of every key of `cpis.people`, to the `read_committed` end."""
        ...

    async def start_offset(self, topic: Topic, since_ms: int) -> int:
        """Return the offset of the first record appended at or after `since_ms` (epoch), else the end."""
        ...

    async def end_offsets(self) -> Mapping[Topic, int]:
        """Return the `read_committed` end of every input."""
        ...

    async def begin_offsets(self) -> Mapping[Topic, int]:
        """Return where the log of every input begins now: what lay before is destroyed."""
        ...

    def scan(self, topic: Topic, start: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """3. Yield an input's records from offset `start` (inclusive) to `end` (exclusive) in batches."""
        ...

    def seek(self, offsets: Mapping[Topic, int]) -> None:
        """Place the inputs; an input that is not named starts at its beginning."""
        ...

    async def reached(self, ends: Mapping[Topic, int]) -> bool:
        """Return whether everything before these offsets has been polled."""
        ...

    async def poll(
        self, topics: Sequence[Topic], *, wait_ms: int, records_max: int
    ) -> Mapping[Topic, Sequence[Record]]:
        """4. Return what these inputs hold, at once or after at most `wait_ms`; each in offset order."""
        ...

    async def read_at(self, topic: Topic, offsets: Sequence[int]) -> Sequence[Record]:
        """Return the records of an input at these offsets, as far as the log still has them."""
        ...

    async def declared_topics(self) -> frozenset[str]:
        """Return the topics that exist now."""
        ...

    async def commit(self, writes: Sequence[Write]) -> None:
        """
        Begin, send, commit, with nothing in between. Every topic written to must exist.

        Raise `Fenced` when another owner took over, `KafkaUnavailable` on any doubtful outcome: the
        caller then drops the partition's memory and starts again at 1.
        """
        ...

    async def close(self) -> None:
        """Give every connection back; safe to call twice, and before `open`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """AES-256-GCM output and the id of the day's key it was made with."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class Sealer(Protocol):
    """Seals what must be destroyable: one key a day, destroyed with the retention of what it sealed."""

    def seal(self, plain: bytes, *, bound_to: bytes) -> Sealed:
        """Seal `plain` under today's key; it opens only together with the same `bound_to`."""
        ...

    def open(self, sealed: Sealed, *, bound_to: bytes) -> bytes:
        """
        Return the plain bytes; raise `UnsealingFailed` when the key is gone or the bytes were altered.

        It is `KeysUnreadable` where nobody can tell whether the key is gone: the bytes may open later.
        """
        ...

    def destroy_before(self, day: date) -> int:
        """Destroy the keys of all days before `day`, and with them what was sealed; return how many."""
        ...


class Demographics(Protocol):
    """
    The source that knows which NHS number is whose, such as the Personal Demographics Service.

    Both methods raise `DemographicsUnavailable` when it does not answer, or not in time: silence is never an
    answer. What they return is the source's word at the time of asking.
    """

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Return what the source says of a number: in use, superseded, invalidated, or not known."""
        ...

    async def search(self, details: Details) -> SearchAnswer:
        """
        Return whether exactly one person in use has these details, all three of them (ruling 21).

        A search with one of them missing finds nobody; a number that is not in use is never found.
        """
        ...


Clock = Callable[[], datetime]
"""Returns the present moment as an aware time; only intake and timers may ask."""
