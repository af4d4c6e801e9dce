"""
Which words timers have to say about a person, and when each is due. Rulings 7, 23, 26, 43, 46.

The core reads no clock. What is due follows from what is known and decided; whoever has a clock says the word
as a fact, and only then something is told. A word said early, twice or late does no harm.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from broker.core.alerts import VisitState, Why
from broker.core.asking_again import reached
from broker.core.decisions import Deciding
from broker.core.facts import IdentityKind
from broker.core.identifiers import NhsNumber
from broker.core.identity_words import due_from_arrival, is_overdue, is_without_outcome
from broker.core.invalidation import Inactive, reminder_at
from broker.core.keyed import IdentityKey
from broker.core.newborn_asked import asked_of_authorities
from broker.core.outcome_asked import next_asked_at
from broker.core.person import Known
from broker.core.policy import AnyPolicy
from broker.core.worklist import ItemKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A word that is due at a time, aware UTC; `visit` goes with one about a visit (`ABOUT_A_VISIT`)."""

    kind: IdentityKind
    at: datetime
    visit: str | None = None


def timers(number: NhsNumber, known: Known, policy: AnyPolicy, key: IdentityKey) -> tuple[Timer, ...]:
    """Return the words that are to be said of a person, each once until it is, the earliest first."""
    return tuple(sorted(_Waiting(number, known, policy, key).timers(), key=_order))


def timer_of_inactive(inactive: Inactive, policy: AnyPolicy) -> Timer | None:
    """Return the word that is to be said of a number not in use, None where no plan is open on it (23)."""
    at = reminder_at(inactive, policy)
    return None if at is None else Timer(kind=IdentityKind.TIME_PASSED, at=at)


class _Waiting(Deciding):
    """The decisions about one person, and what is waited for because of them."""

    def timers(self) -> Iterator[Timer]:
        """Yield what is due for visits that are told, for items that are open, and for what is asked."""
        self.decide()
        disagreeing = {one.visit for one in self.items.values() if one.kind is ItemKind.DETAILS_DISAGREE}
        for visit in self.visits:
            settled = visit.policy.site(visit.provider)
            told = self.entries[visit.reference].why is Why.SHARED
            if told and visit.state is VisitState.PRESENT and not is_without_outcome(self.notices, visit):
                at = due_from_arrival(visit, settled.outcome_awaited)
                yield Timer(kind=IdentityKind.NO_OUTCOME, at=at, visit=visit.reference)
            if visit.reference in disagreeing and not is_overdue(self.notices, visit):
                at = due_from_arrival(visit, settled.unconfirmed_told)
                yield Timer(kind=IdentityKind.UNSETTLED, at=at, visit=visit.reference)
        for moment in (self._birth_at(), self._outcome_at()):
            if moment is not None:
                yield Timer(kind=IdentityKind.TIME_PASSED, at=moment)

    def _birth_at(self) -> datetime | None:
        """Return when the authority is asked again to open a newborn's own plan (26)."""
        asked = asked_of_authorities(
            self.number, self.plans, self.notices, self.losses, self.policy, self.key
        )
        return None if asked is None or self._withheld(asked.policy) else asked.again_at

    def _outcome_at(self) -> datetime | None:
        """Return when an authority is asked for the outcome of a pregnancy (43)."""
        late = reached(self.notices)
        at = next_asked_at(self.plans, late, self.losses, self.policy, self.known.births)
        return None if at is None or self._withheld(self.policy.at(at)) else at


def _order(timer: Timer) -> tuple[datetime, str, str]:
    """Return what timers are sorted by."""
    return timer.at, timer.kind, timer.visit or ""
