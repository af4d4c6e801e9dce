"""Pieces of Markdown, written and read: paragraphs, tables, and the code in a page."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

_PROSE_WIDTH = 110  # columns: as wide as the code
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```\s*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


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


def code_blocks(text: str, language: str) -> list[str]:
    """Return what stands in a page's fenced blocks of one language, without their indent, in order."""
    return [textwrap.dedent(code) for named, code in _BLOCK.findall(text) if named == language]


def code_spans(text: str) -> list[str]:
    """Return what stands in a page's inline code, in order."""
    return [str(span) for span in _SPAN.findall(without_blocks(text))]


def without_blocks(text: str) -> str:
    """Return a page without its fenced blocks."""
    return _BLOCK.sub("", text)


def without_code(text: str) -> str:
    """Return a page without its fenced blocks and its inline code."""
    return _SPAN.sub("", without_blocks(text))
