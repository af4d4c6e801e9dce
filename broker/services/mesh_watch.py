"""
Asks the message exchange what became of what we sent, until it was collected or is lost.

A message that nobody collects is an authority that does not know: it is told of while it lies there, not
after the exchange has removed it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta

from broker.core.mailbox import SentMessage, Whereabouts
from broker.mesh_ports import Mailbox, SentMessages
from broker.ports import Clock

FORGOTTEN_AFTER = timedelta(days=35)
"""As long as a topic of alerts holds what was told."""

Overdue = Callable[[SentMessage], None]
"""Hears of each message that is overdue, once."""


class MeshWatch:
    """Watches what was sent from one mailbox; `look` again and again, by one caller at a time."""

    def __init__(self, mailbox: Mailbox, sent: SentMessages, *, clock: Clock, overdue: Overdue) -> None:
        """Take our mailbox, what was sent, and who hears of what is overdue."""
        self._mailbox = mailbox
        self._sent = sent
        self._clock = clock
        self._overdue = overdue
        self._told: set[str] = set()

    async def look(self) -> Mapping[str, int]:
        """
        Ask what became of everything, and return how much is overdue by destination.

        Raises `MailboxUnavailable` or `StorageUnusable`; the next look begins anew.
        """
        now = self._clock()
        await asyncio.to_thread(self._sent.forget_before, now - FORGOTTEN_AFTER)
        for message in await asyncio.to_thread(self._sent.uncollected):
            if not message.lost:
                where = await self._mailbox.whereabouts(message.message_id)
                if where is not Whereabouts.WAITING:
                    await asyncio.to_thread(self._sent.settle, message.message_id, where)
        counts: Counter[str] = Counter()
        for message in await asyncio.to_thread(self._sent.uncollected):
            if message.overdue(now):
                counts[message.destination] += 1
                if message.message_id not in self._told:
                    self._told.add(message.message_id)
                    self._overdue(message)
        return counts
