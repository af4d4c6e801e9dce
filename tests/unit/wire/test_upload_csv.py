"""A table is read as the message that says the same; what is wrong with it has line and column."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import MediaType
from broker.wire.table_rows import TableRows
from broker.wire.upload_answer import Spot
from broker.wire.upload_csv import COLUMNS, RECORD, authority_in
from broker.wire.upload_reading import UnreadableFile
from tests.builders.upload import Person, PlanBlock, Record, build_upload
from tests.builders.upload_desk import Desk
from tests.builders.upload_reading import ReadFile, read_file, read_table
from tests.builders.upload_tables import ROW, row_of, table
from tests.official_schemas import faults_of

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
MOTHERS = {**ROW, "nhs_number": "9990000069", "plan": "ucp", "end": "2025-06-15"}
_DAYS = st.dates().map(lambda day: day.strftime("%Y%m%d"))
_NAMES = st.none() | st.text(st.characters(codec="utf-8", categories=("L", "Zs")), max_size=8).map(str.strip)
_PEOPLE = st.builds(
    Person,
    number=st.sampled_from(["9990000018", "9990000026", "9990000019", None]),
    local_id=st.none() | st.text("abc123", min_size=1, max_size=5),
    given=_NAMES.map(lambda name: name or None),
    family=_NAMES.map(lambda name: name or None),
    born=_DAYS | st.sampled_from(["20160230", "2016", "soon"]),
)
_DATES = (_DAYS | st.just("20250230")).map(lambda day: f"{day}0000")


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Return a record of one plan."""
    kind = draw(st.sampled_from(["CPP", "LAC", "UCP"]))
    dates = st.none() | _DATES
    plan = PlanBlock(kind=kind, start=draw(dates), end=draw(dates), deleted=draw(dates))
    person = draw(_PEOPLE)
    if kind == "UCP":
        return Record(plans=[plan], child=None, mother=person)
    return Record(plans=[plan], child=person)


@settings(max_examples=60, deadline=None)
@given(st.lists(records(), min_size=1, max_size=4))
def test_a_table_makes_the_facts_of_the_message_that_says_the_same(said: list[Record]) -> None:
    """Codes, words, facts and waiting records are equal, whatever is right or wrong with a row (R12, R15)."""
    of_xml, of_table = Desk(), Desk()
    answer = of_xml.load(build_upload(said))
    read = read_table(table(*map(row_of, said)))

    assert answer == of_table.load(read.message)
    assert (of_xml.plans(), of_xml.waiting()) == (of_table.plans(), of_table.waiting())


def test_a_table_without_faults_is_a_valid_message() -> None:
    """By the official schema; columns may be in any order, and those that need not be there may be away."""
    needed = tuple(reversed([name for name, column in COLUMNS.items() if column.required]))
    read = read_table(table({**ROW, "child_id": "4711"}, MOTHERS))
    few = read_table(table(ROW, columns=(*needed, "nhs_number", "given", "family")))

    assert [] == faults_of(read.message, "REPC_MT000002GB01") == faults_of(few.message, "REPC_MT000002GB01")


@pytest.mark.parametrize(
    ("bent", "column"),
    [
        ({"nhs_number": "9990000019"}, "nhs_number"),
        ({"nhs_number": "9990000019", "child_id": "4711"}, "nhs_number"),
        ({"nhs_number": ""}, "nhs_number"),
        ({"born": "12/04/2016"}, "born"),
        ({"start": "10 January 2025"}, "start"),
        ({"end": "2025-02-30"}, "end"),
        ({"removed": "later"}, "removed"),
        ({"plan": "S47"}, "plan"),
        ({"plan": "UCP"}, "plan"),
        ({"plan": ""}, None),
    ],
)
def test_a_fault_of_a_row_has_its_line_and_column(bent: Mapping[str, str], column: str | None) -> None:
    """Empty lines count, as they do in an editor; the other rows are taken."""
    data = table(ROW, {**ROW, **bent}).replace(b"\r\n", b"\r\n\r\n", 1)
    read = read_table(data)

    good, bad = Desk().load(read.message).records

    assert ("CPR06", Spot(3)) == (good.code, read.places(good.location))
    assert Spot(4, column) == read.places(bad.location)


@pytest.mark.parametrize(
    ("bent", "column"),
    [
        ({"file_id": ""}, "file_id"),
        ({"created": "today"}, "created"),
        ({"authority": "no code!"}, "authority"),
        ({"authority_name": ""}, "authority_name"),
        ({"emergency_telephone": ""}, "emergency_telephone"),
        ({"office_telephone": "ring me"}, "emergency_telephone"),
    ],
)
def test_a_fault_of_the_head_is_told_at_the_first_row(bent: Mapping[str, str], column: str) -> None:
    """It refuses the file (CPF01), as it does in the message."""
    read = read_table(table({**ROW, **bent}))

    answer = Desk().load(read.message)

    assert answer.fault is not None
    assert ("CPF01", Spot(2, column)) == (answer.code, read.places(answer.fault.location))


NOTHING = {**ROW, **dict.fromkeys(RECORD, "")}
"""The head of a file, and no record."""


@pytest.mark.parametrize("step", [1, 100])
def test_a_table_of_its_head_alone_is_a_sign_of_life(step: int) -> None:
    """Nothing was to be told: a file without a record, which no message can be (R18; dossier 3.1)."""
    read = read_file(table(NOTHING), NOW, media_type=MediaType.CSV, step=step)

    assert isinstance(read, ReadFile)
    assert (0, (), []) == (read.surveyed.found, read.surveyed.faults, list(read.records))
    with pytest.raises(MalformedMessage, match="record missing"):
        read_table(table(NOTHING))


