"""A file read in pieces: the same as whole, the bytes that are kept of each record, what is refused."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

import pytest
from lxml.etree import _Element as Element

from broker.wire import upload_reading
from broker.wire.record_bytes import RecordBytes
from broker.wire.record_stream import HEAD_PARTS_MAX, PART_BYTES_MAX
from broker.wire.upload_codes import DEFECT, RecordCode
from broker.wire.upload_heading import HEAD_BYTES_MAX
from broker.wire.upload_reading import TOO_LONG, TOO_MANY, FileReader, Surveyed, UnreadableFile
from broker.wire.upload_record import FaultyRecord, FileHead, ReadRecord, read_record
from broker.wire.upload_sent import SentHead, SentRecord
from tests.builders.upload import Person, Record, build_upload, head_last
from tests.builders.upload_reading import ReadFile, read_file

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
GOOD = Record()
BAD = Record(child=Person(number="9990000019", family="Wrong"))
PLACE = "/File/record[{}]/CP-ISRecord/subject/COCT_TP145101GB01.Child/id"
DTD = b'<!DOCTYPE File [<!ENTITY a "b">]>'
LAUGHS = (
    b"<!DOCTYPE File ["
    + b"".join(
        b'<!ENTITY l%d "%s">' % (one, b"&l%d;" % (one - 1) * 10 if one else b"lol") for one in range(12)
    )
    + b"]>"
)


def encoded(data: bytes, encoding: str) -> bytes:
    """Return a file in another encoding, declared."""
    text = data.decode("utf-8")
    head, _, body = text.partition("?>")
    return f"{head.replace('UTF-8', encoding)}?>{body}".encode(encoding)


def read(data: bytes, step: int = 100_000) -> ReadFile:
    """Return a file that can be read."""
    file = read_file(data, NOW, step=step)
    assert isinstance(file, ReadFile)
    return file


def refused(data: bytes, step: int = 100_000) -> tuple[str, str]:
    """Return reason and place of a file that is refused as a whole."""
    file = read_file(data, NOW, step=step)
    assert isinstance(file, UnreadableFile)
    return file.reason, file.location


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "UTF-16-LE", "ISO-8859-1", "EUC-JP"])
@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_a_file_says_the_same_in_whatever_pieces_it_comes(step: int, encoding: str) -> None:
    """Records, what is said back and what is kept of each."""
    data = encoded(build_upload((GOOD, BAD, GOOD)), encoding)

    assert read(data) == read(data, step)


@pytest.mark.parametrize("step", [1, 100, 100_000])
def test_faulty_records_are_cut_by_their_places(step: int) -> None:
    """The first, one in the middle and the last alike."""
    slices = read(build_upload((BAD, GOOD, BAD, GOOD, BAD)), step).slices

    assert list(slices) == [PLACE.format(position) for position in (1, 3, 5)]
    assert {1} == {part.count(b"<record>") for part in slices.values()}
    assert {1} == {part.count(b"Wrong") for part in slices.values()}


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1", "windows-1252"])
def test_what_is_kept_of_a_record_is_in_the_files_own_encoding(encoding: str) -> None:
    """Byte for byte as it was received."""
    data = encoded(build_upload((GOOD, BAD)), encoding)

    [part] = read(data).slices.values()

    assert part in data
    assert len(part) < len(data) / 2


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1", "EUC-JP"])
def test_a_record_that_was_read_is_kept_as_a_file_of_its_own(encoding: str) -> None:
    """With the head of its file: it says the same, alone, and can be taken again."""
    whole = read(encoded(build_upload((GOOD, GOOD, GOOD)), encoding))

    for one in whole.found:
        file = read(one.raw)
        assert isinstance(one.record, ReadRecord)
        assert replace(one.record, location="/File/record[1]/CP-ISRecord") == file.records[0]
        assert 1 == len(file.records)


def test_a_record_that_cannot_be_cut_is_written_anew() -> None:
    """Two parsers do not know quite the same encodings; nothing is lost by that."""
    [part] = read(encoded(build_upload((GOOD, BAD)), "EUC-JP")).slices.values()

    assert [(1, 1)] == [(part.count(b"Wrong"), part.count(b"</record>"))]
    assert [FaultyRecord] == [type(one) for one in read(part).records]


def test_what_the_other_parser_cannot_read_at_some_place_is_lost_from_there() -> None:
    """What was cut before it stays."""
    cutting = RecordBytes()
    cutting.feed(b"<File><record>1</record><record>2</record>")
    cutting.feed(b"<record></other>")
    cutting.feed(b"<record>4</record></File>", last=True)

    assert ([b"<record>1</record>"], True) == (cutting.cut, cutting.lost)


def test_what_was_read_shows_no_bytes() -> None:
    """A traceback must not name a person."""
    file = read(build_upload((BAD,)))

    assert "Wrong" not in repr(file) + repr(file.found)
    assert "record[1]" in repr(file.found)


def test_a_file_that_is_refused_comes_with_what_can_be_said_back_of_it() -> None:
    """Its sender is answered by the id of the file, and learns how many records it concerns."""
    file = read_file(build_upload([GOOD] * 3, file_id="F1", telephones=[]), NOW)

    assert isinstance(file, UnreadableFile)
    assert ("CPF01 emergency telephone missing", "F1", 3) == (file.reason, file.sent.file_id, file.found)


def test_a_defect_in_what_is_said_back_refuses_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """The records are read all the same."""

    def fail(_element: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(upload_reading, "sent_head", fail)
    monkeypatch.setattr(upload_reading, "sent_record", fail)
    file = read(build_upload((GOOD, GOOD)))

    assert ([SentRecord()] * 2, SentHead()) == ([one.sent for one in file.found], file.surveyed.sent)
    assert [ReadRecord] * 2 == [type(one) for one in file.records]


def test_a_defect_in_reading_a_record_refuses_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are another child's."""

    def fail(element: Element, location: str, head: FileHead) -> ReadRecord | FaultyRecord:
        if location == "/File/record[1]":
            raise ZeroDivisionError
        return read_record(element, location, head)

    monkeypatch.setattr(upload_reading, "read_record", fail)
    first, second = read(build_upload((GOOD, GOOD))).found

    assert FaultyRecord(location="/File/record[1]", code=RecordCode.NOT_LOADED, reason=DEFECT) == first.record
    assert (1, ReadRecord) == (first.raw.count(b"<record>"), type(second.record))


