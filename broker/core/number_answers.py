"""
What the demographic source says of a number: superseded, in use, invalidated, or changed. Rulings 22, 38.

Order is that of the source's stamps (ruling 37), so that any order of arrival ends in the same answer.
"""

from collections.abc import Iterable
from datetime import datetime

from broker.core.facts import IdentityKind, IdentityNotice

_RANK = {IdentityKind.INVALIDATED: 0, IdentityKind.IN_USE: 1, IdentityKind.SUPERSEDED: 2}
"""
The answers. At equal stamps a succession is the newer: a chain recorded at once is followed to its end.
"""

ABOUT_THE_NUMBER = frozenset({*_RANK, IdentityKind.NUMBER_CHANGE})
"""The kinds that speak of the number; every other speaks of the person, whichever the number."""


def recorded(notice: IdentityNotice) -> datetime:
    """Return when the source recorded a notice, at the latest when it was first received (ruling 37)."""
    return min(notice.recorded_at, notice.received_at)


def newest_answer(notices: Iterable[IdentityNotice]) -> IdentityNotice | None:
    """Return what the source said last of a number, None when it has said nothing."""
    return max((notice for notice in notices if notice.kind in _RANK), key=_order, default=None)


def under_enquiry(notices: Iterable[IdentityNotice]) -> bool:
    """Whether a number change was notified that no answer of that time or later has settled (ruling 38)."""
    known = list(notices)
    asked = [recorded(notice) for notice in known if notice.kind is IdentityKind.NUMBER_CHANGE]
    answer = newest_answer(known)
    return bool(asked) and (answer is None or recorded(answer) < max(asked))


def _order(notice: IdentityNotice) -> tuple[datetime, int, str, str]:
    """Return a total order over answers."""
    successor = "" if notice.successor is None else notice.successor.digits
    return recorded(notice), _RANK[notice.kind], successor, notice.notice_id