@pytest.mark.parametrize(("bent", "column"), [("created", "created"), ("emergency_telephone",) * 2])
def test_a_fault_of_a_sign_of_life_is_told_at_its_row(bent: str, column: str) -> None:
    """It has no record that could be refused (CPF01)."""
    read = read_file(table({**NOTHING, bent: ""}), NOW, media_type=MediaType.CSV)

    assert isinstance(read, UnreadableFile)
    assert read.places is not None
    assert Spot(2, column) == read.places(read.location)


@pytest.mark.parametrize("rows", [(NOTHING, ROW), (ROW, NOTHING), (NOTHING, NOTHING)])
def test_a_row_without_a_record_beside_another_is_a_record_at_fault(
    rows: Sequence[Mapping[str, str]],
) -> None:
    """It may have lost what it said: nothing disappears silently (ruling 40)."""
    answer = Desk().load(read_table(table(*rows)).message)

    refused = [one for one in answer.records if not one.loaded]
    assert (2, sum(row is NOTHING for row in rows)) == (answer.found, len(refused))


def test_a_place_that_no_row_says_has_no_line() -> None:
    """The root, for instance."""
    assert read_table(table(ROW)).places("/") is None


@pytest.mark.parametrize(
    ("data", "reason", "place"),
    [
        (b"", "column missing", "line 1, column file_id"),
        (table(), "record missing", "line 2"),
        (table(ROW, columns=(*COLUMNS, "notes")), "unknown column", "line 1, cell 16"),
        (table(ROW, columns=(*COLUMNS, "born")), "column repeated", "line 1, column born"),
        (table(ROW, columns=("file_id",)), "column missing", "line 1, column created"),
        (table(ROW) + b"one,cell\r\n", "more or fewer cells than columns", "line 3"),
        (table(ROW, {**ROW, "authority": "Z212"}), "head differs between rows", "line 3, column authority"),
        (table({**ROW, "given": "Rob\x00in"}), "control character", "line 2, column given"),
        (table(ROW) + b'"Robin', "no CSV", "line 3"),
        (table(ROW) + b"\xe9", "not UTF-8", "line 3"),
    ],
)
def test_what_is_no_table_of_these_columns_is_refused_as_a_whole(
    data: bytes, reason: str, place: str
) -> None:
    """Where a cell stands under the wrong column no row can be trusted."""
    with pytest.raises(MalformedMessage) as fault:
        read_table(data)

    assert (reason, place) == (fault.value.reason, fault.value.location)


@pytest.mark.parametrize("step", [1, 2, 7, 100])
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_a_table_says_the_same_in_whatever_pieces_it_comes(step: int, end: bytes) -> None:
    """Also where a piece ends within a character, a quoted cell of two lines, or the end of a line."""
    quoted = {**ROW, "family": 'Sämple "the younger"', "child_id": "4711"}
    data = b"\xef\xbb\xbf" + table(ROW, quoted, {**ROW, "born": "soon"}, MOTHERS).replace(b"\r\n", end)

    whole = read_file(data, NOW, media_type=MediaType.CSV)
    assert isinstance(whole, ReadFile)
    assert [2, 3, 4, 5] == list(whole.surveyed.places.lines if whole.surveyed.places else [])
    assert whole == read_file(data, NOW, media_type=MediaType.CSV, step=step)


@pytest.mark.parametrize(
    ("data", "line"), [(b"a,b\r\nc\xc3", 2), (b"a\n\n\xff", 3), (b'a\nb\n"c', 3), (b'a\n"b"c\n', 2)]
)
@pytest.mark.parametrize("step", [1, 3, 100])
def test_a_fault_of_a_table_has_the_same_line_in_whatever_pieces_it_comes(
    data: bytes, line: int, step: int
) -> None:
    """What is no UTF-8, or no CSV."""
    rows = TableRows()
    with pytest.raises(MalformedMessage) as fault:  # noqa: PT012 - it may come with any piece, or at the end
        for start in range(0, len(data), step):
            rows.feed(data[start : start + step])
        rows.close()

    assert f"line {line}" == fault.value.location


@pytest.mark.parametrize(
    ("head", "authority"),
    [
        (table(ROW), OdsCode("Z211")),
        (table(ROW, ROW)[:-20], OdsCode("Z211")),
        (table(ROW)[:-20], None),
        (table({**ROW, "authority": "no code!"}), None),
        (b"name\nRobin\n", None),
        (b"", None),
        (b"file_id", None),
        (table(ROW).replace(b"\r\n", b"\r\n,,\r\n", 1), OdsCode("Z211")),
    ],
)
def test_the_authority_is_read_from_the_first_row(head: bytes, authority: OdsCode | None) -> None:
    """Wherever the first bytes end; a row that is cut off says nothing."""
    assert authority == authority_in(head)


@pytest.mark.parametrize("endless", [b",", b'"a\n",'])
def test_a_row_that_would_fill_memory_is_refused_before_it_is_held(endless: bytes) -> None:
    """Without an end of its line, or within quotes over many: by the line on which it begins."""
    rows = TableRows()
    assert [1] == [row.line for row in rows.feed(b"a,b\n")]
    with pytest.raises(MalformedMessage) as refused:
        deque(map(rows.feed, [endless * 60_000] * 20), maxlen=0)

    assert ("a row is too large", "line 2") == (refused.value.reason, refused.value.location)
