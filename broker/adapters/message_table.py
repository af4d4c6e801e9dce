"""
The index of messages in the database of `CPIS_DATABASE_URL`: what the message desk searches.

Knows tables and indexes: each thing searched for has an index of its own, ordered by receipt, so that a
search reads what it returns. Rows and how far Kafka was taken are written in one database transaction. A row
goes when the log no longer has what it points at.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from broker.adapters.database import opened, rows_by, told_apart
from broker.core.identifiers import OdsCode
from broker.core.messages import FOUND_MAX, Message, Outcome, Redrive, Sought
from broker.core.operators import Place

_METADATA = MetaData()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def _placed() -> list[Column[Any]]:
    """Return the columns that say where a record lies in Kafka."""
    return [
        Column("topic", String(64), primary_key=True),
        Column("partition", Integer, primary_key=True),
        Column("offset", BigInteger, primary_key=True, autoincrement=False),
    ]


MESSAGES = Table(
    "messages",
    _METADATA,
    *_placed(),
    Column("received_ms", BigInteger, nullable=False, index=True),
    Column("outcome", String(32), nullable=False),
    Column("sender", String(16)),
    Column("control", String(32)),
    Column("control_id", Text),
    Column("visit", String(32)),
    Column("reason", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("item_id", String(64)),
    Index("messages_by_control", "control", "received_ms"),
    Index("messages_by_visit", "visit", "received_ms"),
    Index("messages_by_sender", "sender", "received_ms"),
    Index("messages_by_outcome", "outcome", "received_ms"),
)
REDRIVES = Table(
    "message_redrives",
    _METADATA,
    *_placed(),
    Column("at_ms", BigInteger, nullable=False),
    Column("item_id", String(64), nullable=False),
    Column("outcome", Text, nullable=False),
    Index("message_redrives_by_item", "item_id", "at_ms"),
)
TAKEN = Table(
    "message_offsets",
    _METADATA,
    Column("topic", String(64), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
)


class MessageTable:
    """`MessageIndex` in the database of a SQLAlchemy URL."""

    def __init__(self, url: str, *, prepare: Callable[[], None] = lambda: None) -> None:
        """
        Connect to nothing yet: the first call does, and makes the tables that are missing.

        `prepare` is called before that, and may raise `OSError`: the database then says what is amiss.
        """
        self._url = url
        self._prepare = prepare
        self._made: Engine | None = None

    async def taken(self, topic: str) -> Mapping[int, int]:
        """Return the offset behind the last record taken of each partition that one was taken of."""
        return await asyncio.to_thread(self._taken, topic)

    async def store(self, end: Place, messages: Sequence[Message], redrives: Sequence[Redrive]) -> None:
        """Put in what was read of one partition before `end`, and note that it was; twice is once."""
        await asyncio.to_thread(self._store, end, messages, redrives)

    async def forget(self, topic: str, begins: Mapping[int, int]) -> None:
        """Destroy every row about what lay before the places where the partitions of a topic begin."""
        await asyncio.to_thread(self._forget, topic, begins)

    async def search(self, sought: Sought) -> Sequence[Message]:
        """Return what is sought, newest receipt first."""
        return await asyncio.to_thread(self._search, sought)

    async def find(self, place: Place) -> Message | None:
        """Return the message at a place, None where none is known."""
        return await asyncio.to_thread(self._find, place)

    async def close(self) -> None:
        """Give the connections back."""
        if self._made is not None:
            await asyncio.to_thread(self._made.dispose)

    def plan(self, sought: Sought) -> list[str]:
        """Return how SQLite would search: a line for each step, as EXPLAIN QUERY PLAN tells it."""
        wanted = searching(sought).compile(self._engine, compile_kwargs={"literal_binds": True})
        with self._engine.connect() as connection:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {wanted}")
            return [str(step[-1]) for step in steps]

    @property
    def _engine(self) -> Engine:
        """The database, opened at its first use; raise as `database.opened` does."""
        if self._made is None:
            with suppress(OSError):
                self._prepare()
            self._made = opened(self._url, _METADATA)
        return self._made

    def _taken(self, topic: str) -> dict[int, int]:
        """Return how far each partition of a topic was taken."""
        wanted = select(TAKEN.c.partition, TAKEN.c.next_offset).where(TAKEN.c.topic == topic)
        with told_apart(), self._engine.connect() as connection:
            return {int(row.partition): int(row.next_offset) for row in connection.execute(wanted)}

    def _store(self, end: Place, messages: Sequence[Message], redrives: Sequence[Redrive]) -> None:
        """Put rows in; the first statement is a write, so that two who take the same take turns."""
        at = (TAKEN.c.topic == end.topic) & (TAKEN.c.partition == end.partition)
        with told_apart(), self._engine.begin() as connection:
            moved = connection.execute(
                update(TAKEN).where(at & (TAKEN.c.next_offset < end.offset)).values(next_offset=end.offset)
            )
            if not moved.rowcount:
                if connection.execute(select(TAKEN.c.next_offset).where(at)).first() is not None:
                    return
                where = {"topic": end.topic, "partition": end.partition, "next_offset": end.offset}
                connection.execute(insert(TAKEN).values(where))
            _put(connection, MESSAGES, [(message.place, _row(message)) for message in messages])
            _put(connection, REDRIVES, [(one.place, _redrive_row(one)) for one in redrives])

    def _forget(self, topic: str, begins: Mapping[int, int]) -> None:
        """Destroy rows."""
        with told_apart(), self._engine.begin() as connection:
            for table in (MESSAGES, REDRIVES):
                for partition, begin in begins.items():
                    gone = (table.c.topic == topic) & (table.c.partition == partition)
                    connection.execute(delete(table).where(gone & (table.c.offset < begin)))

    def _search(self, sought: Sought) -> list[Message]:
        """Return what is sought."""
        with told_apart(), self._engine.connect() as connection:
            rows = connection.execute(searching(sought)).mappings().all()
            return [_message(connection, row) for row in rows]

    def _find(self, place: Place) -> Message | None:
        """Return the message at a place."""
        with told_apart(), self._engine.connect() as connection:
            row = connection.execute(select(MESSAGES).where(_at(MESSAGES, place))).mappings().first()
            return None if row is None else _message(connection, row)


def indexed(url: str) -> dict[str, int] | None:
    """Return how many rows the index has for each topic, None where there is none; as `rows_by` does."""
    return rows_by(url, MESSAGES.c.topic)


def searching(sought: Sought) -> Select[Any]:
    """Return the query of a search."""
    wanted = select(MESSAGES)
    for column, value in (
        (MESSAGES.c.control, sought.control),
        (MESSAGES.c.sender, None if sought.sender is None else sought.sender.code),
        (MESSAGES.c.visit, sought.visit),
        (MESSAGES.c.outcome, None if sought.outcome is None else sought.outcome.value),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    if sought.since is not None:
        wanted = wanted.where(MESSAGES.c.received_ms >= _ms(sought.since))
    if sought.until is not None:
        wanted = wanted.where(MESSAGES.c.received_ms < _ms(sought.until))
    return wanted.order_by(MESSAGES.c.received_ms.desc()).limit(min(sought.limit, FOUND_MAX))


def _at(table: Table, place: Place) -> Any:
    """Return the condition that a row is about the record at a place."""
    return (
        (table.c.topic == place.topic)
        & (table.c.partition == place.partition)
        & (table.c.offset == place.offset)
    )


def _put(connection: Connection, table: Table, rows: Sequence[tuple[Place, Mapping[str, object]]]) -> None:
    """Put rows of one partition in, in offset order, instead of what somebody else put in from there on."""
    if not rows:
        return
    first = rows[0][0]
    same = (table.c.topic == first.topic) & (table.c.partition == first.partition)
    connection.execute(delete(table).where(same & (table.c.offset >= first.offset)))
    connection.execute(
        insert(table),
        [
            {"topic": place.topic, "partition": place.partition, "offset": place.offset, **row}
            for place, row in rows
        ],
    )


def _row(message: Message) -> dict[str, object]:
    """Return what the row of a message holds beside its place."""
    return {
        "received_ms": _ms(message.received_at),
        "outcome": message.outcome.value,
        "sender": None if message.sender is None else message.sender.code,
        "control": message.control,
        "control_id": message.control_id,
        "visit": message.visit,
        "reason": message.reason,
        "location": message.location,
        "item_id": message.item_id,
    }


def _redrive_row(redrive: Redrive) -> dict[str, object]:
    """Return what the row of a redrive holds beside its place."""
    return {"at_ms": _ms(redrive.at), "item_id": redrive.item_id, "outcome": redrive.outcome}


def _message(connection: Connection, row: Mapping[Any, Any]) -> Message:
    """Return a message with what came of its last redrive."""
    redriven = None
    if row["item_id"] is not None:
        last = select(REDRIVES.c.outcome).where(REDRIVES.c.item_id == row["item_id"])
        redriven = connection.execute(last.order_by(REDRIVES.c.at_ms.desc()).limit(1)).scalar()
    return Message(
        place=Place(topic=row["topic"], partition=row["partition"], offset=row["offset"]),
        received_at=_EPOCH + row["received_ms"] * _MILLISECOND,
        outcome=Outcome(row["outcome"]),
        sender=None if row["sender"] is None else OdsCode(row["sender"]),
        control=row["control"],
        control_id=row["control_id"],
        visit=row["visit"],
        reason=row["reason"],
        location=row["location"],
        item_id=row["item_id"],
        redriven=redriven,
    )


def _ms(moment: datetime) -> int:
    """Return milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND
