"""Reads an upload file as intake does, whole: for tests that hold one anyway."""

from dataclasses import dataclass, field
from datetime import datetime

from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import MediaType
from broker.upload_ports import in_memory
from broker.wire.upload_csv import TableMessage, TablePlaces, table_message
from broker.wire.upload_reading import FileReader, FoundRecord, Surveyed, UnreadableFile
from broker.wire.upload_record import FaultyRecord, ReadRecord
from broker.wire.upload_sent import SentHead, SentRecord

STEP = 100_000


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read, with each of its records."""

    surveyed: Surveyed
    found: list[FoundRecord] = field(repr=False)

    @property
    def records(self) -> tuple[ReadRecord | FaultyRecord, ...]:
        """Its records."""
        return tuple(one.record for one in self.found)

    @property
    def slices(self) -> dict[str, bytes]:
        """What is kept of its faulty records, by their places."""
        return {one.record.location: one.raw for one in self.found if isinstance(one.record, FaultyRecord)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file, with what its head says."""

    file_id: str
    created_at: datetime
    authority: OdsCode
    authority_name: str
    phone_office: str | None
    phone_emergency: str
    declared_count: int | None
    records: tuple[ReadRecord | FaultyRecord, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """What is said back of a file."""

    head: SentHead = field(default_factory=SentHead)
    records: tuple[SentRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table as a message, and where the parts of that stand in it."""

    message: bytes
    places: TablePlaces


def read_file(
    data: bytes, received_at: datetime, *, step: int = STEP, media_type: MediaType = MediaType.XML
) -> ReadFile | UnreadableFile:
    """Read a file, handed over in pieces of so many bytes."""
    reader = FileReader(media_type)
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    for piece in pieces:
        if not reader.survey(piece):
            break
    surveyed = reader.surveyed(received_at)
    if isinstance(surveyed, UnreadableFile):
        return surveyed
    found = [one for piece in pieces for one in reader.read(piece)]
    return ReadFile(surveyed, found + reader.rest())


def read_upload(data: bytes, *, received_at: datetime) -> Upload:
    """Read a file; raise `MalformedMessage` where it is refused as a whole."""
    file = read_file(data, received_at)
    if isinstance(file, UnreadableFile):
        raise MalformedMessage(file.reason, location=file.location)
    head = file.surveyed.head
    return Upload(
        file_id=head.file_id,
        created_at=head.created_at,
        authority=head.authority,
        authority_name=head.authority_name,
        phone_office=head.phone_office,
        phone_emergency=head.phone_emergency,
        declared_count=file.surveyed.sent.declared,
        records=file.records,
        faults=file.surveyed.faults,
    )


def read_sent(data: bytes, received_at: datetime) -> SentFile:
    """Read what can be said back of a file."""
    file = read_file(data, received_at)
    if isinstance(file, UnreadableFile):
        return SentFile(head=file.sent)
    return SentFile(head=file.surveyed.sent, records=tuple(one.sent for one in file.found))


def read_table(data: bytes) -> Table:
    """Return a table as the message that says the same."""
    counted = TableMessage()
    counted.feed(data)
    counted.close()
    return Table(b"".join(table_message(in_memory(data))), counted.places)
