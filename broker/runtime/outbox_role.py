"""
The outbox role: a Faust agent that projects `cpis.alerts` into the database, each event once.

What cannot be read is kept in `cpis.rejected` before it is passed over; anything else that goes wrong stops
the process, and the event comes again.
"""

import asyncio
from collections import Counter
from typing import Any

import structlog
from mode import Service

from broker.adapters.faust_app import Message, outbox_app
from broker.adapters.projection import Projection, Row
from broker.core.errors import MalformedMessage
from broker.ports import FactLog, Topic
from broker.runtime.parts import Parts, present
from broker.runtime.settings import Settings
from broker.services.rejections import Rejections
from broker.wire.records_codec import Door, Rejected


class OutboxRole(Service):  # type: ignore[misc]  # mode carries no type information
    """Projects alerts once started; `counts` says how many were new, seen before or unreadable."""

    def __init__(
        self, settings: Settings, parts: Parts, bootstrap_servers: str, facts: FactLog, **options: Any
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._settings = settings
        self._parts = parts
        self._facts = facts
        self._rejections = Rejections(parts.records, parts.key)
        self._log = structlog.get_logger(role="outbox")
        self._projection = Projection(settings.database_url)
        self._app = outbox_app(settings.application_id, bootstrap_servers, Topic.ALERTS, self._project)
        super().__init__(**options)

    async def on_start(self) -> None:
        """Start the Faust application; when it crashes, so does this role."""
        await self.add_runtime_dependency(self._app)
        self._log.info("outbox started", application=self._settings.application_id)

    async def on_shutdown(self) -> None:
        """Close the database once nothing is projected any more."""
        self._projection.close()
        self._log.info("outbox stopped")

    async def _project(self, message: Message) -> None:
        """Store one event; in a thread, since a database may take its time."""
        row = await self._row(message)
        new = await asyncio.to_thread(
            self._projection.project, message.topic, message.partition, message.offset, row
        )
        self.counts["projected" if new else "seen before"] += 1

    async def _row(self, message: Message) -> Row | None:
        """Return the row of an event, or None once its unreadable bytes are kept."""
        body = message.value or b""
        try:
            event = self._parts.alerts.decode_event(body)
        except MalformedMessage as fault:
            self.counts["unreadable"] += 1
            self._log.error(
                "alert unreadable", partition=message.partition, offset=message.offset, error=fault
            )
            kept = Rejected(door=Door.KAFKA, reason=fault.reason, received_at=present(), raw=body)
            await self._facts.append(self._rejections.writes(kept))
            return None
        recipient = event.alert.recipient
        return Row(
            recipient=f"{recipient.kind}.{recipient.code}",
            event_id=event.event_id,
            alert_id=event.alert.alert_id,
            revision=event.revision,
            kind=event.kind.value,
            loud=event.loud,
            body=body,
        )
