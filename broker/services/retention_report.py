"""
What is held, how old it is and why: every topic read once, counted, and nothing of a person repeated.

Ages count from the CloudEvents time of a record, never later than its append. People and forwarding records
are judged by the clock of their partition, as the matcher judges them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.core.errors import MalformedMessage, TopicMissing
from broker.core.partition import Forwarding, PartitionState
from broker.core.person import Person
from broker.core.policy import AnyPolicy
from broker.core.retention import known_since, reason_kept
from broker.ports import PARTITION_STATE_KEY, Archive, Record, Topic
from broker.services.receipt import receipt_of
from broker.wire.state_codec import StateCodec

AGES: tuple[tuple[str, timedelta | None], ...] = (
    ("up to 1 day", timedelta(days=1)),
    ("up to 35 days", timedelta(days=35)),
    ("up to 1 year", timedelta(days=365)),
    ("up to 5 years", timedelta(days=5 * 365)),
    ("over 5 years", None),
)
"""How old a person's record or a forwarding record is, at most."""


_OF_DETAILS = {"details_shelf": "digests of details", "details_search": "visits without a number"}


@dataclass(slots=True, kw_only=True)
class Held:
    """What lies in one topic: records, tombstones among them, and bytes of keys, values and headers."""

    topic: str
    records: int = 0
    tombstones: int = 0
    size: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None

    def take(self, record: Record) -> None:
        """Count a record."""
        self.records += 1
        self.tombstones += record.value is None
        self.size += len(record.key or b"") + len(record.value or b"")
        self.size += sum(len(name) + len(value) for name, value in record.headers)
        at = receipt_of(record)
        self.oldest = at if self.oldest is None else min(self.oldest, at)
        self.newest = at if self.newest is None else max(self.newest, at)


@dataclass(slots=True, kw_only=True)
class State:
    """
    The records of `cpis.people`: people by why they are kept and how old they are, forwarding records by age.

    `details` are digests of details and visits without a number. `unreadable` could not be read. `destroyed`
    is, by input, how many places the logs have forgotten.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    ages: Counter[str] = field(default_factory=Counter)
    forwardings: Counter[str] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    destroyed: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0


class RetentionReport:
    """Reads what the topics of a cluster hold. Both methods raise `KafkaUnavailable`."""

    def __init__(self, archive: Archive, states: StateCodec, policy: AnyPolicy) -> None:
        """Take what reads, and the policy that says what is kept."""
        self._archive = archive
        self._states = states
        self._policy = policy

    async def topics(self, names: Iterable[str]) -> list[Held]:
        """Return what each of these topics holds; one that does not exist is left out."""
        found = []
        for name in names:
            held = Held(topic=name)
            try:
                async for records in self._archive.read(name):
                    for record in records:
                        held.take(record)
            except TopicMissing:
                continue
            found.append(held)
        return found

    async def people(self) -> State:
        """Return why the records of `cpis.people` are kept; raise `TopicMissing` where it is not there."""
        newest: dict[int, dict[bytes, bytes]] = {}
        async for records in self._archive.read(Topic.PEOPLE):
            for record in records:
                table = newest.setdefault(record.partition, {})
                if record.value is None:
                    table.pop(record.key or b"", None)
                else:
                    table[record.key or b""] = record.value
        state = State()
        for table in newest.values():
            self._count(table, state)
        return state

    def _count(self, table: Mapping[bytes, bytes], state: State) -> None:
        """Count one partition's records by its own clock; without one nothing was decided yet."""
        own = table.get(PARTITION_STATE_KEY)
        clock = None if own is None else self._partition(own, state)
        for key, value in table.items():
            if key == PARTITION_STATE_KEY:
                continue
            try:
                what = self._states.of_details(value)
                if what is not None:
                    state.details[_OF_DETAILS[what]] += 1
                    continue
                read = self._states.decode_any(key, value)
            except MalformedMessage:
                state.unreadable += 1
                continue
            if isinstance(read, Person) and clock is not None:
                state.reasons[reason_kept(read, clock, self._policy).value] += 1
                state.ages[_age(clock, known_since(read))] += 1
            elif isinstance(read, Forwarding) and clock is not None:
                state.forwardings[_age(clock, read.last_used)] += 1
            else:
                state.unreadable += 1

    def _partition(self, value: bytes, state: State) -> datetime | None:
        """Return a partition's clock, and count what its logs have forgotten; None for a damaged record."""
        try:
            partition: PartitionState = self._states.decode_partition(value)
        except MalformedMessage:
            state.unreadable += 1
            return None
        state.destroyed.update(partition.destroyed)
        return partition.clock


def _age(clock: datetime, since: datetime | None) -> str:
    """Return how old something is, in words; what holds no fact is new."""
    passed = timedelta() if since is None else clock - since
    return next(name for name, bound in AGES if bound is None or passed <= bound)
