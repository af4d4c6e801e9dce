"""
Numbers that are to be marked as restricted in a while, in one file of the data directory.

A line names one number and when it is due: nothing in it says of which message it came. The file is
written whole each time, in the order of what is due, which is by chance: neither the times of files nor their
places on the disk put the numbers of one message side by side, as an adopted child's old and new one.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.adapters.private_file import write_private_file
from broker.core.errors import InvalidNhsNumber, StorageUnusable
from broker.core.identifiers import NhsNumber

_MODE = 0o700
_LOCK_MODE = 0o600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class MarkFile:
    """A shelf in a directory, which the first number makes; `new_name` makes names that nobody can guess."""

    def __init__(self, directory: Path, new_name: Callable[[], str]) -> None:
        """Touch nothing yet."""
        self._directory = directory
        self._file = directory / "to-come"
        self._new_name = new_name

    def keep(self, number: NhsNumber, due_at: datetime) -> None:
        """Keep a number until a time, aware, durably; raise `StorageUnusable`."""
        due_ms = (due_at - _EPOCH) // _MILLISECOND
        line = f"{due_ms} {self._new_name()} {number.digits}"
        try:
            self._directory.mkdir(mode=_MODE, parents=True, exist_ok=True)
            with self._locked():
                self._write([*self._lines(), line])
        except OSError as error:
            raise StorageUnusable(f"a mark to come cannot be kept: {error.strerror}") from error

    def due(self, now: datetime) -> Sequence[tuple[str, NhsNumber]]:
        """Return the numbers whose time has come, with what each is kept as; what is none is left alone."""
        now_ms = (now - _EPOCH) // _MILLISECOND
        found: list[tuple[str, NhsNumber]] = []
        for line in self._lines():
            with suppress(ValueError, InvalidNhsNumber):
                due_ms, _, digits = line.split(" ")
                if int(due_ms) <= now_ms:
                    found.append((line, NhsNumber(digits)))
        return found

    def drop(self, name: str) -> None:
        """Keep a number no more; one that is gone already is gone."""
        if name in self._lines():
            with self._locked():
                self._write([line for line in self._lines() if line != name])

    def _lines(self) -> list[str]:
        """Return the lines of the file, none where there is none."""
        with suppress(FileNotFoundError):
            return [line for line in self._file.read_bytes().decode("latin-1").split("\n") if line]
        return []

    def _write(self, lines: Sequence[str]) -> None:
        """Write the file anew, durably."""
        write_private_file(self._file, "".join(f"{line}\n" for line in sorted(lines)).encode("latin-1"))
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let nobody else write meanwhile: several processes of intake may share the directory."""
        lock = os.open(self._directory / ".lock", os.O_CREAT | os.O_RDWR, _LOCK_MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
