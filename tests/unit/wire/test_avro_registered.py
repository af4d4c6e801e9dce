"""Alerts under the ids of an outside registry: only the frame differs, and every version is still read."""

from typing import Any

import pytest
from hypothesis import given

from broker.core.alerts import AlertEvent
from broker.core.errors import MalformedMessage
from broker.runtime.codecs import load_files
from broker.wire.alerts_codec import AlertCodec
from broker.wire.avro import Schemas, canonical_form, reframe, schema_id_of
from tests.strategies import alert_events

AVSC, IDS = load_files()
REGISTERED_ID = 70_001
FORMER_ID = 70_000


def former() -> dict[str, Any]:
    """Return an earlier version of the schema of alerts: without the policy's version."""
    schema: dict[str, Any] = AVSC["alert"]
    fields = [field for field in schema["fields"] if field["name"] != "policy_version"]
    return {**schema, "fields": fields}


SCHEMAS = Schemas({**AVSC, "alert.1": former()}, {**IDS, "alert.1": 999})
PINNED = AlertCodec(SCHEMAS)
REGISTERED = AlertCodec(SCHEMAS, {"alert": REGISTERED_ID, "alert.1": FORMER_ID})


def value_of(event: AlertEvent) -> bytes:
    """Return an event's value under our own id."""
    return PINNED.encode_event(
        event, with_own_ids=False, caused_received_at=None, rules_version=1, policy_version="p"
    )


@given(event=alert_events())
def test_only_the_frame_differs(event: AlertEvent) -> None:
    """To a recipient goes what the broker keeps, under the registry's id."""
    value = value_of(event)
    addressed = REGISTERED.addressed(value)

    assert (IDS["alert"], REGISTERED_ID) == (schema_id_of(value), schema_id_of(addressed))
    assert value[5:] == addressed[5:]


@given(event=alert_events())
def test_both_are_read(event: AlertEvent) -> None:
    """What was told before there was a registry is read as well as what was told since."""
    value = value_of(event)

    assert REGISTERED.decode_published(value) == REGISTERED.decode_published(REGISTERED.addressed(value))
    assert event == REGISTERED.decode_event(REGISTERED.addressed(value))


@given(event=alert_events())
def test_an_earlier_version_is_read_under_its_registered_id(event: AlertEvent) -> None:
    """A release that wrote before the last change of the schema wrote under another id of the registry."""
    row = SCHEMAS.decode("alert", value_of(event))
    written = reframe(SCHEMAS.encode("alert.1", row), FORMER_ID)

    assert event == REGISTERED.decode_event(written)


@given(event=alert_events())
def test_without_a_registry_everything_is_as_it_was(event: AlertEvent) -> None:
    """The value is the same, and ids of a registry are unknown."""
    value = value_of(event)

    assert value == PINNED.addressed(value)
    with pytest.raises(MalformedMessage, match="schema id unknown"):
        PINNED.decode_event(REGISTERED.addressed(value))


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x00\x01", b"\x01\x00\x00\x00\x01"])
def test_what_is_not_framed_is_not_framed_anew(data: bytes) -> None:
    """Bytes of anything else are refused, with a registry or without."""
    with pytest.raises(MalformedMessage, match="framing missing"):
        reframe(data, 1)
    with pytest.raises(MalformedMessage, match="framing missing"):
        REGISTERED.decode_event(data)


def test_words_do_not_decide_about_bytes() -> None:
    """The canonical form forgets documentation and keeps types."""
    first = {"type": "record", "name": "A", "doc": "one", "fields": [{"name": "a", "type": "int"}]}
    second = {"type": "record", "name": "A", "doc": "two", "fields": [{"name": "a", "type": {"type": "int"}}]}
    third = {"type": "record", "name": "A", "doc": "one", "fields": [{"name": "a", "type": "long"}]}

    assert canonical_form(first) == canonical_form(second) != canonical_form(third)


@pytest.mark.parametrize(
    "schema", [None, 7, {}, {"type": "record"}, {"type": "nothing"}, [{"a": 1}], {"a": 1}]
)
def test_what_is_no_schema_has_no_form(schema: Any) -> None:
    """A registry may hand out anything."""
    assert canonical_form(schema) is None
