"""
What one role sends over the message exchange: each message once, followed until it is collected.

What cannot be asked now is asked at the next look: door and deliveries tell that the exchange is away.
"""

import asyncio
from contextlib import suppress

from broker.adapters.sent_messages import SqlSentMessages
from broker.core.errors import BrokerError
from broker.core.mailbox import SentMessage
from broker.mesh_ports import Mailbox
from broker.ports import Clock
from broker.runtime import mesh_events as events
from broker.runtime.logs import Log
from broker.runtime.mesh_metrics import MESH_UNCOLLECTED
from broker.runtime.metrics import Metrics
from broker.services.mesh_post import MeshPost
from broker.services.mesh_watch import MeshWatch


class MeshSent:
    """The messages of a channel of one role: `post` sends them, `run` follows them until cancelled."""

    def __init__(
        self,
        url: str,
        box: Mailbox,
        *,
        channel: str,
        log: Log,
        every: float,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Open the database at a URL, to look every so many seconds; raise as `SqlSentMessages`."""
        self.mailbox = box
        self._channel = channel
        self._log = log
        self._every = every
        self._metrics = metrics
        self._sent = SqlSentMessages(url)
        self.post = MeshPost(box, self._sent, clock=clock, unnoted=self._unnoted)
        self._watch = MeshWatch(box, self._sent, channel=channel, clock=clock, overdue=self._overdue)

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Ask what became of every message that is not known to be collected."""
        with suppress(BrokerError):
            overdue = await self._watch.look()
            self._metrics.set(MESH_UNCOLLECTED, sum(overdue.values()), channel=self._channel)

    async def close(self) -> None:
        """Give the connection to the database back."""
        await asyncio.to_thread(self._sent.close)

    def _overdue(self, message: SentMessage) -> None:
        """Log a message that nobody collects."""
        self._log.write(events.MeshNotCollected(destination=message.destination))

    def _unnoted(self, destination: str) -> None:
        """Log that a message is not followed."""
        self._log.write(events.MeshNotFollowed(destination=destination))
