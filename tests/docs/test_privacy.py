"""What the page on privacy says of logs is so."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from broker.core.errors import InvalidNhsNumber
from broker.core.identifiers import NhsNumber
from broker.runtime.logs import configure_logs

NUMBER = "9990000018"
FAMILY = "Quillfeather"


class Logs:
    """What is logged while it is lent."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines so far."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Lend configured logs; afterwards everything is as it was."""
    root = logging.getLogger()
    handlers, level, processing = list(root.handlers), root.level, structlog.get_config()
    lent = Logs()
    configure_logs("info", lent.stream)
    yield lent
    structlog.configure(**processing)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_field_that_is_not_on_the_list_is_dropped(logs: Logs) -> None:
    """Only listed fields reach a line, whatever a caller passes."""
    structlog.get_logger().info("taken", count=1, family=FAMILY, nhs_number=NUMBER)

    assert ({"count": 1, "event": "taken", "level": "info"}, False) == (
        {name: value for name, value in logs.lines()[0].items() if name != "timestamp"},
        FAMILY in logs.stream.getvalue() or NUMBER in logs.stream.getvalue(),
    )


def test_an_exception_of_somebody_else_is_told_by_its_type(logs: Logs) -> None:
    """The words of a foreign exception may hold anything, so they are left out."""
    try:
        raise ValueError(f"{FAMILY} {NUMBER}")  # noqa: TRY301 – the very thing to be logged
    except ValueError:
        structlog.get_logger().exception("failed")

    assert "ValueError" == logs.lines()[0]["error"]


def test_an_error_of_ours_is_told_with_its_code(logs: Logs) -> None:
    """Our own errors hold nothing of a person, so they are told in full."""
    structlog.get_logger().warning("refused", error=InvalidNhsNumber("wrong check digit"))

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
