"""
What was sent over the message exchange and is not known to be collected, in the inbox database.

Holds the exchange's id, the destination and the time, and nothing of what a message says.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from broker.adapters.database import from_millis, opened, to_millis, told_apart
from broker.adapters.inbox_tables import METADATA, SENT
from broker.core.mailbox import SentMessage, Whereabouts


class SqlSentMessages:
    """The messages in the database of a SQLAlchemy URL. Its methods block: call them in a thread."""

    def __init__(self, url: str) -> None:
        """Connect and make the tables that are missing; raise as `broker.adapters.database.opened`."""
        self._engine = opened(url, METADATA)

    def note(self, destination: str, message_id: str, at: datetime) -> None:
        """Note that the exchange took a message at an aware time; one that is noted stays as it is."""
        row = {"message_id": message_id, "destination": destination, "sent_at": to_millis(at), "lost": False}
        known = select(SENT.c.message_id).where(SENT.c.message_id == message_id)
        with told_apart(), self._engine.begin() as connection:
            if connection.execute(known).first() is None:
                connection.execute(insert(SENT).values(row))

    def settle(self, message_id: str, where: Whereabouts) -> None:
        """Note what the exchange says of a message: what was collected is forgotten, what is lost stays."""
        this = SENT.c.message_id == message_id
        if where is Whereabouts.WAITING:
            return
        change = delete(SENT) if where is Whereabouts.COLLECTED else update(SENT).values(lost=True)
        with told_apart(), self._engine.begin() as connection:
            connection.execute(change.where(this))

    def uncollected(self) -> Sequence[SentMessage]:
        """Return what is not known to be collected, the oldest first, what is lost included."""
        with told_apart(), self._engine.connect() as connection:
            rows = connection.execute(select(SENT).order_by(SENT.c.sent_at, SENT.c.message_id)).mappings()
            return [
                SentMessage(
                    message_id=row["message_id"],
                    destination=row["destination"],
                    sent_at=from_millis(row["sent_at"]),
                    lost=row["lost"],
                )
                for row in rows
            ]

    def forget_before(self, at: datetime) -> None:
        """Forget what was sent before an aware time, whatever became of it."""
        with told_apart(), self._engine.begin() as connection:
            connection.execute(delete(SENT).where(SENT.c.sent_at < to_millis(at)))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
