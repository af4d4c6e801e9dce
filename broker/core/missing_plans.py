"""
Which of an authority's open plans are not in a file of which it says that it is complete (D17).

Pure. Such a file ends nothing: what it lacks is put before a person. Whatever might be a plan that it has is
taken for that, since a plan that is ended wrongly is an alert that is missed.
"""

from datetime import date, datetime
from itertools import combinations

from broker.core.facts import Details, PlanContent, PlanType
from broker.core.identifiers import NhsNumber
from broker.core.matching import first_name, fold_name
from broker.core.reconciling import OPEN, PlanFault, PlanRow
from broker.core.waiting import Unread

_Who = NhsNumber | Details | str
_Pair = tuple[object, object]


class CompleteFile:
    """What is in a file that was made at `created_at` (aware UTC); records are added one by one."""

    def __init__(self, created_at: datetime) -> None:
        """Begin with nothing."""
        self._created_at = created_at
        self._plans: set[tuple[_Who, PlanType, date]] = set()
        self._people: set[_Who | _Pair] = set()
        self._refused: dict[tuple[PlanType, date], set[_Pair]] = {}
        self._vague: set[tuple[PlanType, date]] = set()
        self._anybody = False

    def add(self, content: PlanContent, number: NhsNumber | None) -> None:
        """Take a plan, whatever became of its record: known by number, by the authority's id, by details."""
        for who in (number, content.child_id, content.details):
            if who is not None:
                self._plans.add((who, content.plan_type, content.start))

    def add_refused(self, content: PlanContent, number: NhsNumber | None) -> None:
        """
        Take a plan of a record that was refused, so that it is not held under the number that it gives.

        Whoever has two of three details in common may be the same person; of one with fewer details, anybody.
        """
        self.add(content, number)
        pairs = _pairs(content.details)
        self._refused.setdefault((content.plan_type, content.start), set()).update(pairs)
        if not pairs:
            self._vague.add((content.plan_type, content.start))

    def add_unread(self, unread: Unread) -> None:
        """
        Take a record whose plans cannot be read: each plan of these people may be one of them.

        Where nobody is in it, or somebody with fewer than two details, each plan of anybody may be.
        """
        pairs = [_pairs(details) for details in unread.details]
        self._people.update(unread.numbers, unread.details, *pairs)
        self._anybody |= not pairs or not all(pairs)

    def lacks(self, plan: PlanRow) -> bool:
        """
        Tell whether a plan as it is held is to be put before a person.

        Not one that is over, nor of a number that is not in use (ruling 23), of a record that is restricted
        or that somebody must not see (24, 48), of a former code (19), or recorded by a newer file (10).
        """
        content = plan.content
        if self._anybody or content is None or plan.standing not in OPEN or plan.restricted:
            return False
        if PlanFault.CODE_CLOSED in plan.faults or plan.recorded_at >= self._created_at:
            return False
        people = {plan.number, content.child_id, content.details} - {None}
        pairs = _pairs(content.details)
        if any((who, content.plan_type, content.start) in self._plans for who in people):
            return False
        if not self._people.isdisjoint(people | pairs):
            return False
        refused = self._refused.get((content.plan_type, content.start))
        maybe = refused is not None and (not pairs or not refused.isdisjoint(pairs))
        return not maybe and (content.plan_type, content.start) not in self._vague


def _pairs(details: Details) -> frozenset[_Pair]:
    """Return every two of somebody's details as they are compared (ruling 20), each with what it is."""
    born = details.birth_date
    said = (
        None if born is None else (born.year, *sorted((born.month, born.day))),  # swapped, they are equal
        fold_name(details.family),
        first_name(details.given),
    )
    known = [(which, value) for which, value in enumerate(said) if value is not None]
    return frozenset(combinations(known, 2))
