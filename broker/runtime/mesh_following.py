"""
The part of the outbox that follows what was sent over the message exchange, and tells of quiet windows.

What it cannot do it does at the next look: that the exchange or the database is away, the deliveries and the
door of intake tell.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from broker.adapters.delivery_store import SqlDeliveries
from broker.adapters.sent_messages import SqlSentMessages
from broker.core.errors import BrokerError
from broker.core.identifiers import OdsCode
from broker.core.mailbox import SentMessage
from broker.mesh_ports import Mailbox
from broker.runtime import mesh_events as events
from broker.runtime.logs import Log
from broker.runtime.mesh import FOLLOWED_EVERY_SECONDS, mailbox
from broker.runtime.mesh_metrics import MESH_UNCOLLECTED
from broker.runtime.mesh_routes import correspondents, told_over_mesh
from broker.runtime.metrics import Metrics
from broker.runtime.parts import Parts, present
from broker.runtime.settings import Settings
from broker.services.mesh_courier import MESH
from broker.services.mesh_empty import EmptyNotifications
from broker.services.mesh_post import MeshPost
from broker.services.mesh_watch import MeshWatch


class MeshFollowing:
    """
    Follows the messages of one outbox; `run` until cancelled.

    `reading` says whether alerts reach the outbox: while they do not, nobody knows whether somebody came.
    """

    def __init__(
        self, settings: Settings, parts: Parts, box: Mailbox, metrics: Metrics, *, reading: Callable[[], bool]
    ) -> None:
        """Open the database; raise as `SqlDeliveries`."""
        self._box = box
        self._reading = reading
        self._was_reading = False
        self._metrics = metrics
        self._log = Log("outbox")
        self._every = min(
            float(settings.mesh_poll_seconds), FOLLOWED_EVERY_SECONDS
        )  # an empty notification is late by no more
        self._sent = SqlSentMessages(settings.database_url)
        self._deliveries = SqlDeliveries(settings.database_url)
        self._watch = MeshWatch(box, self._sent, channel=MESH, clock=present, overdue=self._overdue)
        self._post = MeshPost(box, self._sent, clock=present, unnoted=self._unnoted)
        self._empties = [
            self._empty(settings, parts, code) for code, one in told_over_mesh(parts).items() if one.empty
        ]

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Ask what became of everything, and tell of the windows in which there was nothing."""
        with suppress(BrokerError):
            overdue = await self._watch.look()
            self._metrics.set(MESH_UNCOLLECTED, sum(overdue.values()), channel=MESH)
        was_reading, self._was_reading = self._was_reading, self._reading()
        if was_reading and self._was_reading:  # it has had since the last look to catch up
            for empty in self._empties:
                with suppress(BrokerError):
                    await empty.look(present())

    async def close(self) -> None:
        """Give the connections back."""
        await self._box.close()
        await asyncio.to_thread(self._sent.close)
        await asyncio.to_thread(self._deliveries.close)

    def _empty(self, settings: Settings, parts: Parts, code: OdsCode) -> EmptyNotifications:
        """Return what tells one authority of its quiet windows."""
        between, office = correspondents(settings, parts, code)
        return EmptyNotifications(
            self._post,
            office,
            between,
            told_over_mesh(parts)[code].notifications,
            quiet=lambda at: self._deliveries.quiet_since(office.destination, at),
        )

    def _overdue(self, message: SentMessage) -> None:
        """Log a message that nobody collects."""
        self._log.write(events.MeshNotCollected(destination=message.destination))

    def _unnoted(self, destination: str) -> None:
        """Log that an empty notification is not followed."""
        self._log.write(events.MeshNotFollowed(destination=destination))


def mesh_following(
    settings: Settings, parts: Parts, metrics: Metrics, *, reading: Callable[[], bool]
) -> MeshFollowing | None:
    """Return what follows, None where nobody is told over the exchange; raise as `mailbox`."""
    box = mailbox(settings) if told_over_mesh(parts) else None
    return None if box is None else MeshFollowing(settings, parts, box, metrics, reading=reading)
