"""
What of mothers and babies may go from each other's records, and when. Rulings 10, 26.

A baby's record keeps what covers it as it keeps a plan: while it is visible, and for L after it was last
recorded. Then, unless a visit can still be revised, everything of it goes at once, so that nobody is told.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from broker.core.alerts import Occasion
from broker.core.facts import Cover
from broker.core.identifiers import NhsNumber, london_day
from broker.core.leaving import gone as gone_elsewhere
from broker.core.newborn import covering, ends, is_covered_on, said_at
from broker.core.newborn_links import cover_of
from broker.core.person import Known, Told
from broker.core.plans import Version
from broker.core.policy import AnyPolicy


def covers_recorded_since(known: Known, before: datetime) -> bool:
    """Whether a birth, or a plan that covers the person, was recorded within L."""
    births = [birth for said in known.births.values() for birth in said.values()]
    births += [birth for cover in known.covers.values() for birth in cover.births]
    plans = [plan for cover in known.covers.values() for plan in cover.plans]
    return any(said_at(birth) >= before for birth in births) or any(
        plan.recorded_at >= before for plan in plans
    )


def covers_may_show(number: NhsNumber, known: Known, today: date, clock: datetime, policy: AnyPolicy) -> bool:
    """Whether a mother's plan may yet be shown with her baby, in the record of either."""
    return _may_show(known.covers.values(), today, policy) or any(
        _may_show(_cover(number, known, baby, clock, policy), today, policy) for baby in known.births
    )


def settled(
    number: NhsNumber,
    known: Known,
    closing: Collection[str],
    *,
    clock: datetime,
    before: datetime,
    policy: AnyPolicy,
    is_open: bool,
    is_asked: bool,
) -> Known:
    """
    Return what is left of births and of what covers the person; `is_open` that something can be revised yet,
    `is_asked` that the outcome of a pregnancy may yet be asked, which a birth answers (43).

    What a visit said that had been recorded under the wrong person (44), or named another mother since, is
    void once that is closed. What came of it afterwards says nothing, so `known` is the part of a record that
    is open.
    """
    births = {
        baby: said
        for baby, said in known.births.items()
        if is_open
        or is_asked
        or any(said_at(birth) >= before for birth in said.values())
        or _may_show(_cover(number, known, baby, clock, policy), london_day(clock), policy)
    }
    ended = ends(known, gone_elsewhere(known.visits, known.left))
    covers = {
        mother: replace(
            cover,
            births=tuple(
                replace(one, void=True) if one.visit in closing and ended(one) else one
                for one in cover.births
            ),
        )
        for mother, cover in known.covers.items()
    }
    if not is_open and not _may_show(covers.values(), london_day(clock), policy):
        lately = covers_recorded_since(Known(covers=covers), before)
        covers = covers if lately else {}
    return replace(known, births=births, covers=covers)


def past_asking(told: Told) -> Told:
    """Return a told row of a baby that nothing covers any more: what was asked was asked (ruling 26)."""
    asked = told.alert is not None and told.alert.occasion is Occasion.BORN
    return replace(told, alert=None) if asked else told


def _cover(
    number: NhsNumber, known: Known, baby: NhsNumber, clock: datetime, policy: AnyPolicy
) -> Sequence[Cover]:
    """Return what a mother's plans say of a baby, if anything."""
    cover = cover_of(number, known, baby, policy, clock)
    return [] if cover is None else [cover]


def _may_show(covers: Collection[Cover], today: date, policy: AnyPolicy) -> bool:
    """
    Whether one of these covers may yet be shown, or whether one could is in doubt (41; ADR 0047).

    A mother says when that is over; of one whose number is not in use nobody will.
    """
    doubtful = any(cover.in_doubt and cover.mother is not None for cover in covers)
    return doubtful or any(
        is_covered_on(versions, today, one) for versions in _plans(covers) for one in policy.every
    )


def _plans(covers: Collection[Cover]) -> Iterator[Sequence[Version]]:
    """
    Yield the versions of each plan that covers, or would: a link that has ended is kept as long.

    Else it would be taken for a new one when the mother's record says everything anew.
    """
    for cover in covers:
        yield from covering({cover.mother: cover}, lambda _: False)
