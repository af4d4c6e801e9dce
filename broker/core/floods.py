"""
What is kept of a visit that a sender repeats without end.

Up to `FOLD_FROM` messages of a visit nothing is dropped, whatever it says. Beyond it, of each run of updates
that say the same the first and the last are kept: between them nothing changed. What still does not fit is
refused message by message, so that one visit costs neither the person's other visits nor the partition.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby

from broker.core.facts import VisitEvent, VisitMessage
from broker.core.message_times import in_order
from broker.core.person import Person
from broker.core.reading import OTHER_PROVIDER

FOLD_FROM = 500
"""From how many messages of one visit on runs of equal updates are folded."""

VISIT_MESSAGES_MAX = 2_000
"""How many messages of one visit are kept after folding; deciding costs 0.1 ms for each, every time."""

RESERVED_MAX = 500
"""How many more of those that are no mere update: an end, a cancellation, a restriction (ruling 24)."""

_UPDATES = frozenset({VisitEvent.UPDATED, VisitEvent.TRANSFERRED, VisitEvent.TRANSFER_CANCELLED})
_SAME = datetime(1970, 1, 1, tzinfo=UTC)


def bounded(person: Person, before: Person) -> tuple[Person, frozenset[str]]:
    """
    Return a person without what is too much of one visit, and the ids of the messages that were refused.

    `before` is the same person before the last facts were learned: what it holds is never refused.
    """
    visits: dict[str, Mapping[str, VisitMessage]] = {}
    refused: set[str] = set()
    for visit, messages in person.known.visits.items():
        held = before.known.visits.get(visit, {})
        if len(messages) <= FOLD_FROM or messages is held:
            continue
        folded = _folded(messages)
        excess = _excess(folded, held)
        visits[visit] = {name: each for name, each in folded.items() if name not in excess}
        refused |= excess
    if not visits:
        return person, frozenset()
    known = replace(person.known, visits={**person.known.visits, **visits})
    return replace(person, known=known), frozenset(refused)


def _folded(messages: Mapping[str, VisitMessage]) -> dict[str, VisitMessage]:
    """Return messages without the inside of each run of equal updates, in the order of ruling 37."""
    kept: list[VisitMessage] = []
    for said, group in groupby(in_order(messages.values()), key=_said):
        run = list(group)
        kept += run if said.event not in _UPDATES or len(run) == 1 else (run[0], run[-1])
    return {message.message_id: message for message in kept}


def _said(message: VisitMessage) -> VisitMessage:
    """Return what a message says, whenever and under whatever id it says so."""
    return replace(
        message,
        message_id="",
        control_id="",
        recorded_at=_SAME,
        sent_at=_SAME,
        received_at=_SAME,
        sequence=None,
    )


def _excess(messages: Mapping[str, VisitMessage], held: Mapping[str, VisitMessage]) -> frozenset[str]:
    """Return the ids of new messages for which there is no room, in the order of their receipt."""
    new = [message for name, message in messages.items() if name not in held]
    count = len(messages) - len(new)
    excess = set()
    for message in sorted(new, key=lambda each: (each.received_at, each.message_id)):
        spare = 0 if _is_mere_update(message) else RESERVED_MAX
        if count < VISIT_MESSAGES_MAX + spare:
            count += 1
        else:
            excess.add(message.message_id)
    return frozenset(excess)


def _is_mere_update(message: VisitMessage) -> bool:
    """Whether a message neither ends, begins nor cancels a visit, nor restricts the record (ruling 24)."""
    ends = message.event is VisitEvent.TRANSFERRED and message.disposition == OTHER_PROVIDER
    return message.event in _UPDATES and not ends and not message.restricted
