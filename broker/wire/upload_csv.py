"""
Uploads as a table: one row is one record, of a child with a plan or of a mother with an unborn plan.

A table is written as the message that says the same (REPC_MT000002GB01), and read as that: there is no second
way to read or to refuse a record. Here is only which column stands where in it, so that a fault of the
message is told by line and column.
"""

import io
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from broker.core.errors import InvalidOdsCode, MalformedMessage
from broker.core.identifiers import OdsCode
from broker.wire.hl7v3 import NAMESPACE, qualified
from broker.wire.table_rows import Row, TableRows
from broker.wire.upload import ODS_ROOTS
from broker.wire.upload_answer import Spot
from broker.wire.upload_record import LOCAL_ID_ROOT, NHS_NUMBER_ROOT


class Column(NamedTuple):
    """A column: its meaning, and whether every row needs something in it."""

    meaning: str
    required: bool = False


HEAD: Mapping[str, Column] = {
    "file_id": Column("The authority's own id of the file, the same in every row", required=True),
    "created": Column("When the file was made: `2025-03-01T06:30`, the same in every row", required=True),
    "authority": Column("ODS code of the authority, the same in every row", required=True),
    "authority_name": Column("Its name, the same in every row", required=True),
    "office_telephone": Column("Its number in office hours: digits, with `+` in front or without"),
    "emergency_telephone": Column("Its number at any hour", required=True),
}
"""The columns that speak of the file (R17)."""
RECORD: Mapping[str, Column] = {
    "nhs_number": Column("NHS number of the child; the mother's where `plan` is `UCP`. Without one it waits"),
    "child_id": Column("The authority's own id of the child or the mother"),
    "given": Column("Registered given names, with blanks between them (R13)"),
    "family": Column("Registered family name (R13)"),
    "born": Column("Date of birth: `2016-04-12`", required=True),
    "plan": Column("`CPP` child protection, `LAC` looked after, `UCP` unborn child", required=True),
    "start": Column("First day of the plan: `2025-01-10`", required=True),
    "end": Column("Its last day; of an unborn plan the due date, which it needs"),
    "removed": Column("Day on which it was removed as entered in error (R6); usually empty"),
}
"""The columns that speak of one record."""
COLUMNS: Mapping[str, Column] = {**HEAD, **RECORD}
"""Every column there is, in the order in which they are published; a file may have them in any order."""

_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_MOMENT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # XML has no room for most
_ROOT = min(ODS_ROOTS)
_LOCALISATION = "NPFIT:HL7:Localisation"
_CONTENT_ROOT = "2.16.840.1.113883.2.1.3.2.4.18.16"
_BLOCKS = {
    "LAC": ("COCT_TP146100GB01", "lAC"),
    "CPP": ("COCT_TP146101GB01", "cPP"),
    "UCP": ("COCT_TP146102GB01", "uCP"),
}
_MOTHERS = "UCP"
_HEAD_PLACES = (
    ("/File/creationTime", "created"),
    ("/File/id", "file_id"),
    ("/File/communicationFunctionSnd/organisation/id", "authority"),
    ("/File/communicationFunctionSnd/organisation/name", "authority_name"),
    ("/File/communicationFunctionSnd", "emergency_telephone"),
)
_PLACES = (
    ("/birthTime", "born"),
    ("/name", "family"),
    ("/id[2]", "child_id"),
    ("/id", "nhs_number"),
    ("/component2", "removed"),
    ("/component1", "end"),
    ("/component", "start"),
    ("/subject", "nhs_number"),
    ("/pertinentInformation", "plan"),
)
_RECORD = re.compile(r"/File/record\[([0-9]+)\](.*)")


@dataclass(frozen=True, slots=True)
class TablePlaces:
    """
    Where the parts of a message stand in the table that it was written of: `lines` of the records, from 1.

    `heads` has the line of the first row, by which the head goes.
    """

    lines: "array[int]"
    heads: "array[int]"

    def __call__(self, location: str) -> Spot | None:
        """Return line and column of a place in the message, None of a place that no row says."""
        record = _RECORD.match(location)
        if record is not None:
            line = self.lines[int(record[1]) - 1]
            return Spot(line, next((column for part, column in _PLACES if part in record[2]), None))
        column = next((column for part, column in _HEAD_PLACES if location.startswith(part)), None)
        return None if column is None else Spot(self.heads[0], column)


