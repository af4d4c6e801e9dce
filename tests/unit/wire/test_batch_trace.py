"""Files of people to trace: one line a person, and a line that cannot be read stops no other."""

from datetime import date

import pytest

from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.wire.batch_trace import (
    LINE_BYTES_MAX,
    TraceRow,
    is_head,
    read_row,
    reference_of,
    write_row,
)

NUMBER = NhsNumber("9990000018")
DETAILS = Details(family="O'Neil, the elder", given="Robin Kim", birth_date=date(2014, 4, 12))


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (b"reference,nhs_number,family_name,given_names,birth_date\n", True),
        (b"\xef\xbb\xbfreference,nhs_number,family_name,given_names,birth_date\r\n", True),
        (b"nhs_number,reference,family_name,given_names,birth_date\n", False),
        (b"\xff\n", False),
        (b"", False),
    ],
)
def test_the_first_line_names_the_columns_in_their_order(line: bytes, head: bool) -> None:  # noqa: FBT001
    """A file whose columns stand otherwise would be asked about with the wrong ones."""
    assert head is is_head(line)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (
            b'A 1,999 000 0018,"O\'Neil, the elder",Robin Kim,2014-04-12\n',
            TraceRow(reference="A 1", number=NUMBER, details=DETAILS),
        ),
        (b"A1,,,,\n", TraceRow(reference="A1")),
        (b"A1,9990000019,,,\r\n", TraceRow(reference="A1")),
        (b"A1,9999999999,,,", TraceRow(reference="A1")),
        (b"A1,,,,12/04/2014\n", TraceRow(reference="A1", fault="line 7, column birth_date: no day")),
        (b"A1,,,,2025-02-30\n", TraceRow(reference="A1", fault="line 7, column birth_date: no day")),
        (b"A1,,,\n", TraceRow(reference="A1", fault="line 7: 4 columns where there are 5")),
        (b'A1,"x"y,,,\n', TraceRow(fault="line 7: neither UTF-8 nor CSV, or longer than 2000 bytes")),
        (b'A1,"x,,,\n', TraceRow(fault="line 7: neither UTF-8 nor CSV, or longer than 2000 bytes")),
        (b"A1,\xff,,,\n", TraceRow(fault="line 7: neither UTF-8 nor CSV, or longer than 2000 bytes")),
        (
            b"A" * LINE_BYTES_MAX + b"\n",
            TraceRow(fault="line 7: neither UTF-8 nor CSV, or longer than 2000 bytes"),
        ),
        (b"\n", TraceRow(fault="line 7: 0 columns where there are 5")),
    ],
)
def test_a_line_is_a_person_or_says_where_it_is_at_fault(line: bytes, row: TraceRow) -> None:
    """With line and column; a number that is none is as good as no number (ruling 21)."""
    found = read_row(line, 7)

    assert (row.reference, row.number, row.details) == (found.reference, found.number, found.details)
    assert found.fault.startswith(row.fault)
    assert bool(row.fault) is bool(found.fault)


def test_an_answer_is_a_line_and_names_whom_it_is_about() -> None:
    """What a crash left of a line is none."""
    line = write_row('A "1", b', "found", "9990000018", "")

    assert ('A "1", b', b"\n") == (reference_of(line), line[-1:])
    assert reference_of(b"A1,found") is None
    assert reference_of(b"\xff") is None


def test_no_row_shows_a_person() -> None:
    """In a traceback or a log."""
    shown = repr(TraceRow(reference="A1", number=NUMBER, details=DETAILS))

    assert not any(word in shown for word in ("999", "Neil", "Robin", "2014"))
