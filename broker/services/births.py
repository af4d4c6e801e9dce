"""
Who a message says a baby's mother is, told to the mother's record. Ruling 26; R34.

Knows which messages link: those that register, admit or update somebody not yet a year old. Whether a plan of
the mother's covers the baby is decided elsewhere.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta

from broker.core.clock import as_recorded
from broker.core.facts import Birth, VisitEvent, VisitMessage
from broker.core.identifiers import NhsNumber, london_day, to_the_minute
from broker.core.keyed import IdentityKey
from broker.core.newborn_links import birth_id, mother_named
from broker.core.policy import AnyPolicy
from broker.core.visits import read_visits
from broker.ports import Write
from broker.services.matching_kin import kin_write
from broker.services.rejections import SOURCE
from broker.wire.adt_other import Person
from broker.wire.facts_codec import FactCodec

BABY_AGE_MAX = timedelta(days=365)
"""An unborn plan is visible for 28 days after the due date: of an older child nobody's mother is noted."""

_LINKING = frozenset({VisitEvent.ADMITTED, VisitEvent.REGISTERED, VisitEvent.UPDATED})


class Births:
    """Makes the records that link a baby with its mother, for messages under a number."""

    def __init__(self, codec: FactCodec, *, policy: AnyPolicy, key: IdentityKey) -> None:
        """Take the codec, and the policy by which places are sensitive (47)."""
        self._codec = codec
        self._policy = policy
        self._key = key

    def told(self, number: NhsNumber, message: VisitMessage, mothers: Iterable[NhsNumber]) -> list[Write]:
        """
        Return what the mothers of a message's patient are told; nobody is a child of their own (ruling 42).

        Nothing of what a sensitive place recorded, which is ignored (ruling 47).
        """
        named = sorted({*mothers} - {number})
        if not named or not self._links(message):
            return []
        birth = Birth(
            birth_id="",
            baby=number,
            born=message.birth_date,
            visit=message.visit,
            restricted=bool(message.restricted),
            recorded_at=as_recorded(message.recorded_at, message.received_at),  # not cut as the receipt is
            received_at=to_the_minute(message.received_at),
        )
        return [self._write(birth, mother) for mother in named]

    def named(self, number: NhsNumber, message: VisitMessage, mothers: Iterable[NhsNumber]) -> VisitMessage:
        """
        Return a message with by what it names the mothers of its patient, where it links any.

        So the baby's own record knows, without a mother's number, whom the visit names last (37).
        """
        named = sorted({*mothers} - {number})
        if not named or not self._links(message):
            return message
        return replace(
            message, mothers=tuple(mother_named(self._key, message.visit, mother) for mother in named)
        )

    def of_person(self, person: Person, received_at: datetime) -> list[Write]:
        """Return what the mothers of a person are told, of whom a message about no visit speaks."""
        if not may_be_baby(person.born, received_at):
            return []
        birth = Birth(
            birth_id="",
            baby=person.number,
            born=person.born,
            restricted=person.restricted,
            recorded_at=as_recorded(person.recorded_at, received_at),
            received_at=to_the_minute(received_at),
        )
        return [self._write(birth, mother) for mother in sorted({*person.mothers} - {person.number})]

    def _links(self, message: VisitMessage) -> bool:
        """Whether a message is one that may link: of a baby, and of no sensitive place."""
        if message.event not in _LINKING or not may_be_baby(message.birth_date, message.received_at):
            return False
        return bool(read_visits({message.visit: {message.message_id: message}}, self._policy))

    def _write(self, birth: Birth, mother: NhsNumber) -> Write:
        """Return the record of one link."""
        by_visit = None if birth.visit is None else mother_named(self._key, birth.visit, mother)
        named = replace(birth, birth_id=birth_id(self._key, mother, birth), named=by_visit)
        return kin_write(self._codec, self._key, named, mother, SOURCE)


def may_be_baby(born: date | None, received_at: datetime) -> bool:
    """Whether somebody may not be a year old yet."""
    return born is None or born >= london_day(received_at - BABY_AGE_MAX)
