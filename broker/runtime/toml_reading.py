"""
Reads a file of TOML that people write: what is wrong is gathered with its line, and refused all at once.

Knows files, lines and words of refusal; what the keys mean, whoever reads them knows.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from broker.core.errors import ConfigurationError
from broker.runtime.toml_places import KeyPath, find_places


def read_text(path: Path, what: str) -> str:
    """Return the text of a file, called `what` in a refusal; raise `ConfigurationError`."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"the {what} {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the {what} {path} is no text in UTF-8: {error.reason}") from error


def load(text: str, name: str, what: str) -> Mapping[str, Any]:
    """Return what a text of TOML holds; raise `ConfigurationError` with the file's `name`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"the {what} {name} is no TOML: {error}") from error


class TomlReading:
    """Reads one text; `problems` gathers line and words of what is wrong with it."""

    def __init__(self, text: str) -> None:
        """Take a text that `load` has read."""
        self.problems: list[tuple[int, str]] = []
        self.places = find_places(text)

    def end(self, name: str) -> None:
        """Raise `ConfigurationError` with every problem, in the order of lines, where there is any."""
        if self.problems:
            told = sorted(set(self.problems))
            raise ConfigurationError("\n".join(f"{name}:{line}: {words}" for line, words in told))

    def refuse(self, path: KeyPath, words: str) -> None:
        """Note what is wrong at a place."""
        self.problems.append((self.places.line(path), words))

    def known(
        self, said: Mapping[str, Any], keys: Iterable[str], path: KeyPath, where: str, *, many: bool = False
    ) -> None:
        """Refuse keys that nobody reads; of `many` that are known the nearest is named, else all."""
        known = list(keys)
        for key in said:
            if key not in known:
                nearest = difflib.get_close_matches(key, known, n=1, cutoff=0)[0]
                others = f"the nearest is '{nearest}'" if many else f"it knows {', '.join(known)}"
                self.refuse((*path, key), f"{where} does not know '{key}'; {others}")

    def table(self, said: Any, path: KeyPath) -> Mapping[str, Any]:
        """Return a table; refuse anything else."""
        if isinstance(said, dict):
            return said
        self.refuse(path, f"'{path[-1]}' must be a table: write [{path[-1]}]")
        return {}

    def tables(self, said: Any, path: KeyPath) -> Iterator[Mapping[str, Any]]:
        """Yield the elements of an array of tables; refuse anything else."""
        if isinstance(said, list) and all(isinstance(one, dict) for one in said):
            yield from said
        else:
            self.refuse(path, f"'{path[-1]}' must be an array of tables: write [[{path[-1]}]]")
