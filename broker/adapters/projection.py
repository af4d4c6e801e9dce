"""
The inbox database: every recipient's events, numbered without gaps, and how far they were taken from Kafka.

Rows and the Kafka offset are written in one database transaction, so that inside it each event is there
exactly once. The database can be dropped: a new one has another identity and is filled from the beginning.
"""

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, Select, create_engine, func, insert, inspect, select, update

from broker.adapters.database import SETTING, file_of, opened, rows_by, told_apart, writing
from broker.adapters.inbox_tables import (
    ERASED,
    IDENTITY,
    INBOX,
    METADATA,
    OFFSETS,
    when_erased,
)
from broker.adapters.storage import prove_directory
from broker.core.errors import StorageUnusable
from broker.core.identifiers import OdsCode
from broker.core.pushing import PushedAnswer, answers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxEvent:
    """One event for one recipient, as it goes into the inbox; `body` is the record's value."""

    recipient: str
    event_id: str
    alert_id: str
    revision: int
    kind: str
    loud: bool
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """An event with its place in the recipient's inbox."""

    number: int
    event: InboxEvent


class Projection:
    """
    The inbox in the database of a SQLAlchemy URL.

    Its methods block: call them in a thread. Those that read raise `StorageUnusable`.
    """

    def __init__(self, url: str) -> None:
        """
        Connect, make the tables that are missing, and give a new database its identity.

        Raises `ConfigurationError` for a URL that is none, `StorageUnusable` for a database that cannot be
        used; both without the URL, which may hold a password.
        """
        self._engine = opened(url, METADATA)
        with told_apart():
            self.identity = _identity_of(self._engine)

    def store(
        self,
        topic: str,
        partition: int,
        offset: int,
        arrived: InboxEvent | None,
        *,
        supersedes: bool = False,
        erased: Collection[str] = (),
        still: Callable[[bytes], bool] | None = None,
    ) -> bool:
        """
        Note that a record was taken, and put its event, if it has one, behind the recipient's last.

        `supersedes`: what the alert's earlier events told may not be told any more (ruling 24); their rows
        keep their places, with this event's body. Of the alerts in `erased` nothing is left but that there
        were events (ruling 23). Returns False, having changed nothing, when the record was taken before.

        `still` is given for a record of the recipient's own topic, which names its own ids as well (ruling
        28): it takes the place of the same event's of `cpis.alerts`, where `still` says that a body is it.
        """
        with writing(self._engine) as connection:
            place = (OFFSETS.c.topic == topic) & (OFFSETS.c.partition == partition)
            stored = connection.execute(select(OFFSETS.c.next_offset).where(place)).scalar()
            if stored is not None and offset < stored:
                return False
            if arrived is not None and not _is_known(connection, arrived.event_id):
                row = _row(connection, arrived, own=still is not None)
                connection.execute(insert(INBOX).values(row))
                if supersedes:
                    _supersede(connection, arrived)
            elif arrived is not None and still is not None:
                _complete(connection, arrived, still)
            if erased:
                _erase(connection, erased)
            if stored is None:
                where = {"topic": topic, "partition": partition, "next_offset": offset + 1}
                connection.execute(insert(OFFSETS).values(where))
            else:
                connection.execute(update(OFFSETS).where(place).values(next_offset=offset + 1))
            return True

    def tell(self, answer: PushedAnswer, body: bytes) -> bool:
        """
        Put a word about a visit behind its provider's last, in place of those before (ruling 41).

        Returns False, having changed nothing, where the visit has a word of this revision or a newer one.
        Raises `StorageUnusable`.
        """
        arrived = InboxEvent(
            recipient=answers_of(answer.visit.provider),
            event_id=answer.event_id,
            alert_id=answer.answer_id,
            revision=answer.revision,
            kind=answer.kind.value,
            loud=False,
            body=body,
        )
        newest = select(func.max(INBOX.c.revision)).where(INBOX.c.alert_id == answer.answer_id)
        with told_apart(), writing(self._engine) as connection:
            if (connection.execute(newest).scalar() or 0) >= answer.revision:
                return False
            connection.execute(insert(INBOX).values(_row(connection, arrived)))
            _supersede(connection, arrived)
            return True

    def standing(self, provider: OdsCode) -> Sequence[bytes]:
        """Return the newest word about each visit of a provider; raise `StorageUnusable`."""
        own = (INBOX.c.recipient == answers_of(provider)) & (INBOX.c.alert_id != "")
        newest = select(func.max(INBOX.c.number)).where(own).group_by(INBOX.c.alert_id)
        wanted = select(INBOX.c.body).where(own & INBOX.c.number.in_(newest.scalar_subquery()))
        with self._reading() as connection:
            return connection.execute(wanted.order_by(INBOX.c.number)).scalars().all()

    def word(self, answer_id: str) -> bytes | None:
        """Return the newest word about a visit, None where there is none; raise `StorageUnusable`."""
        wanted = select(INBOX.c.body).where(INBOX.c.alert_id == answer_id).order_by(INBOX.c.number.desc())
        with self._reading() as connection:
            return connection.execute(wanted.limit(1)).scalar()

    def forget(self, answers: Collection[str]) -> None:
        """Let nothing be left of the words about visits but that there were some; raise `StorageUnusable`."""
        with told_apart(), writing(self._engine) as connection:
            _erase(connection, answers)

    def remind(self, event: InboxEvent) -> bool:
        """
        Put an event behind the recipient's last that no record of Kafka led to: time alone did.

        Returns False, having changed nothing, where it is there already. Raises `StorageUnusable`.
        """
        with told_apart(), writing(self._engine) as connection:
            if _is_known(connection, event.event_id):
                return False
            row = _row(connection, event, own=True)  # no topic will ever bring more of it
            connection.execute(insert(INBOX).values(row))
            return True

    def next_offsets(self, topic: str) -> dict[int, int]:
        """Return the offset behind the last record taken of each partition that one was taken of."""
        wanted = select(OFFSETS.c.partition, OFFSETS.c.next_offset).where(OFFSETS.c.topic == topic)
        with self._reading() as connection:
            return {int(row.partition): int(row.next_offset) for row in connection.execute(wanted)}

    def inbox(self, recipient: str, *, after: int = 0, limit: int = 1_000) -> Sequence[InboxRow]:
        """Return at most `limit` events of a recipient behind number `after`, in order."""
        wanted = (
            select(INBOX)
            .where((INBOX.c.recipient == recipient) & (INBOX.c.number > after))
            .order_by(INBOX.c.number)
            .limit(limit)
        )
        with self._reading() as connection:
            rows = connection.execute(wanted).mappings().all()
        return [
            InboxRow(
                number=row["number"],
                event=InboxEvent(**{name: row[name] for name in InboxEvent.__slots__}),
            )
            for row in rows
        ]

    def behind(self, recipient: str, alerts: Collection[str], *, after: int) -> Sequence[bytes]:
        """Return the events of these alerts of a recipient behind number `after`, in order."""
        later = (INBOX.c.recipient == recipient) & (INBOX.c.number > after)
        wanted = select(INBOX.c.body).where(later & INBOX.c.alert_id.in_(alerts))
        with self._reading() as connection:
            return connection.execute(wanted.order_by(INBOX.c.number)).scalars().all()

    def last(self, recipient: str) -> int:
        """Return the number of a recipient's newest event, 0 where there is none."""
        with self._reading() as connection:
            return connection.execute(_last_of(recipient)).scalar() or 0

    def bare(self, recipient: str, *, after: int = 0) -> frozenset[int]:
        """Return the numbers behind `after` of what the recipient's own topic has not brought so far."""
        behind = (INBOX.c.recipient == recipient) & (INBOX.c.number > after)
        wanted = select(INBOX.c.number).where(behind & ~INBOX.c.own & (INBOX.c.kind != ERASED))
        with self._reading() as connection:
            return frozenset(connection.execute(wanted).scalars())

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Lend a connection; raise `StorageUnusable` where the database cannot be read."""
        with told_apart(), self._engine.connect() as connection:
            yield connection


def prove_database(url: str, *, will_be_made: Path) -> None:
    """
    Prove that a database can be opened and written, and that the tables it has are those of this release.

    Changes nothing; an SQLite file that is not there yet is not made, but the directory it would lie in must
    be there, unless it is `will_be_made`. Raises as `Projection` does.
    """
    with told_apart():
        engine = create_engine(url)
        try:
            file = file_of(engine)
            if file is not None and file.parent.absolute() != will_be_made.absolute():
                _prove_place(file)
            if file is None or file.exists():
                _prove_tables(engine)
        finally:
            engine.dispose()


def counted(url: str) -> dict[str, int] | None:
    """Return how many events each recipient's inbox holds, None where there is none; as `rows_by` does."""
    return rows_by(url, INBOX.c.recipient)


