"""
Whose number an NHS number is, by the range it lies in (ruling 28), and which a deployment takes (ruling 27).

A range says what an unlabelled number is; it never refuses a number that a plan carries. But no number kept
for tests may meet a real child, and no real child's number a deployment that is for tests.
"""

from collections.abc import Callable
from enum import Enum, StrEnum

from broker.core.identifiers import NhsNumber, OdsCode


class Nation(StrEnum):
    """Who gives out the numbers of a range."""

    ENGLAND_OR_WALES = "England, Wales or the Isle of Man"
    NORTHERN_IRELAND = "Northern Ireland"
    SCOTLAND = "Scotland"
    TEST = "nobody: kept for tests"
    NONE = "nobody"


class Taking(Enum):
    """What becomes of a number in a deployment (ruling 27)."""

    TAKEN = "taken"
    UNUSABLE = "kept for tests"
    """As good as none: the patient is looked for by the details (rulings 21, 35)."""
    REFUSED = "not kept for tests"
    """Of a real person, who has no place here: not a byte is kept."""


Takes = Callable[[NhsNumber, OdsCode | None], Taking]
"""Says what becomes of a number that a provider or an authority sent, or that was put in by hand (None)."""

_PREFIX = 3  # digits that a range is told by
_RANGES = (
    (range(400, 500), Nation.ENGLAND_OR_WALES),
    (range(600, 800), Nation.ENGLAND_OR_WALES),
    (range(320, 400), Nation.NORTHERN_IRELAND),
    (range(999, 1_000), Nation.TEST),
)
_SEARCHED = frozenset({Nation.ENGLAND_OR_WALES, Nation.TEST})
_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # by month; in a leap year, which 2000 was
_FEBRUARY, _LEAP_DAY = 2, 29


def nation_of(number: NhsNumber) -> Nation:
    """Return who gives out a number: by its first three digits, or as a CHI by the date in front."""
    if _begins_with_a_date(number.digits):
        return Nation.SCOTLAND
    prefix = int(number.digits[:_PREFIX])
    return next((nation for numbers, nation in _RANGES if prefix in numbers), Nation.NONE)


def is_searched(number: NhsNumber) -> bool:
    """Return whether a plan of an English authority would be filed under such a number (rulings 27, 28)."""
    return nation_of(number) in _SEARCHED


def takes_any(_number: NhsNumber, _sender: OdsCode | None) -> Taking:
    """Take every number: for whoever plays again what was taken before."""
    return Taking.TAKEN


def takes_live(canary: frozenset[OdsCode]) -> Takes:
    """
    Return what a live deployment does (ruling 27).

    `canary` are the provider and the authority that are reserved for tests; they alone may use numbers kept
    for tests. Whatever other number they send is taken, so that no child is missed.
    """

    def takes(number: NhsNumber, sender: OdsCode | None) -> Taking:
        """Return whether the number is taken."""
        if nation_of(number) is not Nation.TEST or sender is None or sender in canary:
            return Taking.TAKEN
        return Taking.UNUSABLE

    return takes


def takes_for_tests(number: NhsNumber, _sender: OdsCode | None) -> Taking:
    """Say what every other deployment does: it takes numbers kept for tests, and no other (ruling 27)."""
    return Taking.TAKEN if nation_of(number) is Nation.TEST else Taking.REFUSED


def _begins_with_a_date(digits: str) -> bool:
    """Whether the first six digits are a day, month and year, of this century or the last."""
    day, month, year = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if not 0 < month < len(_DAYS) or not 0 < day <= _DAYS[month]:
        return False
    return (month, day) != (_FEBRUARY, _LEAP_DAY) or year % 4 == 0