class TableMessage:
    """
    Writes the message that says what a table does, piece by piece as that comes.

    `rows` is how many the table has, where that is known; it stands in the head then, else at the end.
    A table whose only row has the head and nothing else is a message without a record, a sign of life.
    `places` says where the parts of the message stand. Raises `MalformedMessage`, its location a line and a
    column, where it is no table with these columns: then no row of it can be trusted. Whatever else is wrong
    with a row the reader of the message says.
    """

    def __init__(self, rows: int | None = None) -> None:
        """Begin."""
        self.places = TablePlaces(array("L"), array("L"))
        self._alone: tuple[int, Mapping[str, str]] | None = None
        self._rows = TableRows()
        self._known = rows
        self._columns: Sequence[str] | None = None
        self._head: Mapping[str, str] | None = None
        self._stream = io.BytesIO()
        self._open = ExitStack()
        self._file: Any = None

    def feed(self, piece: bytes) -> bytes:
        """Return what follows in the message from what comes next of the table."""
        for row in self._rows.feed(piece):
            self._take(row)
        return self._written()

    def close(self) -> bytes:
        """Return the end of the message."""
        for row in self._rows.close():
            self._take(row)
        if self._columns is None:
            _check([])
        if not self.places.heads:
            raise MalformedMessage("record missing", location="line 2")
        if self._known is None:
            self._file.write(_quantity(len(self.places.lines)))
        self._open.close()
        self._file = None
        return self._written()

    def _take(self, row: Row) -> None:
        """Write a row: the first names the columns, those that are empty are none."""
        if self._columns is None:
            columns = [cell.strip().lower() for cell in row.cells]
            _check(columns)
            self._columns = columns
        elif any(cell.strip() for cell in row.cells):
            cells = _cells(row.cells, self._columns, row.line)
            if self._head is None:
                self._head = cells
                self.places.heads.append(row.line)
                self._begin(cells)
                if not any(cells[column] for column in RECORD):
                    self._alone = row.line, cells
                    return
            for column in HEAD:
                if cells[column] != self._head[column]:
                    raise MalformedMessage(
                        "head differs between rows", location=f"line {row.line}, column {column}"
                    )
            if self._alone is not None:  # not the only row: then it is a record, and at fault
                self._add(*self._alone)
                self._alone = None
            self._add(row.line, cells)

    def _add(self, line: int, cells: Mapping[str, str]) -> None:
        """Write a record."""
        self.places.lines.append(line)
        self._file.write(_record(cells))

    def _begin(self, head: Mapping[str, str]) -> None:
        """Write the head of the message."""
        self._file = self._open.enter_context(etree.xmlfile(self._stream, encoding="UTF-8"))
        self._file.write_declaration()
        names = {None: NAMESPACE, "loc": _LOCALISATION}
        self._open.enter_context(self._file.element(qualified("File"), nsmap=names))
        for element in _heading(head, self._known):
            self._file.write(element)

    def _written(self) -> bytes:
        """Return what was written since the last call."""
        if self._file is not None:
            self._file.flush()
        written = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        return written


