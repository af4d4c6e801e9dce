"""
Text over everything in a value of the core, so that different values have different texts.

What ids and digests cover. Unlike `repr` it leaves nothing out, and it costs a fraction of `astuple`.
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType
from typing import Any

_PLAIN = frozenset({str, int, bool, NoneType, date, datetime})
_NOTHING = frozenset[str]()


def canonical(value: object, *, without: frozenset[str] = _NOTHING) -> str:
    """
    Return a text for a value made of dataclasses, enums, tuples, sets and plain values.

    Two values of one type have the same text only when they are equal in every field; `without` names
    fields of the outermost dataclass to leave out.
    """
    return repr(_parts(value, without))


def _parts(value: Any, without: frozenset[str] = _NOTHING) -> Any:
    """Return a value as nested lists of plain values."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    parts = _reader(kind, without)(value)
    if type(parts) is tuple:
        return [part if type(part) in _PLAIN else _parts(part) for part in parts]
    return parts


@cache
def _reader(kind: Any, without: frozenset[str]) -> Callable[[Any], Any]:
    """Return what reads a value of one type: a plain value, or the parts that it is made of."""
    if issubclass(kind, Enum):
        return attrgetter("_value_")
    if issubclass(kind, tuple):
        return tuple
    if issubclass(kind, frozenset):
        return lambda items: sorted(repr(_parts(item)) for item in items)
    names = [entry.name for entry in fields(kind) if entry.name not in without]
    return attrgetter(names[0], *names)  # the first stands twice, so that one field alone is a tuple too
