"""The twin of a demographic source: people of this process, for tests and demonstrations."""

from broker.core.demographics import (
    Current,
    NoMatch,
    NotKnown,
    NumberAnswer,
    OneMatch,
    SearchAnswer,
    SeveralMatches,
)
from broker.core.errors import DemographicsUnavailable
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.core.matching import fold_name


class MemoryDemographics:
    """A `Demographics` that knows who was put into it; while `available` is False it does not answer."""

    def __init__(self) -> None:
        """Know nobody."""
        self.available = True
        self._answers: dict[NhsNumber, NumberAnswer] = {}

    def put(self, number: NhsNumber, answer: NumberAnswer) -> None:
        """Answer this about a number from now on."""
        self._answers[number] = answer

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Return what was put in about a number."""
        self._check()
        return self._answers.get(number, NotKnown())

    async def search(self, details: Details) -> SearchAnswer:
        """Return who in use has all three of these details; names are compared folded (ruling 20)."""
        self._check()
        wanted = _folded(details)
        found = [
            (number, answer)
            for number, answer in self._answers.items()
            if isinstance(answer, Current) and _folded(answer.details) == wanted
        ]
        if None in wanted or not found:
            return NoMatch()
        if len(found) > 1:
            return SeveralMatches()
        [(number, answer)] = found
        return OneMatch(number=number, protected_at=answer.recorded_at if answer.restricted else None)

    def _check(self) -> None:
        """Raise `DemographicsUnavailable` while the source does not answer."""
        if not self.available:
            raise DemographicsUnavailable


def _folded(details: Details) -> tuple[object, ...]:
    """Return details as they are compared."""
    return details.birth_date, fold_name(details.family), fold_name(details.given)
