"""Small file systems of a test's own, to be filled: a genuine full disk where we may mount one."""

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILLING = "filling"
_BLOCK = bytes(4096)


@contextmanager
def small_disk(at: Path, *, size_bytes: int) -> Iterator[Path]:
    """Mount a file system of `size_bytes` at a directory that is made; skip where that is forbidden."""
    at.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(at)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here, so no disk can be filled: {done.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def fill(disk: Path, *, leaving_bytes: int = 0) -> None:
    """Fill a small disk to its last block, then give some room back."""
    with (disk / FILLING).open("ab", buffering=0) as file:
        try:
            while True:
                file.write(_BLOCK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        file.truncate(max(0, file.tell() - leaving_bytes))
