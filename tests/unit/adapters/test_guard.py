"""The guard that ties a program to the life of the process that started it."""

import os
import subprocess
import sys

from broker.adapters.embedded_kafka import guard


def _guarded(parent: int) -> subprocess.CompletedProcess[str]:
    """Let the guard of `parent` become a program that says hello."""
    return subprocess.run(
        [sys.executable, guard.__file__, str(parent), "/bin/sh", "-c", "echo hello"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_becomes_the_program() -> None:
    """Started by its parent, the guard gives way to the program."""
    assert (0, "hello\n") == ((result := _guarded(os.getpid())).returncode, result.stdout)


def test_it_does_nothing_for_a_parent_that_is_gone() -> None:
    """When the parent died before the guard took hold, the program is never started."""
    assert (71, "") == ((result := _guarded(1)).returncode, result.stdout)
