"""
A person's events on hold: what comes in of them waits, in order, until an operator lets it go (ADR 0036).

Nothing that protects waits: what restricts the record (ruling 24), what the demographic source, a person or a
timer says, and what comes by a succession (22) is taken as ever. Nor does a birth: the baby is somebody else,
who is not on hold, and what covers it hangs on that (26). Order is that of the stamps (37); at equal ones the
hold has ended, since what waits is an alert that nobody hears.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from broker.core.facts import (
    Access,
    IdentityKind,
    IdentityNotice,
    PlanFact,
    VisitLeft,
    VisitMessage,
    is_doubtful,
)
from broker.core.number_answers import recorded, under_enquiry
from broker.core.person import Person, lift
from broker.core.restriction import is_restricted

HELD_FOR_MAX = timedelta(hours=72)
"""How long a hold lasts at most, by the partition's clock: a forgotten one must not lose an alert."""

WAITING_MAX = 5_000
"""How many records wait for one person at most; with one more the hold ends by itself."""

SET_ASIDE_MAX = 1_000
"""How many records that could not be processed are noted each by itself in one person's record."""

FURTHER = "further"
"""Stands for all that cannot be noted each by itself: it goes with time alone."""

TURNS_OF_A_DOUBT = 2
"""Into it and out of it: a mother who has told of as many has said that one is over (ADR 0047, 0051)."""

HOLDS = frozenset({IdentityKind.ON_HOLD, IdentityKind.HOLD_ENDED})
"""The kinds that begin and end a hold; they decide nothing."""


def held_since(notices: Iterable[IdentityNotice]) -> datetime | None:
    """Return since when a person is on hold by the newest word, aware UTC; None of one who is not."""
    said = [notice for notice in notices if notice.kind in HOLDS]
    begun = [recorded(notice) for notice in said if notice.kind is IdentityKind.ON_HOLD]
    ended = [recorded(notice) for notice in said if notice.kind is IdentityKind.HOLD_ENDED]
    since = max(begun, default=None)
    return None if since is None or any(at >= since for at in ended) else since


def waits(fact: object) -> bool:
    """Return whether a fact waits while its person is on hold; what came by a succession does not (22)."""
    if not isinstance(fact, PlanFact | VisitMessage | VisitLeft | Access):
        return False
    return not is_restricted(lift(fact))


def ends_at(person: Person, clock: datetime) -> datetime | None:
    """
    Return the stamp of the word that ends a hold by itself at a time of the partition's clock, aware UTC.

    It is the hold's own, so that a newer hold goes on; that time where something waits of one who is not on
    hold, since the word itself could not be taken. None where there is nothing to end.
    """
    since = held_since(person.known.notices.values())
    if since is None:
        return clock if person.waiting else None
    return since if clock - since >= HELD_FOR_MAX or len(person.waiting) > WAITING_MAX else None


def noted(held: Mapping[str, datetime], more: Mapping[str, datetime]) -> Mapping[str, datetime]:
    """
    Return what was set aside with more of it: by digest, when that was, aware UTC (ADR 0036).

    Each is noted once, when it was first. Beyond `SET_ASIDE_MAX` one word stands for all others, as of the
    newest of them: which one has been taken since, nobody can tell.
    """
    notes = dict(held)
    for digest, at in more.items():
        if digest != FURTHER and (digest in notes or len(notes) < SET_ASIDE_MAX):
            notes.setdefault(digest, at)
        else:
            notes[FURTHER] = max(at, notes.get(FURTHER, at))
    return notes


def is_unfinished(person: Person) -> bool:
    """Return whether something of a person waits or was set aside, or is to wait (ADR 0036)."""
    return bool(person.waiting or person.set_aside) or held_since(person.known.notices.values()) is not None


def with_doubt(person: Person) -> Person:
    """
    Return the person with the count of doubts as it is to be told of (rulings 26, 41; ADR 0047, 0051).

    It is kept of a mother alone, so that a doubt that stands when a baby is linked is a new one. Her number's
    change under enquiry is one, too: her plan may be under another (38).
    """
    doubtful = is_unfinished(person) or under_enquiry(person.known.notices.values())
    in_doubt = doubtful and bool(person.known.births)
    return person if in_doubt == is_doubtful(person.doubt) else replace(person, doubt=person.doubt + 1)
