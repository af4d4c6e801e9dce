"""What the message desk shows of a message names nobody, and a place is written as it is read."""

from datetime import UTC, datetime

import pytest

from broker.core.desk_errors import NoSuchMessage
from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey
from broker.core.messages import Message, Outcome, control_digest, is_message, place_named
from broker.core.operators import Place

PLACE = Place(topic="cpis.in.attendances", partition=3, offset=14)


def test_a_place_is_read_as_it_is_written() -> None:
    """Topic, partition and offset."""
    assert is_message(str(PLACE))
    assert PLACE == place_named(str(PLACE))


@pytest.mark.parametrize(
    "text", ["", "9990000018", "cpis.rejected", "cpis.rejected-1", "other-0-0", "cpis.rejected-0--1"]
)
def test_what_is_no_place_is_no_message(text: str) -> None:
    """And the refusal does not repeat it: it may be anything."""
    with pytest.raises(NoSuchMessage) as refused:
        place_named(text)

    assert not is_message(text)
    assert "999" not in str(refused.value)


def test_a_control_id_is_searched_by_a_keyed_digest() -> None:
    """Another key gives another, so that nobody finds out by trying."""
    one, other = IdentityKey(bytes(32)), IdentityKey(bytes(range(32)))

    assert control_digest(one, "M1") == control_digest(one, "M1")
    assert 3 == len({control_digest(one, "M1"), control_digest(one, "M2"), control_digest(other, "M1")})
    assert "M1" not in control_digest(one, "M1")


def test_what_is_shown_of_a_message_is_what_became_of_it() -> None:
    """Where it lies, when and from whom it came, and why it was not taken; not the digest."""
    message = Message(
        place=PLACE,
        received_at=datetime(2025, 3, 1, 12, 0, tzinfo=UTC),
        outcome=Outcome.REFUSED,
        sender=OdsCode("RXH"),
        control="d" * 32,
        control_id="M1",
        reason="no PID segment",
        location="PID",
        item_id="e" * 32,
    )

    assert {
        "message": "cpis.in.attendances-3-14",
        "received_at": "2025-03-01T12:00:00+00:00",
        "sender": "RXH",
        "control_id": "M1",
        "visit": None,
        "outcome": "refused",
        "reason": "no PID segment",
        "location": "PID",
        "rejected_id": "e" * 32,
        "redriven": None,
    } == message.shown()


def test_a_message_whose_sender_cannot_be_read_has_none() -> None:
    """Not an empty one."""
    message = Message(
        place=PLACE, received_at=datetime(2025, 3, 1, 12, 0, tzinfo=UTC), outcome=Outcome.REFUSED
    )

    assert message.shown()["sender"] is None