def table_message(content: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """
    Yield the message of a table, whose bytes are read twice; raise as `TableMessage` does.

    Nor is there one of a table without a record: the official schema has none (3.1).
    """
    counted = TableMessage()
    for piece in content():
        counted.feed(piece)
    counted.close()
    if not counted.places.lines:
        raise MalformedMessage("record missing", location=f"line {counted.places.heads[0]}")
    message = TableMessage(rows=len(counted.places.lines))
    for piece in content():
        yield message.feed(piece)
    yield message.close()


def authority_in(head: bytes) -> OdsCode | None:
    """Return the authority that the first row of a table names, None where that cannot be said."""
    with suppress(MalformedMessage, InvalidOdsCode):
        rows = TableRows().feed(head)
        columns = [cell.strip().lower() for cell in rows[0].cells] if rows else []
        _check(columns)
        for row in rows[1:]:
            if any(cell.strip() for cell in row.cells):
                return OdsCode(_cells(row.cells, columns, row.line)["authority"])
    return None


def _check(columns: Sequence[str]) -> None:
    """Refuse a header that lacks a column, has one twice, or one that would be lost."""
    for column in columns:
        if column not in COLUMNS:
            raise MalformedMessage("unknown column", location=f"line 1, cell {columns.index(column) + 1}")
        if columns.count(column) > 1:
            raise MalformedMessage("column repeated", location=f"line 1, column {column}")
    for name, published in COLUMNS.items():
        if published.required and name not in columns:
            raise MalformedMessage("column missing", location=f"line 1, column {name}")


def _cells(cells: Sequence[str], columns: Sequence[str], line: int) -> Mapping[str, str]:
    """Return what stands in each column of a row."""
    if len(cells) != len(columns):
        raise MalformedMessage("more or fewer cells than columns", location=f"line {line}")
    found = dict.fromkeys(COLUMNS, "") | {
        column: cell.strip() for column, cell in zip(columns, cells, strict=True)
    }
    for column, cell in found.items():
        if _CONTROL.search(cell):
            raise MalformedMessage("control character", location=f"line {line}, column {column}")
    return found


def _quantity(rows: int) -> Element:
    """Return how many records there are."""
    return etree.Element(qualified("transmissionQuantity"), value=str(rows))


def _heading(head: Mapping[str, str], rows: int | None) -> Iterator[Element]:
    """Yield the head of the message."""
    moment = _MOMENT.fullmatch(head["created"])
    created = "".join((*moment.groups()[:5], moment[6] or "00")) if moment else head["created"]
    yield etree.Element(qualified("creationTime"), value=created)
    yield etree.Element(qualified("id"), extension=head["file_id"])
    if rows is not None:
        yield _quantity(rows)
    sender = etree.Element(qualified("communicationFunctionSnd"))
    organisation = _add(sender, "organisation")
    _add(organisation, "id", root=_ROOT, extension=head["authority"])
    _add(organisation, "name").text = head["authority_name"]
    if head["office_telephone"]:
        _add(organisation, "telecom", use="WP", value=_telephone(head["office_telephone"]))
    if head["emergency_telephone"]:
        _add(organisation, "telecom", use="EC", value=_telephone(head["emergency_telephone"]))
    yield sender


def _record(cells: Mapping[str, str]) -> Element:
    """Return the record that a row says; a plan of no known type has no block, and is refused for that."""
    record = etree.Element(qualified("record"))
    body = _add(record, "CP-ISRecord")
    plan = cells["plan"].upper()
    if plan in _BLOCKS:
        _add_plan(_add(body, "pertinentInformation"), plan, cells)
    elif plan:
        _add(body, "pertinentInformation")
    subject = _add(body, "subject")
    if plan == _MOTHERS:
        mother = _add(_add_template(subject, "COCT_TP145100GB01", "UnbornChild"), "parentMotherPerson")
        _add_details(mother, cells)
        _add_ids(_add(mother, "playedMother"), cells)
    else:
        child = _add_template(subject, "COCT_TP145101GB01", "Child")
        _add_ids(child, cells)
        _add_details(_add(child, "childPerson"), cells)
    return record


def _add_plan(information: Element, plan: str, cells: Mapping[str, str]) -> None:
    """Append a plan block."""
    template, prefix = _BLOCKS[plan]
    block = _add_template(information, template, f"{plan}Information")
    for component, which, column in (
        ("component", "Start", "start"),
        ("component1", "End", "end"),
        ("component2", "Delete", "removed"),
    ):
        if cells[column]:
            day = _DAY.fullmatch(cells[column])
            value = "".join((*day.groups(), "0000")) if day else cells[column]
            _add(_add(_add(block, component), f"{prefix}{which}Date"), "value", value=value)


def _add_ids(role: Element, cells: Mapping[str, str]) -> None:
    """Append the identifiers that there are."""
    if cells["nhs_number"]:
        _add(role, "id", root=NHS_NUMBER_ROOT, extension=cells["nhs_number"].replace(" ", ""))
    if cells["child_id"]:
        _add(role, "id", root=LOCAL_ID_ROOT, extension=cells["child_id"])


def _add_details(person: Element, cells: Mapping[str, str]) -> None:
    """Append date of birth and names."""
    day = _DAY.fullmatch(cells["born"])
    _add(person, "birthTime", value="".join(day.groups()) if day else cells["born"])
    name = _add(person, "name")
    for part in ("given", "family"):
        if cells[part]:
            _add(name, part).text = cells[part]


def _add_template(parent: Element, template: str, name: str) -> Element:
    """Append the element of a template behind the identifier that announces it."""
    announced = {"root": _CONTENT_ROOT, "extension": f"{template}#{name}"}
    etree.SubElement(parent, f"{{{_LOCALISATION}}}contentId", announced)
    return _add(parent, f"{template}.{name}")


def _telephone(cell: str) -> str:
    """Return a telephone number as the message has it; blanks within it mean nothing."""
    return f"tel:{''.join(cell.split())}"


def _add(parent: Element, name: str, **attributes: str) -> Element:
    """Append an HL7 v3 element."""
    return etree.SubElement(parent, qualified(name), attributes)
