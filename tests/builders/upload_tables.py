"""Builds uploads as tables, and the table that says what the records of a message say."""

import csv
import io
from collections.abc import Mapping

from broker.wire.upload_csv import COLUMNS
from tests.builders.upload import Record

HEAD: Mapping[str, str] = {
    "file_id": "LA-FILE-0001",
    "created": "2025-03-01T06:30",
    "authority": "Z211",
    "authority_name": "Exton Borough Council",
    "office_telephone": "020 7946 0001",
    "emergency_telephone": "02079460999",
}
ROW: Mapping[str, str] = {
    **HEAD,
    "nhs_number": "999 000 0018",
    "child_id": "",
    "given": "Robin",
    "family": "Sample",
    "born": "2016-04-12",
    "plan": "CPP",
    "start": "2025-01-10",
    "end": "",
    "removed": "",
}
"""A row whose every cell is as it should be; a test bends one."""


def table(*rows: Mapping[str, str], columns: tuple[str, ...] = tuple(COLUMNS)) -> bytes:
    """Return a table of these rows in UTF-8, with these columns."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(row.get(column, "") for column in columns)
    return stream.getvalue().encode()


def row_of(record: Record) -> Mapping[str, str]:
    """Return the row that says what a record of one plan says."""
    [plan] = record.plans
    person = record.child or record.mother
    assert person is not None
    return {
        **HEAD,
        "nhs_number": person.number or "",
        "child_id": person.local_id or "",
        "given": person.given or "",
        "family": person.family or "",
        "born": person.born,
        "plan": plan.kind,
        "start": plan.start or "",
        "end": plan.end or "",
        "removed": plan.deleted or "",
    }
