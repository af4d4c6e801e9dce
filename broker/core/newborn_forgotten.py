"""
What stays in a baby's record of a mother whose number is not in use. Rulings 23, 26.

By what its visits and birth notices name her is derived from her number, so it goes with it. Whether each of
her births still links her is settled before: afterwards nobody can tell any more whom a message names. A
link that stands then stands for good, since the baby is as much at risk.
"""

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from broker.core.facts import IdentityNotice, LinkEnded, VisitMessage
from broker.core.newborn import has_ended, mothers_in_notices
from broker.core.person import Known


def unnamed(known: Known, end: LinkEnded, closed: Collection[str]) -> Known:
    """
    Return what is known with nothing by which a mother is named whose number is to be forgotten.

    What came of visits that are `closed` ends no link (10).
    """
    cover = known.covers.get(end.number)
    if not end.covered or cover is None:
        return known
    ended = partial(
        has_ended,
        visits={visit: messages for visit, messages in known.visits.items() if visit not in closed},
        gone=(),  # a visit that left may come back
        corrected=mothers_in_notices(known.notices.values()),
    )
    names = {birth.named for birth in cover.births} - {None}
    births = tuple(replace(one, void=ended(one), named=None) for one in cover.births)
    return replace(
        known,
        covers={**known.covers, end.number: replace(cover, births=births)},
        visits={
            visit: {name: _message(one, names) for name, one in messages.items()}
            for visit, messages in known.visits.items()
        },
        notices={name: _notice(one, names) for name, one in known.notices.items()},
    )


def _message(message: VisitMessage, names: set[str | None]) -> VisitMessage:
    """Return a message of a visit that names none of these as a mother."""
    if names.isdisjoint(message.mothers or ()):
        return message
    return replace(message, mothers=tuple(name for name in message.mothers or () if name not in names))


def _notice(notice: IdentityNotice, names: set[str | None]) -> IdentityNotice:
    """Return a notice that names none of these as a mother: as one that takes its word back."""
    named = notice.mother is not None and notice.mother in names
    return replace(notice, mother=None) if named else notice
