"""
The recorded stream: JSON Lines, one received message or one fact a line (`schemas/stream.schema.json`).

A line that cannot be read names its number and what is wrong, never its content.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from broker.core.errors import MalformedMessage, NaiveTime
from broker.core.identifiers import aware


class Door(StrEnum):
    """Where a line came in."""

    MLLP = "mllp"
    UPLOAD = "upload"
    FACT = "fact"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLine:
    """One line: `at` is the receipt (aware UTC), `topic` and `key` are those of a fact."""

    at: datetime
    door: Door
    raw: bytes = field(repr=False)
    about: str = ""
    topic: str = ""
    key: bytes = field(default=b"", repr=False)


_NAMES = frozenset({"at", "door", "about", "raw", "raw_base64", "topic", "key"})


def read_stream(lines: Iterable[str]) -> Iterator[StreamLine]:
    """Yield the lines of a recorded stream; blank ones are passed over. Raise `MalformedMessage`."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _read_line(line, f"line {number}")


def _read_line(line: str, location: str) -> StreamLine:
    """Read one line."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise MalformedMessage("no JSON", location=location) from None
    if not isinstance(said, dict) or not all(map(_is_text, said.values())):
        raise MalformedMessage("not an object of texts", location=location)
    if unknown := sorted(said.keys() - _NAMES):
        raise MalformedMessage("unknown name", location=location, detail=", ".join(unknown))
    try:
        at, door = aware(datetime.fromisoformat(said["at"])), Door(said["door"])
    except (KeyError, ValueError, OverflowError, NaiveTime):
        raise MalformedMessage("no time or no door", location=location) from None
    if door is Door.FACT and not ("topic" in said and "key" in said):
        raise MalformedMessage("a fact without topic or key", location=location)
    return StreamLine(
        at=at,
        door=door,
        raw=_raw(said, location),
        about=said.get("about", ""),
        topic=said.get("topic", ""),
        key=said.get("key", "").encode(),
    )


def _is_text(value: object) -> bool:
    """Whether a value is a text that has bytes: half a surrogate pair has none."""
    return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)


def _raw(said: dict[str, Any], location: str) -> bytes:
    """Return the bytes of a line, given as text or in base64, never both."""
    if ("raw" in said) == ("raw_base64" in said):
        raise MalformedMessage("needs raw or raw_base64, not both", location=location)
    if "raw" in said:
        return str(said["raw"]).encode()
    try:
        return base64.b64decode(said["raw_base64"], validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage("no base64", location=location) from None
