"""Alert events as recipients read them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.alerts import AlertEvent
from broker.core.errors import MalformedMessage
from broker.core.wording import statements
from broker.runtime.codecs import load_schemas
from broker.wire.alerts_codec import AlertCodec, Published
from broker.wire.avro import frame, schema_id_of
from tests.strategies import alert_events, maybe, times, words

SCHEMAS = load_schemas()
CODEC = AlertCodec(SCHEMAS)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def encoded(event: AlertEvent, *, with_own_ids: bool = True) -> bytes:
    """Return an event's value under some rules and policy."""
    return CODEC.encode_event(
        event, with_own_ids=with_own_ids, caused_received_at=NOON, rules_version=1, policy_version="p"
    )


@settings(deadline=None)
@given(event=alert_events())
def test_an_event_is_read_back(event: AlertEvent) -> None:
    """Whatever is told, the recipient reads what was told."""
    assert event == CODEC.decode_event(encoded(event))


@settings(deadline=None, max_examples=50)
@given(
    event=alert_events(),
    caused=maybe(times()),
    rules=st.integers(0, 2**31 - 1),
    policy=words(),
)
def test_what_was_published_with_an_event_is_read_back(
    event: AlertEvent, caused: datetime | None, rules: int, policy: str
) -> None:
    """The sentences, the cause's receipt and the versions go along."""
    data = CODEC.encode_event(
        event, with_own_ids=False, caused_received_at=caused, rules_version=rules, policy_version=policy
    )

    expected = Published(
        event=event,
        statements=statements(event.alert, event.changes, kind=event.kind),
        caused_received_at=caused,
        rules_version=rules,
        policy_version=policy,
    )
    assert expected == CODEC.decode_published(data)


@settings(deadline=None, max_examples=50)
@given(event=alert_events())
def test_an_authoritys_own_ids_go_along_only_when_asked_for(event: AlertEvent) -> None:
    """With them for the authority's own topic, without them everywhere else (ruling 28)."""
    read = [CODEC.decode_event(encoded(event, with_own_ids=asked)).alert for asked in (True, False)]

    told = event.alert
    assert [(told.child_id, told.file_id), (None, None)] == [(one.child_id, one.file_id) for one in read]


@settings(deadline=None, max_examples=50)
@given(event=alert_events())
def test_a_reader_without_our_rules_sees_whether_it_is_loud(event: AlertEvent) -> None:
    """Whether an event reopens its alert is in it, not only derivable from it."""
    assert event.loud == SCHEMAS.decode("alert", encoded(event))["loud"]


@settings(deadline=None, max_examples=50)
@given(event=alert_events(), number=st.sampled_from(["", "9990000019", "none"]))
def test_an_event_about_no_usable_number_is_malformed(event: AlertEvent, number: str) -> None:
    """A subject that is no NHS number is refused, and the error does not repeat it."""
    digits = event.subject.digits.encode()
    data = encoded(event).replace(
        bytes((len(digits) * 2,)) + digits, bytes((len(number) * 2,)) + number.encode()
    )

    with pytest.raises(MalformedMessage, match="InvalidNhsNumber in alert"):
        CODEC.decode_event(data)


@settings(deadline=None, max_examples=200)
@given(event=alert_events(), at=st.integers(0, 5000), noise=st.binary(min_size=1, max_size=8))
def test_altered_bytes_end_in_an_event_or_are_malformed(event: AlertEvent, at: int, noise: bytes) -> None:
    """Bytes that were altered anywhere never raise anything but `MalformedMessage`."""
    value = encoded(event)
    body = value[5:]
    place = at % len(body)
    altered = frame(schema_id_of(value), body[:place] + noise + body[place + len(noise) :])
    try:
        read = CODEC.decode_event(altered)
    except MalformedMessage:
        return

    assert isinstance(read, AlertEvent)
