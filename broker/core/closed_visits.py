"""
What a closed visit still hears: nothing, unless its number is used for another attendance.

What is closed may go (`broker.core.retention`). Architecture section 2; ADR 0049.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from broker.core.clock import earlier
from broker.core.facts import Access, Fact, IdentityNotice, VisitLeft, VisitMessage
from broker.core.message_times import REGISTERING, at_receipt, said_arrival
from broker.core.person import Person
from broker.core.policy import AnyPolicy
from broker.core.succession import Merged


def too_late(fact: Fact | Merged, person: Person) -> bool:
    """Whether a fact is about a visit or view that nothing may revise any more: noted in `cpis.late`."""
    match fact:
        case VisitMessage() | VisitLeft():
            return fact.visit in person.closed
        case Access():
            return fact.access_id in person.closed
        case IdentityNotice():
            return fact.visit in person.closed
        case _:
            return False


def used_again(person: Person, facts: Iterable[Fact | Merged], clock: datetime, policy: AnyPolicy) -> Person:
    """
    Return the person with each closed visit open again whose number is used for another attendance.

    A registration says so by whose own times the person came within L of the clock: after all that a closed
    visit may still have been told of. Nothing is held of what was before.
    """
    since = earlier(clock, policy.lateness)
    again = {
        fact.visit
        for fact in facts
        if isinstance(fact, VisitMessage) and fact.visit in person.closed and _came_since(fact, since, policy)
    }
    return replace(person, closed=person.closed - again) if again else person


def _came_since(message: VisitMessage, since: datetime, policy: AnyPolicy) -> bool:
    """Whether a registration itself says that the person came since a time."""
    if message.event not in REGISTERING:
        return False
    came_at = said_arrival(message, at_receipt(message, policy))
    return came_at is not None and came_at >= since
