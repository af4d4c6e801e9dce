"""
What becomes of an upload file: every plan a fact, every faulty record kept in `cpis.rejected` (ruling 40).

Knows the file and record codes of the acknowledgement (dossier 3.3). The file counts as taken only once all
of it is durable; taking it twice is harmless, since merging twice is merging once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from broker.core.errors import BrokerError, MalformedMessage, StorageUnusable
from broker.core.facts import PlanFact
from broker.core.identifiers import NhsNumber, aware
from broker.core.keyed import IdentityKey
from broker.ports import Clock, FactLog, Topic, Write
from broker.services.rejections import RECORD_BYTES_MAX, SOURCE, Rejections
from broker.wire.cloudevents import FACT_TYPE, CloudEvent, write_headers
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import Door, Rejected
from broker.wire.upload import Upload
from broker.wire.upload_record import FaultyRecord, ReadRecord, RecordCode
from broker.wire.upload_slices import ReadFile

Read = Callable[[bytes, datetime], Awaitable[ReadFile]]
"""Reads a file without holding the event loop; `read_file` says what it returns and raises."""

RECORDS_PER_APPEND = 200
"""Some 20 ms of sealing and encoding between two turns of the event loop, and one answer of Kafka's."""
BYTES_PER_APPEND = 4_194_304
"""What Kafka acknowledges well within the deadline of one append, also where records are large."""
TOO_LARGE = "record too large"
"""Reason: the fact would not fit a record of Kafka, today or ever."""
DEFECT = "broker defect"
"""Reason: our own code failed on this file; the bytes are kept, so that it can be found and mended."""


class FileCode(StrEnum):
    """The file codes of dossier 3.3 that a file is answered with here."""

    MALFORMED = "CPF01"
    LOADED = "CPF02"
    PARTLY_LOADED = "CPF03"
    NOTHING_LOADED = "CPF04"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One refused record, or the whole file: its code, the stable reason and the XPath; never a value."""

    code: str
    reason: str
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """
    What became of a file, without personal data.

    `records` were loaded, with `plans` plans in all; `declared` is what the file said it holds. `authority`
    and `file_id` are None where its head could not be read; `faults` are words about a file that was read.
    """

    code: FileCode
    file_id: str | None = None
    authority: str | None = None
    declared: int | None = None
    records: int = 0
    plans: int = 0
    refused: tuple[Refused, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether anything of it was loaded."""
        return self.code in {FileCode.LOADED, FileCode.PARTLY_LOADED}

    def report(self) -> dict[str, object]:
        """Return it as JSON."""
        return asdict(self)


