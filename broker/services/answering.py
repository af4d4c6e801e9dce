"""
Works out the answer for a visit of which messages are held: plan, no plan, could not check (ruling 41).

Knows the order in which things are looked at, which makes `no plan` safe: a check mark first, then at one
moment the person and the matcher's own record of that partition, which lie in one log and cannot disagree.
Before `no plan` is said, the records that wait for a number are looked through, by the details of the visit
(ruling 21).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from broker.core.alerts import Recipient, RecipientKind
from broker.core.answers import UNKNOWN, Asker, Checked, Looked, look
from broker.core.facts import VisitMessage
from broker.core.holding import held_since
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.invalidation import Inactive
from broker.core.keyed import IdentityKey
from broker.core.person import Known, lift_messages, merge
from broker.core.policy import AnyPolicy
from broker.core.possible import Search
from broker.core.waiting import waiting_number_key
from broker.ports import Topic
from broker.services.finding import Held
from broker.services.people_reading import Marked, PeopleReader, Readers


class Seen(NamedTuple):
    """What was looked at for a visit, and when the person arrived, aware UTC; None where nothing is known."""

    checked: Checked
    arrived_at: datetime | None = None


class Answering:
    """Looks at what the answer for a visit depends on; raises whatever goes wrong."""

    def __init__(
        self, people: PeopleReader, readers: Readers, *, policy: AnyPolicy, key: IdentityKey
    ) -> None:
        """Read with `people`, and decide as the policy and the rules of this release do."""
        self._people = people
        self._readers = readers
        self._policy = policy
        self._key = key

    async def look(self, own: Sequence[Held], asker: Asker = UNKNOWN, *, passed: datetime | None) -> Seen:
        """
        Return what there is to look at for the messages of a visit, all under one number.

        `passed` is when a mark was written that passed them, `asker` who is answered. Raises `NoAnswerHere`
        as `broker.core.answers.look`.
        """
        first = own[0]
        read = await self._people.read({first.number.key})
        state = read.states.get(first.record.partition)
        if state is None or not self._has_taken(state, own):
            return Seen(Checked())
        value = read.values.get(first.number.key)
        if value is None:
            return await self._settled(self._alone(own), passed)
        found = await self._people.person(first.number, value, first.reference)
        person = found.person
        if isinstance(person, Inactive):
            return Seen(Checked(not_in_use=True))
        if person is None:
            return Seen(Checked())  # on its way to the successor
        known = person.known
        if held_since(known.notices.values()) is not None:
            known = merge(known, self._opened(own, found.reference))  # any of its messages may wait
        elif found.reference not in known.visits:
            return Seen(Checked())  # kept apart as unprocessable
        looked = look(person.number, known, found.reference, self._policy, self._key, asker=asker)
        looked = looked.noting(person.set_aside)
        former = {waiting_number_key(self._key, one) for one in found.passed}  # a record may wait for any
        return await self._settled(replace(looked, waiting_under=looked.waiting_under | former), passed)

    async def is_inactive(self, number: NhsNumber) -> bool:
        """Return whether a number is not in use (ruling 23)."""
        value = (await self._people.read({number.key})).values.get(number.key)
        return value is not None and isinstance(self._readers.states.decode_any(number.key, value), Inactive)

    async def unnumbered(self, visit: str) -> Checked:
        """Return what there is to look at for a visit without a usable number, by its reference (21)."""
        key = visit.encode()
        value = (await self._people.read({key})).values.get(key)
        search = None if value is None else self._readers.details.decode_state(value)
        met = isinstance(search, Search) and search.item(self._key) is not None
        return Checked(number=False, possible_match=met)

    def _alone(self, own: Sequence[Held]) -> Looked:
        """Return what a visit of somebody without a record says, its messages opened."""
        first = own[0]
        known = self._opened(own, first.reference)
        return look(first.number, known, first.reference, self._policy, self._key)

    def _opened(self, own: Sequence[Held], reference: str) -> Known:
        """Return what the messages of a visit say, opened, under its reference."""
        opened = (
            self._readers.facts.decode(held.record.topic, held.number.key, held.record.value or b"")
            for held in own
        )
        return lift_messages(
            replace(fact, visit=reference) for fact in opened if isinstance(fact, VisitMessage)
        )

    async def _settled(self, looked: Looked, passed: datetime | None) -> Seen:
        """Return what was looked at, where it matters with whether a record waits for a number (21)."""
        return Seen(await self._people.settled(looked, passed), looked.arrived_at)

    def _has_taken(self, value: bytes, own: Sequence[Held]) -> bool:
        """Return whether the matcher's record of a partition, read with the people, has passed these."""
        state = self._people.state(value)
        return state.offsets.get(Topic.ATTENDANCES, 0) > max(held.record.offset for held in own)


def passed_at(marks: Iterable[Marked], provider: OdsCode, own: Sequence[Held]) -> datetime | None:
    """Return when the provider's mark was written that has passed every one of these messages."""
    sender = Recipient(kind=RecipientKind.PROVIDER, code=provider)
    last = max(held.record.offset for held in own)
    written = [
        one.written_at
        for one in marks
        if one.mark.sender == sender
        and one.mark.partition == own[0].record.partition
        and one.mark.offset > last
    ]
    return max(written, default=None)
