"""
What waits while a person is on hold, and what could not be processed: both noted in the person's record.

The record says where in the log what waits lies, in the transaction that takes it past: nothing is copied,
and whoever takes the partition over knows the same. Of a plan or a notice that was set aside it keeps a keyed
digest, so that `no plan on file` is not said of somebody whose plan nobody could read (ADR 0036).
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from broker.core.facts import Cover, IdentityKind, IdentityNotice, PlanFact
from broker.core.holding import ends_at, held_since, noted, waits
from broker.core.invalidation import invalidation
from broker.core.keyed import IdentityKey
from broker.core.number_answers import notice_of
from broker.core.person import Person
from broker.core.succession import Merged, fold, kept, leaving
from broker.ports import Record, Topic, Write
from broker.services.fact_writes import fact_write
from broker.services.matching_batch import Batch
from broker.services.matching_moves import Arrived
from broker.services.matching_output import SOURCE, Poison
from broker.services.matching_sorting import FIRST_INPUTS
from broker.wire.facts_codec import FactCodec


class Sorted(NamedTuple):
    """A person with what waits from now on, what is to be folded now, in its order, and what waits anew."""

    person: Person
    arrived: list[Arrived]
    waiting: list[Arrived]


class Holds:
    """Sorts what arrives for people on hold, for one partition."""

    def __init__(self, facts: FactCodec, key: IdentityKey) -> None:
        """Write with the codec; digests are derived under the identity key."""
        self._facts = facts
        self._key = key

    def places(
        self, batch: Batch, people: Container[bytes], read: Callable[[bytes], object]
    ) -> Iterator[tuple[Topic, int]]:
        """
        Yield where lies what waits of people on hold of whom a batch says what may end it.

        `read` returns what is held under a key of `people`; of somebody whose record it cannot read nothing
        is yielded: `fold` sets their records aside.
        """
        for key, records in batch.touched.items():
            if key in people and any(record.topic == Topic.IDENTITY for record in records):
                with suppress(Exception):
                    held = read(key)
                    for topic, offset in held.waiting if isinstance(held, Person) else ():
                        yield Topic(topic), offset

    def sort(self, before: Person, arrived: Sequence[Arrived]) -> Sorted:
        """
        Return what of a person waits from now on, and what is to be folded now.

        When the hold ends, everything that waited is; so it is where the number is superseded (22) or goes
        out of use (23): it takes the way of all that comes for such a number. What was sealed under a number
        that is in use again has no place in the log any more at which it could wait, and is folded.
        """
        waiting = [one for one in arrived if waits(one.fact) and one.record.offset >= 0]
        names = set(map(id, waiting))
        passing = [one for one in arrived if id(one) not in names]
        person = before
        for one in passing:
            person = fold(person, one.fact)
        if not _holds_back(person):
            places = {place: order for order, place in enumerate(before.waiting)}
            last = len(places)
            ordered = sorted(arrived, key=lambda one: places.get(_place(one.record), last))
            return Sorted(replace(before, waiting=()), ordered, [])
        held = dict.fromkeys((*before.waiting, *(_place(one.record) for one in waiting)))
        return Sorted(replace(before, waiting=tuple(held)), passing, waiting)

    def noted(
        self, person: Person, poison: Iterable[Poison], taken: Iterable[Arrived], clock: datetime
    ) -> Person:
        """Return the person with what was set aside now, and without what was and has been taken since."""
        held = dict(person.set_aside)
        for one in taken if held else ():
            for value in {one.record.value, one.value}:  # it may have been set aside at a former number (22)
                held.pop(note_of(self._key, one.record.topic, value), None)
        notes = noted(held, self.notes(poison, clock))
        return person if notes == person.set_aside else replace(person, set_aside=notes)

    def notes(self, poison: Iterable[Poison], clock: datetime) -> Mapping[str, datetime]:
        """Return what is to be noted of records that could not be processed, as `Person.set_aside` has it."""
        return {
            note_of(self._key, bad.record.topic, bad.record.value): clock for bad in poison if makes_note(bad)
        }

    def ended(self, person: Person, clock: datetime) -> tuple[Write, ...]:
        """Return the word that ends a hold by itself, where one has lasted too long or holds too much."""
        at = ends_at(person, clock)
        if at is None:
            return ()
        notice = notice_of(person.number, IdentityKind.HOLD_ENDED, at, clock, self._key)
        return (fact_write(self._facts, notice, person.number, notice.notice_id, SOURCE),)


def note_of(key: IdentityKey, topic: str, value: bytes | None) -> str:
    """Return by what a record of an input is known that is written once more; keyed."""
    return key.derive("set aside", topic, sha256(value or b"").hexdigest())


def makes_note(poison: Poison) -> bool:
    """Return whether a record that could not be processed may be the one that says of a plan."""
    return poison.record.topic in FIRST_INPUTS


def _holds_back(person: Person) -> bool:
    """Whether what comes in of a person waits."""
    since = held_since(person.known.notices.values())
    return since is not None and leaving(person) is None and invalidation(person) is None


def _place(record: Record) -> tuple[str, int]:
    """Return where a record lies in its partition."""
    return str(record.topic), record.offset


def makes_record(one: Arrived) -> bool:
    """Return whether somebody of whom this is known gets a record."""
    fact = one.fact
    return kept(fact) if isinstance(fact, Merged) else isinstance(fact, PlanFact | IdentityNotice | Cover)
