"""
The two files of a batch trace: who is asked about, and what was found, which goes on where it ended.

An answer stands in its file, on disk, before the next is asked for by more than a handful; what a crash left
of a line is cut off. Only the owner may read the answers: they name people.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Self

from broker.core.errors import StorageUnusable
from broker.core.source_errors import TraceFileRefused
from broker.wire.batch_trace import (
    ANSWER_COLUMNS,
    COLUMNS,
    LINE_BYTES_MAX,
    TraceRow,
    is_head,
    read_row,
    reference_of,
    write_row,
)

_MODE = 0o600
_HEAD = write_row(*ANSWER_COLUMNS)


class TraceFiles:
    """
    Rows of `asked` that have no answer in `answers` yet; `with` opens both.

    `answered` counts the rows that had one already. Opening raises `TraceFileRefused` for a file that is not
    of this kind, for answers to other questions, and while another command writes them.
    """

    def __init__(self, asked: Path, answers: Path) -> None:
        """Open nothing yet."""
        self.answered = 0
        self._asked_path, self._answers_path = asked, answers
        self._stack = ExitStack()
        self._line = 1

    def __enter__(self) -> Self:
        """Open both and find the place to go on."""
        with ExitStack() as stack:
            self._asked = stack.enter_context(self._asked_path.open("rb"))
            try:
                opened = os.open(self._answers_path, os.O_RDWR | os.O_CREAT, _MODE)
                self._answers = stack.enter_context(os.fdopen(opened, "r+b"))
                fcntl.flock(self._answers, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TraceFileRefused("another command writes these answers") from None
            except OSError as error:
                raise StorageUnusable(f"the file of answers: {error.strerror}") from None
            self._begin()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Close both."""
        self._stack.close()

    def rows(self) -> Iterator[TraceRow]:
        """Yield what has no answer yet, in the order of its file."""
        while (row := self._next()) is not None:
            yield row

    def write(self, row: TraceRow, *answer: str) -> None:
        """Add an answer; it is on disk when this returns."""
        self._answers.write(write_row(row.reference, *answer))
        self._answers.flush()
        os.fsync(self._answers.fileno())

    def _begin(self) -> None:
        """Read the heads, then as many rows as have their answer; cut off what is no whole line."""
        if not is_head(_line(self._asked)):
            raise TraceFileRefused(f"line 1 is not: {','.join(COLUMNS)}")
        head = _line(self._answers)
        if not head.endswith(b"\n"):  # new, or cut off within its first line
            self._answers.seek(0)
            self._answers.truncate()
            self._answers.write(_HEAD)
            return
        if head != _HEAD:
            raise TraceFileRefused("the file of answers holds something else")
        end = self._answers.tell()
        while (line := _line(self._answers)).endswith(b"\n"):
            row = self._next()
            if row is None or reference_of(line) != row.reference:
                raise TraceFileRefused(f"line {self._line} of the answers is none to the same line asked")
            self.answered += 1
            end = self._answers.tell()
        self._answers.seek(end)
        self._answers.truncate()

    def _next(self) -> TraceRow | None:
        """Return the next row, None at the end; an empty line is none."""
        while line := _line(self._asked):
            self._line += 1
            if line.strip():
                return read_row(line, self._line)
        return None


def _line(file: BinaryIO) -> bytes:
    """Return the next line, of one that is too long no more than shows that it is, empty at the end."""
    line = file.readline(LINE_BYTES_MAX + 1)
    if len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
        while (rest := file.readline(LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
            pass
    return line
