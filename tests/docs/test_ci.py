"""The script of continuous integration: an engine where it may, what the README shows, the outcome last."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.containers.images import OWN_BASE, PUBLISHED_BASE
from tests.tools.markdown import code_blocks
from tests.tools.stale_docs import REPOSITORY

_PASSED = "============ 3 passed, 1 skipped in 0.12s ============"
_FAILED = "============ 1 failed, 2 passed in 0.12s ============"


_TOOLS = {
    "id": "echo 0",
    "apt-get": 'case "$1" in indextargets) echo http://packages.example/debian/ ;; esac',
    "dockerd": """touch "$FOLDER/up"; trap 'rm "$FOLDER/up"; exit' TERM; while :; do sleep 0.05; done""",
    "docker": """case "$1" in
version) test -e "$FOLDER/up" ;; compose) ;; import) cat >/dev/null ;; *) false ;;
esac""",
    "debootstrap": 'mkdir -p "$4"',
}
"""The machine: root, a Debian, an engine that answers while `dockerd` runs and can fetch nothing."""


def _tool(folder: Path, name: str, script: str) -> None:
    """Put a program onto the path that notes how it was called."""
    tool = folder / name
    tool.write_text(f'#!/bin/sh\necho "{name} $*" >> "$FOLDER/calls"\n{script}\n', encoding="utf-8")
    tool.chmod(0o755)


def _run(
    folder: Path, *, closing: str = _PASSED, outcome: int = 0, ci: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the script with a `make` that notes its targets, prints a closing line and ends as told."""
    for name, script in _TOOLS.items():
        _tool(folder, name, script)
    _tool(
        folder,
        "make",
        'echo "tests in containers: ${DOCKER_TESTS:-as it comes}, up: $(ls "$FOLDER" | grep -c "^up$")"\n'
        f'[ "$1" = test ] || exit 0\necho "{closing}"; echo "make: done" >&2; exit {outcome}',
    )
    others = {name: value for name, value in os.environ.items() if name != "DOCKER_TESTS"}
    path = f"{folder}:{os.environ['PATH']}"
    return subprocess.run(
        [REPOSITORY / ".ci" / "run"],
        env={**others, "PATH": path, "FOLDER": str(folder), "TMPDIR": str(folder), "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )


def _calls(folder: Path, *names: str) -> list[str]:
    """Return how these programs were called, in their order."""
    return [call for call in (folder / "calls").read_text("utf-8").splitlines() if call.split()[0] in names]


def test_it_checks_then_runs_the_test_command_of_the_readme(tmp_path: Path) -> None:
    """The targets are those of the README, after the checks."""
    (shown,) = code_blocks((REPOSITORY / "README.md").read_text("utf-8"), "sh")

    _run(tmp_path)

    assert ["make check", "make test"] == _calls(tmp_path, "make")
    assert "make test " in shown


@pytest.mark.parametrize(
    ("closing", "outcome"), [pytest.param(_PASSED, 0, id="passed"), pytest.param(_FAILED, 2, id="failed")]
)
def test_its_last_line_is_the_closing_line(tmp_path: Path, closing: str, outcome: int) -> None:
    """Whatever follows it, the test runner's closing line comes last, and the exit code is the tests'."""
    done = _run(tmp_path, closing=closing, outcome=outcome)

    assert (closing, outcome) == (done.stdout.splitlines()[-1], done.returncode)


def test_on_a_machine_of_its_own_it_installs_an_engine_and_an_image_to_build_upon(tmp_path: Path) -> None:
    """Both before the tests, which then must run in containers; the engine ends with the run."""
    done = _run(tmp_path, ci="true")

    assert 0 == done.returncode, done.stderr
    assert 2 == done.stdout.count("tests in containers: required, up: 1")
    (made,) = _calls(tmp_path, "debootstrap")
    assert re.fullmatch(r"debootstrap .* bookworm \S+ http://packages\.example/debian/", made)
    assert ["docker import - cpis-base:bookworm", "make check", "make test"] == _calls(
        tmp_path, "docker", "make"
    )[-3:]
    assert not (tmp_path / "up").exists()


def test_on_a_machine_of_somebody_it_changes_nothing(tmp_path: Path) -> None:
    """Without an engine it says that these tests are skipped; the rest runs."""
    done = _run(tmp_path)

    assert [] == _calls(tmp_path, "apt-get", "dockerd", "debootstrap")
    assert "Without a Docker engine the tests in containers (tests/containers) are skipped.\n" in done.stdout
    assert 2 == done.stdout.count("tests in containers: as it comes")
    assert "no Docker engine answers" in done.stderr


def test_an_engine_that_does_not_start_stops_nothing_else(tmp_path: Path) -> None:
    """The reason is shown, and the rest runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_TOOLS, "dockerd", "echo no kernel for containers; exit 1")
        done = _run(tmp_path, ci="true")

    assert "no kernel for containers" in done.stderr
    assert (_PASSED, 0) == (done.stdout.splitlines()[-1], done.returncode)


def test_the_image_to_build_upon_has_the_names_that_the_tests_look_for() -> None:
    """And the one that is tried first is that of the Dockerfile."""
    script = (REPOSITORY / ".ci" / "engine").read_text("utf-8")

    assert f"readonly BASE={OWN_BASE} " in script
    assert f"readonly PUBLISHED={PUBLISHED_BASE}\n" in script
    assert f"\nARG BASE={PUBLISHED_BASE}\n" in (REPOSITORY / "deploy" / "Dockerfile").read_text("utf-8")
