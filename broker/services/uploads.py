"""
What becomes of an upload file: every plan a fact, every faulty record kept in `cpis.rejected` (ruling 40).

Gives the file its code, and each record its own, for the acknowledgement (dossier 3.3). The file counts as
taken only once all of it is durable; taking it twice is harmless, since merging twice is merging once.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import chain, groupby
from typing import NamedTuple

from broker.core.clock import as_recorded
from broker.core.errors import BrokerError, DemographicsUnavailable, ReaderLost, StorageUnusable
from broker.core.facts import IdentityNotice, PlanFact, PlanKey
from broker.core.identifiers import NhsNumber, OdsCode, aware, london_day
from broker.core.kept_uploads import MediaType
from broker.core.keyed import IdentityKey
from broker.core.plans import last_visible_day
from broker.ports import Clock, FactLog, Write
from broker.services.fact_writes import fact_write, record_of
from broker.services.feed_health import FeedLog
from broker.services.plans_held import Late, PlansHeld
from broker.services.rejections import RECORD_BYTES_MAX, SOURCE, Rejections
from broker.services.upload_reading import Read, Reading
from broker.services.waiting_records import WaitingRecords
from broker.upload_ports import Content, in_memory
from broker.wire.facts_codec import FactCodec
from broker.wire.record_answers import GROUP, RecordAnswer, RecordAnswers
from broker.wire.records_codec import Door, Rejected
from broker.wire.upload import AUTHOR_ID
from broker.wire.upload_answer import FileAnswer, refuse_file, send_again
from broker.wire.upload_codes import DEFECT, FileCode, RecordCode
from broker.wire.upload_reading import Surveyed, UnreadableFile
from broker.wire.upload_record import FaultyRecord, FileHead, ReadRecord

RECORDS_PER_APPEND = 200
"""Some 20 ms of sealing and encoding between two turns of the event loop, and one answer of Kafka's."""
BYTES_PER_APPEND = 4_194_304
"""What Kafka acknowledges well within the deadline of one append, also where records are large."""
TOO_LARGE = "record too large"
"""Reason: the fact would not fit a record of Kafka, today or ever."""
OUT_OF_VIEW = "out of view when it was recorded: kept as history, which ends a plan on file and alerts nobody"
"""Reason, beside CPR07, though it is made a fact: no plan of it was to be shown, none was removed (18)."""
ENDED_LATE = "ended late: out of view when it was recorded, and applied to the plan on file"
"""Note beside CPR06: every plan of it is on file in view, and ended by it (ruling 18)."""
PARTLY_OUT_OF_VIEW = "one of its plans was out of view when it was recorded, and is kept as history"
"""Note about a record that was taken: a plan of it alerts nobody by what it says (ruling 18)."""
NOT_ITS_OWN = "another authority's file"
"""Reason: whoever handed it in may not send for the authority that the file names."""


About = frozenset[tuple[NhsNumber, PlanKey]]
"""What a record is about: its plans, each with the number it is under."""


def about_of(record: ReadRecord) -> About:
    """Return what a record is about."""
    return frozenset((number, plan.content.key) for number, plan in record.plans)


class _Taken(NamedTuple):
    """A record of which facts are made: these, its code, and what is to be said about it."""

    writes: list[Write]
    code: RecordCode
    words: str
    late: tuple[Late, ...]


