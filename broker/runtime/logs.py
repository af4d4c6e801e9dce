"""
Logs: JSON lines without people in them.

Our own lines are events of the catalogue, written with `Log`. An exception is told by its type and, for an
error of ours, its code and message. Lines of libraries are kept without anything that could be an identifier.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from broker.core.errors import BrokerError
from broker.runtime.log_catalogue import CATALOGUE, FIELDS, LogEvent, NotInTheCatalogue

_OF_EVERY_LINE = frozenset({"event", "level", "timestamp"})
ALLOWED_FIELDS = _OF_EVERY_LINE | {"logger", "role"} | FIELDS.keys()
"""Nothing else reaches a log. `logger` is the module of a library's line, `role` who wrote a line of ours."""

_IDENTIFIER = re.compile(r"\d{6,}|b'[^']*'|b\"[^\"]*\"")  # six digits and more, or raw bytes
_MASK = "…"

EventDict = MutableMapping[str, Any]


class Log:
    """Writes events, each with the `role` that it happened in, where there is one."""

    def __init__(self, role: str | None = None) -> None:
        self._bound = {} if role is None else {"role": role}

    def write(self, event: LogEvent) -> None:
        """Write one line."""
        logger = structlog.get_logger(**self._bound)
        logger.log(logging.getLevelName(event.level.upper()), event.name, **event.values())


def told(error: BaseException) -> str:
    """Return what may be said of an exception: its type and, if it is ours, its code and message."""
    name = type(error).__name__
    return f"{name} {error.code}: {error}" if isinstance(error, BrokerError) else name


def keep_declared(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Let a line of ours pass if it is what the catalogue says; else tell only that there was one."""
    declared = CATALOGUE.get(str(event["event"]))
    given = event.keys() - _OF_EVERY_LINE - {"role"}
    if declared is not None and given == set(declared.fields) and event["level"] == declared.level:
        return event
    refused = {"event": NotInTheCatalogue.name, "level": NotInTheCatalogue.level.value}
    return {"timestamp": event["timestamp"], **refused}


def keep_allowed(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Drop every field that is not on the allow-list; tell an exception without its foreign words."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()[1]
    if isinstance(raised, tuple):
        raised = raised[1]
    if isinstance(raised, BaseException):
        event["error"] = told(raised)
    elif isinstance(event.get("error"), BaseException):
        event["error"] = told(event["error"])
    return {name: value for name, value in event.items() if name in ALLOWED_FIELDS}


def mask_foreign(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Mask, in a library's line, whatever could be an identifier or the bytes of a message."""
    event["event"] = _IDENTIFIER.sub(_MASK, str(event["event"]))
    return event


def configure_logs(level: str, stream: TextIO | None = None) -> None:
    """Send our logs and those of every library to `stream` (standard error) as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, keep_declared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, mask_foreign],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                keep_allowed,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiokafka", "faust", "mode", "asyncio"):
        library = logging.getLogger(noisy)
        library.handlers[:] = []
        library.propagate = True
        library.setLevel(max(logging.WARNING, root.level))
