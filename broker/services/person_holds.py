"""
Puts a person on hold and lets them go: an operator's word, as a fact of that person (ADR 0036).

Nobody has to know the number: it is read where the record lies that is named, and followed to the one that
is in use where it was superseded since (22). What waits is let go in the order in which it came; what cannot
be read then is set aside by itself, as ever.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from broker.core.asking import about_hold
from broker.core.desk_errors import CannotHold, NotOnHold
from broker.core.errors import InvalidNhsNumber, MalformedMessage
from broker.core.facts import IdentityKind
from broker.core.holding import held_since
from broker.core.identifiers import NhsNumber, aware
from broker.core.number_answers import notice_of, recorded
from broker.core.operators import ActionKind, Grounds, Place
from broker.core.person import Person
from broker.core.worklist import ItemKind
from broker.ports import INPUTS, Record, Topic
from broker.services.audited_access import AuditedAccess
from broker.services.desk_log import SOURCE
from broker.services.fact_writes import fact_write
from broker.services.newest import naming, newest
from broker.services.releasing import GONE, RELEASED, Released, quarantined, readable
from broker.services.worklist_desk import Work

_MOMENT = timedelta(milliseconds=1)  # the least by which two stamps differ; at equal ones a hold has ended


class PersonHolds:
    """The use case behind `cpis worklist hold`, and `release` for a person."""

    def __init__(self, access: AuditedAccess) -> None:
        """Look with this access, which takes down what is done, and then makes it a fact."""
        self._access = access
        self._states = access.readers.states

    async def hold(self, place: Place, grounds: Grounds) -> str:
        """
        Put the person of a record of an input on hold; return the id of the item that will say so.

        On one who is on hold already the time begins anew. Raises `CannotHold` where the place is none of an
        input, or holds nothing any more, or the number is not in use, of which nothing is told anyway (23);
        and `KafkaUnavailable`: then doing it again is safe.
        """
        number = await self._in_use(await self._whose(place))
        item_id = about_hold(number, self._access.key).item_id
        await self._access.log.audit(ActionKind.HELD, item_id, place, grounds)
        ended = await self._ended(number)
        await self._say(number, IdentityKind.ON_HOLD, None if ended is None else ended + _MOMENT)
        return item_id

    async def rehearse(self, work: Work) -> list[Released]:
        """Return what letting a person go would come to, record by record; raise `NotOnHold`."""
        return (await self._found(work))[1]

    async def release(self, work: Work, grounds: Grounds) -> list[Released]:
        """
        Let a person go: audit trail first; return what became of each record that waited, in its order.

        Raises `NotOnHold`, and `KafkaUnavailable`: then doing it again is safe.
        """
        person, found = await self._found(work)
        outcome = f"{RELEASED}: {len(found)}"
        await self._access.log.audit(
            ActionKind.RELEASED, work.item.item_id, work.place, grounds, outcome=outcome
        )
        await self._say(person.number, IdentityKind.HOLD_ENDED, held_since(person.known.notices.values()))
        return [replace(one, outcome=RELEASED) if one.done else one for one in found]

    async def _say(self, number: NhsNumber, kind: IdentityKind, least: datetime | None) -> None:
        """
        Make the word durable, not older than `least`, by which it counts behind the word before it.

        That may have another desk's clock: nobody is to wait whom an operator was told to be let go, nor to
        be told of whom one was told to be on hold.
        """
        now = aware(self._access.clock())
        at = now if least is None else max(now, least)
        notice = notice_of(number, kind, at, at, self._access.key)
        await self._access.log.tell(
            fact_write(self._access.readers.facts, notice, number, notice.notice_id, SOURCE)
        )

    async def _ended(self, number: NhsNumber) -> datetime | None:
        """Return when a person's last hold ended, by the newest word; None of one who has no such word."""
        held = await newest(self._access.archive, Topic.PEOPLE, lambda record: record.key == number.key)
        ends: list[datetime] = []
        for record in held.values():
            with suppress(MalformedMessage):
                person = self._states.decode_any(number.key, record.value or b"")
                said = person.known.notices.values() if isinstance(person, Person) else ()
                ends += [recorded(one) for one in said if one.kind is IdentityKind.HOLD_ENDED]
        return max(ends, default=None)

    async def _whose(self, place: Place) -> NhsNumber:
        """Return whose a record of an input is."""
        if place.topic in INPUTS:
            record = await self._access.archive.read_one(Topic(place.topic), place.partition, place.offset)
            with suppress(InvalidNhsNumber, UnicodeDecodeError):
                return NhsNumber((b"" if record is None else record.key or b"").decode("ascii"))
        raise CannotHold

    async def _in_use(self, number: NhsNumber) -> NhsNumber:
        """Return the number that a person is known by now; raise `CannotHold` where none is in use."""
        held = await newest(self._access.archive, Topic.PEOPLE, self._is_behind)
        passed: set[NhsNumber] = set()
        while (record := held.get(number.key)) is not None:
            if number in passed or not self._states.is_forwarding(record.value or b""):
                raise CannotHold
            passed.add(number)
            number = self._states.decode_forwarding(record.value or b"").to
        return number

    def _is_behind(self, record: Record) -> bool:
        """Whether a record says that its number is superseded, or not in use."""
        with suppress(MalformedMessage):
            value = record.value or b""
            return self._states.is_forwarding(value) or self._states.is_inactive(value)
        return False

    async def _found(self, work: Work) -> tuple[Person, list[Released]]:
        """Return whose hold an item is about, as they are held now, and what waits, in its order."""
        for key, record in (await naming(self._access.archive, work.item.item_id)).items():
            with suppress(MalformedMessage, InvalidNhsNumber):
                number = NhsNumber(key.decode("latin-1"))
                person = self._states.decode_person(number, record.value or b"")
                places = [
                    Place(topic=topic, partition=record.partition, offset=offset)
                    for topic, offset in person.waiting
                ]
                return person, [await self._look(work, place) for place in places]
        raise NotOnHold

    async def _look(self, work: Work, place: Place) -> Released:
        """Return whether a record that waits can be read."""
        record = await self._access.archive.read_one(Topic(place.topic), place.partition, place.offset)
        outcome = GONE if record is None else readable(record, self._access.readers.facts)
        return Released(item_id=work.item.item_id, place=str(place), outcome=outcome)


def place_to_hold(work: Work) -> Place:
    """Return where the record of an item in quarantine lies; raise `CannotHold` for any other item."""
    place = quarantined(work)
    if place is None:
        raise CannotHold
    return place


def is_hold(work: Work) -> bool:
    """Return whether an item is about a person on hold."""
    return work.item.kind is ItemKind.PERSON_ON_HOLD
