"""
The rows of a table (CSV) as its bytes come, each with the line on which it begins.

Knows what is CSV at all, and its characters; which columns there are the caller says.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from broker.core.errors import MalformedMessage

ROW_CHARACTERS_MAX = 1_048_576
"""How long a row may be: a thousand times what one is. A longer one would have to be held whole."""


class Row(NamedTuple):
    """A row: the line on which it begins, from 1, and its cells as they stand."""

    line: int
    cells: list[str]


class _MoreNeeded(Exception):
    """A row goes on behind what has come so far."""


class TableRows:
    """
    Takes a table piece by piece.

    Raises `MalformedMessage`, by its line, for what is no UTF-8 or no CSV, or a row that would fill memory.
    """

    def __init__(self) -> None:
        """Begin."""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._rest = ""
        self._lines: list[str] = []
        self._ended = False
        self._line = 0
        self._newlines = 0

    def feed(self, piece: bytes) -> list[Row]:
        """Return the rows that are complete now."""
        self._decode(piece)
        rows = list(self._rows())
        if len(self._rest) + sum(map(len, self._lines)) > ROW_CHARACTERS_MAX:
            raise MalformedMessage("a row is too large", location=f"line {self._line + 1}")
        return rows

    def close(self) -> list[Row]:
        """Return the rows that are left at the end."""
        self._ended = True
        self._decode(b"")
        return list(self._rows())

    def _decode(self, piece: bytes) -> None:
        """Take the lines that are complete, in whichever way they end."""
        try:
            text = self._rest + self._decoder.decode(piece, self._ended)
        except UnicodeDecodeError as error:
            line = self._newlines + error.object.count(b"\n", 0, error.start) + 1
            raise MalformedMessage("not UTF-8", location=f"line {line}") from None
        self._newlines += piece.count(b"\n")
        lines = io.StringIO(text, newline="").readlines()
        self._rest = ""
        if lines and not self._ended and not lines[-1].endswith("\n"):  # \r may be the half of \r\n
            self._rest = lines.pop()
        self._lines += lines

    def _rows(self) -> Iterator[Row]:
        """Yield the rows that are complete; a line of which none is complete waits for more."""
        coming, taken = iter(self._lines), 0

        def supply() -> Iterator[str]:
            """Yield line by line; at their end say whether that is the end of the table."""
            nonlocal taken
            for line in coming:
                taken += 1
                yield line
            if not self._ended:
                raise _MoreNeeded

        reader = csv.reader(supply(), strict=True)
        used = 0
        try:
            for cells in reader:
                yield Row(self._line + 1, cells)
                self._line += taken - used
                used = taken
        except _MoreNeeded:
            pass
        except csv.Error:
            raise MalformedMessage("no CSV", location=f"line {self._line + taken - used}") from None
        finally:
            del self._lines[:used]
