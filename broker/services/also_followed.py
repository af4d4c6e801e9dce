"""
What intake follows beside the attendances: what another process may have heard of. Rulings 21, 23, 24.

Messages that were kept without a number, so that whichever process takes the message with the number ends the
search and bears the mark; and what the demographic source said of numbers.
"""

import asyncio
from collections.abc import Callable

from broker.core.errors import MalformedMessage, UnsealingFailed
from broker.core.facts import IdentityNotice
from broker.ports import InputTail, Record, Topic
from broker.services.numberless import Numberless
from broker.services.numbers_out_of_use import NumbersOutOfUse
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import RecordsCodec

Hear = Callable[[Record], None]
"""Takes in what one record says; one that cannot be read says nothing."""


class AlsoFollowed:
    """One more log, from its beginning."""

    def __init__(self, tail: InputTail, hear: Hear) -> None:
        """Know nothing yet; follow `tail`."""
        self._tail = tail
        self._hear = hear

    async def catch_up(self) -> None:
        """Take in what is new since the last time; raise `KafkaUnavailable`."""
        async for batch in self._tail.news():
            for record in batch:
                self._hear(record)
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Give the connection back."""
        await self._tail.close()


def kept_heard_by(numberless: Numberless, records: RecordsCodec) -> Hear:
    """Return what hears of messages that were kept without a number (rulings 21, 24)."""

    def hear(record: Record) -> None:
        """Hear of one."""
        kept = records.glance_at_rejected(record.value or b"")
        if kept is not None:
            numberless.hear(kept)

    return hear


def notices_heard_by(numbers: NumbersOutOfUse, facts: FactCodec) -> Hear:
    """Return what hears the demographic source's answers about numbers (ruling 23)."""

    def hear(record: Record) -> None:
        """Hear one; what was sent on from another number says nothing of that."""
        try:
            arrival = facts.read(Topic.IDENTITY, record.key or b"", record.value or b"")
        except (MalformedMessage, UnsealingFailed):
            return
        if isinstance(arrival.fact, IdentityNotice) and arrival.passage is None:
            numbers.note(arrival.number, arrival.fact)

    return hear
