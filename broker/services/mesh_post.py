"""
Sends a message over the exchange once, whoever of several processes sends it, and has it followed.

By its local id the exchange knows what was sent before a crash. What was sent is noted, so that somebody is
told when nobody collects it.
"""

import asyncio
from collections.abc import Callable

from broker.core.errors import StorageUnusable
from broker.core.mailbox import Outgoing
from broker.mesh_ports import Mailbox, SentMessages
from broker.ports import Clock

Unnoted = Callable[[str], None]
"""Hears to which destination something went that nobody follows, because it could not be noted."""


class MeshPost:
    """Sends from our mailbox what is sent once."""

    def __init__(self, mailbox: Mailbox, sent: SentMessages, *, clock: Clock, unnoted: Unnoted) -> None:
        """Take our mailbox, where it is noted what was sent, and who hears where that failed."""
        self._mailbox = mailbox
        self._sent = sent
        self._clock = clock
        self._unnoted = unnoted

    async def once(self, message: Outgoing, destination: str) -> bool:
        """
        Send a message unless the exchange has it; return whether it was sent now.

        Raises `MessageRefused` and `MailboxUnavailable`.
        """
        known = await self._mailbox.sent(message.local_id)
        await self._follow(await self._mailbox.send(message) if known is None else known, destination)
        return known is None

    async def _follow(self, message_id: str, destination: str) -> None:
        """Note what was sent; where that fails the message has gone all the same, and that is told."""
        if not message_id:  # several: which of them is read nobody can say
            return
        try:
            await asyncio.to_thread(self._sent.note, destination, message_id, self._clock())
        except StorageUnusable:
            self._unnoted(destination)
