"""
Which visits still are of the person: one that was recorded under the wrong number has left. Ruling 44.

A visit has left while nothing newer came under the number than what it left after; whatever comes later
brings it back. So any order of arrival ends in the same.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from broker.core.facts import VisitLeft, VisitMessage
from broker.core.message_times import Position, position

Messages = Mapping[str, Mapping[str, VisitMessage]]
"""The messages of a person's visits: by visit reference, then by message id."""

Leavings = Mapping[str, Mapping[str, VisitLeft]]
"""What was said of visits that go on elsewhere: by visit reference, then by message id."""


def leaving_position(left: VisitLeft) -> Position:
    """Return where the message stands that a visit left after (ruling 37)."""
    sequence = -1 if left.sequence is None else left.sequence
    return (left.recorded_at, left.sent_at, sequence), left.control_id, left.message_id


def has_left(messages: Iterable[VisitMessage], left: Iterable[VisitLeft]) -> bool:
    """Whether a visit of these messages, one or more, goes on under another number."""
    newest = max(map(position, messages))
    return any(leaving_position(one) >= newest for one in left)


def gone(visits: Messages, left: Leavings) -> frozenset[str]:
    """Return the references of the visits that go on under another number."""
    return frozenset(
        reference
        for reference, leavings in left.items()
        if reference in visits and has_left(visits[reference].values(), leavings.values())
    )


def elsewhere(visits: Messages, left: Leavings) -> Messages:
    """Return the visits that go on under another number, by reference."""
    return {reference: visits[reference] for reference in sorted(gone(visits, left))}


def staying(visits: Messages, left: Leavings) -> Messages:
    """Return the visits that are the person's."""
    if not left:
        return visits
    away = gone(visits, left)
    return {reference: messages for reference, messages in visits.items() if reference not in away}


def received_by(visits: Messages, by: datetime) -> Messages:
    """Return the messages that had been received by a time; a visit that had none is there, and empty."""
    return {
        reference: {key: message for key, message in messages.items() if message.received_at <= by}
        for reference, messages in visits.items()
    }


def staying_by(visits: Messages, left: Leavings, by: datetime) -> Messages:
    """Return the messages that had been received by a time, of the visits that were the person's by then."""
    received = {reference: messages for reference, messages in received_by(visits, by).items() if messages}
    heard = {
        reference: {key: one for key, one in left.get(reference, {}).items() if one.received_at <= by}
        for reference in visits
    }
    return staying(received, heard)
