"""A PostgreSQL of a test's own, where the machine has one and its driver is installed."""

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine

_PLACES = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")
_UNPRIVILEGED = "nobody"  # the server does not run as root


class PostgreSql:
    """A running server; every database of it is new."""

    def __init__(self, directory: Path) -> None:
        """Take the directory with the server's socket."""
        self._directory = directory

    def new_database(self) -> str:
        """Return the URL of a new database."""
        name = f"t{uuid4().hex}"
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self._url(name)

    def _url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://cpis@/{database}?host={self._directory}"


@contextmanager
def running_postgresql() -> Iterator[PostgreSql]:
    """Lend a server that keeps nothing, or skip the test where there is none to be had."""
    initdb = shutil.which("initdb", path=os.pathsep.join((*_PLACES, os.environ.get("PATH", ""))))
    if initdb is None or importlib.util.find_spec("psycopg") is None:
        pytest.skip("no PostgreSQL here: its server (`initdb`, `pg_ctl`) or its driver `psycopg` is missing")
    with TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        directory = Path(name)
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            who = pwd.getpwnam(_UNPRIVILEGED)
            os.chown(directory, who.pw_uid, who.pw_gid)
            account = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}

        def run(program: str, *words: str) -> None:
            """Run a program of the server's on its data."""
            line = [str(Path(initdb).with_name(program)), "--pgdata", str(directory / "data"), *words]
            subprocess.run(line, check=True, capture_output=True, cwd=directory, **account)

        run("initdb", "--auth", "trust", "--username", "cpis", "--no-sync", "--encoding", "UTF8")
        options = f"-c listen_addresses= -c unix_socket_directories={directory} -c fsync=off"
        run("pg_ctl", "--wait", "--options", options, "--log", str(directory / "log"), "start")
        try:
            yield PostgreSql(directory)
        finally:
            run("pg_ctl", "--wait", "--mode", "immediate", "stop")
