"""
Synthetic people, the same ones for a seed: families, twins, namesakes, the protected and the dead.

Their numbers are of the range kept for tests (999) with right check digits. Some numbers were superseded
(R35), some invalidated (R36); which person an invalidated number once was is known to nobody, here neither.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from broker.core.errors import InvalidNhsNumber
from broker.core.identifiers import NhsNumber

_FAMILIES = (
    "Adeyemi", "Ahmed", "Allen", "Bailey", "Begum", "Bennett", "Bianchi", "Brown", "Campbell",
    "Carter", "Chen", "Clarke", "Cooper", "Davies", "De Souza", "Evans", "Fernandes", "Fitzgerald",
    "Green", "Griffiths", "Hall", "Hassan", "Hughes", "Hussain", "Jackson", "Johnson", "Jones",
    "Kaur", "Kelly", "Khan", "Kowalski", "Lewis", "MacDonald", "Martin", "Mensah", "Mitchell",
    "Morris", "Murphy", "Nguyen", "O'Brien", "O'Neil", "Okafor", "Parker", "Patel", "Phillips",
    "Popescu", "Roberts", "Robinson", "Rossi", "Shah", "Singh", "Smith", "Smith-Jones", "Taylor",
    "Thomas", "Walker", "White", "Williams", "Wójcik", "Wright",
)  # fmt: skip
_GIVEN = (
    "Aisha", "Alex", "Amelia", "Anne-Marie", "Archie", "Arthur", "Ava", "Ayaan", "Billy", "Charlotte",
    "Chloë", "Daniel", "David", "Ebo", "Ella", "Emma", "Ethan", "Fatima", "Finn", "Freya",
    "George", "Grace", "Hannah", "Harriet", "Ibrahim", "Isla", "Jack", "James", "Jamie", "Jan",
    "Kai", "Kim", "Leah", "Leo", "Lily", "Maisie", "Maria", "Maya", "Mia", "Mohammed",
    "Morgan", "Noah", "Nora", "Oliver", "Omar", "Poppy", "Priya", "Robin", "Rosie", "Ruby",
    "Sam", "Sophie", "Sofia", "Theo", "Tomasz", "Umar", "Willow", "Yusuf", "Zara", "Zoe",
)  # fmt: skip
_GENDERS = ("female", "male")
_LABELS, _LABEL_WEIGHTS = ("U", "R", "V", "REDACTED"), (970, 20, 5, 5)
# Shares of all people; those of the second row follow upon somebody.
_DEAD, _RENAMED, _OLD_NUMBERS = 0.01, 0.05, 0.02
_NAMESAKES, _TWINS, _RELATED = 0.01, 0.02, 0.37
_FIRST_DAY, _LAST_DAY = date(1980, 1, 1), date(2024, 12, 31)
_BASE_FIRST, _BASE_LAST = 999_000_000, 999_999_999  # the nine digits before the check digit
_WEIGHTS = range(10, 1, -1)
_MODULUS = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """
    One person in use: `label` is U, R, V or REDACTED; `former` are family names that were given up.

    `born` is the day of birth, `died` that of death.
    """

    number: NhsNumber
    family: str | None = field(repr=False)
    given: tuple[str, ...] = field(repr=False)
    born: date | None = field(repr=False)
    gender: str = "unknown"
    label: str = "U"
    died: date | None = None
    former: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Everybody that the simulator knows: people by number, who succeeded whom, and what is invalid."""

    people: Mapping[NhsNumber, Synthetic]
    superseded: Mapping[NhsNumber, NhsNumber]
    invalidated: frozenset[NhsNumber]


def numbers(seed: int) -> Iterator[NhsNumber]:
    """Yield numbers of the test range, each once, in an order that the seed decides."""
    order = random.Random(seed)  # noqa: S311 - a draw that anybody may repeat is the point
    seen: set[int] = set()
    while True:
        base = order.randint(_BASE_FIRST, _BASE_LAST)
        if base in seen:
            continue
        seen.add(base)
        digits = str(base)
        total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True))
        try:
            yield NhsNumber(f"{digits}{(_MODULUS - total % _MODULUS) % _MODULUS}")
        except InvalidNhsNumber:  # no check digit fits, or a placeholder
            continue


def population(seed: int, count: int) -> Population:
    """
    Return so many people in use, and some numbers that are not in use any more.

    Of a hundred people some forty are in families, two are twins, one is a namesake of another on the same
    day, three are protected, one has died, and four numbers are old ones.
    """
    draw, free = random.Random(seed), numbers(seed)  # noqa: S311 - as above
    people: dict[NhsNumber, Synthetic] = {}
    previous: Synthetic | None = None
    while len(people) < count:
        previous = _next(draw, next(free), previous)
        people[previous.number] = previous
    superseded = {next(free): number for number in people if draw.random() < _OLD_NUMBERS}
    invalidated = frozenset(next(free) for _ in range(max(1, int(count * _OLD_NUMBERS))))
    return Population(people=people, superseded=superseded, invalidated=invalidated)


def _next(draw: random.Random, number: NhsNumber, previous: Synthetic | None) -> Synthetic:
    """Return somebody new: often of the family of the one before, now and then a twin or a namesake."""
    given = tuple(draw.sample(_GIVEN, draw.choices((1, 2, 3), (50, 40, 10))[0]))
    born = _FIRST_DAY + timedelta(days=draw.randrange((_LAST_DAY - _FIRST_DAY).days))
    family = draw.choice(_FAMILIES)
    made = Synthetic(
        number=number,
        family=family,
        given=given,
        born=born,
        gender=draw.choice(_GENDERS),
        label=draw.choices(_LABELS, _LABEL_WEIGHTS)[0],
        died=born + timedelta(days=draw.randrange(3_000)) if draw.random() < _DEAD else None,
        former=(draw.choice(_FAMILIES),) if draw.random() < _RENAMED else (),
    )
    if previous is None:
        return made
    kind = draw.random()
    if kind < _NAMESAKES:
        return replace(made, family=previous.family, given=previous.given, born=previous.born)
    if kind < _NAMESAKES + _TWINS:
        return replace(made, family=previous.family, born=previous.born)
    if kind < _NAMESAKES + _TWINS + _RELATED:
        return replace(made, family=previous.family)
    return made
