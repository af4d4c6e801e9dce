"""
The turns of a matcher at work: take what is there, fold, decide, compare, commit.

Everything here lives between two openings of the partition and is thrown away with any doubt.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from broker.core.alerts import Recipient, RecipientKind
from broker.core.checks import CheckMark
from broker.core.errors import InvalidOdsCode
from broker.core.identifiers import OdsCode
from broker.core.partition import PartitionState
from broker.ports import PARTITION_STATE_KEY, POLLED, PartitionLog, Record, Topic, Write
from broker.services.destructions import Destructions
from broker.services.matching_batch import Batch
from broker.services.matching_details import Heard
from broker.services.matching_output import Poison, Scribe, Told
from broker.services.matching_rules import Rules
from broker.services.matching_sorting import FIRST_INPUTS, INDEXED
from broker.services.matching_sweep import Purpose, Sweep
from broker.services.matching_table import PartitionTable
from broker.services.receipt import receipt_of
from broker.wire.state_codec import StateCodec

SETTLE_EVERY = timedelta(hours=1)
"""By the partition's clock: how often everybody is looked at for what may go."""


_MARKED = {Topic.ATTENDANCES: RecipientKind.PROVIDER, Topic.PLANS: RecipientKind.AUTHORITY}
"""The inputs whose senders get check marks."""


class Notice(StrEnum):
    """What a matcher reports, for logs and metrics."""

    OPENED = "partition opened"
    CAUGHT_UP = "all plans taken"
    WORKING = "partition at work"
    COMMITTED = "transaction committed"
    ABORTED = "transaction given up"
    TOLD = "alert event committed"
    UNPROCESSABLE = "record not processable"
    WITHOUT_TOPIC = "recipient without topic"
    SWEPT = "everybody looked at"
    DESTROYED = "messages destroyed"
    DESTROYED_UNREAD = "messages destroyed unread"
    KAFKA_AWAY = "kafka away"
    KAFKA_BACK = "kafka back"


Report = Callable[[Notice, Mapping[str, int | str]], None]
"""Takes a notice and its fields: counts, codes, places in Kafka, never anything of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Times in seconds and milliseconds, counts in records; a test may hurry them."""

    poll_wait_ms: int = 200  # how long a stop may take
    batch_records_max: int = 5_000  # 25 ms of reading
    turn_s: float = 0.02  # longest work without giving the event loop back
    offsets_every_s: float = 1.0  # what is re-read after a crash: merging makes that harmless
    offsets_every_records: int = 5_000
    rewrite_every_s: float = 3_600.0  # `#p`, so that segments of `cpis.people` roll even when quiet
    beginnings_every_s: float = 3_600.0  # between two looks at where the logs of the inputs begin
    topics_every_s: float = 5.0  # between two looks for a recipient's topic
    backoff_s_min: float = 0.1
    backoff_s_max: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """
    What a partition is worked with.

    `floor` is held by whoever computes: the partitions of one process take turns of `Pace.turn_s`, and
    between two turns the event loop sees to sockets and heartbeats.
    """

    log: PartitionLog
    floor: asyncio.Lock
    states: StateCodec
    scribe: Scribe
    report: Report
    pace: Pace
    rules: Rules
    new_salt: Callable[[], bytes]


