"""
What the demographic source says of a number: superseded, in use, invalidated, or changed. Rulings 22, 38.

Order is that of the source's stamps (ruling 37), so that any order of arrival ends in the same answer.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import assert_never

from broker.core.clock import as_recorded
from broker.core.demographics import Current, Invalidated, NotKnown, NumberAnswer, SupersededBy
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey

_BY_RECEIPT = frozenset({IdentityKind.BIRTH_DATE, IdentityKind.BORN_TO})
_RANK = {IdentityKind.INVALIDATED: 0, IdentityKind.IN_USE: 1, IdentityKind.SUPERSEDED: 2}
"""
The answers. At equal stamps a succession is the newer: a chain recorded at once is followed to its end.
"""

OUT_OF_USE = _RANK[IdentityKind.INVALIDATED]
"""The second part of the rank of an answer that takes its number out of use."""

ABOUT_THE_NUMBER = frozenset({*_RANK, IdentityKind.NUMBER_CHANGE})
"""The kinds that speak of the number; every other speaks of the person, whichever the number."""


def recorded(notice: IdentityNotice) -> datetime:
    """Return when the source recorded a notice, as it counts (ruling 37)."""
    return as_recorded(notice.recorded_at, notice.received_at)


def rank_of_answer(notice: IdentityNotice) -> tuple[datetime, int] | None:
    """
    Return by what an answer is newer than another about its number; None of a notice that is no answer.

    When it was recorded, aware, and at equal stamps what it says: `OUT_OF_USE` comes before all others.
    """
    return (recorded(notice), _RANK[notice.kind]) if notice.kind in _RANK else None


def newest_answer(notices: Iterable[IdentityNotice]) -> IdentityNotice | None:
    """Return what the source said last of a number, None when it has said nothing."""
    return max((notice for notice in notices if notice.kind in _RANK), key=_order, default=None)


def under_enquiry(notices: Iterable[IdentityNotice]) -> bool:
    """Whether a number change was notified that no answer of that time or later has settled (ruling 38)."""
    known = list(notices)
    asked = [recorded(notice) for notice in known if notice.kind is IdentityKind.NUMBER_CHANGE]
    answer = newest_answer(known)
    return bool(asked) and (answer is None or recorded(answer) < max(asked))


def notice_of(
    number: NhsNumber,
    kind: IdentityKind,
    recorded_at: datetime,
    received_at: datetime,
    key: IdentityKey,
    *,
    successor: NhsNumber | None = None,
    born: date | None = None,
    mother: str | None = None,
) -> IdentityNotice:
    """
    Return what was said of a number or its person at its own time; said again it has the same id.

    A date of birth, and whose child somebody is, have an id by their receipt: no id may be tried against a
    birthday, by which an old and a new number could be found to be one person's (ruling 23), or a mother.
    """
    of = "" if successor is None else successor.digits
    heard = (received_at.isoformat(),) if kind in _BY_RECEIPT else ()
    return IdentityNotice(
        notice_id=key.derive("notice", number.key, kind, of, recorded_at.isoformat(), *heard),
        kind=kind,
        successor=successor,
        birth_date=born,
        mother=mother,
        recorded_at=recorded_at,
        received_at=received_at,
    )


def answered(
    number: NhsNumber, answer: NumberAnswer, received_at: datetime, key: IdentityKey
) -> Iterator[IdentityNotice]:
    """
    Yield the facts that the source's answer about a number is (rulings 13, 22 to 24, 38).

    None for a number that it never gave out: that settles nothing. That it protects a person is told, and so
    is when it recorded that it needs to no more; that it does not protect one is no word that lifts what
    others said (ruling 24).
    """
    match answer:
        case Current():
            at = answer.recorded_at
            yield notice_of(number, IdentityKind.IN_USE, at, received_at, key)
            if answer.restricted:
                yield notice_of(number, IdentityKind.RESTRICTED, at, received_at, key)
            elif answer.lifted_at is not None:
                yield notice_of(number, IdentityKind.RESTRICTION_LIFTED, answer.lifted_at, received_at, key)
            if (born := answer.details.birth_date) is not None:
                yield notice_of(number, IdentityKind.BIRTH_DATE, at, received_at, key, born=born)
        case SupersededBy():
            kind, at = IdentityKind.SUPERSEDED, answer.recorded_at
            if answer.restricted:  # first, so that it is known of whoever goes to the successor
                yield notice_of(number, IdentityKind.RESTRICTED, at, received_at, key)
            yield notice_of(number, kind, at, received_at, key, successor=answer.successor)
        case Invalidated():
            yield notice_of(number, IdentityKind.INVALIDATED, answer.recorded_at, received_at, key)
        case NotKnown():
            return
        case _:
            assert_never(answer)


def _order(notice: IdentityNotice) -> tuple[datetime, int, str, str]:
    """Return a total order over answers."""
    successor = "" if notice.successor is None else notice.successor.digits
    return recorded(notice), _RANK[notice.kind], successor, notice.notice_id
