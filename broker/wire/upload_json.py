"""
The acknowledgement of an upload as JSON: the same codes, counts and places as the message, and nobody's name.

Of a file that was no XML the places are those of the equivalent message, and beside them line and column.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from broker.core.identifiers import aware
from broker.wire.file_response import xpath
from broker.wire.upload_answer import FileAnswer, RecordAnswer


class Spot(NamedTuple):
    """Where something stands in a file of lines: the line from 1, and the name of the column, if one."""

    line: int
    column: str | None = None


Places = Callable[[str], Spot | None]
"""Says where a part of the message, by its XPath without prefixes, stands in the lines it was made of."""


def write_json_response(answer: FileAnswer, *, created_at: datetime, places: Places | None = None) -> bytes:
    """Return the acknowledgement in UTF-8; `created_at` (aware) is when it is made."""
    fault = answer.fault
    said: dict[str, Any] = {
        "created_at": aware(created_at).astimezone(UTC).isoformat(timespec="seconds"),
        "file_id": answer.head.file_id,
        "code": answer.code.value,
        "display_name": answer.code.display_name,
        "records": answer.found,
        "loaded": answer.loaded,
        "failed": answer.failed,
        "plans": answer.plans,
        "notes": list(answer.notes),
        "fault": None if fault is None else {"reason": fault.reason, **_place(fault.location, places)},
        "details": [_detail(record, places) for record in answer.records],
    }
    return json.dumps(said, ensure_ascii=False, indent=1).encode()


def _detail(record: RecordAnswer, places: Places | None) -> dict[str, Any]:
    """Return what is said of one record."""
    return {
        "code": record.code.value,
        "display_name": record.code.display_name,
        "words": record.words,
        **_place(record.location, places),
    }


def _place(location: str, places: Places | None) -> dict[str, Any]:
    """Return a place: its XPath, or in words where it is none, and line and column where there are any."""
    written = xpath(location) if location.startswith("/") else location
    found = None if places is None else places(location)
    return {"location": written} | ({} if found is None else {"line": found.line, "column": found.column})
