"""
What a story is picked by: hypothesis, which makes one that fails small, or chance, which is fast.

A story is the same for the same picks, so that every test can take both.
"""

import random
from collections.abc import Sequence
from functools import cache
from typing import Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Picking(Protocol):
    """Picks one of several, again and again."""

    def one(self, options: Sequence[T]) -> T:
        """Return one of these."""
        ...

    def chance(self) -> random.Random:
        """Return what orders and times are taken from: one pick, where a permutation would take dozens."""
        ...


class Drawn:
    """Picks what hypothesis draws; the first of the options is the simplest."""

    def __init__(self, draw: st.DrawFn) -> None:
        """Draw from a test's data."""
        self._draw = draw

    def one(self, options: Sequence[T]) -> T:
        """Return one of these."""
        return options[self._draw(_places(len(options)))]

    def chance(self) -> random.Random:
        """Return the same one for the same draw."""
        return random.Random(self._draw(_SEEDS))  # noqa: S311 – no secret


class Chance:
    """Picks by chance alone, the same for the same seed."""

    def __init__(self, seed: str) -> None:
        """Begin with a seed."""
        self._random = random.Random(seed)  # noqa: S311 – no secret

    def one(self, options: Sequence[T]) -> T:
        """Return one of these."""
        return self._random.choice(options)

    def chance(self) -> random.Random:
        """Return another one, the same at the same place."""
        return random.Random(self._random.getrandbits(32))  # noqa: S311 – no secret


_SEEDS = st.integers(0, 2**32 - 1)


@cache
def _places(count: int) -> st.SearchStrategy[int]:
    """Return the places in a sequence of as many."""
    return st.integers(0, count - 1)