def _prove_place(file: Path) -> None:
    """Prove that a file can lie where it is to lie: a missing directory may be a disk that is away."""
    if not file.parent.is_dir():
        raise StorageUnusable(f"{SETTING}: there is no directory {file.parent}")
    prove_directory(file.parent, SETTING)


def _prove_tables(engine: Engine) -> None:
    """Prove that the database takes a transaction and that each table it has is as this release has it."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # refused where the file may only be read
        inspector = inspect(connection)
        present = set(inspector.get_table_names())
        for name, declared in METADATA.tables.items():
            if name not in present:
                continue
            found = {column["name"] for column in inspector.get_columns(name)}
            if found != set(declared.columns.keys()):
                raise StorageUnusable(
                    f"{SETTING}: table {name} is another release's; a new database is filled from Kafka"
                )
        connection.rollback()


def _row(connection: Connection, arrived: InboxEvent, *, own: bool = False) -> dict[str, object]:
    """Return the row of an event: one number behind the recipient's last."""
    last = connection.execute(_last_of(arrived.recipient)).scalar()
    return {name: getattr(arrived, name) for name in InboxEvent.__slots__} | {
        "number": (last or 0) + 1,
        "own": own,
    }


def _last_of(recipient: str) -> Select[int | None]:
    """Return what asks for the number of a recipient's newest event."""
    return select(func.max(INBOX.c.number)).where(INBOX.c.recipient == recipient)