class Turns:
    """
    One partition, opened, loaded and placed.

    `state` is `#p` as it was last written; what has moved since is written with the next commit.
    """

    def __init__(self, tools: Tools, table: PartitionTable, state: PartitionState) -> None:
        """Go on from a loaded state; an older one is decided anew in the background."""
        self.state = state
        self._tools = tools
        self._table = table
        self._offsets: dict[str, int] = dict(state.offsets)
        self._rest: Mapping[Topic, Sequence[Record]] = {}
        self._moved = 0
        self._told: list[Told] = []
        self._destructions = Destructions(tools.scribe, state, tools.new_salt)
        self._heard: dict[tuple[Topic, bytes], Record] = {}
        self._topics: frozenset[str] = frozenset()
        self._now = asyncio.get_running_loop().time
        self._looked_at = -tools.pace.topics_every_s
        self._beginnings_at = -tools.pace.beginnings_every_s
        self._committed_at = self._now()
        self._turn_began = self._now()
        self._settled_at: datetime | None = state.clock if state.offsets else None
        self._sweep: Sweep | None = None
        if not tools.rules.decided(state):
            self._sweep = Sweep(table, Purpose.REDECIDE, {})

    @property
    def taken(self) -> Mapping[Topic, int]:
        """How far each input was taken: the offset of the next record."""
        return {topic: self._offsets.get(topic, 0) for topic in POLLED}

    async def take_plans(self, stopping: asyncio.Event) -> None:
        """Take all plans and identities before the first attendance: none meets a half-loaded table."""
        ends = await self._tools.log.end_offsets()
        first = {topic: ends[topic] for topic in FIRST_INPUTS}
        while self._rest or not await self._tools.log.reached(first):
            if stopping.is_set():
                return
            await self.turn(FIRST_INPUTS)
        self.state = replace(self.state, first_load_done=True)
        await self._commit([])
        self._tools.report(Notice.CAUGHT_UP, {"records": len(self._table.people)})

    async def turn(self, topics: Sequence[Topic]) -> None:
        """Take one batch of these inputs to its commit, then a slice of the sweep."""
        pace = self._tools.pace
        await self._note_destroyed()  # before what was destroyed unread is passed over
        polled = self._rest or await self._tools.log.poll(
            topics,
            wait_ms=0 if self._sweep else pace.poll_wait_ms,
            records_max=pace.batch_records_max,
        )
        batch = self._table.sort(polled)
        self._rest = batch.rest
        self._offsets.update({topic.value: offset for topic, offset in batch.offsets.items()})
        self._moved += batch.moved
        for topic in _MARKED:
            self._heard.update({(topic, sender): one for sender, one in batch.heard.get(topic, {}).items()})
        writes = await self._fold(batch)
        if writes:
            await self._commit(writes)  # before the sweep, whose questions to Kafka would hold it up
        swept = await self._sweep_slice()
        if swept or self._due():
            await self._commit(swept)

    async def flush(self) -> None:
        """Write how far the inputs were taken, if that is not known yet: the next owner re-reads less."""
        if self._moved:
            await self._commit([])

    def _due(self) -> bool:
        """Whether `#p` alone is worth a transaction."""
        pace, waited_s = self._tools.pace, self._now() - self._committed_at
        if self._moved:
            return self._moved >= pace.offsets_every_records or waited_s >= pace.offsets_every_s
        return waited_s >= pace.rewrite_every_s

    async def _fold(self, batch: Batch) -> list[Write]:
        """Fold everybody touched, each with what waited in the log for them; return what to write."""
        waited: dict[bytes, list[Record]] = {}
        for topic, offsets in self._table.waiting(batch).items():
            for record in await self._tools.log.read_at(topic, offsets):
                waited.setdefault(record.key or b"", []).append(record)
        writes: list[Write] = []
        poison = list(batch.nobody)
        async with self._tools.floor:
            self._turn_began = self._now()
            for key, records in batch.touched.items():
                anew = self._table.caught_up(key)
                folded = self._table.fold(key, records, waited.get(key, ()))
                writes += (*anew.writes, *folded.writes)
                self._told += (*anew.told, *folded.told)
                writes += self._tools.scribe.late(folded.late, self._table.clock)
                poison += folded.poison
                await self._breathe()
            heard = Heard()
            for record in batch.clues:
                poison += self._table.details.read(record, heard)
                await self._breathe()
            for place, clues in heard.items():
                joined = self._table.details.fold(place, clues)
                writes += joined.writes
                poison += joined.poison
                await self._breathe()
        return writes + [self._poisoned(one) for one in poison]

    def _poisoned(self, poison: Poison) -> Write:
        """Raise the alarm about a record that could not be processed and return its worklist item."""
        record = poison.record
        self._tools.report(
            Notice.UNPROCESSABLE,
            {
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "code": poison.cause,
            },
        )
        return self._tools.scribe.poisoned(poison, self._table.clock)

    async def _breathe(self) -> None:
        """Give the floor to another partition, and the event loop back, when this turn was long enough."""
        if self._spent():
            self._tools.floor.release()
            try:
                await asyncio.sleep(0)
            finally:  # whoever ends here gives back what it has
                await self._tools.floor.acquire()
            self._turn_began = self._now()

    def _spent(self) -> bool:
        """Whether this turn has held the event loop long enough."""
        return self._now() - self._turn_began >= self._tools.pace.turn_s

    async def _note_destroyed(self) -> None:
        """Look, now and then, where the logs begin, and enter in the audit trail what they have forgotten."""
        pace, now = self._tools.pace, self._now()
        if now - self._beginnings_at < pace.beginnings_every_s:
            return
        begins = await self._tools.log.begin_offsets()
        self._beginnings_at = now
        writes, gone, self._table.end = self._destructions.note(
            begins, self.taken, at=self._table.clock, end=self._table.end
        )
        if writes:
            await self._commit(writes)
        for one in gone:
            topic, partition, unread = one.topic.value, self._tools.log.partition, one.unread
            self._tools.report(
                Notice.DESTROYED,
                {"topic": topic, "partition": partition, "count": one.count, "unread": unread},
            )
            if unread:
                self._tools.report(
                    Notice.DESTROYED_UNREAD, {"topic": topic, "partition": partition, "count": unread}
                )

    async def _sweep_slice(self) -> list[Write]:
        """Start a sweep when one is due, go on with the one in hand; return what to write."""
        if self._sweep is None:
            await self._start_settling()
        if self._sweep is None:
            return []
        async with self._tools.floor:
            self._turn_began = self._now()
            writes = self._sweep.slice(self._spent)
            self._told += self._sweep.told
        if self._sweep.done:
            self._finish(self._sweep)
        return writes

    async def _start_settling(self) -> None:
        """Line everybody up once an hour by the partition's clock."""
        clock = self._table.clock
        if self._settled_at is None and self._offsets:
            self._settled_at = clock  # the first start: nobody is old yet
        if self._settled_at is None or clock - self._settled_at < SETTLE_EVERY:
            return
        self._settled_at = clock
        since_ms = int((clock - self._tools.rules.policy.horizon).timestamp() * 1000)
        floors = {topic: await self._tools.log.start_offset(topic, since_ms) for topic in INDEXED}
        self._sweep = Sweep(self._table, Purpose.SETTLE, floors)

    def _finish(self, sweep: Sweep) -> None:
        """Note that everybody has been looked at; after deciding anew that is a fact of the partition."""
        self._sweep = None
        if sweep.purpose is Purpose.REDECIDE:
            rules = self._tools.rules
            self.state = replace(self.state, rules_version=rules.version, policy_version=rules.policy.version)
            self._moved += 1  # so that it is written even when nobody was told anything
        self._tools.report(Notice.SWEPT, {"reason": sweep.purpose.value, "count": sweep.failed})

    async def _commit(self, writes: Sequence[Write]) -> None:
        """Write effects, changed people, audit entries, check marks and `#p` in one transaction."""
        addressed = await self._addressed(writes)
        self.state = replace(
            self.state,
            offsets=dict(self._offsets),
            audit_hash=self._table.end.newest_hash,
            audit_sequence=self._table.end.sequence,
            clock=self._table.clock,
            destroyed=dict(self._destructions.noted),
        )
        own = Write(
            Topic.PEOPLE,
            PARTITION_STATE_KEY,
            self._tools.states.encode_partition(self.state),
            partition=self._tools.log.partition,
        )
        try:
            await self._tools.log.commit([*addressed, *self._marks(), own])
        except BaseException:
            self._tools.report(
                Notice.ABORTED, {"partition": self._tools.log.partition, "count": len(addressed)}
            )
            raise
        self._tools.report(Notice.COMMITTED, {"records": self._moved, "count": len(addressed)})
        self._report_told()
        self._heard.clear()
        self._moved = 0
        self._committed_at = self._now()

    def _marks(self) -> list[Write]:
        """Return a mark for each sender heard since the last commit: what was taken of it is decided now."""
        marks = []
        for (topic, sender), newest in self._heard.items():
            try:
                code = OdsCode(sender.decode("ascii", "replace"))
            except InvalidOdsCode:  # written by a program that is not ours: nothing is claimed about it
                continue
            mark = CheckMark(
                sender=Recipient(kind=_MARKED[topic], code=code),
                partition=self._tools.log.partition,
                offset=self._offsets[topic],
                received_at=receipt_of(newest),
            )
            marks.append(self._tools.scribe.mark(mark))
        return marks

    def _report_told(self) -> None:
        """Report each alert event that has just been committed."""
        for told in self._told:
            received: dict[str, int | str] = {}
            if told.received_at is not None:
                received["received_ms"] = int(told.received_at.timestamp() * 1000)
            self._tools.report(
                Notice.TOLD, {"kind": told.kind.value, "audience": told.audience.value, **received}
            )
        self._told.clear()

    async def _addressed(self, writes: Sequence[Write]) -> list[Write]:
        """Return the writes whose topic exists, and an item for each recipient that has none."""
        wanted = {write.topic for write in writes}
        if not wanted <= self._topics and self._now() - self._looked_at >= self._tools.pace.topics_every_s:
            self._topics = await self._tools.log.declared_topics()
            self._looked_at = self._now()
        missing = {topic for topic in wanted - self._topics if topic.startswith(f"{Topic.ALERTS}.")}
        for topic in missing:
            self._tools.report(Notice.WITHOUT_TOPIC, {"topic": topic})
        items = [self._tools.scribe.without_topic(topic, self._table.clock) for topic in sorted(missing)]
        return [write for write in writes if write.topic not in missing] + items
