"""
An upload file read whole: what it says, what is said back, and the bytes of its faulty records, to be kept.

Knows where an element begins and ends in the bytes; what it says `broker.wire.upload` knows.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from xml.parsers import expat

from broker.core.errors import MalformedMessage
from broker.wire.upload import Upload, read_upload
from broker.wire.upload_record import FaultyRecord
from broker.wire.upload_sent import SentFile, read_sent

_RECORD = "record"
_RECORD_DEPTH = 1  # records stand directly below the root


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read. `slices` has the bytes of its faulty records by location, `sent` its answer's."""

    upload: Upload
    slices: dict[str, bytes] = field(repr=False)
    sent: SentFile


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that is refused as a whole: the stable reason, the place, and what can be said back of it."""

    reason: str
    location: str
    sent: SentFile


def read_file(data: bytes, received_at: datetime) -> ReadFile | UnreadableFile:
    """
    Read an upload file and cut out its faulty records; one that `read_upload` refuses is unreadable.

    A slice runs from the record's start tag up to the next record, or to the root's end tag. One that cannot
    be cut, in an encoding that only the other parser knows, is the whole file.
    """
    sent = _said_back(data)
    try:
        upload = read_upload(data, received_at=received_at)
    except MalformedMessage as fault:
        return UnreadableFile(fault.reason, fault.location, sent)
    faulty = {
        position: record.location
        for position, record in enumerate(upload.records)
        if isinstance(record, FaultyRecord)
    }
    slices = {faulty[position]: part for position, part in _cut(data, faulty).items()}
    return ReadFile(upload, slices, sent)


def alone(data: bytes, positions: Collection[int]) -> dict[int, bytes]:
    """
    Return the records at these positions, from 0, each as a file of its own with the head of its file.

    None where they cannot be cut, in an encoding that only the other parser knows.
    """
    starts = _record_starts(data)
    if not starts:
        return {}
    head, end = data[: starts[0]], data[starts[-1] :]
    return {one: head + data[starts[one] : starts[one + 1]] + end for one in positions}


def _said_back(data: bytes) -> SentFile:
    """Return what the answer says back; nothing where that fails: it is a courtesy, the plans are not."""
    try:
        return read_sent(data)
    except Exception:  # noqa: BLE001 - a defect of ours in what is said back must not refuse a plan
        return SentFile()


def _cut(data: bytes, positions: Collection[int]) -> dict[int, bytes]:
    """Return the bytes of the records at these positions, from 0."""
    starts = _record_starts(data) if positions else []
    return {
        position: data[starts[position] : starts[position + 1]] if position + 1 < len(starts) else data
        for position in positions
    }


def _record_starts(data: bytes) -> list[int]:
    """Return the offset of every record's start tag and, last, of the root's end tag; [] if unreadable."""
    # No entity can be expanded here: a file with a document type was refused before.
    parser = expat.ParserCreate(namespace_separator=" ")
    starts: list[int] = []
    depth = 0

    def begin(name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        if depth == _RECORD_DEPTH and name.rpartition(" ")[2] == _RECORD:
            starts.append(parser.CurrentByteIndex)
        depth += 1

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1
        if depth == 0:
            starts.append(parser.CurrentByteIndex)

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError):
        return []
    return starts