class Uploads:
    """
    The use case behind the drop folder and `cpis upload`. `count` is told `plan accepted` and `kept`.

    `held` knows which plans are on file, for the answer to a late end (18); None where nobody is answered.
    """

    def __init__(  # noqa: PLR0913 - what a use case needs is its arguments
        self,
        facts: FactLog,
        codec: FactCodec,
        rejections: Rejections,
        waiting: WaitingRecords,
        *,
        feeds: FeedLog,
        read: Read,
        key: IdentityKey,
        clock: Clock,
        count: Callable[[str], None],
        held: PlansHeld | None = None,
    ) -> None:
        self._facts = facts
        self._codec = codec
        self._rejections = rejections
        self._waiting = waiting
        self._feeds = feeds
        self._read = read
        self._key = key
        self._policy = waiting.policy
        self._clock = clock
        self._count = count
        self._held = held
        self._said_protected: dict[About, frozenset[NhsNumber]] = {}  # of records that are asked about again

    async def load(
        self,
        content: Content,
        *,
        media_type: MediaType = MediaType.XML,
        senders: frozenset[OdsCode] | None = None,
        at_once: bool = False,
        received_at: datetime | None = None,
    ) -> FileAnswer:
        """
        Make a file's plans durable, and what is refused of it; the whole of a file by none of `senders` is.

        Nothing is loaded of a file before all of it was looked through; then it is in turns, so that it is
        never held whole. `received_at` is when its bytes first came, the present moment unless given. Raises
        `KafkaUnavailable`, `ReaderLost` or `StorageUnusable`: the file is to be taken again. Where the
        demographic source does not answer, its sender is told so `at_once` (CPF05, R16), whatever was loaded
        by then; else that is raised as `DemographicsUnavailable`.
        """
        received_at = aware(received_at or self._clock())
        async with self._read(content, media_type) as reading:
            try:
                file = await reading.survey(received_at)
            except BrokerError:
                raise
            except Exception:  # noqa: BLE001 - a defect of ours loses no file and holds up no other
                file = UnreadableFile(f"{FileCode.MALFORMED} {DEFECT}", "/")
            if isinstance(file, Surveyed) and senders is not None and file.head.authority not in senders:
                reason = f"{FileCode.MALFORMED} {NOT_ITS_OWN}"
                file = UnreadableFile(reason, AUTHOR_ID, file.sent, file.found, file.places)
            if isinstance(file, UnreadableFile):
                return await self._refuse_file(content, file, received_at, senders)
            try:
                return await self._load_records(reading, file, received_at)
            except DemographicsUnavailable:
                if not at_once:
                    raise
            return send_again(file.sent, file.found)

    async def _load_records(self, reading: Reading, file: Surveyed, received_at: datetime) -> FileAnswer:
        """Take the records in turns: examine them, then append what is taken and what is refused of them."""
        answers = RecordAnswers()
        held, late = self._held, dict[int, tuple[Late, ...]]()
        plans = kept = 0
        batch = _Batch(self._facts)
        async for found in reading.records():
            examined = await self._waiting.examined_all([one.record for one in found], received_at)
            for one, (record, protected) in zip(found, examined, strict=True):
                await batch.add([self._protected(number, notice) for number, notice in protected])
                taken = record if isinstance(record, FaultyRecord) else self._facts_of(record)
                if isinstance(taken, FaultyRecord):
                    kept += 1
                    raw = one.raw if taken.kept else None
                    await batch.add(self._waiting.writes(taken, received_at))
                    await batch.add(self._rejections.writes(_rejected(raw, taken, file.head, received_at)))
                    code, words = taken.code, taken.reason
                else:
                    plans += len(taken.writes)
                    await batch.add(taken.writes)
                    code, words = taken.code, taken.words
                    if taken.late and held is not None and len(late) < held.most:
                        late[len(answers)] = taken.late
                answers.add(RecordAnswer(code=code, location=record.location, words=words, sent=one.sent))
        if len(answers) != file.found:  # else its sender would be told that all of it is loaded
            raise ReaderLost("other records of the file were read than were counted")
        if late and held is not None:
            await batch.append()
            await _amend(answers, late, held)
        answered = FileAnswer(
            code=_file_code(answers),
            head=file.sent,
            found=len(answers),
            records=answers,
            plans=plans,
            notes=file.faults,
            places=file.places,
        )
        await batch.add(self._feeds.writes(answered, received_at, created_at=file.head.created_at))
        await batch.append()
        self._tell(plans=plans, kept=kept)
        return answered

    async def ask_again(self, data: bytes, first_received_at: datetime, tried: set[About]) -> bool:
        """
        Ask the demographic source once more about a record that it refused; load it where it agrees (R14).

        `data` is the file of that one record, which counts from its first receipt on (ruling 37); what it
        says of a plan of a number among `tried` is not looked at, and else is among them from now on. Nothing
        is kept of it anew: it lies where it lay. That the source protects a subject is said all the same,
        once for as long as it does: another's plan may be on file (ruling 24). Raises as `load` does. Returns
        whether it was loaded.
        """
        record = await self._only_record(data, first_received_at)
        if record is None or (about := about_of(record)) in tried:
            return False
        tried.add(about)
        examined, protected = await self._waiting.examined(record, aware(self._clock()))
        taken = examined if isinstance(examined, FaultyRecord) else self._facts_of(examined)
        batch = _Batch(self._facts)
        said = self._said_protected.pop(about, frozenset())
        if isinstance(taken, FaultyRecord):
            fresh = [(number, notice) for number, notice in protected if number not in said]
            await batch.add([self._protected(number, notice) for number, notice in fresh])
            await batch.append()
            if protected:
                self._said_protected[about] = frozenset(number for number, _ in protected)
            return False
        await batch.add([self._protected(number, notice) for number, notice in protected])
        await batch.add(taken.writes)
        await batch.append()
        self._tell(plans=len(taken.writes), kept=0)
        return True

    async def _only_record(self, data: bytes, received_at: datetime) -> ReadRecord | None:
        """Return the record of a file that has one, None where it cannot be read, or has several."""
        async with self._read(in_memory(data), MediaType.XML) as reading:
            file = await reading.survey(received_at)
            if isinstance(file, UnreadableFile) or file.found != 1:
                return None
            [record] = [one.record async for found in reading.records() for one in found]
        return None if isinstance(record, FaultyRecord) else record

    async def _refuse_file(
        self,
        content: Content,
        file: UnreadableFile,
        received_at: datetime,
        senders: frozenset[OdsCode] | None,
    ) -> FileAnswer:
        """Keep a file of which nothing could be read, or nothing is taken from who handed it in."""
        rejected = Rejected(
            door=Door.UPLOAD,
            reason=file.reason,
            location=file.location,
            received_at=received_at,
            raw=None,
        )
        batch = _Batch(self._facts)
        parts = self._rejections.parts(rejected, content)
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            await batch.add([part])
        reason = file.reason.removeprefix(f"{FileCode.MALFORMED} ")
        answered = refuse_file(
            reason, location=file.location, sent=file.sent, found=file.found, places=file.places
        )
        await batch.add(self._feeds.writes(answered, received_at, senders=senders))
        await batch.append()
        self._tell(plans=0, kept=1)
        return answered

    def _said_of(self, record: ReadRecord) -> tuple[RecordCode, str, tuple[Late, ...]]:
        """
        Return the code of a record that can be written, the words beside it, and what may be ended late (18).

        One that was out of view all along is not loaded, since its end may be a slip, unless all that it says
        is the late end of plans that are held.
        """
        gone = [
            plan.content.deleted is None
            and last_visible_day(plan.content, self._policy.at(plan.recorded_at))
            < london_day(plan.recorded_at)
            for _, plan in record.plans
        ]
        if all(gone):
            late = [
                Late(number, plan.content.key, as_recorded(plan.recorded_at, plan.received_at))
                for number, plan in record.plans
            ]
            return RecordCode.NOT_LOADED, OUT_OF_VIEW, tuple(late)
        return RecordCode.LOADED, PARTLY_OUT_OF_VIEW if any(gone) else "", ()

    def _facts_of(self, record: ReadRecord) -> _Taken | FaultyRecord:
        """Return the facts of a record and its code, or it as a faulty one where they can never be kept."""
        try:
            writes = [self._fact(number, plan) for number, plan in record.plans]
        except StorageUnusable:  # no key can be made to seal it with: the file is taken again once one can
            raise
        except Exception:  # noqa: BLE001 - a defect of ours holds up no other record
            return _never_kept(record, DEFECT)
        if any(_size(write) > RECORD_BYTES_MAX for write in writes):
            return _never_kept(record, TOO_LARGE)
        return _Taken(writes, *self._said_of(record))

    def _protected(self, number: NhsNumber, notice: IdentityNotice) -> Write:
        """Return the record that the demographic source protects a person (ruling 24)."""
        return fact_write(self._codec, notice, number, notice.notice_id, SOURCE)

    def _fact(self, number: NhsNumber, plan: PlanFact) -> Write:
        """Return the record of one plan; the same plan of the same file has the same id."""
        key = plan.content.key
        sender = key.authority.code
        plan_id = self._key.derive(
            "plan fact", number.key, plan.file_id, sender, key.plan_type.value, key.start.isoformat()
        )
        return record_of(plan, self._codec.encode(plan, number), number, plan_id, SOURCE, sender)

    def _tell(self, *, plans: int, kept: int) -> None:
        """Count what is durable."""
        for _ in range(plans):
            self._count("plan accepted")
        for _ in range(kept):
            self._count("kept")


