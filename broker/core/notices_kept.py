"""
Which of a source's notices about a person are still needed, so that a record grows with what changes alone.

The demographic source is asked often – for each upload, and for each event – and says the same each time
with another stamp. What it said of the number, and whether the person is protected, is decided by the newest
word (rulings 22 to 24, 38); a date of birth by the newest by a cut-off (ruling 13).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import accumulate, groupby

from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.number_answers import newest_answer, recorded
from broker.core.restriction import lifted_at

_ANSWERS = frozenset({IdentityKind.INVALIDATED, IdentityKind.IN_USE, IdentityKind.SUPERSEDED})

_BY_THE_NEWEST: Mapping[IdentityKind, Callable[[IdentityNotice], datetime]] = {
    IdentityKind.RESTRICTED: recorded,
    IdentityKind.RESTRICTION_LIFTED: lifted_at,
    IdentityKind.NUMBER_CHANGE: recorded,
}
"""The kinds of which the newest outweighs every other, each with when it counts from."""


def needed(notices: Mapping[str, IdentityNotice], before: datetime) -> Mapping[str, IdentityNotice]:
    """
    Return the notices, by their ids, without those that nothing is decided by any more.

    Of dates of birth recorded `before` that time, aware UTC, the first and the last of each run of equal ones
    stay, and what was received before all that precede it: by any cut-off the same is the newest, of what had
    been heard by any time as well (11). Every other kind is kept as it is.
    """
    dropped = {one.notice_id for one in _dropped(list(notices.values()), before)}
    return {key: one for key, one in notices.items() if one.notice_id not in dropped} if dropped else notices


def _dropped(notices: list[IdentityNotice], before: datetime) -> Iterator[IdentityNotice]:
    """Yield what is outweighed."""
    for kind, counts_from in _BY_THE_NEWEST.items():
        found = sorted(
            (one for one in notices if one.kind is kind), key=lambda one: (counts_from(one), one.notice_id)
        )
        yield from found[:-1]
    newest = newest_answer(notices)
    yield from (one for one in notices if one.kind in _ANSWERS and one is not newest)
    yield from _same_birthdays(
        one for one in notices if one.kind is IdentityKind.BIRTH_DATE and recorded(one) < before
    )


def _same_birthdays(notices: Iterable[IdentityNotice]) -> Iterator[IdentityNotice]:
    """Yield the dates of birth that repeat what was said, and heard, before them and is said after them."""

    def order(one: IdentityNotice) -> tuple[datetime, date, str]:
        """Return when a notice counts from; at equal stamps the later day counts (ruling 13)."""
        return recorded(one), one.birth_date or date.min, one.notice_id

    for _, group in groupby(sorted(notices, key=order), key=lambda one: one.birth_date):
        run = list(group)
        heard_at = accumulate((one.received_at for one in run), min)  # of each and whatever precedes it
        between = zip(run[1:-1], heard_at, strict=False)
        yield from (one for one, known_at in between if one.received_at >= known_at)
