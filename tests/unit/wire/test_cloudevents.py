"""CloudEvents headers in Kafka's binary mode."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import MalformedMessage, NaiveTime
from broker.wire.cloudevents import ALERT_TYPE, CloudEvent, read_headers, sender_of, write_headers
from tests.strategies import maybe, times

MOMENT = datetime(2026, 11, 22, 9, 30, 0, 5000, tzinfo=UTC)
EVENT = CloudEvent(
    event_id="0f" * 16, source="/cpis/matcher/3", event_type=ALERT_TYPE, time=MOMENT, data_schema="alert"
)
HEADERS = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"0f" * 16),
    ("ce_source", b"/cpis/matcher/3"),
    ("ce_type", b"cpis.alert.v1"),
    ("ce_time", b"2026-11-22T09:30:00.005Z"),
    ("ce_dataschema", b"alert"),
    ("content-type", b"application/vnd.confluent.avro"),
)
NAMES = st.text(min_size=1)


def with_header(name: str, value: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return the headers with one of them replaced."""
    return tuple((key, value if key == name else old) for key, old in HEADERS)


def test_the_attributes_become_headers() -> None:
    """Each attribute is a header with the prefix of the Kafka binding."""
    assert HEADERS == write_headers(EVENT)


def test_the_sender_comes_first_and_is_read_alone() -> None:
    """The matcher looks for it in every record; it is an organisation's code, nobody's name."""
    headers = write_headers(replace(EVENT, sender="RXX"))

    assert (("ce_sender", b"RXX"), *HEADERS) == headers
    assert [b"RXX", None] == [sender_of(headers), sender_of(HEADERS)]


def test_an_event_needs_neither_time_nor_schema() -> None:
    """Optional attributes that are not given have no header."""
    event = CloudEvent(event_id="1", source="/s", event_type="t")

    names = [name for name, _ in write_headers(event)]

    assert ["ce_specversion", "ce_id", "ce_source", "ce_type", "content-type"] == names


@given(
    event=st.builds(
        CloudEvent,
        event_id=NAMES,
        source=NAMES,
        event_type=NAMES,
        time=maybe(times()),
        data_schema=maybe(NAMES),
        sender=maybe(NAMES),
    )
)
def test_an_event_is_read_back_from_its_headers(event: CloudEvent) -> None:
    """What was written is read."""
    assert event == read_headers(write_headers(event))


def test_headers_of_others_are_passed_over() -> None:
    """A tracing header or the like does not disturb."""
    assert EVENT == read_headers((("traceparent", b"\xff"), *HEADERS))


def test_a_time_in_another_zone_is_written_in_utc() -> None:
    """Whatever its zone, a time is written in UTC."""
    summer = timezone(timedelta(hours=1))
    event = CloudEvent(event_id="1", source="/s", event_type="t", time=MOMENT.astimezone(summer))

    assert dict(HEADERS)["ce_time"] == dict(write_headers(event))["ce_time"]


def test_a_time_in_another_zone_is_read_into_utc() -> None:
    """Another writer may use an offset."""
    read = read_headers(with_header("ce_time", b"2026-11-22T10:30:00.005+01:00"))

    assert (MOMENT, UTC) == (read.time, read.time and read.time.tzinfo)


def test_a_time_without_zone_is_never_written() -> None:
    """A naive time has no place in an event."""
    naive = CloudEvent(event_id="1", source="/s", event_type="t", time=MOMENT.replace(tzinfo=None))

    with pytest.raises(NaiveTime):
        write_headers(naive)


@pytest.mark.parametrize("name", ["ce_specversion", "ce_id", "ce_source", "ce_type"])
def test_a_required_attribute_may_not_be_missing(name: str) -> None:
    """Without one of the four it is no CloudEvent."""
    headers = [(key, value) for key, value in HEADERS if key != name]

    with pytest.raises(MalformedMessage) as refused:
        read_headers(headers)

    assert name == refused.value.location


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("ce_id", b"", id="empty id"),
        pytest.param("ce_source", b"\xff", id="source that is no text"),
        pytest.param("ce_specversion", b"2.0", id="another version"),
        pytest.param("ce_time", b"yesterday", id="time that is none"),
        pytest.param("ce_time", b"2026-11-22T09:30:00", id="time without zone"),
        pytest.param("ce_time", b"0001-01-01T00:00:00+10:00", id="time before all calendars"),
    ],
)
def test_an_attribute_that_cannot_be_read_is_malformed(name: str, value: bytes) -> None:
    """The error says which header, and not what it held."""
    with pytest.raises(MalformedMessage) as refused:
        read_headers(with_header(name, value))

    assert name == refused.value.location
