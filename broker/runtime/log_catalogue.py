"""
What a log event is: a name, a level, the fields that it may have, a meaning, and what an operator does.

Knows the list of the fields that any event may have, and that an event is declared once. The events
themselves are in `broker.runtime.log_events`, `matcher_events` and `start_events`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, dataclass_transform

FIELDS: Mapping[str, str] = {
    "address": "address that a port of ours listens on",
    "application": "`CPIS_APPLICATION_ID`",
    "code": "code of an [error](errors.md), or of an [upload](upload-codes.md)",
    "count": "how many; of what is counted, since the start of the process",
    "delay_seconds": "seconds until the next attempt",
    "destination": "where alerts are delivered: `provider`, its ODS code, `mllp` or `fhir`; over MESH `la`, "
    "its ODS code, `mesh` or, of what is answered, `answers`",
    "door": "way by which a file came: `folder`, `http` or `mesh`",
    "duration_ms": "milliseconds that it took",
    "error": "type of the error and, of an error of ours, its code and message; no words of others",
    "mailbox": "name of a mailbox at the message exchange",
    "offset": "offset in Kafka",
    "partition": "number of the partition",
    "peer": "IP address of the system that connected",
    "port": "TCP port",
    "reason": "a word of a closed set",
    "records": "how many records",
    "sender": "ODS code and MSH-3 of a sender in the file of senders, or the code of an authority",
    "topic": "name of the topic",
    "unread": "how many of them the matcher had not taken",
    "workflow": "workflow id of a message, one of the settings or `another`",
}
"""Every field that an event can have, with its meaning."""

CATALOGUE: dict[str, type["LogEvent"]] = {}
"""Every event there is, by its name."""


class Level(StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARNING = "warning"  # it mends itself, or costs one sender: somebody should look in office hours
    ERROR = "error"  # somebody has to act


@dataclass_transform(kw_only_default=True, frozen_default=True)
class LogEvent:
    """
    One thing that can be logged; `level`, `fields` and `action` are its row of the catalogue.

    A subclass with a `name` is an event and its docstring the meaning; one without is shared by several.
    """

    name: ClassVar[str] = ""
    level: ClassVar[Level] = Level.INFO
    action: ClassVar[str] = ""
    fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, name: str = "", level: Level = Level.INFO, action: str = "") -> None:
        """Declare an event; raise `ValueError` where its name is taken or a field is none of `FIELDS`."""
        made: Any = dataclass(frozen=True, kw_only=True)(cls)
        cls.name, cls.level, cls.action = name, level, action
        cls.fields = tuple(field.name for field in fields(made))
        unknown = set(cls.fields) - FIELDS.keys()
        if unknown or name in CATALOGUE:
            raise ValueError(f"{cls.__name__}: {sorted(unknown) or name} cannot be declared")
        if name:
            CATALOGUE[name] = cls

    def values(self) -> dict[str, object]:
        """Return the fields of this line."""
        return dict(vars(self))


class NotInTheCatalogue(
    LogEvent,
    name="line not in the catalogue",
    level=Level.ERROR,
    action="Report it as a defect. What the line said was left out, since nobody vouches for it.",
):
    """Something tried to log what is no declared event, or with fields that are not the event's."""


def reported(name: str, values: Mapping[str, object]) -> LogEvent:
    """
    Return the event that a room without logs has reported by name, with its fields.

    What was not declared so is `NotInTheCatalogue`: a slip of ours must not stop what was being done.
    """
    declared: Any = CATALOGUE.get(name)
    if declared is None or set(declared.fields) != values.keys():
        return NotInTheCatalogue()
    event: LogEvent = declared(**values)
    return event
