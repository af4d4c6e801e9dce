"""Synthetic people of known truth, asked about as they are really written: with slips, without numbers."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from broker.adapters.pds_simulator.people import Population, Synthetic
from broker.core.demographics import (
    Current,
    Invalidated,
    NoMatch,
    NotKnown,
    NumberAnswer,
    OneMatch,
    SearchAnswer,
    SeveralMatches,
    SupersededBy,
)
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.core.matching import fold_name
from broker.wire.batch_trace import TraceRow
from tests.builders.pds import AT

_SLIPS = (*["none"] * 5, "typo", "swapped", "former", "first name", "twin", "other number")
_WITH_NUMBER = 0.6
_MONTHS = 12


class KnownPeople:
    """A `Demographics` of a whole population, as exact as the service's search, and as quick as a table."""

    def __init__(self, people: Population) -> None:
        """Know everybody."""
        self._people = people
        self._index: dict[tuple[str | None, date | None], list[Synthetic]] = defaultdict(list)
        for person in people.people.values():
            self._index[fold_name(person.family), person.born].append(person)

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Return what is known of a number."""
        if number in self._people.invalidated:
            return Invalidated(recorded_at=AT)
        if number in self._people.superseded:
            return SupersededBy(successor=self._people.superseded[number], recorded_at=AT)
        person = self._people.people.get(number)
        if person is None:
            return NotKnown()
        return Current(details=details_of(person), restricted=person.label != "U", recorded_at=AT)

    async def search(self, details: Details) -> SearchAnswer:
        """Return who has the family name, the day, and given names that begin as these do."""
        words = [fold_name(word) for word in (details.given or "").split()]
        found = [
            person.number
            for person in self._index[fold_name(details.family), details.birth_date]
            if [fold_name(word) for word in person.given[: len(words)]] == words
        ]
        if not found:
            return NoMatch()
        return OneMatch(number=found[0]) if len(found) == 1 else SeveralMatches()


def details_of(person: Synthetic) -> Details:
    """Return the details of a person."""
    return Details(family=person.family, given=" ".join(person.given), birth_date=person.born)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A row, and the number of whom it really is about; None where no number may ever be answered."""

    row: TraceRow
    truth: NhsNumber | None


def asked_about(people: Population, seed: int) -> Iterator[Asked]:
    """
    Yield a row for everybody, and one for each number not in use with the details of somebody in use.

    Four of ten have no number, about half some slip: a letter, day and month, a name given up, the first
    name alone, a twin's names or another's number beside their own.
    """
    draw = random.Random(seed)  # noqa: S311 - a draw that anybody may repeat is the point
    everybody = list(people.people.values())
    old = {successor: number for number, successor in people.superseded.items()}
    for place, person in enumerate(everybody):
        number = old.get(person.number, person.number)
        slip, neighbour = draw.choice(_SLIPS), everybody[place - 1]
        others = slip in {"twin", "other number"} and details_of(neighbour) != details_of(person)
        if others and slip == "other number":
            number = neighbour.number
        details = details_of(neighbour) if others and slip == "twin" else _slipped(person, slip, draw)
        has_number = others or draw.random() < _WITH_NUMBER
        row = TraceRow(reference=str(place), number=number if has_number else None, details=details)
        yield Asked(row=row, truth=person.number)
    for number in sorted(people.invalidated):
        row = TraceRow(reference="gone", number=number, details=details_of(draw.choice(everybody)))
        yield Asked(row=row, truth=None)


def _slipped(person: Synthetic, slip: str, draw: random.Random) -> Details:
    """Return a person's details as they were written down."""
    family, given, born = person.family or "", person.given, person.born
    if slip == "typo":
        at = draw.randrange(len(family))
        family = family[:at] + draw.choice("aeiou") + family[at + 1 :]
    elif slip == "swapped" and born is not None and born.day <= _MONTHS:
        born = born.replace(month=born.day, day=born.month)
    elif slip == "former" and person.former:
        family = person.former[0]
    elif slip == "first name":
        given = given[:1]
    return Details(family=family, given=" ".join(given), birth_date=born)
