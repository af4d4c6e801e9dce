"""The search of the logs finds what it must never find."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.demo_stream import GIRL
from tests.log_search import hits
from tests.nested import environment
from tests.tools.stale_docs import REPOSITORY

LEAKS = [
    "key 9990000018 refused",
    f"patient {GIRL.family}",
    f"patient {GIRL.given.upper()}",
    f"born {GIRL.born}",
    "born 2010-05-14",
]


@pytest.mark.parametrize("line", LEAKS)
def test_a_person_in_a_log_line_is_found(line: str) -> None:
    """A number, a name in any case, and a date of birth in either form are hits."""
    assert 1 == len(list(hits(["nothing here", line])))


def test_ids_of_ours_are_no_hits() -> None:
    """A keyed id or an offset is not mistaken for a person."""
    lines = ['{"offset": 99900000181, "event": "partition opened"}', "alert 4712ae692cde6fe9e335f2f0462ec326"]

    assert [] == list(hits(lines))


_CONFTEST = """
from tests.log_search import LogSearch

def pytest_configure(config):
    config.pluginmanager.register(LogSearch(), "log-search")
"""
_TESTS = """
import structlog

def test_a_line_of_this_process():
    structlog.get_logger().warning("key 9990000018")

def test_a_file_of_another_one(tmp_path):
    (tmp_path / "worker.log").write_text("key 9990000026")

def test_nothing():
    pass
"""


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_run_that_logs_people_fails_in_however_many_processes(tmp_path: Path, processes: str) -> None:
    """Every test passes and the run does not; the closing lines count each line once."""
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "test_leaks.py").write_text(_TESTS)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", processes, "-c", os.devnull, "--rootdir", ".", "."],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(REPOSITORY)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (pytest.ExitCode.TESTS_FAILED, 1) == (done.returncode, done.stdout.count("3 passed")), done.stdout
    assert 1 == done.stdout.count("worker.log: line 1 holds an NHS number: key …\n")
    assert 1 == done.stdout.count(": line 1 stands for what is no event of the catalogue")
