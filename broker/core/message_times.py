"""
When the messages of a visit were recorded, in which order they stand, and when the visit began. Ruling 37.

Which of a message's times count says the policy in force at its receipt: by its arrival a visit finds the
policy that judges it, so that this one cannot say which arrival counts.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from broker.core.clock import as_recorded, plausible_arrival
from broker.core.facts import VisitEvent, VisitMessage
from broker.core.policy import AnyPolicy, Policy

REGISTERING = frozenset({VisitEvent.ADMITTED, VisitEvent.REGISTERED})

Stamp = tuple[datetime, datetime, int]


def stamp(message: VisitMessage) -> Stamp:
    """
    Return the order of a message (ruling 37): EVN-2, MSH-7, MSH-13.

    A time that cannot be true is replaced by the first receipt of the same bytes.
    """
    recorded_at, sent_at, received_at = message.recorded_at, message.sent_at, message.received_at
    return (
        as_recorded(recorded_at, received_at),
        as_recorded(sent_at, received_at),
        -1 if message.sequence is None else message.sequence,
    )


Position = tuple[Stamp, str, str]


def position(message: VisitMessage) -> Position:
    """Return where a message stands among those of its visit: by stamp, then MSH-10 as text, then id."""
    return stamp(message), message.control_id, message.message_id


def in_order(messages: Iterable[VisitMessage]) -> list[VisitMessage]:
    """Return messages by their position: a total order."""
    return sorted(messages, key=position)


class Arrival:
    """
    When a visit began, read from its own messages in their order (ruling 37).

    What a message says of it counts by the policy in force when the message was received.
    """

    def __init__(self, policy: AnyPolicy) -> None:
        self._policy = policy
        self._told: datetime | None = None
        self._registered_at: datetime | None = None
        self._began_at: datetime | None = None

    def read(self, message: VisitMessage) -> None:
        """Let a message tell, correct or clear the arrival; keep the first times."""
        settled = at_receipt(message, self._policy)
        if _arrival_counts(message, settled):
            self._told = written(message, "arrived_at", self._told)
        if self._began_at is None:
            self._began_at = stamp(message)[0]
        if self._registered_at is None and message.event in REGISTERING:
            self._registered_at = occurred(message, settled)

    @property
    def said(self) -> datetime | None:
        """PV1-44, else the oldest registration's time; None where no message says when the person came."""
        return self._told or self._registered_at

    @property
    def at(self) -> datetime | None:
        """What was said of it, else the oldest message's time; None before any."""
        return self.said or self._began_at


def arrival_of(ordered: Iterable[VisitMessage], policy: AnyPolicy) -> datetime | None:
    """Return when the visit of these messages, which come in their order, began; None without any."""
    arrival = Arrival(policy)
    for message in ordered:
        arrival.read(message)
    return arrival.at


def written(message: VisitMessage, name: str, current: Any) -> Any:
    """Return a register after a message: set, cleared (`""`), or left alone (R41)."""
    value = getattr(message, name)
    if value is not None:
        return value
    return None if name in message.cleared else current


def at_receipt(message: VisitMessage, policy: AnyPolicy) -> Policy:
    """Return the policy that says which times of a message count: in force at its receipt (ruling 37)."""
    return policy.at(message.received_at).site(message.provider)


def _arrival_counts(message: VisitMessage, settled: Policy) -> bool:
    """Whether PV1-44 of a message is to be believed (ruling 37)."""
    arrived_at = message.arrived_at
    return arrived_at is None or plausible_arrival(
        arrived_at, message.received_at, age=settled.arrival_age, ahead=settled.arrival_ahead
    )


def said_arrival(message: VisitMessage, settled: Policy) -> datetime | None:
    """Return when a message itself says that the person came: PV1-44, else EVN-6, if believed (ruling 37)."""
    if message.arrived_at is not None and _arrival_counts(message, settled):
        return message.arrived_at
    return message.occurred_at if occurred(message, settled) == message.occurred_at else None


def occurred(message: VisitMessage, settled: Policy) -> datetime:
    """Return EVN-6 if it is near the recording, else the recording (ruling 37): cancels carry older ones."""
    recorded, said = stamp(message)[0], message.occurred_at
    return said if said is not None and abs(said - recorded) <= settled.occurred_within else recorded
