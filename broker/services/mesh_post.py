"""
Sends a message over the exchange once, whoever of several processes sends it, and has it followed.

By its local id the exchange knows what was sent before a crash. What was sent is noted, so that somebody is
told when nobody collects it.
"""

import asyncio
from collections.abc import Callable

from broker.core.errors import StorageUnusable
from broker.core.mailbox import Outgoing, SentMessage
from broker.core.mesh_errors import MessageRefused
from broker.mesh_ports import Mailbox, SentMessages
from broker.ports import Clock

Unnoted = Callable[[str], None]
"""Hears to which destination something went that nobody follows, because it could not be noted."""

_REFUSED = "refused-"  # in the place of the exchange's id of what it would not take


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

        Raises `MessageRefused`, having noted it as lost, and `MailboxUnavailable`.
        """
        known = await self._mailbox.sent(message.local_id)
        try:
            message_id = await self._mailbox.send(message) if known is None else known
        except MessageRefused:
            await self._note(f"{_REFUSED}{message.local_id}", message, destination, lost=True)
            raise
        if message_id:  # else several: which of them is read nobody can say
            await self._note(message_id, message, destination)
        return known is None

    async def _note(
        self, message_id: str, message: Outgoing, destination: str, *, lost: bool = False
    ) -> None:
        """Note what was sent; where that fails the message has gone all the same, and that is told."""
        sent = SentMessage(
            message_id=message_id,
            destination=destination,
            local_id=message.local_id,
            sent_at=self._clock(),
            lost=lost,
        )
        try:
            await asyncio.to_thread(self._sent.note, sent)
        except StorageUnusable:
            self._unnoted(destination)
