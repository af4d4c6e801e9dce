"""
Every log line of a whole test run, searched for every person in it, and for what is no event of ours.

The run's own logs pass through the pipeline of production into one file; workers write theirs to `*.log`
below the run's temporary directory. A single hit fails the run.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from broker.runtime.log_catalogue import NotInTheCatalogue
from broker.runtime.logs import configure_logs
from tests.builders import demo_stream
from tests.builders.adt import Patient
from tests.builders.matcher import DETAILS

_NUMBER = re.compile(r"(?<!\d)999\d{7}(?!\d)")  # every number of the tests is from this range
_LETTERS_MIN = 5  # a shorter name is part of ordinary words


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


class LogSearch:
    """The pytest plugin that collects and searches the logs of a run."""

    def __init__(self) -> None:
        """Send this process's logs to a file."""
        self._own = tempfile.NamedTemporaryFile("w+", suffix=".log", encoding="utf-8")  # noqa: SIM115
        self._report: list[str] = []
        configure_logs("debug", self._own)  # type: ignore[arg-type]  # a wrapper that is a text stream

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Search what was logged; fail the run on any hit."""
        self._own.flush()
        below = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # pytest's own
        files = [Path(self._own.name), *sorted(below.rglob("*.log"))]
        searched = 0
        found: list[str] = []
        for file in files:
            lines = file.read_text("utf-8", "replace").splitlines()
            searched += len(lines)
            found += [f"{file.name}: {hit}" for hit in hits(lines)]
        self._report = [f"{searched} log lines of {len(files)} files searched for people: {len(found)} found"]
        self._report += found[:20]
        if found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many lines were searched and what was found."""
        terminalreporter.section("personal data in logs")
        for line in self._report:
            terminalreporter.line(line)
