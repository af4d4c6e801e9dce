"""The bytes of faulty records: cut where they stand, in any encoding, or the whole file where they cannot."""

from datetime import UTC, datetime
from typing import NoReturn

import pytest

from broker.wire import upload_slices
from broker.wire.upload_slices import ReadFile, UnreadableFile, alone, read_file
from tests.builders.upload import Person, Record, build_upload

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
GOOD = Record()
BAD = Record(child=Person(number="9990000019", family="Wrong"))
PLACE = "/File/record[{}]/CP-ISRecord/subject/COCT_TP145101GB01.Child/id"


def encoded(data: bytes, encoding: str) -> bytes:
    """Return a file in another encoding, declared."""
    text = data.decode("utf-8")
    head, _, body = text.partition("?>")
    return f"{head.replace('UTF-8', encoding)}?>{body}".encode(encoding)


def slices_of(data: bytes) -> dict[str, bytes]:
    """Return the slices of a file that can be read."""
    file = read_file(data, NOW)
    assert isinstance(file, ReadFile)
    return file.slices


def test_a_file_without_fault_has_no_slices() -> None:
    """Nothing is kept of what was read."""
    assert slices_of(build_upload((GOOD, GOOD))) == {}


def test_faulty_records_are_cut_by_their_places() -> None:
    """The first, one in the middle and the last alike."""
    slices = slices_of(build_upload((BAD, GOOD, BAD, GOOD, BAD)))

    assert list(slices) == [PLACE.format(position) for position in (1, 3, 5)]
    assert {1} == {part.count(b"<record>") for part in slices.values()}
    assert {1} == {part.count(b"Wrong") for part in slices.values()}


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1", "windows-1252"])
def test_a_slice_is_in_the_files_own_encoding(encoding: str) -> None:
    """Byte for byte as it was received."""
    data = encoded(build_upload((GOOD, BAD)), encoding)

    [part] = slices_of(data).values()

    assert part in data
    assert len(part) < len(data) / 2


def test_where_nothing_can_be_cut_the_file_stands_for_the_record() -> None:
    """Two parsers do not know quite the same encodings; nothing is lost by that."""
    data = encoded(build_upload((GOOD, BAD)), "EUC-JP")

    assert list(slices_of(data).values()) == [data]


def test_what_was_read_shows_no_bytes() -> None:
    """A traceback must not name a person."""
    file = read_file(build_upload((BAD,)), NOW)

    assert isinstance(file, ReadFile)
    assert "Wrong" not in repr(file)


def test_a_file_that_is_refused_comes_with_what_can_be_said_back_of_it() -> None:
    """Its sender is answered by the id of the file."""
    file = read_file(build_upload(file_id="F1", telephones=[]), NOW)

    assert isinstance(file, UnreadableFile)
    assert ("CPF01 emergency telephone missing", "F1") == (file.reason, file.sent.head.file_id)


def test_a_defect_in_what_is_said_back_refuses_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """The records are read all the same."""

    def fail(_data: bytes) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(upload_slices, "read_sent", fail)
    file = read_file(build_upload((GOOD, GOOD)), NOW)

    assert isinstance(file, ReadFile)
    assert (2, ()) == (len(file.upload.records), file.sent.records)


def test_a_record_can_be_cut_out_as_a_file_of_its_own() -> None:
    """With the head of its file: it says the same, alone."""
    whole = build_upload((GOOD, GOOD, GOOD))

    cut = alone(whole, [0, 2])

    assert {0, 2} == cut.keys()
    for part in cut.values():
        file = read_file(part, NOW)
        assert isinstance(file, ReadFile)
        assert (1, 0) == (len(file.upload.records), len(file.slices))


def test_what_the_other_parser_cannot_read_cannot_be_cut_out() -> None:
    """Nothing then is a file of its own."""
    assert {} == alone(b"<no file", [0])
