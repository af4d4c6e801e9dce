"""
What was sent over the message exchange, and what became of it, in the inbox database.

Holds the ids of exchange and broker, the destination and the times, and nothing of what a message says.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, insert, select, update

from broker.adapters.database import from_millis, opened, to_millis, told_apart
from broker.adapters.inbox_tables import METADATA, SENT
from broker.core.mailbox import SentMessage, Whereabouts


class SqlSentMessages:
    """The messages in the database of a SQLAlchemy URL. Its methods block: call them in a thread."""

    def __init__(self, url: str) -> None:
        """Connect and make the tables that are missing; raise as `broker.adapters.database.opened`."""
        self._engine = opened(url, METADATA)

    def note(self, message: SentMessage) -> None:
        """Note a message; one that is noted stays as it is."""
        row = {
            "message_id": message.message_id,
            "destination": message.destination,
            "local_id": message.local_id,
            "sent_at": to_millis(message.sent_at),
            "collected_at": None if message.collected_at is None else to_millis(message.collected_at),
            "lost": message.lost,
        }
        known = select(SENT.c.message_id).where(SENT.c.message_id == message.message_id)
        with told_apart(), self._engine.begin() as connection:
            if connection.execute(known).first() is None:
                connection.execute(insert(SENT).values(row))

    def settle(self, message_id: str, where: Whereabouts, at: datetime) -> None:
        """Note what the exchange says of a message at an aware time, if that is an end."""
        if where is Whereabouts.WAITING:
            return
        collected = {"collected_at": to_millis(at)}
        values: dict[str, Any] = collected if where is Whereabouts.COLLECTED else {"lost": True}
        with told_apart(), self._engine.begin() as connection:
            connection.execute(update(SENT).where(SENT.c.message_id == message_id).values(values))

    def uncollected(self) -> Sequence[SentMessage]:
        """Return what is not known to be collected, the oldest first, what is lost included."""
        open_ends = select(SENT).where(SENT.c.collected_at.is_(None))
        return self._read(open_ends.order_by(SENT.c.sent_at, SENT.c.message_id))

    def find(
        self, *, destination: str | None = None, local_id: str | None = None, limit: int = 1_000
    ) -> Sequence[SentMessage]:
        """Return at most `limit` messages that are like this, the newest first."""
        wanted = select(SENT).order_by(SENT.c.sent_at.desc(), SENT.c.message_id).limit(limit)
        if destination is not None:
            wanted = wanted.where(SENT.c.destination == destination)
        if local_id is not None:
            wanted = wanted.where(SENT.c.local_id == local_id)
        return self._read(wanted)

    def _read(self, wanted: Select[Any]) -> Sequence[SentMessage]:
        """Return the messages of rows."""
        with told_apart(), self._engine.connect() as connection:
            return [
                SentMessage(
                    message_id=row["message_id"],
                    destination=row["destination"],
                    local_id=row["local_id"],
                    sent_at=from_millis(row["sent_at"]),
                    collected_at=None if row["collected_at"] is None else from_millis(row["collected_at"]),
                    lost=row["lost"],
                )
                for row in connection.execute(wanted).mappings()
            ]

    def forget_before(self, at: datetime) -> None:
        """Forget what was sent before an aware time, whatever became of it."""
        with told_apart(), self._engine.begin() as connection:
            connection.execute(delete(SENT).where(SENT.c.sent_at < to_millis(at)))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
