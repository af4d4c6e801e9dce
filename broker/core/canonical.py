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

_PLAIN = frozenset({str, int, bool, NoneType, date, datetime})


def canonical(value: object, *, without: str = "") -> str:
    """
    Return a text for a value made of dataclasses, enums, tuples, sets and plain values.

    Two values of one type have the same text only when they are equal in every field; `without` names a
    field of the outermost dataclass to leave out.
    """
    return repr(_parts(value, without))


def _parts(value: object, without: str = "") -> object:
    """Return a value as nested lists of plain values."""
    kind: type = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, Enum):
        return value._value_
    if isinstance(value, frozenset):
        return sorted(repr(_parts(item)) for item in value)
    parts = value if isinstance(value, tuple) else _reader(kind, without)(value)
    return [part if type(part) in _PLAIN else _parts(part) for part in parts]


@cache
def _reader(kind: type, without: str) -> Callable[[object], tuple[object, ...]]:
    """Return what reads every field of a dataclass at once; the first stands twice, so that one is enough."""
    names = [entry.name for entry in fields(kind) if entry.name != without]
    return attrgetter(names[0], *names)
