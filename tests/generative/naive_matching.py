"""Rulings 20 and 46 once more, for the oracle: do the details of a visit and a plan agree?"""

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime

from broker.core.facts import Details

Stated = Sequence[tuple[datetime, Details, bool]]
"""What one side said: from when on, which details, and whether it is trusted."""


def match_marks(visit: Stated, plan: Stated, *, by_hand: bool) -> tuple[str, ...] | None:
    """
    Return the marks of a match, None when it is none; details that agreed at any time match.

    `by_hand`: a person said that it is one (46).
    """
    agreed = allowed = False
    differing: list[str] = []
    for moment in sorted({said[0] for said in (*visit, *plan)}):
        for _, theirs, traced in _standing(visit, moment):
            for _, ours, verified in _standing(plan, moment):
                same, differing = _compared(theirs, ours)
                agreed = agreed or same >= 2
                allowed = allowed or (traced and verified and not (len(differing) >= 2 and same == 0))
    word = () if agreed or allowed else ("identity confirmed by a person",)
    if word and not by_hand:
        return None
    if differing == ["given"]:
        return "details differ, check", "could be twin or sibling", *word
    if differing:
        return "details differ, check", *word
    return word or (() if agreed else ("details not confirmed",))


def _standing(side: Stated, moment: datetime) -> Stated:
    """Return what a side had said last by a moment; of equal stamps all."""
    said = [one for one in side if one[0] <= moment]
    return [one for one in said if one[0] == said[-1][0]]


def _compared(theirs: Details, ours: Details) -> tuple[int, list[str]]:
    """Return how many details agree, and the names of those that differ."""
    pairs = {
        "birth_date": (_days(theirs.birth_date), _days(ours.birth_date)),
        "family": (_folded(theirs.family), _folded(ours.family)),
        "given": (_folded(_first(theirs.given)), _folded(_first(ours.given))),
    }
    there = {name: pair for name, pair in pairs.items() if all(pair)}
    same = [name for name, (left, right) in there.items() if left & right]
    return len(same), [name for name in there if name not in same]


def _days(day: date | None) -> set[str]:
    """Return a date of birth in both readings of day and month."""
    return (
        set() if day is None else {f"{day.year}-{day.month}-{day.day}", f"{day.year}-{day.day}-{day.month}"}
    )


def _first(given: str | None) -> str | None:
    """Return the first given name."""
    return None if given is None else given.strip().replace("-", " ").split(" ")[0]


def _folded(name: str | None) -> set[str]:
    """Return a name without case, marks, hyphens, apostrophes, spaces; nothing for one that says nothing."""
    plain = unicodedata.normalize("NFKD", name or "").casefold().replace("ø", "o").replace("ł", "l")
    letters = "".join(letter for letter in plain if letter.isalnum())
    return set() if letters in {"", "unknown", "baby"} else {letters}
