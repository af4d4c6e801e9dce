"""
What becomes of an event of the national services, whichever way it came. Rulings 26, 38; R53.

A birth, a stillbirth and a number change are facts. Of everything else the event says only that something
changed: the demographic source is asked before the event is taken, and what it answers are the facts. Of a
birth it is asked whether it protects mother or baby. The same event has the same facts, so that one that is
sent twice, or out of its order, changes nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

from broker.core.asking_again import day_begins
from broker.core.clock import later
from broker.core.demographics import NumberAnswer, protected_at
from broker.core.errors import DemographicsUnavailable, MalformedMessage
from broker.core.facts import Birth, IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber, aware, to_the_minute
from broker.core.keyed import IdentityKey
from broker.core.national_events import NationalEvent, Told
from broker.core.newborn_links import birth_id, named_by_notice
from broker.core.number_answers import answered, notice_of
from broker.core.number_ranges import Takes, Taking, takes_any
from broker.core.source_errors import DemographicsUnreadable
from broker.ports import Clock, Demographics, FactLog, Write
from broker.services.births import may_be_baby
from broker.services.fact_writes import fact_write
from broker.services.matching_kin import kin_write
from broker.services.rejections import SOURCE, Rejections
from broker.services.tracing import ANSWER_SECONDS
from broker.wire.facts_codec import FactCodec
from broker.wire.national_events import read_national_event
from broker.wire.records_codec import Door, Rejected

NOBODY_TO_ASK = "nobody to ask"
"""Outcome: something changed, and no demographic source is configured that would say what."""
OF_NO_USE = "of no use"
"""Outcome: an event of another kind, or about a number that has no place here (ruling 27)."""
FACTS = "taken"
"""Outcome: its facts are durable."""
KEPT = "kept"
"""Outcome: it could not be read, or does not say enough; it is kept in `cpis.rejected`."""
OUTCOMES = (FACTS, OF_NO_USE, NOBODY_TO_ASK, KEPT)

_NO_MOTHER = "birth without the mother's number"
_REGISTERED_WITHIN = timedelta(days=42)  # what the law gives; no later pregnancy has an unborn plan by then


class NationalEvents:
    """
    Takes events; `count` is told each one's outcome (`OUTCOMES`).

    `source` is asked what changed, within so many `seconds`; `takes` says which numbers have a place here.
    """

    def __init__(  # noqa: PLR0913 - what a use case needs is its arguments
        self,
        facts: FactLog,
        codec: FactCodec,
        rejections: Rejections,
        *,
        source: Demographics | None,
        key: IdentityKey,
        clock: Clock,
        count: Callable[[str], None],
        takes: Takes = takes_any,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Take what is needed."""
        self._facts = facts
        self._codec = codec
        self._rejections = rejections
        self._source = source
        self._key = key
        self._clock = clock
        self._count = count
        self._takes = takes
        self._seconds = seconds

    async def take(self, data: bytes) -> MalformedMessage | None:
        """
        Make durable what an event says; return why it is kept instead, None where it is not.

        Raises `DemographicsUnavailable` and `KafkaUnavailable`: then the event is to be sent again.
        """
        now = aware(self._clock())
        try:
            event = read_national_event(data)
            outcome, writes = await self._come_of(event, now)
        except MalformedMessage as fault:
            await self._keep(data, fault, now)
            self._count(KEPT)
            return fault
        if writes:
            await self._facts.append(writes)
        self._count(outcome)
        return None

    async def _come_of(self, event: NationalEvent | None, now: datetime) -> tuple[str, list[Write]]:
        """Return what comes of an event, and what is to be written."""
        if event is None or not self._has_place(event):
            return OF_NO_USE, []
        if event.told is Told.BIRTH_TAKEN_BACK:
            return FACTS, [*self._born_to(event, None, now), *self._alive(event, now)]
        if event.number is None:
            raise MalformedMessage(_NO_MOTHER)
        at = min(event.recorded_at, now)
        match event.told:
            case Told.BIRTH:
                return await self._birth(event, event.number, now)
            case Told.STILLBIRTH:
                lost_at = at if event.born is None else min(at, _registered_by(event.born))
                lost = self._of_a_stillbirth(event.number, IdentityKind.STILLBIRTH, lost_at, now)
                return FACTS, [lost, *self._born_to(event, None, now)]
            case Told.STILLBIRTH_TAKEN_BACK:
                return FACTS, self._alive(event, now)
            case Told.NUMBER:
                return FACTS, [self._enquiry(event.number, at, now)]
            case _:
                return await self._changed(event.number, now)

    def _has_place(self, event: NationalEvent) -> bool:
        """Tell whether every number of an event is taken here (ruling 27)."""
        named = [number for number in (event.number, event.baby) if number is not None]
        return all(self._takes(number, None) is Taking.TAKEN for number in named)

    async def _birth(self, event: NationalEvent, mother: NhsNumber, now: datetime) -> tuple[str, list[Write]]:
        """
        Return the link of a mother and her baby; of somebody who is no baby any more there is none.

        Whom of the two the source protects comes first, and the link says it of the baby as well: neither's
        place is told because nobody had asked yet (rulings 24, 26).
        """
        baby, at = event.baby, min(event.recorded_at, now)
        if baby is None or baby == mother or not may_be_baby(event.born, now):
            return OF_NO_USE, []
        asked = {number: await self._protected(number, now) for number in (mother, baby)}
        birth = Birth(
            birth_id="",
            baby=baby,
            born=event.born,
            named=named_by_notice(self._key, baby, mother),
            restricted=any(one.kind is IdentityKind.RESTRICTED for one in asked[baby]),
            recorded_at=at,
            received_at=to_the_minute(now),
        )
        named = replace(birth, birth_id=birth_id(self._key, mother, birth))
        marks = [self._written(number, one) for number, said in asked.items() for one in said]
        link = kin_write(self._codec, self._key, named, mother, SOURCE)
        return FACTS, [*marks, *self._born_to(event, mother, now), *self._alive(event, now), link]

    def _born_to(self, event: NationalEvent, mother: NhsNumber | None, now: datetime) -> list[Write]:
        """
        Return to a baby's record whose child it is by an event that corrects another, None for nobody's.

        Whom other events named is its mother no more (26), nor is anybody that of a baby who was stillborn.
        One that corrects nothing has no such record: the link says it.
        """
        if event.baby is None or not event.corrects:
            return []
        name = None if mother is None else named_by_notice(self._key, event.baby, mother)
        kind, at, minute = IdentityKind.BORN_TO, min(event.recorded_at, now), to_the_minute(now)
        return [self._written(event.baby, notice_of(event.baby, kind, at, minute, self._key, mother=name))]

    def _alive(self, event: NationalEvent, now: datetime) -> list[Write]:
        """
        Return to a mother's record that no stillbirth holds of which an event until then told (ruling 43).

        Whichever baby that was about, since a stillborn one may have no number: of a twin born alive, too,
        the plan goes on. One that corrects nothing takes nothing back.
        """
        if event.number is None or not event.corrects:
            return []
        at, kind = min(event.recorded_at, now), IdentityKind.STILLBIRTH_TAKEN_BACK
        return [self._of_a_stillbirth(event.number, kind, at, now)]

    def _of_a_stillbirth(self, mother: NhsNumber, kind: IdentityKind, at: datetime, now: datetime) -> Write:
        """Return what is said of a stillbirth, to the minute: no record of a baby has its time (42)."""
        said = notice_of(mother, kind, to_the_minute(at), to_the_minute(now), self._key)
        return self._written(mother, said)

    async def _protected(self, number: NhsNumber, now: datetime) -> list[IdentityNotice]:
        """
        Return that the source protects a person, to the minute: no record of another has its time (42).

        Where its answer cannot be read the number is under enquiry. Raises `DemographicsUnavailable`.
        """
        if self._source is None:
            return []
        answer = await self._answer(self._source, number)
        minute = to_the_minute(now)
        if answer is None:
            return [notice_of(number, IdentityKind.NUMBER_CHANGE, minute, minute, self._key)]
        at = protected_at(answer)
        if at is None:
            return []
        return [notice_of(number, IdentityKind.RESTRICTED, to_the_minute(at), minute, self._key)]

    def _enquiry(self, number: NhsNumber, at: datetime, now: datetime) -> Write:
        """Return that a number changed `at` a time: the source is asked until it answers (ruling 38)."""
        return self._written(number, notice_of(number, IdentityKind.NUMBER_CHANGE, at, now, self._key))

    async def _changed(self, number: NhsNumber, now: datetime) -> tuple[str, list[Write]]:
        """Return what the source says of a number of which something changed."""
        if self._source is None:
            return NOBODY_TO_ASK, []
        answer = await self._answer(self._source, number)
        if answer is None:
            return FACTS, [self._enquiry(number, now, now)]
        return FACTS, [self._written(number, one) for one in answered(number, answer, now, self._key)]

    async def _answer(self, source: Demographics, number: NhsNumber) -> NumberAnswer | None:
        """
        Return what the source says of a number, None where that cannot be read: it would not be for ever.

        Raises `DemographicsUnavailable`.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await source.get(number)
        except DemographicsUnreadable:
            return None
        except TimeoutError as error:
            raise DemographicsUnavailable from error

    def _written(self, number: NhsNumber, notice: IdentityNotice) -> Write:
        """Return a notice as it is written."""
        return fact_write(self._codec, notice, number, notice.notice_id, SOURCE)

    async def _keep(self, data: bytes, fault: MalformedMessage, now: datetime) -> None:
        """Keep an event of which nothing can be made."""
        rejected = Rejected(
            door=Door.NOTICE, reason=fault.reason, location=fault.location, received_at=now, raw=data
        )
        await self._facts.append(self._rejections.writes(rejected))


def _registered_by(born: date) -> datetime:
    """Return by when a stillbirth is registered: what is said of it later is of no later pregnancy (43)."""
    return later(day_begins(born), _REGISTERED_WITHIN)
