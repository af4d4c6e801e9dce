"""
An upload file read piece by piece, in memory that does not grow with it: first surveyed, then read.

The survey says whether the file can be read at all, so that nothing of one that cannot is loaded; only then
each record is read, with the bytes that are kept of it where it is refused.
"""

from collections import deque
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from broker.core.errors import MalformedMessage
from broker.core.kept_uploads import MediaType
from broker.wire.hl7v3 import NAMESPACE
from broker.wire.record_bytes import RecordBytes
from broker.wire.record_stream import FILE_PARTS, RECORD, RecordStream
from broker.wire.upload import read_heading
from broker.wire.upload_codes import DEFECT, FileCode, RecordCode
from broker.wire.upload_csv import TableMessage, TablePlaces
from broker.wire.upload_heading import HEAD_BYTES_MAX
from broker.wire.upload_record import FaultyRecord, FileHead, ReadRecord, read_record
from broker.wire.upload_sent import SentHead, SentRecord, sent_head, sent_record

RECORDS_MAX = 250_000
"""How many records a file may have: ten times what the largest authority has."""
_HEAD_PARTS = FILE_PARTS - {RECORD}
TOO_MANY = "too many records"
"""Reason: the file has more records than are taken of one."""
TOO_LONG = "the head of the file is too large"
"""Reason: each record is kept with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """A file that can be read: what its head says, and how many records it has; `places` are a table's."""

    head: FileHead
    sent: SentHead
    found: int
    faults: tuple[str, ...] = ()
    places: TablePlaces | None = None


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that is refused as a whole: the stable reason, the place, and what can be said back of it."""

    reason: str
    location: str
    sent: SentHead = field(default_factory=SentHead)
    found: int = 0
    places: TablePlaces | None = None


class FoundRecord(NamedTuple):
    """
    A record of a file, and what its answer says back.

    `raw` is what is kept of it where it is refused: its bytes, or, of one that was read, a file of its own
    with the head of its file, which can be taken again.
    """

    record: ReadRecord | FaultyRecord
    sent: SentRecord
    raw: bytes

    def __repr__(self) -> str:
        """Return its place alone: a traceback must not name a person."""
        return f"FoundRecord({self.record.location})"


class FileReader:
    """
    Reads one file: all its pieces are shown to `survey`, then `surveyed` says what it is.

    Where that is `Surveyed` the same pieces are shown to `read`, and `rest` has what is left.
    """

    def __init__(self, media_type: MediaType = MediaType.XML, records_max: int = RECORDS_MAX) -> None:
        """Begin a file of that form, which may have so many records."""
        self._is_table = media_type is MediaType.CSV
        self._records_max = records_max
        self._table = TableMessage() if self._is_table else None
        self._stream = RecordStream()
        self._found = 0
        self._fault: MalformedMessage | None = None
        self._records: _Records  # once surveyed

    def survey(self, piece: bytes) -> bool:
        """Look at what comes next; return whether the rest needs to be shown as well."""
        try:
            self._show(piece if self._table is None else self._table.feed(piece))
        except MalformedMessage as fault:
            self._fault = fault
        return self._fault is None

    def surveyed(self, received_at: datetime) -> Surveyed | UnreadableFile:
        """Return what the file is; `received_at` (aware) is the first receipt of the same bytes."""
        places = None
        try:
            if self._fault is not None:
                raise self._fault
            if self._table is not None:
                self._show(self._table.close())
                places = self._table.places
            root = self._stream.close()
        except MalformedMessage as fault:
            return UnreadableFile(f"{FileCode.MALFORMED} {fault.reason}", fault.location)
        sent = _said_back(root)
        try:
            _check(root, self._found, self._records_max)
            heading = read_heading(
                root,
                found=self._found,
                unexpected=self._stream.unexpected,
                received_at=received_at,
                may_be_empty=self._is_table,
            )
        except MalformedMessage as fault:
            reason = f"{FileCode.MALFORMED} {fault.reason}"
            return UnreadableFile(reason, fault.location, sent, self._found, places)
        self._table = TableMessage(rows=self._found) if self._is_table else None
        self._records = _Records(heading.head, _head_parts(root))
        return Surveyed(head=heading.head, sent=sent, found=self._found, faults=heading.faults, places=places)

    def read(self, piece: bytes) -> list[FoundRecord]:
        """Return the records that are complete with what comes next."""
        return self._records.feed(piece if self._table is None else self._table.feed(piece))

    def rest(self) -> list[FoundRecord]:
        """Return the records that are left at the end."""
        found = [] if self._table is None else self._records.feed(self._table.close())
        return found + self._records.close()

    def _show(self, message: bytes) -> None:
        """Count the records of a part of the message."""
        self._found += len(self._stream.feed(message))


@dataclass(slots=True)
class _Records:
    """
    Reads the records of a file whose head is known, and cuts the bytes of each.

    `parts` are those of the head, wherever they stand in the file.
    """

    head: FileHead
    parts: tuple[Element, ...]
    _stream: RecordStream = field(default_factory=RecordStream)
    _bytes: RecordBytes = field(default_factory=RecordBytes)
    _read: deque[tuple[Element, ReadRecord | FaultyRecord, SentRecord]] = field(default_factory=deque)
    _position: int = 0
    _is_behind: bool = False

    def feed(self, piece: bytes) -> list[FoundRecord]:
        """Take what came next; return the records that are read and cut."""
        self._bytes.feed(piece)
        self._read_all(piece)
        return list(self._complete())

    def close(self) -> list[FoundRecord]:
        """Return the records that are left."""
        self._bytes.feed(b"", last=True)
        self._stream.close()
        return list(self._complete())

    def _read_all(self, piece: bytes) -> None:
        """Read what is complete."""
        for element in self._stream.feed(piece):
            self._position += 1
            if self._position == 1:
                before = sum(one.tag in _HEAD_PARTS for one in element.itersiblings(preceding=True))
                self._is_behind = before < len(self.parts)
            location = f"/File/record[{self._position}]"
            try:
                record = read_record(element, location, self.head)
            except Exception:  # noqa: BLE001 - a defect of ours holds up no other record
                record = FaultyRecord(location=location, code=RecordCode.NOT_LOADED, reason=DEFECT)
            self._read.append((element, record, _record_said_back(element)))

    def _complete(self) -> Iterator[FoundRecord]:
        """Yield what can be kept; what cannot be cut, or stands before its head, is written anew."""
        cut, self._bytes.cut = deque(self._bytes.cut), []
        while self._read and (cut or self._bytes.lost):
            element, record, sent = self._read.popleft()
            raw = cut.popleft() if cut else None
            if raw is None or (self._is_behind and not isinstance(record, FaultyRecord)):
                raw = _written_anew(element, self.parts)
            elif not isinstance(record, FaultyRecord):
                raw = self._bytes.alone(raw)
            yield FoundRecord(record, sent, raw)
        self._bytes.cut = list(cut)


def _check(root: Element, found: int, most: int) -> None:
    """Refuse a file with more records than it may have, or a head that each could not be kept with."""
    if found > most:
        raise MalformedMessage(TOO_MANY, location="/File")
    parts = (etree.tostring(part, with_tail=False) for part in root if part.tag != RECORD)
    if sum(map(len, parts)) > HEAD_BYTES_MAX:
        raise MalformedMessage(TOO_LONG, location="/File")


def _head_parts(root: Element) -> tuple[Element, ...]:
    """Return the parts of a file's head."""
    return tuple(part for part in root if part.tag in _HEAD_PARTS)


def _written_anew(record: Element, parts: tuple[Element, ...]) -> bytes:
    """Return a record as a file of its own in UTF-8, with the parts of the head of its file."""
    root = etree.fromstring(f'<File xmlns="{NAMESPACE}"/>')
    for part in map(deepcopy, (*parts, record)):
        part.tail = None
        root.append(part)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _said_back(root: Element) -> SentHead:
    """Return what the answer says back; nothing where that fails: it is a courtesy, the plans are not."""
    try:
        return sent_head(root)
    except Exception:  # noqa: BLE001 - a defect of ours in what is said back must not refuse a plan
        return SentHead()


def _record_said_back(record: Element) -> SentRecord:
    """Return what the answer says back of a record, likewise."""
    try:
        return sent_record(record)
    except Exception:  # noqa: BLE001 - a defect of ours in what is said back must not refuse a plan
        return SentRecord()
