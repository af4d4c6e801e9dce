"""
Which of a batch's facts about one person can be folded, decided and written down.

All at once, as a rule. When that raises, the culprits are found by halves: a decision about somebody of whom
much is known is dear, and one for each fact would hold the partition up.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from broker.core.errors import PersonTooLarge, StorageUnusable
from broker.core.facts import VisitMessage
from broker.core.floods import bounded
from broker.core.person import Person, lift_messages
from broker.core.succession import fold
from broker.services.matching_moves import Arrived
from broker.services.matching_output import Poison, cause_of

T = TypeVar("T")


class Sifting(Generic[T]):
    """
    Folds facts onto a person; `outcome` is what came of those that were good, None before there were any.

    `say` decides about a person with everything that arrived and the newest receipt of it, and raises when
    that cannot be done. `room` is how many bytes the person's record may yet grow. `person` is who they are
    with what was good, `taken`; `poison` holds what could not be folded. `StorageUnusable` is raised on: then
    nothing can be folded for now.
    """

    def __init__(
        self, person: Person, say: Callable[[Person, Sequence[Arrived], datetime], T], *, room: int
    ) -> None:
        """Begin with a person as they were."""
        self.outcome: T | None = None
        self.poison: list[Poison] = []
        self.person = person
        self._say = say
        self._room = room
        self.taken: list[Arrived] = []

    @property
    def received_at(self) -> datetime | None:
        """The newest receipt of what was good, aware UTC; None of nothing."""
        return max((one.fact.received_at for one in self.taken), default=None)

    def take(self, arrived: Sequence[Arrived]) -> None:
        """Fold facts, in their order, onto those that were good before them."""
        try:
            self._take_all(arrived)
        except PersonTooLarge:
            self._take_fewer(arrived)
        except StorageUnusable:  # nothing can be sealed: no fault of the facts, which come again
            raise
        except Exception as error:  # noqa: BLE001 – whatever it is, the partition goes on
            if len(arrived) > 1:
                half = len(arrived) // 2
                self.take(arrived[:half])
                self.take(arrived[half:])
                return
            self.poison += [Poison(record=one.record, cause=cause_of(error)) for one in arrived]

    def _take_fewer(self, arrived: Sequence[Arrived]) -> None:
        """
        Refuse the facts that are too much by their own size; where none is, the later half of them.

        Trying each would cost a decision about much for each. What a fact adds to a record is about what it
        is in the log.
        """
        left = self._room - sum(len(one.value) for one in self.taken)
        fewer: list[Arrived] = []
        for one in arrived:
            if len(one.value) <= left:
                left -= len(one.value)
                fewer.append(one)
        if len(fewer) == len(arrived):
            fewer = fewer[: len(fewer) // 2]
        kept = {id(one) for one in fewer}
        self.poison += [
            Poison(record=one.record, cause=PersonTooLarge.code) for one in arrived if id(one) not in kept
        ]
        if fewer:
            self.take(fewer)

    def _take_all(self, arrived: Sequence[Arrived]) -> None:
        """Fold everything for which a visit has room, and decide; raises whatever core or codecs do."""
        messages = [one.fact for one in arrived if isinstance(one.fact, VisitMessage)]
        person = self.person.learn(lift_messages(messages))
        for one in arrived:
            if not isinstance(one.fact, VisitMessage):
                person = fold(person, one.fact)
        person, refused = bounded(person, self.person)
        good = [one for one in arrived if not _is_among(one, refused)]
        if good:
            taken = [*self.taken, *good]
            self.outcome = self._say(person, taken, max(one.fact.received_at for one in taken))
            self.person, self.taken = person, taken
        overflow = {
            one.fact.visit: Poison(record=one.record, cause=PersonTooLarge.code, about=one.fact.visit)
            for one in arrived
            if isinstance(one.fact, VisitMessage) and _is_among(one, refused)
        }
        self.poison += overflow.values()


def _is_among(one: Arrived, refused: frozenset[str]) -> bool:
    """Return whether what arrived is one of the messages that were refused."""
    return isinstance(one.fact, VisitMessage) and one.fact.message_id in refused
