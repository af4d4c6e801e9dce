"""
What stays in a baby's record of a mother whose number is not in use. Rulings 23, 26.

By what its visits and birth notices name her is derived from her number, so it goes with it: in its place
stands that somebody was named. Whether each of her births still links her is settled before: afterwards
nobody can tell any more whom a message names. A link that stands then stands, since the baby is as much at
risk, until her number is in use again and her own record says it.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from broker.core.facts import Birth, Cover, IdentityNotice, LinkEnded, VisitMessage
from broker.core.newborn import FORGOTTEN, Statement, ends, statement, statements
from broker.core.person import Known


def unnamed(known: Known, end: LinkEnded, closed: Collection[str]) -> Known:
    """
    Return what is known with nothing by which a mother is named whose number is to be forgotten.

    What came of visits that are `closed` ends no link (10). Another mother's link by the same statement that
    has ended stays ended: it is not hers that was forgotten. Of whom no link stands, her plans, the end of
    her pregnancies, who must not see her and what is in doubt of her go, too: in nobody's name they would
    count for another's.
    """
    cover = known.covers.get(end.number)
    if not end.covered or cover is None:
        return known
    open_visits = {visit: messages for visit, messages in known.visits.items() if visit not in closed}
    ended = ends(replace(known, visits=open_visits), gone=())  # a visit that left may come back
    names = {birth.named for birth in cover.births} - {None}
    hers = statements(cover)
    others = {mother: _ended(one, hers, ended) for mother, one in known.covers.items()}
    births = tuple(replace(one, void=ended(one), named=None) for one in cover.births)
    left = replace(cover, births=births)
    if all(one.void for one in births):
        left = replace(left, plans=(), losses=(), doubt=0, exclusions=())
    return replace(
        known,
        covers={**others, end.number: left},
        visits={
            visit: {name: _message(one, names) for name, one in messages.items()}
            for visit, messages in known.visits.items()
        },
        notices={name: _notice(one, names) for name, one in known.notices.items()},
    )


def said_again(known: Known, cover: Cover) -> Cover:
    """
    Return what a mother's record says with those links void that had ended when her number went out of use.

    Where messages of the visit are there yet, they say it (37).
    """
    nobodys = known.covers.get(None)
    void = {statement(one) for one in (nobodys.births if nobodys else ()) if one.void}
    void -= statements(nobodys)  # another's, who was named in the same breath, stands
    if cover.mother is None or not void:
        return cover
    births = (
        replace(one, void=one.void or (statement(one) in void and one.visit not in known.visits))
        for one in cover.births
    )
    return replace(cover, births=tuple(births))


def _ended(cover: Cover, said: Collection[Statement], ended: Callable[[Birth], bool]) -> Cover:
    """Return what another mother's record says with those links void that have ended, of what was `said`."""
    births = (replace(one, void=one.void or (statement(one) in said and ended(one))) for one in cover.births)
    return replace(cover, births=tuple(births))


def _message(message: VisitMessage, names: set[str | None]) -> VisitMessage:
    """Return a message of a visit that does not say who of those that it names as a mother these are."""
    if names.isdisjoint(message.mothers or ()):
        return message
    named = (FORGOTTEN if name in names else name for name in message.mothers or ())
    return replace(message, mothers=tuple(dict.fromkeys(named)))


def _notice(notice: IdentityNotice, names: set[str | None]) -> IdentityNotice:
    """Return a notice that does not say who it names as a mother, if that is one of these."""
    named = notice.mother is not None and notice.mother in names
    return replace(notice, mother=FORGOTTEN) if named else notice
