"""
Visits without a usable number: looked for by their details until a number comes. Rulings 21, 24, 35.

Knows which of them it has seen, for H, so that the message that brings the number ends the search and bears
the mark of one that restricted the record. What another process kept, or this one before it was started, it
hears of by the log (`services/following.py`). A visit is a reference and a time, some 250 bytes: of a hundred
thousand in H without a usable number, 25 MB.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime

from broker.core.facts import Details, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.matching import Comparison, compare
from broker.core.policy import AnyPolicy
from broker.core.possible import Numbered, Placed, sought_in
from broker.core.possible_keys import details_keys
from broker.core.possible_newborns import sought_by_mothers
from broker.ports import Write
from broker.services.births import may_be_baby
from broker.services.matching_details import clue_writes
from broker.services.rejections import SOURCE
from broker.services.tracing import Untraced
from broker.wire.details_codec import DetailsCodec
from broker.wire.records_codec import Door, Rejected

_SAID_OF_MAX = 20_000
"""Visits of which it is remembered what their messages with a number said of the patient: some 5 MB."""
_ENOUGH = 2  # details that agree: it is the same person (20)

_Said = tuple[str | None, str | None, date | None]
"""Family name, given name and date of birth."""


class Numberless:
    """
    Says what `cpis.in.details` is to be told of one message after the other; `key` and `policy` are those
    of all decisions.

    `trace` is offered each message that is kept, where a demographic source is asked (ruling 21).
    """

    def __init__(
        self,
        codec: DetailsCodec,
        *,
        policy: AnyPolicy,
        key: IdentityKey,
        trace: Callable[[Untraced], None] | None = None,
    ) -> None:
        """Begin without a visit."""
        self._codec = codec
        self.policy = policy
        self.key = key
        self._trace = trace
        self._sought: dict[str, datetime] = {}  # by reference, the newest receipt last
        self._marked: dict[str, datetime] = {}  # those that restricted a record, likewise
        self._said: dict[str, _Said] = {}  # of visits with a number, the newest last

    def sought(self, message: VisitMessage, mothers: Iterable[NhsNumber] = ()) -> list[Write]:
        """
        Return under which keys the patient of a message without a number is to be looked for.

        A baby also under the numbers of its `mothers`, as the message names them (ruling 26). None where the
        details say too little, nor for a scheduled setting or a sensitive place, of which nobody would be
        told (rulings 3, 47).
        """
        found = sought_in(message, self.policy)
        if found is None:
            return []
        details, sought = found
        placed = [Placed(place=under, clue=sought) for under in details_keys(self.key, details)]
        if may_be_baby(details.birth_date, sought.heard_at):
            placed += sought_by_mothers(self.key, sought, details.birth_date, mothers)
        if placed:
            self._note(self._sought, sought.visit, sought.heard_at)
        return clue_writes(self._codec, self.key, placed, sought.heard_at, SOURCE)

    def kept(self, data: bytes, message: VisitMessage, door: Door) -> None:
        """
        Have it asked whose a message without a number is, once it is kept; none that nobody hears of.

        A mark that it bears waits for the visit's number, wherever it was set (ruling 24).
        """
        if message.restricted:
            self._note(self._marked, message.visit, message.received_at)
        found = None if self._trace is None else sought_in(message, self.policy)
        if self._trace is not None and found is not None:
            untraced = Untraced(data=data, received_at=message.received_at, details=found[0], door=door)
            self._trace(untraced)

    def marked(
        self,
        message: VisitMessage,
        unnumbered: str,
        *,
        borne_at: datetime | None = None,
        protected: bool = False,
    ) -> VisitMessage:
        """
        Return a message with a number, restricted where its visit was before it had one (ruling 24).

        `borne_at` is the newest receipt (aware UTC) of what restricts the visit's record under that number,
        by whichever process: a mark that is no newer is not borne again, since the demographic source may
        have lifted it. It is restricted as well where the source named the number, and protects the person.
        """
        at = self._marked.get(unnumbered)
        bears = at is not None and (borne_at is None or at > borne_at)
        return replace(message, restricted=True) if protected or bears else message

    def numbered(
        self,
        message: VisitMessage,
        unnumbered: str,
        mothers: Iterable[NhsNumber] = (),
        *,
        as_before: bool = False,
    ) -> list[Write]:
        """
        Return that a visit has a number now, where it is one that was looked for (ruling 21).

        `unnumbered` is the reference that the message's visit has without a number. `as_before`: the message
        says none, and goes on under the visit's own. Where it then tells of another person than those did
        that said one, that person is looked for by details, and by `mothers`; the visit leaves nobody (44).
        """
        if as_before and self._is_of_another(message):
            return self.sought(replace(message, visit=unnumbered), mothers)
        if not as_before:
            self._remember(message)
        if unnumbered not in self._sought:
            return []
        at = message.received_at
        clue = Placed(place=unnumbered, clue=Numbered(visit=unnumbered, heard_at=at))
        return clue_writes(self._codec, self.key, [clue], at, SOURCE)

    def _remember(self, message: VisitMessage) -> None:
        """Remember what a message with a number says of the patient: in memory, of the newest visits."""
        said = message.family, message.given, message.birth_date
        if said == (None, None, None):
            return
        self._said.pop(message.visit, None)
        self._said[message.visit] = said
        if len(self._said) > _SAID_OF_MAX:
            del self._said[next(iter(self._said))]

    def _is_of_another(self, message: VisitMessage) -> bool:
        """Whether a message tells of another person than its visit's messages with a number (ruling 20)."""
        said = self._said.get(message.visit)
        if said is None:
            return False
        known = Details(family=said[0], given=said[1], birth_date=said[2])
        now = Details(family=message.family, given=message.given, birth_date=message.birth_date)
        compared = compare(now, known)
        return compared.count(Comparison.AGREES) < _ENOUGH and Comparison.DISAGREES in compared

    def hear(self, kept: Rejected) -> None:
        """Learn of a message that was kept, by this process or by another."""
        if kept.visit is None:
            return
        self._note(self._sought, kept.visit, kept.received_at)
        if kept.restricted:
            self._note(self._marked, kept.visit, kept.received_at)

    def _note(self, visits: dict[str, datetime], visit: str, at: datetime) -> None:
        """Remember a visit, and forget those that H has passed."""
        visits[visit] = max(at, visits.pop(visit, at))
        self._forget(at)

    def _forget(self, now: datetime) -> None:
        """Forget what was last heard of more than H ago."""
        before = now - self.policy.horizon
        for visits in (self._sought, self._marked):
            while visits and (oldest := next(iter(visits.items())))[1] < before:
                del visits[oldest[0]]
