"""
How a run is spread over processes: file by file, those that take long first, so that all end at one time.

The tests of a file share what its fixtures lend, a Kafka above all. Those in containers share an image and a
stack, and count as one file; where each test has a Kafka of its own, each is taken by itself. No test runs
alone: what bounds a time has room for what runs beside it.
"""

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


class Spreading:
    """The pytest plugin that spreads a run."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put what takes long first; apart from that the order stays as chance made it."""
        items.sort(key=lambda item: place_of(item.nodeid))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Spread:
        """Hand out units of our own."""
        config.option.loadscopereorder = False  # it would go by the number of tests
        return Spread(config, log)
