"""The catalogue of log events is whole: each is used, its fields are listed, nothing else is logged."""

import ast
import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from broker.runtime import log_events as events
from broker.runtime.intake_counts import _REFUSED, _UNREMARKABLE
from broker.runtime.log_catalogue import FIELDS, Level, LogEvent, NotInTheCatalogue, reported
from broker.runtime.logs import ALLOWED_FIELDS, Log
from broker.services.matching_turns import Notice
from tests.builders.logs import Logs
from tests.tools.reference_logs import whole_catalogue
from tests.tools.stale_docs import REPOSITORY

CATALOGUE = whole_catalogue()
_BROKER = REPOSITORY / "broker"
_TREES = {
    path.relative_to(_BROKER).as_posix(): ast.parse(path.read_text("utf-8"))
    for path in sorted(_BROKER.rglob("*.py"))
}
_MAY_LOG = {
    "runtime/logs.py",
    "__main__.py",
}  # the one that writes lines, and the one that silences libraries
_NOT_LOGGED = {Notice.COMMITTED, Notice.TOLD}  # there are too many of them
_SAMPLES: dict[object, object] = {int: 3, float: 0.5, str: "word", BaseException: OSError()}

each_event = pytest.mark.parametrize(
    "event", [pytest.param(event, id=name) for name, event in CATALOGUE.items()]
)


def _sample(event: type[LogEvent]) -> LogEvent:
    """Return an event with some value of the right type in each field."""
    types = typing.get_type_hints(event)
    values = {name: _SAMPLES[(typing.get_args(types[name]) or (types[name],))[0]] for name in event.fields}
    return reported(event.name, values)


def _calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call of a function or method of this name, with its file."""
    for place, tree in _TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) == name:
                yield place, node


def _name(node: ast.expr) -> str:
    """Return the last part of a name."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _texts(node: ast.AST) -> set[str]:
    """Return every text in an expression."""
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.strip()
    }


@each_event
def test_an_event_is_told_with_its_fields_and_nothing_else(logs: Logs, event: type[LogEvent]) -> None:
    """Name, level and fields reach the line; an error is told by its type."""
    Log("some role").write(_sample(event))

    [line] = logs.lines()
    assert {"event", "level", "role", "timestamp", *event.fields} == line.keys()
    assert (event.name, event.level, "some role") == (line["event"], line["level"], line["role"])


@each_event
def test_an_event_says_what_it_means_and_what_to_do(event: type[LogEvent]) -> None:
    """A meaning for each, an action for what is no mere information; a name in small letters."""
    assert (event.__doc__ or "").strip().endswith(".")
    assert (event.level is not Level.INFO) == bool(event.action)
    assert re.fullmatch(r"[a-z, ]+", event.name)


def test_the_fields_of_all_events_are_those_on_the_list() -> None:
    """None is missing and none is listed in vain; beside them a line has only what every line has."""
    assert FIELDS.keys() == {field for event in CATALOGUE.values() for field in event.fields}
    assert {"event", "level", "timestamp", "logger", "role"} == ALLOWED_FIELDS - FIELDS.keys()


def test_an_event_or_a_field_that_is_not_declared_cannot_be_made() -> None:
    """Types refuse it before it runs, and Python when it does."""
    make: Any = events.Ready

    with pytest.raises(TypeError):
        make(count=1, family="Quillfeather")
    with pytest.raises(TypeError):
        make()
    with pytest.raises(ValueError, match="family"):
        type("Taken", (LogEvent,), {"__annotations__": {"family": str}}, name="taken")
    with pytest.raises(ValueError, match="ready"):
        type("ReadyAgain", (LogEvent,), {}, name="ready")


@pytest.mark.parametrize(
    ("name", "values"), [("no event", {}), ("ready", {}), ("ready", {"count": 1, "offset": 2})]
)
def test_what_is_reported_and_not_declared_is_told_as_a_defect(name: str, values: dict[str, object]) -> None:
    """It stops nothing, and every test run fails on such a line."""
    assert isinstance(reported(name, values), NotInTheCatalogue)


def test_nothing_is_logged_but_events() -> None:
    """No other module has a logger: not the standard library's, not structlog's, not a service's own."""
    found = {
        place
        for place, tree in _TREES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and {"logging", "structlog"} & {name.name for name in node.names})
        or (isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in {"logging", "structlog"})
        or (
            isinstance(node, ast.Attribute) and node.attr in {"log", "logger"} and _name(node.value) == "self"
        )
    }

    assert _MAY_LOG == found


def test_every_event_is_used() -> None:
    """It is made somewhere, or reported by its name."""
    made = {
        node.attr
        for place, tree in _TREES.items()
        if place.startswith("runtime/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and _name(node.value) == "events"
    }
    named = {notice.value for notice in Notice} | _counted()
    unused = {
        name for name, event in CATALOGUE.items() if event.__name__ not in made and name not in named
    } - {NotInTheCatalogue.name}

    assert set() == unused


def _counted() -> set[str]:
    """Return every text by which doors and use cases count; beginnings of kinds end in a colon."""
    arguments = [call.args[0] for _, call in _calls("_count") if isinstance(call.func, ast.Attribute)]
    returned = [node for node in ast.walk(_TREES["adapters/mllp_server.py"]) if _returns_a_text(node)]
    return {text for node in [*arguments, *returned] for text in _texts(node)}


def _returns_a_text(node: ast.AST) -> bool:
    """Tell whether this is `return "…"`: how a conversation of the MLLP door ended is counted."""
    return isinstance(node, ast.Return) and isinstance(node.value, ast.Constant)


def test_what_is_counted_is_logged_by_its_name_or_not_at_all() -> None:
    """A count is an event of its name, or stands in the metrics alone, or has a line of another name."""
    silent = _UNREMARKABLE | {_REFUSED}
    counted = _counted()

    assert {"kept", "connection idle", "upload done", _REFUSED} <= counted
    assert set() == counted - CATALOGUE.keys() - silent


def test_a_notice_has_the_fields_of_its_event() -> None:
    """What the matcher reports, and what the catalogue says of the event of that name."""
    notices = {notice.name: notice for notice in Notice}
    reports: dict[Notice, set[str]] = {}
    for _, call in [*_calls("report"), *_calls("_report")]:
        if len(call.args) == 2 and isinstance(call.args[1], ast.Dict):
            keys = {key.value for key in call.args[1].keys if isinstance(key, ast.Constant)}
            reports[notices[_name(call.args[0])]] = {str(key) for key in keys}
    logged = set(Notice) - _NOT_LOGGED

    assert logged == reports.keys() & logged
    assert {notice: set(CATALOGUE[notice].fields) for notice in logged} == {
        notice: reports[notice] for notice in logged
    }
