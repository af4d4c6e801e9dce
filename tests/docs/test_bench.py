"""The benchmarks run, in their shortest form; the figures are `make bench`'s."""

import re
import subprocess
import sys

import pytest

from tests.tools.stale_docs import REPOSITORY

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]


def bench(*options: str) -> str:
    """Run the benchmarks and return what they print."""
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_benchmarks_print_their_ratios() -> None:
    """Each beside the bare client and its aim, and what the state costs beside its limits."""
    printed = bench("--attendances", "2000", "--seconds", "1", "--plans", "600")

    assert ["0.33", "4"] == re.findall(r"\(aim (?:under )?([\d.]+)", printed)
    assert ["3", "700", "20", "1.15"] == re.findall(r"\(limit ([\d.]+)", printed)


def test_the_door_is_measured_beside_a_server_that_only_echoes() -> None:
    """By one connection and by twenty, every message durable, beside the aims."""
    printed = bench("--mllp", "--attendances", "2000")

    assert ["echo", "durable"] == re.findall(r"^AA, (\w+)", printed, re.MULTILINE)
    assert ["3,000", "under 50"] == re.findall(r"\(aim ((?:under )?[\d,]+)", printed)
    assert 2 == len(re.findall(r"by one connection, [\d,]+ by 20, ", printed))


def test_a_reload_is_measured_over_the_authorities_door() -> None:
    """Every file is accepted, every record asked about, and each becomes a fact once."""
    printed = bench("--reload", "--records", "306")

    assert ["306 records in 153 files, 306 plan facts, 100.0% matched"] == re.findall(
        r"^reload +(.*):", printed, re.MULTILINE
    )
    assert ["767"] == re.findall(r"\(aim ([\d,]+)\)", printed)
