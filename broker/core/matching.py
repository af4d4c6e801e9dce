"""
Is the number on the visit really this person's? Ruling 20.

Compares date of birth, family name and first given name with the plan's registered details.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from broker.core.alerts import Mark
from broker.core.facts import Details

_LIKE = str.maketrans(
    # letters that carry no separable mark; \u0131 is the dotless i
    {
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\u0131": "i",
        "ħ": "h",
        "ŧ": "t",
    }
)
_NOT_LETTERS = re.compile(r"[^\w]|_")
_FIRST_NAME_ENDS = re.compile(r"[\s\-‐‑–]")  # noqa: RUF001 – the hyphens that senders really use
_NO_NAMES = frozenset({"", "unknown", "baby", "notknown", "unk", "babyboy", "babygirl"})
_ENOUGH = 2  # two agreeing details make a match, two disagreeing ones end an allowance


class Comparison(Enum):
    """How one detail compares; `NEITHER` counts neither way."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Match:
    """The outcome of ruling 20 for one visit and one plan; `received_at` is when both sides were there."""

    marks: tuple[Mark, ...]
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What one side said from `recorded_at` on: a hospital's registers, or a plan's registered details."""

    recorded_at: datetime
    received_at: datetime
    details: Details
    trusted: bool


def fold_name(name: str | None) -> str | None:
    """Fold case, marks and their like, hyphens, apostrophes and spaces; None for a name that says nothing."""
    if name is None:
        return None
    marked = unicodedata.normalize("NFKD", name.casefold().translate(_LIKE))
    plain = "".join(letter for letter in marked if not unicodedata.combining(letter))
    folded = _NOT_LETTERS.sub("", plain)
    return None if folded in _NO_NAMES else folded


def first_name(given: str | None) -> str | None:
    """Return the first given name, up to the first space or hyphen, folded."""
    return None if given is None else fold_name(_FIRST_NAME_ENDS.split(given.strip(), maxsplit=1)[0])


def compare(visit: Details, plan: Details) -> tuple[Comparison, Comparison, Comparison]:
    """Compare date of birth, family name and first given name, in this order."""
    return (
        _days(visit.birth_date, plan.birth_date),
        _names(fold_name(visit.family), fold_name(plan.family)),
        _names(first_name(visit.given), first_name(plan.given)),
    )


def _names(left: str | None, right: str | None) -> Comparison:
    """Compare two folded names."""
    if left is None or right is None:
        return Comparison.NEITHER
    return Comparison.AGREES if left == right else Comparison.DISAGREES


def _days(left: date | None, right: date | None) -> Comparison:
    """Compare two dates of birth; day and month swapped count as equal."""
    if left is None or right is None:
        return Comparison.NEITHER
    swapped = (left.year, left.day, left.month) == (right.year, right.month, right.day)
    return Comparison.AGREES if left == right or swapped else Comparison.DISAGREES


def judge(visit: Details, plan: Details, *, allowance: bool) -> tuple[bool, tuple[Mark, ...]]:
    """
    Return whether the details match and the marks to tell with the match (ruling 20).

    `allowance`: the number was traced by the sender and the plan was verified by R12.
    """
    compared = compare(visit, plan)
    agree = compared.count(Comparison.AGREES)
    disagree = compared.count(Comparison.DISAGREES)
    marks = _difference(compared)
    if agree >= _ENOUGH:
        return True, marks
    if not allowance or (disagree >= _ENOUGH and agree == 0):
        return False, marks
    return True, marks or (Mark.DETAILS_NOT_CONFIRMED,)


def _difference(compared: Sequence[Comparison]) -> tuple[Mark, ...]:
    """Return the marks for details that disagree; a missing one makes no mark."""
    if Comparison.DISAGREES not in compared:
        return ()
    twin = compared[-1] is Comparison.DISAGREES
    return (Mark.DETAILS_DIFFER, Mark.COULD_BE_TWIN) if twin else (Mark.DETAILS_DIFFER,)


def match_over_time(visit: Sequence[Stated], plan: Sequence[Stated]) -> Match | None:
    """
    Match what was stated on both sides, each in the order of recording, none later than the cut-off.

    Details that agreed at any record time match; newer ones that disagree only mark. None: no match.
    """
    matched: datetime | None = None
    marks: tuple[Mark, ...] = ()
    for hospital, authority in _together(visit, plan):
        agreed, marks = judge(
            hospital.details, authority.details, allowance=hospital.trusted and authority.trusted
        )
        if agreed:
            received = max(hospital.received_at, authority.received_at)
            matched = received if matched is None else min(matched, received)
    return None if matched is None else Match(marks=marks, received_at=matched)


def _together(visit: Sequence[Stated], plan: Sequence[Stated]) -> Iterable[tuple[Stated, Stated]]:
    """Yield what stood on both sides at each moment either of them was recorded."""
    moments = sorted({stated.recorded_at for stated in (*visit, *plan)})
    for moment in moments:
        hospital = [stated for stated in visit if stated.recorded_at <= moment]
        authority = [stated for stated in plan if stated.recorded_at <= moment]
        if hospital and authority:
            yield hospital[-1], authority[-1]
