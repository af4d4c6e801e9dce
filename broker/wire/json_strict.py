"""
JSON from a peer, read strictly and at a bounded cost.

Two values under one name, numbers that no resource holds, and nesting without end are faults of the message:
another reader would see something else in them, or fall over.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NoReturn

from broker.core.errors import MalformedMessage
from broker.wire.hl7v2 import DATA_TYPE

DEPTH_MAX: Final = 50
"""Levels; a message Bundle has some fifteen. Without a bound one message takes the whole stack."""
SIGNS_MAX: Final = 50_000
"""
Braces, brackets and commas in one document: a Bundle of 500 resources has some 20,000. Counted before
anything is read: a value of two signs costs a microsecond, for which other senders wait.
"""
_SIGNS = (b"{", b"[", b",")
_NULL_ESCAPE = "\\u0000"
_NULL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The escape of a null, which is no character of a text; one whose own backslash is escaped is none."""
_DIGITS_MAX: Final = 40  # a decimal of FHIR has 18; long ones cost time that grows with their square


def read_json(data: bytes) -> dict[str, Any]:
    """
    Return the object in a document of UTF-8; raise `MalformedMessage` for anything else.

    A null within a text is left out, as in HL7 version 2: databases take none.
    """
    if sum(map(data.count, _SIGNS)) > SIGNS_MAX:
        raise _refused("too many values")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused("not in UTF-8", detail=f"byte {error.start + 1}") from None
    if _NULL_ESCAPE in text:  # hardly ever: to look for those that count takes longer than all the rest
        text = _NULL.sub(r"\1", text)
    try:
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_no_number,
        )
    except RecursionError:
        raise _refused("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _refused("no JSON", detail=f"line {error.lineno}, column {error.colno}") from None
    if not isinstance(document, dict):
        raise _refused("no JSON object")
    _bound(document)
    return document


def document_of(data: bytes) -> dict[str, Any]:
    """Return the object in bytes that may be none, empty where there is none."""
    try:
        return read_json(data)
    except MalformedMessage:
        return {}


def nodes(value: object, *, most: int) -> int:
    """Return how many values stand in a value, itself included; counting stops beyond `most`."""
    return sum(1 for _ in islice(within_it(value), most + 1))


def within_it(value: object) -> Iterator[object]:
    """Yield a value and every value that stands in it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _bound(document: dict[str, Any]) -> None:
    """Refuse what is nested too deeply."""
    level: list[object] = [document]
    for _ in range(DEPTH_MAX):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
        if not below:
            return
        level = below
    raise _refused("nested too deeply")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; refuse one that says the same name twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _refused("a name twice in one object")
    return found


def _integer(text: str) -> int:
    """Return a whole number."""
    if len(text) > _DIGITS_MAX:
        raise _refused("a number without bound")
    return int(text)


def _decimal(text: str) -> float:
    """Return any other number."""
    number = float(text) if len(text) <= _DIGITS_MAX else float("inf")
    if number in {float("inf"), float("-inf")}:
        raise _refused("a number without bound")
    return number


def _no_number(_text: str) -> NoReturn:
    """Refuse `NaN` and `Infinity`, which are no JSON."""
    raise _refused("no JSON")


def _refused(reason: str, *, detail: str = "") -> MalformedMessage:
    """Make the one error of this module; it never repeats a value."""
    return MalformedMessage(reason, hl7_code=DATA_TYPE, detail=detail)
