"""
Whose a visit without a usable number is, as a person found out: its messages become facts under that number.

Audited first. Only the numberless visit gets a number (ruling 46): a message that has one of its own is
another person's word, and nothing joins two numbers (ruling 42). The search then ends by itself.
"""

import asyncio
from datetime import datetime

from broker.core.demographics import protected_at
from broker.core.desk_errors import CannotConfirm, NoSuchItem
from broker.core.errors import DemographicsUnavailable, KeysUnreadable, UnsealingFailed
from broker.core.facts import IdentityKind
from broker.core.identifiers import NhsNumber, aware
from broker.core.keyed import IdentityKey
from broker.core.number_answers import notice_of
from broker.core.operators import ActionKind, Grounds
from broker.core.possible import Numbered, Placed
from broker.core.worklist import ItemKind
from broker.ports import INPUTS, Clock, Demographics, FactLog, Write
from broker.services.desk_log import SOURCE, DeskLog
from broker.services.fact_writes import fact_write
from broker.services.matching_details import clue_writes
from broker.services.redriving import Doors
from broker.services.rejected_desk import RejectedDesk
from broker.services.tracing import ANSWER_SECONDS
from broker.services.worklist_desk import Work
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import Door


class Confirming:
    """The use case behind `cpis worklist confirm`."""

    def __init__(  # noqa: PLR0913 - what a use case needs is its arguments
        self,
        desk: RejectedDesk,
        doors: Doors,
        facts: FactLog,
        log: DeskLog,
        *,
        codec: DetailsCodec,
        notices: FactCodec,
        key: IdentityKey,
        clock: Clock,
        source: Demographics | None = None,
    ) -> None:
        """
        Open messages with `desk`, read them at `doors`, make facts durable in `facts`; `log` first.

        `source` is asked whether it protects whoever it is; where there is none, or it does not answer, what
        is on file counts.
        """
        self._desk = desk
        self._doors = doors
        self._facts = facts
        self._log = log
        self._codec = codec
        self._notices = notices
        self._source = source
        self._key = key
        self._clock = clock

    async def confirm(self, work: Work, number: NhsNumber, grounds: Grounds) -> int:
        """
        Make the messages of an item's visit facts under a number, and return how many there were.

        They count as received now, so that what follows is marked as delayed where it is (ruling 11). Raises
        `CannotConfirm` and `KeysUnreadable`, having written nothing, and `KafkaUnavailable`: then doing it
        again is safe.
        """
        visit = work.item.visit
        if work.item.kind is not ItemKind.POSSIBLE_MATCH or visit is None:
            raise CannotConfirm("the item is about no visit without a number")
        now = aware(self._clock())
        messages = await self._messages(visit)
        marks = await self._marks(number, now) if messages else []
        facts = [
            fact
            for raw, door in messages
            for fact in await self._read(raw, door, number, now, protected=bool(marks))
        ]
        if not facts:
            raise CannotConfirm("no message of the visit can be opened any more")
        await self._log.audit(ActionKind.CONFIRMED, work.item.item_id, work.place, grounds)
        for fact in (*marks, *facts):  # one by one: a message may be half as large as Kafka takes at once
            await self._facts.append([fact])
        clue = Placed(place=visit, clue=Numbered(visit=visit, heard_at=now))
        await self._facts.append(clue_writes(self._codec, self._key, [clue], now, SOURCE))
        return len(facts)

    async def _marks(self, number: NhsNumber, now: datetime) -> list[Write]:
        """
        Return that the source protects the person, which is told before any place is (ruling 24).

        The messages say it as well: a matcher may hear of what lies in another log first.
        """
        if self._source is None:
            return []
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                at = protected_at(await self._source.get(number))
        except (DemographicsUnavailable, TimeoutError):
            return []
        if at is None:
            return []
        mark = notice_of(number, IdentityKind.RESTRICTED, at, now, self._key)
        return [fact_write(self._notices, mark, number, mark.notice_id, SOURCE)]

    async def _messages(self, visit: str) -> list[tuple[bytes, Door]]:
        """
        Return the bytes of a visit's messages and their doors, as far as they can be opened.

        Raises `KeysUnreadable`: one that can be opened later must not be left out.
        """
        found: list[tuple[bytes, Door]] = []
        for item in (await self._desk.board()).items:
            if item.message.visit == visit and item.obstacle is None:
                try:
                    found.append((await self._desk.raw(item), item.message.door))
                except KeysUnreadable:
                    raise
                except (NoSuchItem, UnsealingFailed):
                    continue
        return found

    async def _read(
        self, raw: bytes, door: Door, number: NhsNumber, now: datetime, *, protected: bool
    ) -> list[Write]:
        """Return the fact that a message is under a number, and that it is `protected`."""
        self._doors.clock.now = now
        await self._doors.intake.take(raw, door, confirmed=number, protected=protected)
        return [
            write for write in self._doors.taken.take() if write.topic in INPUTS and write.key == number.key
        ]
