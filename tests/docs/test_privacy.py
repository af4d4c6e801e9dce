"""What the page on privacy says of logs is so."""

import logging
from typing import Any

import pytest
import structlog

from broker.core.errors import InvalidNhsNumber
from broker.core.identifiers import NhsNumber
from broker.runtime.logs import Log
from broker.runtime.matcher_events import MatcherFailed, MatcherGroupAway
from tests.builders.logs import Logs

NUMBER = "9990000018"
FAMILY = "Quillfeather"


def told(logs: Logs) -> dict[str, Any]:
    """Return the only line so far, without its time."""
    [line] = logs.lines()
    return {name: value for name, value in line.items() if name != "timestamp"}


def test_a_field_that_is_not_on_the_list_is_dropped(logs: Logs) -> None:
    """Only listed fields reach a line, whatever a library passes."""
    logging.getLogger("some.library").info("taken", extra={"family": FAMILY, "nhs_number": NUMBER})

    assert {"event": "taken", "level": "info", "logger": "some.library"} == told(logs)


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        pytest.param("taken", {}, id="no event"),
        pytest.param(f"taken {NUMBER}", {}, id="a number in it"),
        pytest.param("ready", {"count": 1, "family": FAMILY}, id="a field too many"),
        pytest.param("ready", {}, id="a field too few"),
        pytest.param("kafka is back", {"offset": 1}, id="another event's field"),
    ],
)
def test_what_is_not_in_the_catalogue_says_only_that_it_was_there(
    logs: Logs, event: str, fields: dict[str, object]
) -> None:
    """Past the types, too: an event or a field that was not declared reaches no line."""
    structlog.get_logger().info(event, **fields)

    assert {"event": "line not in the catalogue", "level": "error"} == told(logs)


def test_an_exception_of_somebody_else_is_told_by_its_type(logs: Logs) -> None:
    """The words of a foreign exception may hold anything, so they are left out."""
    Log("matcher").write(MatcherFailed(partition=1, error=ValueError(f"{FAMILY} {NUMBER}")))

    assert ("ValueError", "matcher") == (logs.lines()[0]["error"], logs.lines()[0]["role"])


def test_a_traceback_of_a_library_is_told_by_its_type(logs: Logs) -> None:
    """The words of a foreign exception may hold anything, so they are left out."""
    try:
        raise ValueError(f"{FAMILY} {NUMBER}")  # noqa: TRY301 – the very thing to be logged
    except ValueError:
        logging.getLogger("some.library").exception("failed")

    assert "ValueError" == logs.lines()[0]["error"]


def test_an_error_of_ours_is_told_with_its_code(logs: Logs) -> None:
    """Our own errors hold nothing of a person, so they are told in full."""
    Log().write(MatcherGroupAway(error=InvalidNhsNumber("wrong check digit")))

    assert "InvalidNhsNumber CPIS-101: wrong check digit" == logs.lines()[0]["error"]


def test_a_library_cannot_log_a_number(logs: Logs) -> None:
    """In a library's line whatever could be an identifier is masked."""
    logging.getLogger("some.library").warning("sending %r for %s", b"PID|||x", NUMBER)

    assert "sending … for …" == logs.lines()[0]["event"]


def test_an_identifier_does_not_show_itself() -> None:
    """A number in a traceback or an f-string names nobody."""
    assert {"NhsNumber(…)"} == {repr(NhsNumber(NUMBER)), str(NhsNumber(NUMBER))}


def test_a_refused_number_is_not_repeated() -> None:
    """The error about a wrong number does not say which."""
    with pytest.raises(InvalidNhsNumber) as refused:
        NhsNumber("9990000019")

    assert "wrong check digit" == str(refused.value)
