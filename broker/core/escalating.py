"""
What becomes of an alert that nobody acknowledges, and of an item that nobody settles. Rulings 45, 46.

Sent, delivered, opened and acknowledged are four words: only the last ends an escalation, and only where
nobody has even opened it the treating clinician is told so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.core.clock import later
from broker.core.identifiers import OdsCode
from broker.core.policy import Policy


class Reached(StrEnum):
    """How far an alert has come with its recipient, the later the further (ruling 45)."""

    SENT = "sent"
    """It left the broker."""
    DELIVERED = "delivered"
    """The recipient's system has it."""
    OPENED = "opened"
    """It was shown to a person."""
    ACKNOWLEDGED = "acknowledged"
    """A person takes it on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """That an alert came so far, up to a revision; `at` is when the broker heard so, aware UTC."""

    reached: Reached
    revision: int
    at: datetime


class Step(StrEnum):
    """What is done about an alert that nobody acknowledges (ruling 45)."""

    NEXT_RECIPIENT = "next recipient"
    EMERGENCY_MANAGER = "emergency duty manager"
    CLINICIAN = "clinician is told that nobody has opened it"


_OPENED = frozenset({Reached.OPENED, Reached.ACKNOWLEDGED})


def steps(
    told_at: datetime,
    revision: int,
    acknowledgements: Iterable[Acknowledgement],
    policy: Policy,
    provider: OdsCode,
) -> tuple[tuple[Step, datetime], ...]:
    """
    Return what is to be done about an alert, and when, aware UTC; nothing once it is acknowledged.

    `told_at` is when the newest loud event was made, of that revision: an older word does not cover it. What
    was due before the word came was done and stays. `provider` is the one that treats the person.
    """
    covering = [one for one in acknowledgements if one.revision >= revision]
    to_manager = later(told_at, policy.site(provider).unopened_to_manager)
    found = (
        (Step.NEXT_RECIPIENT, later(told_at, policy.unopened_to_next), frozenset({Reached.ACKNOWLEDGED})),
        (Step.EMERGENCY_MANAGER, to_manager, frozenset({Reached.ACKNOWLEDGED})),
        (Step.CLINICIAN, to_manager, _OPENED),
    )
    return tuple(
        (step, at)
        for step, at, ending in found
        if not any(one.reached in ending and one.at <= at for one in covering)
    )


def to_manager_at(opened_at: datetime, policy: Policy, provider: OdsCode | None) -> datetime:
    """Return when an item that was opened at a time is one for the provider's on-call manager (46)."""
    settled = policy if provider is None else policy.site(provider)
    return later(opened_at, settled.unsettled_to_manager)