def _supersede(connection: Connection, arrived: InboxEvent) -> None:
    """Let the earlier events of an alert say what the new one says."""
    earlier = (
        (INBOX.c.recipient == arrived.recipient)
        & (INBOX.c.alert_id == arrived.alert_id)
        & (INBOX.c.revision < arrived.revision)
    )
    connection.execute(update(INBOX).where(earlier).values(body=arrived.body))


def _erase(connection: Connection, alerts: Collection[str]) -> None:
    """Let nothing be left of alerts but that there were events (ruling 23)."""
    emptied = {"alert_id": "", "kind": ERASED, "body": b""}
    connection.execute(update(INBOX).where(INBOX.c.alert_id.in_(alerts)).values(emptied))
    connection.execute(when_erased(alerts))


def _complete(connection: Connection, arrived: InboxEvent, still: Callable[[bytes], bool]) -> None:
    """Put a recipient's own value in the place of the same event's, unless something else may stand there."""
    event = INBOX.c.event_id == arrived.event_id
    body = connection.execute(select(INBOX.c.body).where(event)).scalar()
    own = {"own": True, "body": arrived.body} if body and still(body) else {"own": True}
    connection.execute(update(INBOX).where(event).values(own))


def _is_known(connection: Connection, event_id: str) -> bool:
    """Return whether an event is in the inbox already."""
    found = connection.execute(select(INBOX.c.number).where(INBOX.c.event_id == event_id)).first()
    return found is not None


def _identity_of(engine: Engine) -> str:
    """Return the database's identity, made at its first use."""
    with writing(engine) as connection:
        known = connection.execute(select(IDENTITY.c.identity)).scalar()
        if known is None:
            known = uuid.uuid4().hex
            connection.execute(insert(IDENTITY).values(identity=known))
    return str(known)
