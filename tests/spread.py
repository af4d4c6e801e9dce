"""
How a run is spread over processes: file by file, those that take long first, so that all end at one time.

The tests of a file share what its fixtures lend, a Kafka above all. Those in containers share an image and a
stack, and count as one file; where each test has a Kafka of its own, each is taken by itself. A test that
measures time is marked `alone`: no other one runs beside it.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = "tests/containers/"
"""Whose files are one."""

APART = frozenset({"tests/fault/test_crash_points.py"})
"""Files whose tests share nothing."""

LONG = (
    TOGETHER,
    "tests/fault/",
    "tests/integration/test_restricted_places.py",
    "tests/acceptance/",
    "tests/docs/test_walks.py",
    "tests/docs/test_bench.py",
    "tests/integration/test_mutants.py",
    "tests/integration/",
    "tests/contract/",
    "tests/generative/",
    "tests/docs/",
    "tests/spec/",
)
"""What takes longest, the longest first; a folder stands for its files, but for those named before it."""


def unit_of(nodeid: str) -> str:
    """Return what a test goes to a process with: the tests of which this is the same."""
    file = nodeid.partition("::")[0]
    if file.startswith(TOGETHER):
        return TOGETHER
    return nodeid if file in APART else file


def place_of(nodeid: str) -> int:
    """Return in which order tests are handed out: the place of what takes long, and behind it all others."""
    return next((place for place, name in enumerate(LONG) if nodeid.startswith(name)), len(LONG))


class Spread(LoadScopeScheduling):  # type: ignore[misc]  # untyped
    """Hands out units in the order in which their tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the unit of a test."""
        return unit_of(nodeid)


class Turns:
    """Lets tests of several processes run beside each other, but for those that want to be alone."""

    def __init__(self, directory: Path) -> None:
        """Agree with the other processes in a directory that all of them know."""
        self._door = (directory / "door.lock").open("w")
        self._room = (directory / "room.lock").open("w")

    def close(self) -> None:
        """Take no more turns."""
        self._door.close()
        self._room.close()

    @contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        """Wait until there is room; whoever wants all of it holds the door, so that nobody slips in."""
        flock(self._door, LOCK_EX)
        flock(self._room, LOCK_EX if alone else LOCK_SH)
        flock(self._door, LOCK_UN)
        try:
            yield
        finally:
            flock(self._room, LOCK_UN)


class Spreading:
    """The pytest plugin that spreads a run; `turns` are those of the processes of this run, once begun."""

    def __init__(self) -> None:
        """Take no turns yet."""
        self.turns: Turns | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Take turns where there is more than one process."""
        if hasattr(session.config, "workerinput"):
            own = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # pytest's
            self.turns = Turns(own.parent)

    def pytest_sessionfinish(self) -> None:
        """Give back what turns are taken with."""
        if self.turns is not None:
            self.turns.close()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Wait for this test's turn, before its time limit begins."""
        if self.turns is None:
            return (yield)
        with self.turns.turn(alone=item.get_closest_marker("alone") is not None):
            return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put what takes long first; apart from that the order stays as chance made it."""
        items.sort(key=lambda item: place_of(item.nodeid))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Spread:
        """Hand out units of our own."""
        config.option.loadscopereorder = False  # it would go by the number of tests
        return Spread(config, log)
