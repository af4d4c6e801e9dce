"""Builds the reference page of the modules from their own first sentences, room by room."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.tools.markdown import paragraph, table

ROOMS = ("core", "wire", "", "services", "adapters", "runtime", "cli")
"""The rooms from the inside out, which is the way they may import; "" is what lies in `broker` itself."""


def modules_page(repository: Path) -> str:
    """Return the page of the modules: a table for each room, with what each module says that it is."""
    about = paragraph(
        """
        Every module of the program, by what it says of itself, from the inside out. A room imports what
        stands above it on this page and nothing below, as `make check` sees to; only `__main__` begins with
        everything, and neither `wire` and the ports nor `services` and `adapters` know each other. Where to
        begin: [find your way in the code](../explanation/find-your-way.md). Which modules cite a rule:
        [rules](rules.md).
        """
    )
    lines = ["# Modules", "", about]
    package = repository / "broker"
    for room in ROOMS:
        name = f"broker/{room}".rstrip("/")
        lines += ["", f"## `{name}`", "", *_introduced(package / room / "__init__.py")]
        lines += table(("module", "what it is"), _rows(package, room))
    return "\n".join(lines)


def _introduced(init: Path) -> list[str]:
    """Return what a room says of itself, as a paragraph."""
    return [paragraph(_sentence(init)), ""]


def _rows(package: Path, room: str) -> Iterator[tuple[str, str]]:
    """Yield a row for each module of a room, packages inside it included, by its path."""
    folder = package / room
    found = folder.rglob("*.py") if room else folder.glob("*.py")
    for path in sorted(found):
        if path != folder / "__init__.py":
            inside = path.relative_to(folder).with_suffix("").as_posix().removesuffix("/__init__")
            target = path.relative_to(package.parent).as_posix()
            yield f"[`{inside}`](../../{target})", _sentence(path)


def _sentence(path: Path) -> str:
    """Return the first paragraph of a module's docstring on one line."""
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split())
