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
_FIRST_NAME_ENDS = re.compile(r"[\s\-‐‑–—]")  # noqa: RUF001 – the hyphens that senders really use
_NO_NAMES = frozenset({"", "unknown", "baby", "notknown", "unk", "babyboy", "babygirl"})
_ENOUGH = 2  # two agreeing details make a match, two disagreeing ones end an allowance


class Comparison(Enum):
    """How one detail compares; `NEITHER` counts neither way."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Match:
    """The outcome of ruling 20 for one visit and one plan that match: the marks to tell with it."""

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
    Return whether the details match and the marks for what differs (ruling 20).

    `allowance`: the number was traced by the sender and the plan was verified by R12. A match by allowance
    is always marked.
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


def _difference(compared: tuple[Comparison, Comparison, Comparison]) -> tuple[Mark, ...]:
    """Return the marks for details that disagree; a missing one makes no mark, a given name alone two."""
    birth_date, family, given = (outcome is Comparison.DISAGREES for outcome in compared)
    if given and not (birth_date or family):
        return (Mark.DETAILS_DIFFER, Mark.COULD_BE_TWIN)
    return (Mark.DETAILS_DIFFER,) if birth_date or family or given else ()


def match_over_time(visit: Sequence[Stated], plan: Sequence[Stated]) -> Match | None:
    """
    Match what was stated on both sides, each in the order of recording, none later than the cut-off.

    Details that agreed at any record time match; newer ones that disagree only mark. None: no match.
    """
    confirmed = allowed = False
    marks: tuple[Mark, ...] = ()
    judged: dict[tuple[Details, Details, bool], tuple[bool, tuple[Mark, ...]]] = {}
    for hospital, authority in _together(visit, plan):
        pair = (hospital.details, authority.details, hospital.trusted and authority.trusted)
        if pair not in judged:
            judged[pair] = judge(pair[0], pair[1], allowance=pair[2])
        matches, marks = judged[pair]
        by_allowance = Mark.DETAILS_NOT_CONFIRMED in marks
        confirmed = confirmed or (matches and not by_allowance)
        allowed = allowed or (matches and by_allowance)
    if not confirmed and not allowed:
        return None
    differs = tuple(mark for mark in marks if mark is not Mark.DETAILS_NOT_CONFIRMED)
    return Match(marks=differs or (() if confirmed else (Mark.DETAILS_NOT_CONFIRMED,)))


def _together(visit: Sequence[Stated], plan: Sequence[Stated]) -> Iterable[tuple[Stated, Stated]]:
    """
    Yield what stood on both sides at each moment either of them was recorded, in the order of recording.

    Of several statements with one stamp each stood, the last in order being the newest.
    """
    for moment in sorted({stated.recorded_at for stated in (*visit, *plan)}):
        hospitals, authorities = _standing(visit, moment), _standing(plan, moment)
        for hospital in hospitals:
            for authority in authorities:
                yield hospital, authority


def _standing(stated: Sequence[Stated], moment: datetime) -> list[Stated]:
    """Return the newest statements recorded by a moment: those of the newest stamp, in order."""
    newest = max((said.recorded_at for said in stated if said.recorded_at <= moment), default=None)
    return [said for said in stated if said.recorded_at == newest]
