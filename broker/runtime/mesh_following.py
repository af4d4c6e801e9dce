"""
The part of the outbox that follows what was sent over the message exchange, and tells of quiet windows.

What it cannot do it does at the next look: that the exchange or the database is away, the deliveries and the
door of intake tell.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from broker.adapters.delivery_store import SqlDeliveries
from broker.core.errors import BrokerError
from broker.core.identifiers import OdsCode
from broker.mesh_ports import Mailbox
from broker.runtime.logs import Log
from broker.runtime.mesh import FOLLOWED_EVERY_SECONDS, mailbox
from broker.runtime.mesh_routes import correspondents, told_over_mesh
from broker.runtime.mesh_sent import MeshSent
from broker.runtime.metrics import Metrics
from broker.runtime.parts import Parts, present
from broker.runtime.settings import Settings
from broker.services.mesh_courier import MESH
from broker.services.mesh_empty import EmptyNotifications


class MeshFollowing(MeshSent):
    """
    Follows the messages of one outbox.

    `reading` says whether alerts reach the outbox: while they do not, nobody knows whether somebody came.
    """

    def __init__(
        self, settings: Settings, parts: Parts, box: Mailbox, metrics: Metrics, *, reading: Callable[[], bool]
    ) -> None:
        """Open the database; raise as `SqlDeliveries`."""
        super().__init__(
            settings.database_url,
            box,
            channel=MESH,
            log=Log("outbox"),
            every=min(float(settings.mesh_poll_seconds), FOLLOWED_EVERY_SECONDS),  # an empty one is no later
            clock=present,
            metrics=metrics,
        )
        self._reading = reading
        self._was_reading = False
        self._deliveries = SqlDeliveries(settings.database_url)
        self._empties = [
            self._empty(settings, parts, code) for code, one in told_over_mesh(parts).items() if one.empty
        ]

    async def look(self) -> None:
        """Ask what became of everything, and tell of the windows in which there was nothing."""
        await super().look()
        was_reading, self._was_reading = self._was_reading, self._reading()
        if was_reading and self._was_reading:  # it has had since the last look to catch up
            for empty in self._empties:
                with suppress(BrokerError):
                    await empty.look(present())

    async def close(self) -> None:
        """Give the connections back."""
        await self.mailbox.close()
        await super().close()
        await asyncio.to_thread(self._deliveries.close)

    def _empty(self, settings: Settings, parts: Parts, code: OdsCode) -> EmptyNotifications:
        """Return what tells one authority of its quiet windows."""
        between, office = correspondents(settings, parts, code)
        return EmptyNotifications(
            self.post,
            office,
            between,
            told_over_mesh(parts)[code].notifications,
            quiet=lambda at: self._deliveries.quiet_since(office.destination, at),
        )


def mesh_following(
    settings: Settings, parts: Parts, metrics: Metrics, *, reading: Callable[[], bool]
) -> MeshFollowing | None:
    """Return what follows, None where nobody is told over the exchange; raise as `mailbox`."""
    box = mailbox(settings) if told_over_mesh(parts) else None
    return None if box is None else MeshFollowing(settings, parts, box, metrics, reading=reading)
