"""
Asks the message exchange what became of what we sent, until it was collected or is lost.

A message that nobody collects is an authority that does not know: it is told of while it lies there, not
after the exchange has removed it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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

    def __init__(
        self, mailbox: Mailbox, sent: SentMessages, *, channel: str, clock: Clock, overdue: Overdue
    ) -> None:
        """Take our mailbox, what was sent, the last part of our destinations' names, and who hears."""
        self._ending = f".{channel}"
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
        for message in await asyncio.to_thread(self._ours):
            if not message.lost:
                where = await self._mailbox.whereabouts(message.message_id)
                if where is not Whereabouts.WAITING:
                    await asyncio.to_thread(self._sent.settle, message.message_id, where, now)
        counts: Counter[str] = Counter()
        for message in await asyncio.to_thread(self._ours):
            if message.overdue(now):
                counts[message.destination] += 1
                if message.message_id not in self._told:
                    self._told.add(message.message_id)
                    self._overdue(message)
        return counts

    def _ours(self) -> Sequence[SentMessage]:
        """Return what is uncollected of what we follow: another process may follow the rest."""
        return [one for one in self._sent.uncollected() if one.destination.endswith(self._ending)]
