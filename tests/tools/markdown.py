"""Pieces of Markdown: paragraphs, and tables with what would end a cell escaped."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

_PROSE_WIDTH = 110  # columns: as wide as the code


def paragraph(words: str) -> str:
    """Return words as one paragraph, whatever line breaks they were written with."""
    return textwrap.fill(
        " ".join(words.split()), width=_PROSE_WIDTH, break_long_words=False, break_on_hyphens=False
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield _line(head)
    yield _line("---" for _ in head)
    for row in rows:
        yield _line(row)


def _line(cells: Iterable[str]) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