class _Batch:
    """Appends many records, so many at a time as Kafka acknowledges in one append."""

    def __init__(self, facts: FactLog) -> None:
        self._facts = facts
        self._writes: list[Write] = []
        self._bytes = 0

    async def add(self, writes: list[Write]) -> None:
        """Take records; append whenever there are enough."""
        for write in writes:
            self._writes.append(write)
            self._bytes += _size(write)
            if len(self._writes) >= RECORDS_PER_APPEND or self._bytes >= BYTES_PER_APPEND:
                await self.append()

    async def append(self) -> None:
        """Append what is left."""
        if self._writes:
            await self._facts.append(self._writes)
            self._writes, self._bytes = [], 0


async def _amend(answers: RecordAnswers, late: Mapping[int, tuple[Late, ...]], held: PlansHeld) -> None:
    """Answer the records that do nothing but end plans which are held as loaded, with a note (ruling 18)."""
    on_file = await held.among(frozenset(chain.from_iterable(late.values())))
    ends = [place for place, plans in late.items() if on_file.issuperset(plans)]
    for _, together in groupby(ends, key=lambda place: place // GROUP):
        answers.amend(list(together), RecordCode.LOADED, ENDED_LATE)
        await asyncio.sleep(0)


def _size(write: Write) -> int:
    """Return the size of a record's value in bytes."""
    return len(write.value or b"")


def _never_kept(record: ReadRecord, reason: str) -> FaultyRecord:
    """Return a record whose facts can never be kept: every subject waits under its number (ruling 41)."""
    numbered = tuple((number, plan.content) for number, plan in record.plans)
    return FaultyRecord(
        location=record.location, code=RecordCode.NOT_LOADED, reason=reason, numbered=numbered
    )


def _rejected(raw: bytes | None, faulty: FaultyRecord, head: FileHead, received_at: datetime) -> Rejected:
    """Return what is kept of a faulty record."""
    return Rejected(
        door=Door.UPLOAD,
        reason=f"{faulty.code.value} {faulty.reason}",
        location=faulty.location,
        sender=head.authority,
        control_id=head.file_id,
        received_at=received_at,
        raw=raw,
    )


def _file_code(answers: RecordAnswers) -> FileCode:
    """Return the code of a file with these answers."""
    loaded = answers.codes[RecordCode.LOADED]
    if loaded == len(answers):
        return FileCode.LOADED
    return FileCode.PARTLY_LOADED if loaded else FileCode.NOTHING_LOADED
