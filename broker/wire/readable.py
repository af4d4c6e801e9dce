"""Core values as plain JSON, for people and their tools: what replay, listen and the demonstration show."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from broker.core.identifiers import NhsNumber, OdsCode

_SCALARS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Enum, lambda symbol: symbol.value),  # before str, which our enums also are
    (OdsCode, lambda organisation: organisation.code),
    (NhsNumber, lambda number: number.digits),
    (datetime, lambda moment: moment.isoformat(timespec="seconds").replace("+00:00", "Z")),
    (date, date.isoformat),
    (str, str),
    (int, lambda number: number),  # a boolean stays one
)


def readable(value: object) -> Any:
    """Return a core value as JSON: names as keys, codes and digits as text, times in RFC 3339, UTC."""
    if value is None:
        return None
    for kind, convert in _SCALARS:
        if isinstance(value, kind):
            return convert(value)
    if isinstance(value, Mapping):
        return {str(key): readable(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(readable(item) for item in value)
    if isinstance(value, tuple | list):
        return [readable(item) for item in value]
    if is_dataclass(value):
        return {entry.name: readable(getattr(value, entry.name)) for entry in fields(value)}
    raise TypeError(f"{type(value).__name__} has no readable form")
