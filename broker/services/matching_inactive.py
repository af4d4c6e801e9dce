"""
Numbers that their source took out of use, as one partition's matcher keeps them. Ruling 23.

What was known is sealed under the key of the day, in the number's own record, and opened by the source's
reversal alone; a sweep destroys it after a time, and the key goes with its retention. Of what comes meanwhile
plans and notices are kept in the same way, and visits and views only by where in the log they lie.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from broker.core.clock import later
from broker.core.errors import KeysUnreadable, MalformedMessage, PersonTooLarge, UnsealingFailed
from broker.core.facts import IdentityNotice
from broker.core.holding import FURTHER, SET_ASIDE_MAX, noted
from broker.core.identifiers import NhsNumber
from broker.core.invalidation import (
    Inactive,
    reopened,
    stays_out_of_use,
    take_out_of_use,
    word_of_use,
)
from broker.core.keyed import IdentityKey
from broker.core.person import Person
from broker.core.policy import AnyPolicy
from broker.ports import Headers, Topic, Write
from broker.services.matching_holds import note_of
from broker.services.matching_moves import Arrived, Mover
from broker.services.matching_output import PERSON_BYTES_MAX, Chain, Poison, Said, Scribe
from broker.wire.avro import Row
from broker.wire.facts_codec import FactCodec
from broker.wire.state_codec import StateCodec

KEPT = frozenset({Topic.PLANS.value, Topic.IDENTITY.value})
"""The inputs of which what comes under a number not in use is kept sealed."""

_SET_ASIDE = "set aside"
"""In the place of an input's name: the part is what a record is known by that could not be processed."""
_NOTES_BYTES = 300_000
"""What is left free for these, so that one too many plans does not hide that one could not be read."""


@dataclass(frozen=True, slots=True)
class Shut:
    """A number not in use, with what is sealed under it; empty once that is destroyed."""

    inactive: Inactive
    parts: Sequence[Row] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """A record as it was kept: a `Record` of an input that has no place in its log any more."""

    topic: str
    key: bytes = field(repr=False)
    value: bytes = field(repr=False)
    partition: int = -1
    offset: int = -1
    timestamp: int = 0
    headers: Headers = ()


