"""Finds which rules a text cites: `ruling 9`, `rulings 11, 12 and 45`, `R23`, `D1`, the ruling on times."""

import re
from collections.abc import Iterator

_LIST = r"(\d+(?:(?:, | and |–| to )\d+)*)"
_RULINGS = re.compile(rf"\brulings? {_LIST}")
_BARE = re.compile(rf"\({_LIST}(?:, [RD]\d+)*\)")
_OTHERS = re.compile(r"\b[RD][1-9]\d?\b")
_TIMES = re.compile(r"\bruling on times\b")
_PART = re.compile(r"(\d+)(?:(?:–| to )(\d+))?")


def cited(text: str, *, bare: bool = False) -> frozenset[str]:
    """
    Return the rules that a text cites, as `tests/spec/rules.toml` names them.

    A range stands for all that is in it. With `bare` a number in brackets is a ruling as well, as the tests'
    docstrings have it: `(11, 12)`.
    """
    lists = _RULINGS.findall(text) + (_BARE.findall(text) if bare else [])
    rulings = {f"ruling {number}" for found in lists for number in _numbers(found)}
    return frozenset({*rulings, *_OTHERS.findall(text), *(["Time"] if _TIMES.search(text) else [])})


def _numbers(found: str) -> Iterator[int]:
    """Yield the numbers of a list."""
    for first, last in _PART.findall(found):
        yield from range(int(first), int(last or first) + 1)
