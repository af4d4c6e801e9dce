"""The script of continuous integration runs what the README shows, and its last line tells the outcome."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.tools.markdown import code_blocks
from tests.tools.stale_docs import REPOSITORY

_PASSED = "============ 3 passed, 1 skipped in 0.12s ============"
_FAILED = "============ 1 failed, 2 passed in 0.12s ============"


def _run(folder: Path, *, closing: str, outcome: int) -> subprocess.CompletedProcess[str]:
    """Run the script with a `make` that notes its targets, prints a closing line and ends as told."""
    make = folder / "make"
    make.write_text(
        f'#!/bin/sh\necho "$1" >> "{folder}/targets"\n'
        f'[ "$1" = test ] || exit 0\necho "{closing}"; echo "make: done" >&2; exit {outcome}\n',
        encoding="utf-8",
    )
    make.chmod(0o755)
    return subprocess.run(
        [REPOSITORY / ".ci" / "run"],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_checks_then_runs_the_test_command_of_the_readme(tmp_path: Path) -> None:
    """The targets are those of the README, after the checks."""
    (shown,) = code_blocks((REPOSITORY / "README.md").read_text("utf-8"), "sh")

    _run(tmp_path, closing=_PASSED, outcome=0)

    assert ["check", "test"] == (tmp_path / "targets").read_text("utf-8").split()
    assert "make test " in shown


@pytest.mark.parametrize(
    ("closing", "outcome"), [pytest.param(_PASSED, 0, id="passed"), pytest.param(_FAILED, 2, id="failed")]
)
def test_its_last_line_is_the_closing_line(tmp_path: Path, closing: str, outcome: int) -> None:
    """Whatever follows it, the test runner's closing line comes last, and the exit code is the tests'."""
    done = _run(tmp_path, closing=closing, outcome=outcome)

    assert (closing, outcome) == (done.stdout.splitlines()[-1], done.returncode)