class Vault:
    """Shuts numbers away and opens them again, for one partition."""

    def __init__(
        self,
        facts: FactCodec,
        states: StateCodec,
        scribe: Scribe,
        mover: Mover,
        *,
        policy: AnyPolicy,
        key: IdentityKey,
        new_salt: Callable[[], bytes],
    ) -> None:
        """Take the codecs, what writes and reads, and the rules."""
        self._facts = facts
        self._states = states
        self._scribe = scribe
        self._mover = mover
        self._policy = policy
        self._key = key
        self._new_salt = new_salt

    def read(self, number: NhsNumber, state: bytes) -> Shut:
        """Return what is kept under a number not in use; raise `MalformedMessage`."""
        return Shut(*self._states.decode_inactive(number, state))

    def shut(
        self, person: Person, answer: IdentityNotice, caused_at: datetime, end: Chain
    ) -> tuple[Shut, Said]:
        """Seal everything about a person away; have projections forget, tell who has a plan open."""
        inactive, advanced = take_out_of_use(person, answer, self._policy, self._key, salt=self._new_salt())
        said = self._scribe.say(advanced, unchanged=True, caused_at=caused_at, at=caused_at, end=end)
        sealed = self._facts.seal_part("", self._states.encode_person(person), person.number)
        erasures = self._scribe.erasures(person, caused_at)
        return self._as_said(Shut(inactive, [sealed]), said, erasures)

    @staticmethod
    def word_of_use(shut: Shut, arrived: Sequence[Arrived]) -> list[Arrived]:
        """Return the source's word by which the number is in use again, nothing without one."""
        word = word_of_use(shut.inactive, arrived)
        return [] if word is None else [replace(arrived[0], fact=word, passage=None)]

    def stay(
        self,
        shut: Shut,
        arrived: Sequence[Arrived],
        set_aside: Mapping[str, datetime],
        clock: datetime,
        end: Chain,
    ) -> tuple[Shut, Said]:
        """
        Keep what came, sealed, unless all was destroyed; tell what is new of plans that are open.

        So is kept what was `set_aside`, as `Person.set_aside` has it: after a reversal nobody is told that
        there is no plan because it could not be read (41). Raises `PersonTooLarge`.
        """
        destroyed = not shut.parts and self.is_due(shut.inactive, clock)  # what is there yet goes together
        inactive, advanced = stays_out_of_use(
            shut.inactive, arrived, self._policy, self._key, destroyed=destroyed
        )
        caused_at = max((one.fact.received_at for one in arrived), default=clock)
        said = self._scribe.say(advanced, unchanged=True, caused_at=caused_at, at=caused_at, end=end)
        number = inactive.ledger.number
        parts = list(shut.parts)
        if not destroyed:
            parts += [
                self._facts.seal_part(one.record.topic, one.record.value or b"", number)
                for one in arrived
                if one.record.topic in KEPT
            ]
            parts += [
                self._facts.seal_part(_SET_ASIDE, note.encode("ascii"), number)
                for note in _fitting(set_aside, shut.parts)
            ]
        if inactive == shut.inactive and len(parts) == len(shut.parts):
            return shut, said
        return self._as_said(Shut(inactive, parts), said, (), free=_NOTES_BYTES if arrived else 0)

    def reopen(self, shut: Shut, clock: datetime) -> tuple[Person, list[Arrived]] | None:
        """
        Return the person as they were, and what came since; what cannot be opened any more is gone.

        Of whatever is gone, or cannot be read, the person's record then says that it was set aside at
        `clock`, the partition's (aware UTC): that there is no plan must not follow from it (34, 41). None
        where the person cannot be read: a later release may. Raises `KeysUnreadable` where nobody can tell
        whether something is gone.
        """
        number = shut.inactive.ledger.number
        person = Person(number=number, salt=self._new_salt())
        came: list[Arrived] = []
        notes: dict[str, datetime] = {}
        for part in shut.parts:
            topic = part["topic"]
            try:
                value = self._facts.open_part(part, number)
            except KeysUnreadable:
                raise
            except UnsealingFailed:
                notes[FURTHER] = clock
                continue
            if topic == _SET_ASIDE:
                notes[value.decode("ascii")] = clock
            elif topic:
                record = Unsealed(topic=topic, key=number.key, value=value)
                read, unread = self._mover.read_all(number.key, [record])
                came += read
                notes |= {note_of(self._key, topic, value): clock for _ in unread}
            else:
                try:
                    person = self._states.decode_person(number, value)
                except MalformedMessage:
                    return None
        person = replace(person, set_aside=noted(person.set_aside, notes))
        return reopened(person, shut.inactive), came

    @staticmethod
    def unopened(arrived: Sequence[Arrived]) -> list[Poison]:
        """Return as not processed, for a person, what may have said that a number is in use again."""
        cause = MalformedMessage.code
        return [Poison(record=one.record, cause=cause) for one in arrived if one.record.topic in KEPT]

    def is_due(self, inactive: Inactive, clock: datetime) -> bool:
        """Whether what is sealed is to be destroyed by now."""
        return clock >= later(inactive.since, self._policy.inactive_kept)

    def destroy(self, shut: Shut, clock: datetime) -> tuple[bytes, Write] | None:
        """Return a number's record without what is sealed, None while that is kept or gone already."""
        if not shut.parts or not self.is_due(shut.inactive, clock):
            return None
        return self._record(Shut(shut.inactive.forgetful, ()))

    def _as_said(
        self, shut: Shut, said: Said, further: Sequence[Write], *, free: int = 0
    ) -> tuple[Shut, Said]:
        """Return a number with everything that is written, so many bytes of its record being left free."""
        state, write = self._record(shut, free)
        return shut, replace(said, writes=(write, *further, *said.writes), state=state)

    def _record(self, shut: Shut, free: int = 0) -> tuple[bytes, Write]:
        """Return a number's record, as bytes and as what to write; raises `PersonTooLarge`."""
        state = self._states.encode_inactive(shut.inactive, shut.parts)
        if len(state) > PERSON_BYTES_MAX - free:
            raise PersonTooLarge
        return state, self._scribe.state(shut.inactive.ledger.number.key, state)


def _fitting(notes: Mapping[str, datetime], parts: Sequence[Row]) -> Iterator[str]:
    """Yield of notes those that are kept each by itself beside these parts, then one for all others, once."""
    kept = sum(part["topic"] == _SET_ASIDE for part in parts)
    room = max(SET_ASIDE_MAX - kept, 0)
    yield from islice(notes, room)
    if len(notes) > room and kept <= SET_ASIDE_MAX:
        yield FURTHER
