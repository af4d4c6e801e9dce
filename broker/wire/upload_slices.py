"""
An upload file with the bytes of its faulty records as they were received: what is kept of them.

Knows where an element begins and ends in the bytes; what it says `broker.wire.upload` knows.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from xml.parsers import expat

from broker.wire.upload import Upload, read_upload
from broker.wire.upload_record import FaultyRecord

_RECORD = "record"
_RECORD_DEPTH = 1  # records stand directly below the root


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read. `slices` has the bytes of its faulty records, by location."""

    upload: Upload
    slices: dict[str, bytes] = field(repr=False)


def read_file(data: bytes, received_at: datetime) -> ReadFile:
    """
    Read an upload file and cut out its faulty records; raise `MalformedMessage` as `read_upload` does.

    A slice runs from the record's start tag up to the next record, or to the root's end tag. One that cannot
    be cut, in an encoding that only the other parser knows, is the whole file.
    """
    upload = read_upload(data, received_at=received_at)
    faulty = {
        position: record.location
        for position, record in enumerate(upload.records)
        if isinstance(record, FaultyRecord)
    }
    return ReadFile(upload, {faulty[position]: part for position, part in _cut(data, faulty).items()})


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
