"""
Keeps what intake knows of visits and numbers up to date with the logs. Rulings 24, 44.

Whatever another intake took, or this one before it was started again, is known before the next message is
judged; and what was left unsaid of a former number is said.
"""

import asyncio
from collections.abc import Callable, Sequence

from broker.core.errors import InvalidNhsNumber, KafkaUnavailable, MalformedMessage
from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber
from broker.ports import Clock, FactLog, InputTail, Record
from broker.services.also_followed import AlsoFollowed
from broker.services.attendances import Attendances
from broker.services.numbers_in_use import NumbersInUse, Owed
from broker.services.own_writes import Heard
from broker.wire.facts_codec import FactCodec

_RECORDS_AT_ONCE = 100  # some 5 ms of reading: the event loop is held no longer, and senders wait for it


class Following:
    """
    The numbers in use, as the log has them.

    `suspect` says that another intake may have taken messages: a sender has connected. `ready` then waits
    until everything is known; while Kafka is away it raises at once.
    """

    def __init__(
        self,
        numbers: NumbersInUse,
        tail: InputTail,
        facts: FactLog,
        *,
        codec: FactCodec,
        attendances: Attendances,
        clock: Clock,
        hear: Callable[[Heard], None] = lambda _heard: None,
        others: Sequence[AlsoFollowed] = (),
    ) -> None:
        """
        Know nothing yet; follow `tail`, say in `facts` what is owed, and let `hear` hear every message.

        `others` are the logs that are followed as well, each before the attendances.
        """
        self._numbers = numbers
        self._tail = tail
        self._facts = facts
        self._codec = codec
        self._attendances = attendances
        self._clock = clock
        self._hear = hear
        self._others = others
        self._away = True
        self._ended = asyncio.Event()
        self._suspicions = 1
        self._settled = 0
        self._owed: set[tuple[NhsNumber, str, str]] = set()
        self._turn = asyncio.Lock()
        self._passes: set[asyncio.Task[None]] = set()

    @property
    def away(self) -> bool:
        """Whether it is not known which numbers visits are recorded under: nothing may be taken."""
        return self._away

    def suspect(self) -> None:
        """Say that others may have taken messages since the last pass."""
        self._suspicions += 1

    async def ready(self) -> None:
        """Return once all is known that was taken up to the last suspicion; raise `KafkaUnavailable`."""
        if self._away:
            raise KafkaUnavailable("it is not known which numbers visits are recorded under")
        if self._settled < self._suspicions:
            reading = asyncio.ensure_future(self._settle(self._suspicions))
            self._passes.add(reading)
            reading.add_done_callback(self._done)
            await asyncio.shield(reading)  # whoever waits may give up, the reading need not begin again

    async def catch_up(self) -> None:
        """
        Take in what is new; say what was owed already after the pass before and still is.

        Raises `KafkaUnavailable`, and so it does once this is closed: nothing may connect again then.
        """
        async with self._turn:
            await self._pass()

    async def _settle(self, suspicions: int) -> None:
        """Take in what is new, unless a pass that began after so many suspicions has ended meanwhile."""
        async with self._turn:
            if self._settled < suspicions:
                await self._pass()

    async def _pass(self) -> None:
        """Take in what is new, on one's own."""
        if self._ended.is_set():
            raise KafkaUnavailable("nobody follows any more")
        suspicions = self._suspicions
        try:
            for other in self._others:
                await other.catch_up()
            async for records in self._tail.news(self._come_by):
                await self._take(records)
            await self._say_what_is_owed()
        except KafkaUnavailable:
            self._away = True
            raise
        finally:
            if self._ended.is_set():  # meanwhile: what this pass has connected is its own to give back
                await self._give_back()
        self._away = False
        self._settled = suspicions

    async def close(self) -> None:
        """Give the connection back; a pass that is under way gives back its own."""
        self._ended.set()
        for reading in self._passes:
            reading.cancel()
        if self._passes:
            await asyncio.wait(self._passes)
        await self._give_back()

    async def _give_back(self) -> None:
        """Give the connections back."""
        await self._tail.close()
        for other in self._others:
            await other.close()

    def _done(self, reading: asyncio.Task[None]) -> None:
        """Drop a pass; its failure was somebody else's to hear, and shows in the next message."""
        self._passes.discard(reading)
        if not reading.cancelled():
            reading.exception()

    async def _take(self, records: Sequence[Record]) -> None:
        """Note what records say, giving the event loop back now and then."""
        for start in range(0, len(records), _RECORDS_AT_ONCE):
            for record in records[start : start + _RECORDS_AT_ONCE]:
                self._note(record)
            await asyncio.sleep(0)

    def _come_by(self, partition: int, offset: int) -> bool:
        """Return whether a place holds what was written and noted here; its sender is heard all the same."""
        heard = self._attendances.own.come_by(partition, offset)
        if heard is not None:
            self._hear(heard)
        return heard is not None

    def _note(self, record: Record) -> None:
        """Note what one record says; what is none of intake's is the matcher's to set aside."""
        if self._come_by(record.partition, record.offset):
            return
        try:
            number = NhsNumber((record.key or b"").decode("latin-1"))
            fact = self._codec.attendance_in_clear(record.value or b"")
        except (InvalidNhsNumber, MalformedMessage):
            return
        if fact is not None:
            self._numbers.note(number, fact)
        if isinstance(fact, VisitMessage):
            self._hear(Heard(fact.provider, fact.system, fact.received_at))

    async def _say_what_is_owed(self) -> None:
        """Say of former numbers what a process that died, or another door, left unsaid."""
        owed = {_name(one): one for one in self._numbers.owed(self._clock())}
        overdue = [one for name, one in owed.items() if name in self._owed]
        if overdue:
            await self._facts.append([self._attendances.left(one) for one in overdue])
            for one in overdue:
                self._numbers.note(one.number, one.left)
        self._owed = owed.keys() - {_name(one) for one in overdue}


def _name(owed: Owed) -> tuple[NhsNumber, str, str]:
    """Return what is owed, whenever it is said."""
    return owed.number, owed.left.visit, owed.left.message_id
