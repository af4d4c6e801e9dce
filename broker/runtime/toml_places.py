"""
In which line of a TOML file each key stands: `tomllib` reads values and says nothing of places.

A statement of TOML – a header, or a key with its value – begins on a line of its own and can be read alone,
so the file is cut into the shortest runs of lines that `tomllib` can read. The grammar is left to it.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

KeyPath = tuple[str | int, ...]
"""Where a key stands: names of tables and keys, numbers (from 0) in arrays of tables and arrays."""


class Places(dict[KeyPath, int]):
    """The line (from 1) of each key of a file; `line` falls back to that of what holds it."""

    def line(self, path: KeyPath) -> int:
        """Return the line of a key, else of the nearest thing around it that has one, else 1."""
        while path and path not in self:
            path = path[:-1]
        return self.get(path, 1)


def find_places(text: str) -> Places:
    """Return the line of every key in a text that `tomllib` can read as a whole."""
    places = Places()
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in _statements(text):
        header = statement.lstrip().startswith("[")
        content = tomllib.loads(statement)
        if header:
            names, is_array = _header(content)
            table = _within(names[:-1], counts)
            path = (*table, names[-1])
            if is_array:
                counts[path] = counts.get(path, -1) + 1
                path = (*path, counts[path])
            table = path
            for end in range(1, len(path) + 1):
                places.setdefault(path[:end], line)
        else:
            for path in _paths(content):
                places.setdefault((*table, *path), line)
    return places


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement that says something, with its first line."""
    begun, held = 0, ""
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        begun, held = (begun, f"{held}\n{line}") if held else (number, line)
        try:
            content = tomllib.loads(held)
        except tomllib.TOMLDecodeError:
            continue  # a value that goes on in the next line
        if content:
            yield begun, held
        held = ""


def _header(content: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    """Return the names in a header, and whether it begins an element of an array of tables."""
    names: list[str] = []
    inner: Any = content
    while isinstance(inner, dict) and inner:
        ((name, inner),) = inner.items()
        names.append(name)
    return tuple(names), isinstance(inner, list)


def _within(names: tuple[str, ...], counts: Mapping[KeyPath, int]) -> KeyPath:
    """Return the path to a table, through the newest element of each array of tables on the way."""
    path: KeyPath = ()
    for name in names:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    return path


def _paths(content: object) -> Iterator[KeyPath]:
    """Yield the path to everything in a value, the value itself left out."""
    items: Iterator[tuple[str | int, object]]
    match content:
        case dict():
            items = iter(content.items())
        case list():
            items = iter(enumerate(content))
        case _:
            return
    for name, inner in items:
        yield (name,)
        yield from ((name, *path) for path in _paths(inner))
