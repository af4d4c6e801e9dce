"""
Whose number an NHS number is, by the range it lies in (ruling 28).

A range says what an unlabelled number is; it never refuses a number that a plan carries.
"""

from datetime import date
from enum import StrEnum

from broker.core.identifiers import NhsNumber


class Nation(StrEnum):
    """Who gives out the numbers of a range."""

    ENGLAND_OR_WALES = "England, Wales or the Isle of Man"
    NORTHERN_IRELAND = "Northern Ireland"
    SCOTLAND = "Scotland"
    TEST = "nobody: kept for tests"
    NONE = "nobody"


_PREFIX = 3  # digits that a range is told by
_RANGES = (
    (range(400, 500), Nation.ENGLAND_OR_WALES),
    (range(600, 800), Nation.ENGLAND_OR_WALES),
    (range(320, 400), Nation.NORTHERN_IRELAND),
    (range(999, 1_000), Nation.TEST),
)
_SEARCHED = frozenset({Nation.ENGLAND_OR_WALES, Nation.TEST})
_CENTURIES = (1900, 2000)  # a CHI writes the year with two digits


def nation_of(number: NhsNumber) -> Nation:
    """Return who gives out a number: by its first three digits, or as a CHI by the date in front."""
    if _begins_with_a_date(number.digits):
        return Nation.SCOTLAND
    prefix = int(number.digits[:_PREFIX])
    return next((nation for numbers, nation in _RANGES if prefix in numbers), Nation.NONE)


def is_searched(number: NhsNumber) -> bool:
    """Return whether a plan of an English authority would be filed under such a number (rulings 27, 28)."""
    return nation_of(number) in _SEARCHED


def _begins_with_a_date(digits: str) -> bool:
    """Whether the first six digits are a day, month and year."""
    day, month, year = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    return any(_is_date(century + year, month, day) for century in _CENTURIES)


def _is_date(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
