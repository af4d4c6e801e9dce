"""The bytes of faulty records: cut where they stand, in any encoding, or the whole file where they cannot."""

from datetime import UTC, datetime

import pytest

from broker.wire.upload_slices import ReadFile, read_file
from tests.builders.upload import Person, Record, build_upload

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
GOOD = Record()
BAD = Record(child=Person(number="9990000019", family="Wrong"))
PLACE = "/File/record[{}]/CP-ISRecord"


def encoded(data: bytes, encoding: str) -> bytes:
    """Return a file in another encoding, declared."""
    text = data.decode("utf-8")
    head, _, body = text.partition("?>")
    return f"{head.replace('UTF-8', encoding)}?>{body}".encode(encoding)


def test_a_file_without_fault_has_no_slices() -> None:
    """Nothing is kept of what was read."""
    assert read_file(build_upload((GOOD, GOOD)), NOW).slices == {}


def test_faulty_records_are_cut_by_their_places() -> None:
    """The first, one in the middle and the last alike."""
    slices = read_file(build_upload((BAD, GOOD, BAD, GOOD, BAD)), NOW).slices

    assert list(slices) == [PLACE.format(position) for position in (1, 3, 5)]
    assert {1} == {part.count(b"<record>") for part in slices.values()}
    assert {1} == {part.count(b"Wrong") for part in slices.values()}


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1", "windows-1252"])
def test_a_slice_is_in_the_files_own_encoding(encoding: str) -> None:
    """Byte for byte as it was received."""
    data = encoded(build_upload((GOOD, BAD)), encoding)

    [part] = read_file(data, NOW).slices.values()

    assert part in data
    assert len(part) < len(data) / 2


def test_where_nothing_can_be_cut_the_file_stands_for_the_record() -> None:
    """Two parsers do not know quite the same encodings; nothing is lost by that."""
    data = encoded(build_upload((GOOD, BAD)), "EUC-JP")

    assert list(read_file(data, NOW).slices.values()) == [data]


def test_what_was_read_shows_no_bytes() -> None:
    """A traceback must not name a person."""
    file = read_file(build_upload((BAD,)), NOW)

    assert isinstance(file, ReadFile)
    assert "Wrong" not in repr(file)
