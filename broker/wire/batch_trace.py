"""
Files of people to trace, and of what was found about each: CSV in UTF-8, one person a line.

The columns are published in docs/how-to/trace-people.md. A line that cannot be read is answered as such, with
its number and column: it stops no other.
"""

import csv
import io
from dataclasses import dataclass, field
from datetime import date

from broker.core.errors import InvalidNhsNumber, MalformedMessage
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber

COLUMNS = ("reference", "nhs_number", "family_name", "given_names", "birth_date")
"""What is asked: `reference` is the file's own name for the person, `birth_date` as 2014-04-12."""
ANSWER_COLUMNS = ("reference", "outcome", "nhs_number", "detail")
"""What is answered, in the order of the questions."""
LINE_BYTES_MAX = 2_000
"""A person has some eighty letters; beyond this it is no line of such a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRow:
    """
    One person to trace: a number where there is one with a right check digit, and details.

    A number that is none is as good as no number (ruling 21). `fault` says where a line cannot be read, empty
    for one that can.
    """

    reference: str = ""
    number: NhsNumber | None = field(default=None, repr=False)
    details: Details = field(default=Details(), repr=False)
    fault: str = ""


def is_head(line: bytes) -> bool:
    """Whether a line names the columns, in their order."""
    return _cells(line.removeprefix(b"\xef\xbb\xbf")) == list(COLUMNS)


def read_row(line: bytes, place: int) -> TraceRow:
    """Return what a line asks; `place` is its number in the file, from 1, for a fault."""
    cells = _cells(line)
    if cells is None:
        return TraceRow(fault=f"line {place}: neither UTF-8 nor CSV, or longer than {LINE_BYTES_MAX} bytes")
    if len(cells) != len(COLUMNS):
        return TraceRow(
            reference=cells[0] if cells else "",
            fault=f"line {place}: {len(cells)} columns where there are {len(COLUMNS)}",
        )
    reference, number, family, given, born = (cell.strip() for cell in cells)
    try:
        birth_date = date.fromisoformat(born) if born else None
    except ValueError:
        words = f"line {place}, column birth_date: no day, such as 2014-04-12"
        return TraceRow(reference=reference, fault=words)
    details = Details(family=family or None, given=given or None, birth_date=birth_date)
    return TraceRow(reference=reference, number=_number(number), details=details)


def read_asked(data: bytes, *, most: int) -> tuple[TraceRow, ...]:
    """
    Return the rows of a whole file, but empty lines.

    Raises `MalformedMessage` for one that does not begin with the columns, or has more than `most` rows.
    """
    head, *lines = data.split(b"\n")
    if not is_head(head):
        raise MalformedMessage(f"line 1 is not: {','.join(COLUMNS)}")
    asked = [(place, line) for place, line in enumerate(lines, start=2) if line.strip()]
    if len(asked) > most:
        raise MalformedMessage(f"more than {most} people: send them in several files")
    return tuple(read_row(line, place) for place, line in asked)


def write_row(*cells: str) -> bytes:
    """Return a line of answers."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def reference_of(line: bytes) -> str | None:
    """Return whom a line of answers is about, None where it is no such line."""
    cells = _cells(line)
    return cells[0] if cells is not None and len(cells) == len(ANSWER_COLUMNS) else None


def _number(text: str) -> NhsNumber | None:
    """Return a number, with or without blanks; None for what is none."""
    try:
        return NhsNumber("".join(text.split()))
    except InvalidNhsNumber:
        return None


def _cells(line: bytes) -> list[str] | None:
    """Return the cells of one line, None where it is no line of CSV in UTF-8."""
    if len(line) > LINE_BYTES_MAX:
        return None
    try:
        rows = list(csv.reader([line.decode().rstrip("\r\n")], strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows[0] if rows else []
