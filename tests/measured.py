"""
Which tests are measured for coverage: those that the 100 % are asked of.

Code that is measured takes twice to three times as long. What tests each rule, codec and service, unit tests
and the rows of the specifications above all, needs memory and sockets only. What runs on a genuine Kafka, in
other processes and in containers, or makes thousands of cases up, comes by the same lines once more, and is
not measured.
"""

import sys
from collections.abc import Generator
from functools import cache
from typing import Any

import pytest

MEASURED = ("tests/unit/", "tests/spec/", "tests/contract/", "tests/integration/", "tests/complaints/")
"""The folders whose tests are measured, but for those marked with one of `ELSEWHERE`."""

ELSEWHERE = frozenset({"kafka", "docker", "bench"})
"""Marks of what needs more than memory."""


def is_measured(nodeid: str, marks: frozenset[str]) -> bool:
    """Return whether a test with these marks is measured."""
    return nodeid.startswith(MEASURED) and not marks & ELSEWHERE


_CACHED = type(cache(repr))


def forget() -> None:
    """Let the broker's functions forget what they worked out, so that whoever asks next sees them do it."""
    modules = [module for name, module in sys.modules.items() if name.startswith("broker.")]
    for value in [value for module in modules for value in vars(module).values()]:
        if isinstance(value, _CACHED):
            value.cache_clear()


class Measuring:
    """The pytest plugin that stops before a test that is not measured, and goes on before one that is."""

    def __init__(self) -> None:
        """Measure what is imported meanwhile."""
        self._stopped = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool | None, bool | None]:
        """Measure a test with all that it sets up, or nothing of it: what it starts in threads, neither."""
        measure: Any = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
        stop = not is_measured(item.nodeid, frozenset(mark.name for mark in item.iter_markers()))
        if measure is not None and stop is not self._stopped:
            if stop:
                measure.pause()
            else:
                forget()
                measure.resume()
            self._stopped = stop
        return (yield)
