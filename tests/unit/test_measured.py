"""What runs in memory is measured, and nothing else; measuring goes on behind a test that is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker.core import canonical
from tests.measured import MEASURED, forget, is_measured
from tests.nested import environment
from tests.tools.stale_docs import REPOSITORY

_CONFTEST = """
from tests.measured import Measuring

def pytest_configure(config):
    config.addinivalue_line("markers", "kafka: runs on Kafka")
    config.pluginmanager.register(Measuring(), "measuring")
"""
_MODULE = """
def first():
    return 1

def second():
    return 2

def third():
    return 3

def fourth():
    return 4
"""
_TESTS = """
import threading

import pytest

import shown

@pytest.fixture(scope="session")
def worker():
    ending = threading.Event()
    thread = threading.Thread(target=lambda: (ending.wait(), shown.third()))
    thread.start()
    yield
    ending.set()
    thread.join()

def test_in_memory():
    assert 1 == shown.first()

@pytest.mark.kafka
def test_on_kafka(worker):
    assert 2 == shown.second()

def test_in_memory_again():
    assert 4 == shown.fourth()
"""
_SECOND, _THIRD = 6, 9  # the lines of what they return


@pytest.mark.parametrize(
    ("nodeid", "marks", "measured"),
    [
        ("tests/unit/core/test_a.py::test_b[x]", frozenset[str](), True),
        ("tests/spec/test_a.py::test_b[twin]", frozenset({"parametrize"}), True),
        ("tests/spec/test_a.py::test_b[kafka]", frozenset({"parametrize", "kafka"}), False),
        ("tests/integration/test_a.py::test_b", frozenset({"docker"}), False),
        ("tests/fuzz/test_a.py::test_b", frozenset[str](), False),
    ],
)
def test_what_runs_in_memory_is_measured(nodeid: str, marks: frozenset[str], measured: bool) -> None:  # noqa: FBT001
    """And belongs to the tests that the whole coverage is asked of."""
    assert measured is is_measured(nodeid, marks)


def test_what_is_measured_is_there() -> None:
    """A folder that has moved would go unmeasured."""
    assert [] == [name for name in MEASURED if not (REPOSITORY / name).is_dir()]


def test_what_a_test_that_is_not_measured_worked_out_is_worked_out_anew() -> None:
    """Lines that it alone came by, behind a function that remembers, would be missing."""
    canonical._reader(frozenset, frozenset())
    forget()
    assert 0 == canonical._reader.cache_info().currsize


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_line_that_only_kafka_comes_by_is_missing(tmp_path: Path, processes: str) -> None:
    """Nor is a thread measured that such a test began; what comes behind it is, in however many processes."""
    folder = tmp_path / "tests" / "unit"
    folder.mkdir(parents=True)
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "shown.py").write_text(_MODULE)
    (folder / "test_shown.py").write_text(_TESTS)
    options = ["-p", "no:randomly", "-p", "no:cacheprovider", "-n", processes, "--dist", "loadfile"]

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", *options, "-c", os.devnull, "--rootdir", "."),
            *("--cov=shown", "--cov-report=term-missing", "tests"),
        ],
        cwd=tmp_path,
        env=environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{REPOSITORY}"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, 1) == (done.returncode, done.stdout.count("3 passed")), done.stdout + done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("shown.py")]
    assert f"{_SECOND}, {_THIRD}" == row.partition("% ")[2].strip()