class Uploads:
    """The use case behind the drop folder and `cpis upload`. `count` is told `plan accepted` and `kept`."""

    def __init__(
        self,
        facts: FactLog,
        codec: FactCodec,
        rejections: Rejections,
        *,
        read: Read,
        key: IdentityKey,
        clock: Clock,
        count: Callable[[str], None],
    ) -> None:
        self._facts = facts
        self._codec = codec
        self._rejections = rejections
        self._read = read
        self._key = key
        self._clock = clock
        self._count = count

    async def load(self, data: bytes) -> FileResult:
        """Make a file's plans durable, then what is refused.

        Raises `KafkaUnavailable`, `ReaderLost` or `StorageUnusable`: the file is to be taken again.
        """
        received_at = aware(self._clock())
        try:
            file = await self._read(data, received_at)
        except MalformedMessage as fault:
            return await self._refuse_file(data, fault, received_at)
        except BrokerError:
            raise
        except Exception:  # noqa: BLE001 - a defect of ours loses no file and holds up no other
            return await self._refuse_file(data, MalformedMessage(f"CPF01 {DEFECT}"), received_at)
        return await self._load_records(data, file, received_at)

    async def _load_records(self, data: bytes, file: ReadFile, received_at: datetime) -> FileResult:
        """Append the plans of every readable record, then keep the others."""
        upload = file.upload
        records = plans = 0
        refused: list[FaultyRecord] = []
        batch = _Batch(self._facts)
        for record in upload.records:
            written = record if isinstance(record, FaultyRecord) else self._facts_of(record)
            if isinstance(written, FaultyRecord):
                refused.append(written)
            else:
                records += 1
                plans += len(written)
                await batch.add(written)
        for faulty in refused:  # last, since a file that is taken again keeps them once more
            raw = file.slices.get(faulty.location, data)
            await batch.add(self._rejections.writes(_rejected(raw, faulty, upload, received_at)))
        await batch.append()
        self._tell(plans=plans, kept=len(refused))
        return FileResult(
            code=_file_code(records, len(refused)),
            file_id=upload.file_id,
            authority=upload.authority.code,
            declared=upload.declared_count,
            records=records,
            plans=plans,
            refused=tuple(
                Refused(code=faulty.code.value, reason=faulty.reason, location=faulty.location)
                for faulty in refused
            ),
            faults=upload.faults,
        )

    async def _refuse_file(self, data: bytes, fault: MalformedMessage, received_at: datetime) -> FileResult:
        """Keep a file of which nothing could be read."""
        rejected = Rejected(
            door=Door.UPLOAD,
            reason=fault.reason,
            location=fault.location,
            received_at=received_at,
            raw=data,
        )
        batch = _Batch(self._facts)
        await batch.add(self._rejections.writes(rejected))
        await batch.append()
        self._tell(plans=0, kept=1)
        refused = Refused(code=FileCode.MALFORMED.value, reason=fault.reason, location=fault.location)
        return FileResult(code=FileCode.MALFORMED, refused=(refused,))

    def _facts_of(self, record: ReadRecord) -> list[Write] | FaultyRecord:
        """Return the facts of a record, or the record as a faulty one where they can never be written."""
        try:
            writes = [self._fact(number, plan) for number, plan in record.plans]
        except StorageUnusable:  # no key can be made to seal it with: the file is taken again once one can
            raise
        except Exception:  # noqa: BLE001 - a defect of ours holds up no other record
            return FaultyRecord(location=record.location, code=RecordCode.NOT_LOADED, reason=DEFECT)
        if any(_size(write) > RECORD_BYTES_MAX for write in writes):
            return FaultyRecord(location=record.location, code=RecordCode.NOT_LOADED, reason=TOO_LARGE)
        return writes

    def _fact(self, number: NhsNumber, plan: PlanFact) -> Write:
        """Return the record of one plan; the same plan of the same file has the same id."""
        key = plan.content.key
        event = CloudEvent(
            event_id=self._key.derive(
                "plan fact",
                number.key,
                plan.file_id,
                key.authority.code,
                key.plan_type.value,
                key.start.isoformat(),
            ),
            source=SOURCE,
            event_type=FACT_TYPE,
            time=plan.received_at,
            data_schema="plan",
        )
        return Write(
            topic=Topic.PLANS,
            key=number.key,
            value=self._codec.encode(plan, number),
            headers=write_headers(event),
        )

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


def _size(write: Write) -> int:
    """Return the size of a record's value in bytes."""
    return len(write.value or b"")


def _rejected(raw: bytes, faulty: FaultyRecord, upload: Upload, received_at: datetime) -> Rejected:
    """Return what is kept of a faulty record."""
    return Rejected(
        door=Door.UPLOAD,
        reason=f"{faulty.code.value} {faulty.reason}",
        location=faulty.location,
        sender=upload.authority,
        control_id=upload.file_id,
        received_at=received_at,
        raw=raw,
    )


def _file_code(loaded: int, refused: int) -> FileCode:
    """Return the file code for these numbers of records."""
    if not refused:
        return FileCode.LOADED
    return FileCode.PARTLY_LOADED if loaded else FileCode.NOTHING_LOADED
