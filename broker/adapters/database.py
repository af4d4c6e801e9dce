"""
The database of `CPIS_DATABASE_URL`: opened with its tables made; what goes wrong is told without the URL.

Knows how SQLite is to be used: a file that only we may read, readers while it writes, every commit synced.
Who writes, writes alone, there and in PostgreSQL.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, MetaData, create_engine, event, func, inspect, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from broker.core.errors import ConfigurationError, StorageUnusable

SETTING = "CPIS_DATABASE_URL"
"""The setting that names the database."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_WRITING = 1_128_548_691  # any number that no other application in that database locks
_FILE_MODE = 0o600  # the alerts name children


def to_millis(at: datetime) -> int:
    """Return an aware time as the tables have it: milliseconds since 1970, UTC."""
    return (at - _EPOCH) // _MILLISECOND


def from_millis(millis: int) -> datetime:
    """Return the time that a table has, aware UTC."""
    return _EPOCH + millis * _MILLISECOND


def opened(url: str, tables: MetaData) -> Engine:
    """
    Return the database of a SQLAlchemy URL, with the tables that were missing made.

    Raises `ConfigurationError` for a URL that is none, `StorageUnusable` for a database that cannot be used;
    both without the URL, which may hold a password.
    """
    with told_apart():
        engine = create_engine(url)
        if (file := file_of(engine)) is not None:
            with contextlib.suppress(OSError):  # SQLite says it better
                file.touch(mode=_FILE_MODE)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _use_write_ahead_log)
        with writing(engine) as connection:  # two processes may open a new one at once
            tables.create_all(connection)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """
    Lend a transaction in which what was read still stands when it is written.

    SQLite begins one for reading, and lets another process write in between, unless it is told at once; so
    does PostgreSQL, where writers wait for a lock that ends with the transaction.
    """
    with engine.begin() as connection:
        match engine.dialect.name:
            case "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            case "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_WRITING)))
        yield connection


def rows_by(url: str, column: Column[Any]) -> dict[str, int] | None:
    """
    Return how many rows a table has for each value of a column, None where there is no database or no table.

    Changes nothing and makes no file. Raises as `opened` does.
    """
    with told_apart():
        engine = create_engine(url)
        try:
            file = file_of(engine)
            missing = file is not None and not file.exists()
            if missing or not inspect(engine).has_table(column.table.name):
                return None
            with engine.connect() as connection:
                rows = connection.execute(select(column, func.count()).group_by(column))
                return {str(value): int(count) for value, count in rows}
        finally:
            engine.dispose()


def file_of(engine: Engine) -> Path | None:
    """Return the file of an SQLite database, None for one in memory or of another kind."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name == ":memory:":
        return None
    return Path(name)


@contextmanager
def told_apart() -> Iterator[None]:
    """Tell a URL that is none from a database that cannot be used, in words without the URL."""
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(f"{SETTING}: its driver, {error.name}, is not installed") from None
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise ConfigurationError(f"{SETTING}: this is no database's URL: {type(error).__name__}") from None
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        word = str(reason) if isinstance(reason, sqlite3.Error) else type(error).__name__
        raise StorageUnusable(f"{SETTING}: the database cannot be used: {word}") from None


def _use_write_ahead_log(connection: object, _record: object) -> None:
    """Let readers read while SQLite writes; every commit is synced, and what is overwritten is gone."""
    cursor = connection.cursor()  # type: ignore[attr-defined]  # SQLAlchemy hands out the driver's own object
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()
