"""How commands show many things: one line each, never cut, so that an id can be copied and a line found."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH_MAX = 10_000  # characters: a terminal breaks a long line by itself, and a pipe needs it whole


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[str]], *, to_stderr: bool = False) -> None:
    """Show rows under the names of their columns, each column as wide as its longest value."""
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(Text, row))
    Console(stderr=to_stderr, width=_WIDTH_MAX).print(table)
