"""
How good the messages of one sender are: counts that name nobody. Rulings 6, 20, 21, 37.

One `Observation` for each message that could be read; a `Tally` is many of them, and its shares.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from broker.core.clock import as_recorded
from broker.core.facts import NumberStatus, VisitMessage
from broker.core.identifiers import OdsCode

MISSING = "missing"
"""The fault of a message in which nothing claims to be an NHS number."""
LATE_AFTER = timedelta(minutes=15)
"""A message that was recorded longer ago is late: an alert that follows from it is, too (R30)."""


class NumberState(StrEnum):
    """What a message says of its patient's NHS number (table 0445; rulings 20, 21)."""

    VERIFIED = "verified"
    NOT_VERIFIED = "not verified"
    """It carries another status than 01."""
    UNSAID = "status unsaid"
    MISSING = "missing"
    UNUSABLE = "unusable"
    """A wrong check digit, a placeholder, or one kept for tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One message: who sent it, when it was received, and what is amiss with it in stable words."""

    provider: OdsCode
    system: str
    received_at: datetime
    number: NumberState
    faults: tuple[str, ...] = ()
    late: bool = False

    @property
    def sender(self) -> str:
        """What counts call its sender."""
        return sender_name(self.provider, self.system)


def sender_name(provider: OdsCode, system: str) -> str:
    """Return what counts call a sending system: MSH-4 and MSH-3."""
    return f"{provider.code}/{system}"


def observed(
    message: VisitMessage, *, number_fault: str | None = None, faults: Iterable[str] = ()
) -> Observation:
    """Return what is observed of a message; `number_fault` is why its number cannot be used, if it cannot."""
    return Observation(
        provider=message.provider,
        system=message.system,
        received_at=message.received_at,
        number=_number(message.number_status, number_fault),
        faults=tuple(faults),
        late=message.received_at - as_recorded(message.recorded_at, message.received_at) > LATE_AFTER,
    )


def _number(status: NumberStatus | None, fault: str | None) -> NumberState:
    """Return what is said of a number."""
    if fault is not None:
        return NumberState.MISSING if fault == MISSING else NumberState.UNUSABLE
    if status is None:
        return NumberState.UNSAID
    return NumberState.VERIFIED if status is NumberStatus.VERIFIED else NumberState.NOT_VERIFIED


@dataclass(slots=True)
class Tally:
    """Many observations of one sender; `refused` counts, by place, what could not be read."""

    messages: int = 0
    late: int = 0
    numbers: Counter[NumberState] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, one: Observation) -> None:
        """Take in one message."""
        self.messages += 1
        self.late += one.late
        self.numbers[one.number] += 1
        self.faults.update(one.faults)

    def unnumbered(self, *, missing: bool) -> None:
        """Take in a message of which no more is known than that it had no usable number, or none at all."""
        self.messages += 1
        self.numbers[NumberState.MISSING if missing else NumberState.UNUSABLE] += 1

    def share(self, count: int) -> float:
        """Return a count as a share of the messages, 0 without one."""
        return count / self.messages if self.messages else 0.0
