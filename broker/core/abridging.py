"""
An alert cut down to what a topic takes as one record, when its texts are longer than anybody reads.

Only texts are cut, and only their ends: what an alert says in codes, times and numbers stands as it was.
"""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from broker.core.alerts import AlertEvent

TEXT_MAX = 200
"""Letters that are left of each text of an alert that would not fit."""


def abridged(event: AlertEvent) -> AlertEvent:
    """Return an event with each long text of its alert cut, its end marked by an ellipsis."""
    return replace(event, alert=_cut(event.alert))


def _cut(value: Any) -> Any:
    """Return a value with every text in it cut."""
    if type(value) is str:
        return value if len(value) <= TEXT_MAX else f"{value[: TEXT_MAX - 1]}…"
    if isinstance(value, tuple):
        return tuple(_cut(part) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        cut = {entry.name: _cut(getattr(value, entry.name)) for entry in fields(value) if entry.init}
        return replace(value, **cut)
    return value
