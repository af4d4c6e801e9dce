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
from itertools import groupby, product

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
_FIRST_NAME_ENDS = re.compile(r"[\s\-‐‑–—]")  # noqa: RUF001 – the hyphens that senders really use
_NO_NAMES = frozenset({"", "unknown", "baby", "notknown", "unk", "babyboy", "babygirl"})
_ENOUGH = 2  # two agreeing details make a match, two disagreeing ones end an allowance


class Comparison(Enum):
    """How one detail compares; `NEITHER` counts neither way."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    NEITHER = "neither"


Compared = tuple[Comparison, Comparison, Comparison]
"""Date of birth, family name and first given name, in this order."""


@dataclass(frozen=True, slots=True)
class Match:
    """The outcome of ruling 20 for one visit and one plan that match: the marks to tell with it."""

    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """
    How one moment's details compare: whether they match, by what, and the marks for what differs.

    `compared` is date of birth, family name and first given name, in this order.
    """

    compared: Compared
    by_details: bool
    by_allowance: bool
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What one side said from `recorded_at` on: a hospital's registers, or a plan's registered details."""

    recorded_at: datetime
    details: Details
    trusted: bool


def fold_name(name: str | None) -> str | None:
    """Fold case, marks and their like, hyphens, apostrophes and spaces; None for a name that says nothing."""
    if name is None:
        return None
    if name.isascii():
        folded = "".join(filter(str.isalnum, name)).lower()
    else:
        letters = filter(_is_letter, unicodedata.normalize("NFKD", name))
        folded = "".join(letters).casefold().translate(_LIKE)
    return None if folded in _NO_NAMES else folded


def _is_letter(character: str) -> bool:
    """Whether a character counts: a letter or digit, but neither a mark nor a letter-like apostrophe."""
    return character.isalnum() and unicodedata.category(character) != "Lm"


def first_name(given: str | None) -> str | None:
    """Return the first given name, up to the first space or hyphen, folded."""
    return None if given is None else fold_name(_FIRST_NAME_ENDS.split(given.strip(), maxsplit=1)[0])


def compare(visit: Details, plan: Details) -> Compared:
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


def judge(visit: Details, plan: Details, *, allowance: bool) -> Judgement:
    """
    Compare one moment's details (ruling 20).

    `allowance`: the number was traced by the sender and the plan was verified by R12.
    """
    compared = compare(visit, plan)
    agree = compared.count(Comparison.AGREES)
    disagree = compared.count(Comparison.DISAGREES)
    return Judgement(
        compared=compared,
        by_details=agree >= _ENOUGH,
        by_allowance=allowance and (disagree < _ENOUGH or agree > 0),
        marks=_difference(compared),
    )


def _difference(compared: Compared) -> tuple[Mark, ...]:
    """Return the marks for details that disagree; a missing one makes no mark, a given name alone two."""
    birth_date, family, given = (outcome is Comparison.DISAGREES for outcome in compared)
    if given and not (birth_date or family):
        return (Mark.DETAILS_DIFFER, Mark.COULD_BE_TWIN)
    return (Mark.DETAILS_DIFFER,) if birth_date or family or given else ()


def match_over_time(
    visit: Sequence[Stated], plan: Sequence[Stated], *, by_hand: bool = False
) -> Match | None:
    """
    Match what was stated on both sides, each in the order of recording, none later than the cut-off.

    Details that agreed at any record time match; newer ones that disagree only mark. A match by allowance
    alone is always marked, and so is one that only a person's word makes: `by_hand` (46). None: no match.
    """
    confirmed = allowed = False
    marks: tuple[Mark, ...] = ()
    for judgement in judgements(visit, plan):
        confirmed = confirmed or judgement.by_details
        allowed = allowed or judgement.by_allowance
        marks = judgement.marks
    if not confirmed and not allowed:
        return Match(marks=(*marks, Mark.CONFIRMED_BY_HAND)) if by_hand else None
    return Match(marks=marks or (() if confirmed else (Mark.DETAILS_NOT_CONFIRMED,)))


def judgements(visit: Sequence[Stated], plan: Sequence[Stated]) -> Iterable[Judgement]:
    """Yield how the details compared at each moment that either side was recorded, the newest last."""
    for hospital, authority in _together(_changes(visit), _changes(plan)):
        allowance = hospital.trusted and authority.trusted
        yield judge(hospital.details, authority.details, allowance=allowance)


def _changes(stated: Sequence[Stated]) -> list[list[Stated]]:
    """Return the statements by their stamp, without those that only repeat the stamp before."""
    groups: list[list[Stated]] = []
    for _, said in groupby(stated, key=lambda one: one.recorded_at):
        group = list(said)
        if not groups or _content(groups[-1]) != _content(group):
            groups.append(group)
    return groups


def _content(group: Sequence[Stated]) -> list[tuple[Details, bool]]:
    """Return what was stated at one stamp."""
    return [(stated.details, stated.trusted) for stated in group]


def _together(
    visit: Sequence[Sequence[Stated]], plan: Sequence[Sequence[Stated]]
) -> Iterable[tuple[Stated, Stated]]:
    """
    Yield what stood on both sides at each moment either of them was recorded, the newest last.

    Each side comes in groups of one stamp: of several statements with one stamp each stood.
    """
    for moment in sorted({group[0].recorded_at for group in (*visit, *plan)}):
        hospitals = [group for group in visit if group[0].recorded_at <= moment]
        authorities = [group for group in plan if group[0].recorded_at <= moment]
        if hospitals and authorities:
            yield from product(hospitals[-1], authorities[-1])
