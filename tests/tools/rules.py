"""
Reads the table of the rules and finds their rows: which tests cite a rule, and how many rows each has.

The table is `tests/spec/rules.toml`; nothing that can be found is written there.
"""

import importlib
import inspect
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from math import prod
from pathlib import Path, PurePosixPath
from typing import Literal

from broker.core.policy import DECLARATIONS
from tests.tools.citations import cited

TABLE = PurePosixPath("tests/spec/rules.toml")
SPECIFICATIONS = PurePosixPath("tests/spec")
SIDES = 2
"""A rule that the core decides has at least a row on each side of its boundary."""

EXPECTED = [f"ruling {number}" for number in range(1, 50)] + [f"R{number}" for number in range(1, 55)]
"""What the table must hold, whatever else it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    One rule of the table; what its entries mean is said at the head of that file.

    Raises `ValueError` where it is decided in two ways at once.
    """

    id: str
    group: str
    says: str
    rows: Literal["spec", "door"] = "spec"
    settled_by: Sequence[str] = ()
    not_yet: str = ""
    outside: str = ""
    lacks: str = ""

    def __post_init__(self) -> None:
        """Refuse a rule of which two ways of being decided are told."""
        ways = (self.rows == "door", bool(self.settled_by), bool(self.not_yet), bool(self.outside))
        if sum(ways) > 1:
            raise ValueError(f"{self.id}: one of rows, settled_by, not_yet and outside")

    @property
    def has_rows(self) -> bool:
        """Whether it must have rows of its own."""
        return not (self.settled_by or self.not_yet or self.outside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A test that cites rules, with its file in the repository and its number of rows."""

    file: PurePosixPath
    name: str
    rows: int
    rules: frozenset[str]

    @property
    def specifies(self) -> bool:
        """Whether it is one of the specifications, which run on every runtime."""
        return self.file.is_relative_to(SPECIFICATIONS)


def read_rules(text: str) -> list[Rule]:
    """Return the rules of the table in its order. Raises `TypeError` for a key that a rule does not have."""
    groups = tomllib.loads(text)["group"]
    return [Rule(group=group["title"], **rule) for group in groups for rule in group["rule"]]


def stated_in(repository: Path) -> list[Stated]:
    """Return every test that cites a rule in its docstring, in the order of the files and in theirs."""
    return [
        stated
        for path in sorted((repository / "tests").rglob("test_*.py"))
        if cited(path.read_text("utf-8"), bare=True)
        for stated in _of_module(PurePosixPath(path.relative_to(repository).as_posix()))
    ]


def _of_module(file: PurePosixPath) -> Iterator[Stated]:
    """Yield the tests of one file that cite a rule."""
    name = ".".join(file.with_suffix("").parts)
    for test, function in vars(importlib.import_module(name)).items():
        rules = cited(function.__doc__ or "", bare=True) if inspect.isfunction(function) else ()
        if test.startswith("test_") and rules:
            yield Stated(file=file, name=test, rows=_rows(function), rules=rules)


def _rows(function: object) -> int:
    """Return how many rows a test is called with; a parameter that has no length counts as one."""
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
    return prod(len(mark.args[1]) if isinstance(mark.args[1], Sized) else 1 for mark in marks)


def modules_by_rule(repository: Path) -> Mapping[str, list[PurePosixPath]]:
    """Return the modules of the program that cite each rule, by its id."""
    found: dict[str, list[PurePosixPath]] = {}
    for path in sorted((repository / "broker").rglob("*.py")):
        for rule in cited(path.read_text("utf-8")):
            found.setdefault(rule, []).append(PurePosixPath(path.relative_to(repository).as_posix()))
    return found


def settings_by_rule() -> Mapping[str, list[str]]:
    """Return the keys of the policy that each rule has, by its id."""
    found: dict[str, list[str]] = {}
    for name, declared in DECLARATIONS.items():
        for rule in cited(declared.rule):
            found.setdefault(rule, []).append(declared.key(name))
    return found


def problems(rules: Sequence[Rule], stated: Iterable[Stated]) -> Iterator[str]:
    """Yield what is wrong with the table, and which rules have no rows or have some and should not."""
    count = Counter(rule.id for rule in rules)
    yield from (f"{rule}: {TABLE} does not have it" for rule in EXPECTED if not count[rule])
    yield from (f"{rule}: {TABLE} has it {times} times" for rule, times in count.items() if times > 1)
    specified: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for one in stated:
        (specified if one.specifies else elsewhere).update(dict.fromkeys(one.rules, one.rows))
    for rule in rules:
        strangers = [other for other in rule.settled_by if not count[other]]
        yield from (f"{rule.id}: is settled by {other}, which {TABLE} does not have" for other in strangers)
        missing = _missing(rule, specified[rule.id], elsewhere[rule.id])
        if missing is not None:
            yield f"{rule.id}: {missing}"


def _missing(rule: Rule, specified: int, elsewhere: int) -> str | None:
    """Return what a rule lacks that has so many rows in the specifications, and so many elsewhere."""
    if rule.not_yet and specified:
        return f"{TABLE} says `not_yet`, and {SPECIFICATIONS} has rows of it: say there what holds now"
    if not rule.has_rows:
        return None
    if rule.rows == "door":
        return None if elsewhere else f"no test outside {SPECIFICATIONS} cites it in its docstring"
    if specified >= SIDES:
        return None
    where = f"{specified} of {SIDES} rows in {SPECIFICATIONS}"
    return f"{where}: one on each side of its boundary, with the rule in the test's docstring"
