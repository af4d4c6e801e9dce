"""Ruling 21 once more, naively: about which visits without a number somebody must be asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

SAYS = {
    "Sample": "sample",
    "SAMPLE": "sample",
    "O'Neil": "oneil",
    "ONeil": "oneil",
    "Łukasz Jan": "lukasz",
    "Lukasz": "lukasz",
    "Zoë-Ann": "zoe",
    "Zoe": "zoe",
}
"""What each name of the stories says, by a person who reads it; one that is not here says nothing."""
SILENT = ("UNKNOWN", "Baby", "", None)


@dataclass(frozen=True, kw_only=True)
class Who:
    """The details of somebody, as they are written."""

    family: str | None
    given: str | None
    born: date | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    A plan of somebody, `unborn`: of her unborn child; the first and last day on which it is visible.

    `corrected_on`: the day on which it was recorded that the last one was `corrected_to`, or, None, that the
    plan was removed.
    """

    who: Who
    unborn: bool = False
    first: date
    last: date
    corrected_on: date | None = None
    corrected_to: date | None = None


@dataclass(frozen=True, kw_only=True)
class Visit:
    """
    What was said about a visit, each time another message came; whether it has a number by now.

    `mother` says whose baby each of its messages says that it is: of the person with that plan of all.
    """

    said: tuple[tuple[Who, date], ...]
    numbered: bool
    mother: int | None = None


def to_ask_about(visits: Mapping[str, Visit], plans: Iterable[Plan]) -> set[str]:
    """Return the visits that somebody is to be asked about."""
    every = list(plans)
    return {
        name
        for name, visit in visits.items()
        if not visit.numbered
        and (
            any(_meets(visit, who, plan) for who, _ in visit.said for plan in every)
            or any(place == visit.mother and _covers(plan, visit) for place, plan in enumerate(every))
        )
    }


def _covers(plan: Plan, visit: Visit) -> bool:
    """Whether a mother's plan may cover who came: born while it can be seen, there then or 28 days old."""
    babies = [(who.born, day) for who, day in visit.said if _may_be_a_baby(who, day)]
    if not plan.unborn or not babies:
        return False
    arrived, left = min(day for _, day in babies), max(day for _, day in babies) + timedelta(days=1)
    births = {born for born, _ in babies if born is not None}
    for last, stands in _last_days(plan):
        if not births and plan.first <= left and arrived <= last and plan.first <= last:
            return True
        for born in births:
            until = max(last, born + timedelta(days=28)) if stands else last
            if plan.first <= born <= last and plan.first <= left and arrived <= until:
                return True
    return False


def _may_be_a_baby(who: Who, day: date) -> bool:
    """Whether somebody may be less than a year old."""
    return who.born is None or who.born >= day - timedelta(days=365)


def _last_days(plan: Plan) -> list[tuple[date, bool]]:
    """Return the last day of each version of a plan, for who came by then, and whether it is the newest."""
    if plan.corrected_on is None:
        return [(plan.last, True)]
    first = (min(plan.last, max(plan.corrected_on, plan.first)), False)
    return [first] if plan.corrected_to is None else [first, (plan.corrected_to, True)]


def _meets(visit: Visit, who: Who, plan: Plan) -> bool:
    """Whether two people may be one, and were there while the plan could be seen."""
    days = [day for said, day in visit.said if _may_be(said, plan.who)]
    if not days or not _may_be(who, plan.who):
        return False
    return _is_visible(plan, min(days), max(days) + timedelta(days=1))


def _is_visible(plan: Plan, arrived: date, left: date) -> bool:
    """Whether a plan was visible by what was recorded before somebody came, or since (rulings 10, 14, 15)."""
    if left < plan.first:
        return False
    if plan.corrected_on is None:
        return arrived <= plan.last
    since = plan.corrected_to is not None and max(arrived, plan.first) <= plan.corrected_to
    return since or arrived <= min(plan.last, plan.corrected_on)


def _may_be(one: Who, other: Who) -> bool:
    """Whether date of birth and a name agree, or both names and the year."""
    if one.born is None or other.born is None:
        return False
    family, given = _says_the_same(one.family, other.family), _says_the_same(one.given, other.given)
    same_year = one.born.year == other.born.year
    same_day = same_year and {one.born.day, one.born.month} == {other.born.day, other.born.month}
    return (same_day and (family or given)) or (same_year and family and given)


def _says_the_same(one: str | None, other: str | None) -> bool:
    """Whether two names say something, and the same."""
    return one in SAYS and other in SAYS and SAYS[one] == SAYS[other]
