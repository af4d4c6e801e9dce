"""
Numbers that are to be marked as restricted in a while, each in a file of its own, of the data directory.

A file names one number and, by its name, when it is due: nothing in it says of which message it came.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.adapters.private_file import write_private_file
from broker.core.errors import InvalidNhsNumber, StorageUnusable
from broker.core.identifiers import NhsNumber

_MODE = 0o700
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class MarkFiles:
    """A shelf in a directory, which the first number makes; `new_name` makes names that nobody can guess."""

    def __init__(self, directory: Path, new_name: Callable[[], str]) -> None:
        """Touch nothing yet."""
        self._directory = directory
        self._new_name = new_name

    def keep(self, number: NhsNumber, due_at: datetime) -> None:
        """Keep a number until a time, aware, durably; raise `StorageUnusable`."""
        due_ms = (due_at - _EPOCH) // _MILLISECOND
        try:
            self._directory.mkdir(mode=_MODE, parents=True, exist_ok=True)
            write_private_file(self._directory / f"{due_ms}-{self._new_name()}", number.key)
            directory = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise StorageUnusable(f"a mark to come cannot be kept: {error.strerror}") from error

    def due(self, now: datetime) -> Sequence[tuple[str, NhsNumber]]:
        """Return the numbers whose time has come, with what each is kept as; what is none is left alone."""
        now_ms = (now - _EPOCH) // _MILLISECOND
        found: list[tuple[str, NhsNumber]] = []
        with suppress(FileNotFoundError):
            for file in sorted(self._directory.iterdir()):
                due_ms = file.name.partition("-")[0]
                if due_ms.isdecimal() and int(due_ms) <= now_ms:
                    with suppress(OSError, UnicodeDecodeError, InvalidNhsNumber):
                        found.append((file.name, NhsNumber(file.read_text("ascii"))))
        return found

    def drop(self, name: str) -> None:
        """Keep a number no more; one that is gone already is gone."""
        (self._directory / name).unlink(missing_ok=True)
