"""
The inbox as a database table: what every recipient was told, numbered without gaps.

A projection that can be dropped and rebuilt from Kafka. The offset is stored in the same transaction as the
row, so that inside the database every event stands exactly once.
"""

from dataclasses import dataclass, field

from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from broker.core.errors import ConfigurationError

_ID_LENGTH = 64
_METADATA = MetaData()

INBOX = Table(
    "inbox",
    _METADATA,
    Column("recipient", String(_ID_LENGTH), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("event_id", String(_ID_LENGTH), nullable=False, unique=True),
    Column("alert_id", String(_ID_LENGTH), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("kind", String(_ID_LENGTH), nullable=False),
    Column("loud", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""`number` counts a recipient's events from 1; `body` is the event's value on `cpis.alerts`."""

OFFSETS = Table(
    "offsets",
    _METADATA,
    Column("topic", String(_ID_LENGTH), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next", Integer, nullable=False),
)
"""The next offset to project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One event for one recipient; `body` is its value as published."""

    recipient: str
    event_id: str
    alert_id: str
    revision: int
    kind: str
    loud: bool
    body: bytes = field(repr=False)


class Projection:
    """The inbox at a SQLAlchemy URL; raises `ConfigurationError` when it cannot be opened."""

    def __init__(self, url: str) -> None:
        """Open the database and make the tables that are missing."""
        try:
            self._engine = create_engine(url)
            _METADATA.create_all(self._engine)
        except (SQLAlchemyError, ImportError) as error:
            raise ConfigurationError(
                f"CPIS_DATABASE_URL: the database cannot be opened ({type(error).__name__})"
            ) from None

    def project(self, topic: str, partition: int, offset: int, row: Row | None) -> bool:
        """
        Store an event and that its offset is done, both or neither; return whether it is new.

        Without a row only the offset is stored: what cannot be read is done elsewhere.
        """
        with self._engine.begin() as connection:
            if offset < self._next(connection, topic, partition):
                return False
            new = row is not None and not self._known(connection, row.event_id)
            if new and row is not None:
                self._insert(connection, row)
            connection.execute(
                delete(OFFSETS).where(OFFSETS.c.topic == topic, OFFSETS.c.partition == partition)
            )
            connection.execute(insert(OFFSETS).values(topic=topic, partition=partition, next=offset + 1))
        return new

    def numbers(self) -> dict[str, int]:
        """Return how many events each recipient has."""
        query = select(INBOX.c.recipient, func.max(INBOX.c.number)).group_by(INBOX.c.recipient)
        with self._engine.connect() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @staticmethod
    def _next(connection: Connection, topic: str, partition: int) -> int:
        """Return the next offset to project."""
        query = select(OFFSETS.c.next).where(OFFSETS.c.topic == topic, OFFSETS.c.partition == partition)
        return connection.execute(query).scalar() or 0

    @staticmethod
    def _known(connection: Connection, event_id: str) -> bool:
        """Whether an event was projected before."""
        query = select(INBOX.c.number).where(INBOX.c.event_id == event_id)
        return connection.execute(query).first() is not None

    @staticmethod
    def _insert(connection: Connection, row: Row) -> None:
        """Store an event under its recipient's next number."""
        query = select(func.max(INBOX.c.number)).where(INBOX.c.recipient == row.recipient)
        number = (connection.execute(query).scalar() or 0) + 1
        connection.execute(
            insert(INBOX).values(
                recipient=row.recipient,
                number=number,
                event_id=row.event_id,
                alert_id=row.alert_id,
                revision=row.revision,
                kind=row.kind,
                loud=row.loud,
                body=row.body,
            )
        )
