"""The benchmarks run, in their shortest form; the figures are `make bench`'s."""

import re
import subprocess
import sys

import pytest

from tests.tools.stale_docs import REPOSITORY

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


def test_the_benchmarks_print_their_ratios() -> None:
    """Each beside the bare client and its aim, and what the state costs beside its limits."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--attendances", "2000", "--seconds", "1", "--plans", "600"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ["0.33", "4"] == re.findall(r"\(aim (?:under )?([\d.]+)", done.stdout)
    assert ["3", "700", "20", "1.15"] == re.findall(r"\(limit ([\d.]+)", done.stdout)