@pytest.mark.parametrize("step", [1, 100_000])
@pytest.mark.parametrize(
    ("data", "reason", "place"),
    [
        (b"", "not well-formed XML", "line 0"),
        (b"<no", "not well-formed XML", "line 1"),
        (build_upload((GOOD,) * 5)[:-40], "not well-formed XML", "line {last}"),
        (b"<File/>", "not an upload", "/"),
        (b'<Bundle xmlns="urn:hl7-org:v3"><record/></Bundle>', "not an upload", "/"),
        (build_upload().replace(b"<File ", DTD + b"<File ", 1), "document type refused", "/"),
        (build_upload().replace(b"<File ", LAUGHS + b"<File ", 1), "document type refused", "/"),
        (DTD + b"<File", "not well-formed XML", "line 1"),
        (build_upload([]), "record missing", "/File"),
        (build_upload().replace(b"</record>", b"</record><later/>"), "unexpected element", "/File"),
        (build_upload().replace(b"<record>", b"<later/><record>", 1), "unexpected element", "/File"),
        (build_upload().replace(b"UTF-8", b"UTF-16", 1), "not well-formed XML", "line 1"),
        (build_upload().replace(b"Robin", b"R\xf6bin"), "not well-formed XML", "line 33"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_before_anything_of_it_is(
    data: bytes, reason: str, place: str, step: int
) -> None:
    """Whatever good records come before the fault: the survey goes first (CPF01)."""
    said, where = refused(data, step)

    assert f"CPF01 {reason}" == said
    assert where == place.replace("{last}", str(data.count(b"\n") + 1)) or (step == 1 and "line" in place)


def test_a_later_head_is_read_as_an_earlier_one() -> None:
    """Its parts may stand behind the records: all of it is looked through before a record is read."""
    assert [ReadRecord] * 2 == [type(one) for one in read(head_last(build_upload((GOOD, GOOD)))).records]


@pytest.mark.parametrize("step", [1, 1_000, 100_000])
def test_a_record_before_its_head_is_kept_with_it_all_the_same(step: int) -> None:
    """Else it could not be asked about again: what is kept of it must be a file that can be read (R14)."""
    whole = read(head_last(build_upload((GOOD, BAD, GOOD))), step)

    for one in whole.found:
        if isinstance(one.record, ReadRecord):
            file = read(one.raw)
            assert replace(one.record, location="/File/record[1]/CP-ISRecord") == file.records[0]
            assert 1 == len(file.records)


def test_a_record_within_a_record_is_none() -> None:
    """It would count as one of the file's, and be loaded as another child's."""
    data = build_upload((GOOD,)).replace(b"<CP-ISRecord>", b"<record/><CP-ISRecord>")

    assert 1 == read(data).surveyed.found


@pytest.mark.parametrize(
    "filling",
    [
        pytest.param(b"<id>%s</id>" % (b"x" * 2 * PART_BYTES_MAX), id="a part of the head"),
        pytest.param(b"<record>%s</record>" % (b"x" * 2 * PART_BYTES_MAX), id="a record"),
        pytest.param(b"<id/>" * (HEAD_PARTS_MAX + 1), id="many parts of a head"),
    ],
)
def test_what_would_fill_memory_is_refused(filling: bytes) -> None:
    """A record has some 2 kB, and a head four parts."""
    data = build_upload().replace(b"<record>", filling + b"<record>", 1)

    assert ("CPF01 a part of the file is too large", "/File") == refused(data)


@pytest.mark.parametrize("step", [1000, 100_000])
def test_a_long_comment_in_the_head_is_not_kept_with_each_record(step: int) -> None:
    """A file of 128 kB at once would be some gigabytes: each record is written anew, and says the same."""
    data = build_upload((GOOD, BAD, GOOD))
    long = data.replace(b"<record>", b"<!--%s--><record>" % (b"x" * HEAD_BYTES_MAX), 1)

    found = read(long, step).found
    assert [one.record for one in read(data).found] == [one.record for one in found]
    assert all(len(one.raw) < HEAD_BYTES_MAX for one in found)
    assert [1, 1, 1] == [len(read(one.raw).records) for one in found]


def test_a_long_head_is_refused() -> None:
    """It would be kept with each record, as its name is with each plan (CPF01)."""
    data = build_upload((GOOD,)).replace(b"Borough Council", b"x" * HEAD_BYTES_MAX)

    assert (f"CPF01 {TOO_LONG}", "/File") == refused(data)


def test_a_file_has_no_more_records_than_it_may() -> None:
    """One more refuses it as a whole, with the number that it has and its id (CPF01)."""

    def surveyed(most: int) -> Surveyed | UnreadableFile:
        """Survey a file of three records."""
        reader = FileReader(records_max=most)
        reader.survey(build_upload([GOOD] * 3, file_id="F1"))
        return reader.surveyed(NOW)

    too_many = surveyed(2)

    assert isinstance(surveyed(3), Surveyed)
    assert isinstance(too_many, UnreadableFile)
    assert (f"CPF01 {TOO_MANY}", "/File", 3, "F1") == (
        too_many.reason,
        too_many.location,
        too_many.found,
        too_many.sent.file_id,
    )


def test_after_a_fault_no_more_needs_to_be_shown() -> None:
    """A file of 60 MB that begins with a document type is not read to its end."""
    reader = FileReader()

    assert [True, False] == [reader.survey(piece) for piece in (b"<?xml version='1.0'?>", DTD + b"<File>")]


@pytest.mark.parametrize("step", [1, 50, 100_000])
def test_comments_and_instructions_change_nothing(step: int) -> None:
    """Wherever they stand, also where they hold what looks like a record."""
    data = build_upload((GOOD, BAD))
    noise = b"<!-- <record> --><?record <record>?>"
    noisy = data.replace(b"<record>", noise + b"<record>").replace(b"</record>", b"</record>" + noise)

    assert [one.record for one in read(data).found] == [one.record for one in read(noisy, step).found]
