"""Builds the reference page of the log events from their catalogue."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping

import broker.runtime
from broker.runtime.log_catalogue import CATALOGUE, FIELDS, Level, LogEvent
from tests.tools.markdown import paragraph, table

_TITLES = {Level.ERROR: "Errors", Level.WARNING: "Warnings", Level.INFO: "Information"}


def whole_catalogue() -> Mapping[str, type[LogEvent]]:
    """Return every log event by its name: those of every module that declares any."""
    for module in pkgutil.iter_modules(broker.runtime.__path__, "broker.runtime."):
        if module.name.endswith("_events"):
            importlib.import_module(module.name)
    return CATALOGUE


def log_events_page() -> str:
    """Return the page of the log events: the most urgent first, then what the fields mean."""
    about = paragraph(
        """
        `cpis run` writes one JSON object a line to standard error. Each line of ours is one of these events,
        by its name in `event`, with `level`, `timestamp` (UTC), the `role` it happened in, and the fields
        shown. Nothing else can be logged, and no field holds anything of a person. Lines of libraries have
        `logger` instead, and whatever in them could be an identifier is masked. `CPIS_LOG_LEVEL` is the least
        level that is written. How to watch without reading logs: [metrics](metrics.md), [watch
        it](../how-to/watch-it.md).
        """
    )
    lines = ["# Log events", "", about]
    for level, title in _TITLES.items():
        rows = list(_rows(level))
        head = ("event", "meaning", "fields", "what to do")
        width = len(head) if level is not Level.INFO else len(head) - 1
        lines += ["", f"## {title}", "", *table(head[:width], [row[:width] for row in rows])]
    fields = [(f"`{name}`", meaning) for name, meaning in sorted(FIELDS.items())]
    return "\n".join([*lines, "", "## Fields", "", *table(("field", "meaning"), fields)])


def _rows(level: Level) -> Iterator[tuple[str, str, str, str]]:
    """Yield the row of each event of a level, by name."""
    for name, event in sorted(whole_catalogue().items()):
        if event.level is level:
            fields = ", ".join(f"`{field}`" for field in event.fields) or "none"
            yield f"`{name}`", " ".join((event.__doc__ or "").split()), fields, event.action
