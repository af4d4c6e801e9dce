"""Every error has a stable code, a disposition, an action and a message without values."""

from collections.abc import Iterator

import pytest

from broker.core import desk_errors
from broker.core.errors import BrokerError, Disposition, KafkaUnavailable, MalformedMessage


def subclasses(kind: type[BrokerError]) -> Iterator[type[BrokerError]]:
    """Yield all errors below one."""
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)


ALL: set[type[BrokerError]] = {BrokerError, *subclasses(BrokerError)}
ERRORS = [
    kind
    for kind in sorted(ALL, key=lambda one: one.code)
    if kind.__module__ in {BrokerError.__module__, desk_errors.__name__}
]


def test_codes_are_unique() -> None:
    """They are looked up in the manual."""
    assert len(ERRORS) == len({kind.code for kind in ERRORS})


@pytest.mark.parametrize("kind", ERRORS, ids=[kind.__name__ for kind in ERRORS])
def test_an_error_says_what_is_to_be_done(kind: type[BrokerError]) -> None:
    """A code of its own, a disposition, an action that ends in a full stop, an exit code above 63."""
    assert kind.code.startswith("CPIS-")
    assert isinstance(kind.disposition, Disposition)
    assert kind.action.endswith(".")
    assert kind.exit_code >= 64


def test_the_docstring_is_the_default_message() -> None:
    """Until something better is known."""
    assert KafkaUnavailable.__doc__ == str(KafkaUnavailable())


def test_a_malformed_message_says_what_is_wrong_and_where() -> None:
    """Reason, detail and place in the sender's terms, with the code to answer."""
    error = MalformedMessage("missing field", hl7_code=101, location="PID-3", detail="no number")

    assert ("missing field no number at PID-3", "missing field", 101, "PID-3") == (
        str(error),
        error.reason,
        error.hl7_code,
        error.location,
    )


def test_a_malformed_message_without_a_place_names_none() -> None:
    """Not `at nowhere`."""
    assert "truncated" == str(MalformedMessage("truncated"))
