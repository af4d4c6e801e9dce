"""
Keeps what intake knows of visits without a number up to date with `cpis.rejected`. Rulings 21, 24.

Whichever process kept a message, the one that takes the message with the number ends the search and bears the
mark: else a place would be told of a record that was restricted before it had a number.
"""

import asyncio

from broker.ports import InputTail
from broker.services.numberless import Numberless
from broker.wire.records_codec import RecordsCodec


class FollowingKept:
    """The visits without a number, as the log has them."""

    def __init__(self, tail: InputTail, records: RecordsCodec, numberless: Numberless) -> None:
        """Know nothing yet; follow `tail`."""
        self._tail = tail
        self._records = records
        self._numberless = numberless

    async def catch_up(self) -> None:
        """Take in what was kept since the last time; raise `KafkaUnavailable`."""
        async for batch in self._tail.news():
            for record in batch:
                kept = self._records.glance_at_rejected(record.value or b"")
                if kept is not None:  # what cannot be read says nothing of a visit
                    self._numberless.hear(kept)
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Give the connection back."""
        await self._tail.close()
