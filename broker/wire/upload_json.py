"""
The acknowledgement of an upload as JSON: the same codes, counts and places as the message, and nobody's name.

Of a file that was no XML the places are those of the equivalent message, and beside them line and column.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from textwrap import indent
from typing import Any

from broker.core.identifiers import aware
from broker.wire.file_response import xpath
from broker.wire.record_answers import RecordAnswer
from broker.wire.upload_answer import FileAnswer, Places


def json_response(answer: FileAnswer, *, created_at: datetime) -> Iterator[bytes]:
    """Yield the acknowledgement in UTF-8, in pieces; `created_at` (aware) is when it is made."""
    fault, places = answer.fault, answer.places
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
    }
    yield _written(said).removesuffix("\n}").encode() + b',\n "details": ['
    between = ""
    for group in answer.records.groups():
        for record in group:
            yield (between + indent(_written(_detail(record, places)), "  ")).encode()
            between = ",\n"
    yield b"]\n}"


def _written(said: Mapping[str, Any]) -> str:
    """Return JSON, in lines."""
    return json.dumps(said, ensure_ascii=False, indent=1)


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
