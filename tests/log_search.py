"""
Every log line of a whole test run, searched for every person in it, and for what is no event of ours.

The run's own logs pass through the pipeline of production into one file; workers write theirs to `*.log`
below the run's temporary directory. A single hit fails the run.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from broker.runtime.log_catalogue import NotInTheCatalogue
from broker.runtime.logs import configure_logs
from tests.builders import demo_stream
from tests.builders.adt import Patient
from tests.builders.matcher import DETAILS

_NUMBER = re.compile(r"(?<!\d)999\d{7}(?!\d)")  # every number of the tests is from this range
_LETTERS_MIN = 5  # a shorter name is part of ordinary words
_SHOWN = 20


def identifiers() -> frozenset[str]:
    """Return the names and dates of birth of the people that the tests send through the broker."""
    people = [person for person in vars(demo_stream).values() if isinstance(person, Patient)]
    names = {name for person in people for name in (person.family, person.given)}
    births = {birth for person in people for birth in (person.born, _dashed(person.born))}
    return frozenset(name for name in names if len(name) >= _LETTERS_MIN) | births | {str(DETAILS.family)}


def _dashed(born: str) -> str:
    """Return a date of birth as a log would write it."""
    return f"{born[:4]}-{born[4:6]}-{born[6:]}"


def hits(lines: Iterable[str]) -> Iterator[str]:
    """Yield a description of every line that names a person, without that name, or is no declared event."""
    wanted = re.compile("|".join(re.escape(word) for word in sorted(identifiers())), re.IGNORECASE)
    for number, line in enumerate(lines, start=1):
        for what, pattern in (("an NHS number", _NUMBER), ("a name or date of birth", wanted)):
            if pattern.search(line):
                yield f"line {number} holds {what}: {pattern.sub('…', line)[:200]}"
        if NotInTheCatalogue.name in line:
            yield f"line {number} stands for what is no event of the catalogue, or has not its fields"


@dataclass(slots=True)
class Searched:
    """How much was searched, and what was found there, as it may be shown."""

    lines: int = 0
    files: int = 0
    found: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return how much was searched, in words."""
        return f"{self.lines} log lines of {self.files} files searched for people: {len(self.found)} found"

    def take(self, file: Path) -> None:
        """Search a file."""
        lines = file.read_text("utf-8", "replace").splitlines()
        self.add(len(lines), 1, [f"{file.name}: {hit}" for hit in hits(lines)])

    def add(self, lines: int, files: int, found: Iterable[str]) -> None:
        """Add what was searched elsewhere."""
        self.lines += lines
        self.files += files
        self.found += found

    def handed_on(self) -> tuple[int, int, list[str]]:
        """Return what another process may add to its own."""
        return self.lines, self.files, self.found


class LogSearch:
    """
    The pytest plugin that collects and searches the logs of a run.

    Where a run is spread over processes each searches its own lines, and hands on what it may show.
    """

    def __init__(self) -> None:
        """Send this process's logs to a file."""
        self._own = tempfile.NamedTemporaryFile("w+", suffix=".log", encoding="utf-8")  # noqa: SIM115
        self._searched = Searched()
        configure_logs("debug", self._own)  # type: ignore[arg-type]  # a wrapper that is a text stream

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Search what was logged; fail the run on any hit."""
        self._own.flush()
        self._searched.take(Path(self._own.name))
        handed_on: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if handed_on is not None:
            handed_on[type(self).__name__] = self._searched.handed_on()
            return
        below = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # pytest's own
        for file in sorted(below.rglob("*.log")):  # those of the other processes lie below it too
            self._searched.take(file)
        if self._searched.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add what another process has found; one that fell over says nothing, and fails the run itself."""
        handed_on = getattr(node, "workeroutput", {}).get(type(self).__name__)
        if handed_on is not None:
            self._searched.add(*handed_on)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many lines were searched and what was found."""
        terminalreporter.section("personal data in logs")
        for line in (str(self._searched), *self._searched.found[:_SHOWN]):
            terminalreporter.line(line)
