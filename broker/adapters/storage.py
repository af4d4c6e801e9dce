"""
Proof that what has to be kept can be kept, before anything begins; and the words for where it cannot.

Knows: that a full disk makes directories and empty files and then refuses the first block, and that only a
synced write tells.
"""

import os
import secrets
import shutil
from pathlib import Path

from broker.core.errors import StorageUnusable

ROOM_BYTES = 1024 * 1024
"""What must fit into a directory at the start: the first pages of a database, keys, reports."""


def prove_directory(directory: Path, setting: str) -> None:
    """
    Prove that files can be made, synced, linked and removed in `directory`; leave nothing behind.

    Of a directory that is not there yet, that is proved of the nearest one above it, in which it would be
    made. Raises `StorageUnusable` naming `setting` and the directory.
    """
    try:
        _write_and_remove(_present(directory))
    except OSError as error:
        raise unusable(setting, directory, error) from error


def require_room(directory: Path, room_bytes: int, what: str) -> None:
    """Raise `StorageUnusable` naming `what` unless so much is free where a directory is or would be made."""
    try:
        free_bytes = shutil.disk_usage(_present(directory)).free
    except OSError as error:
        raise unusable(what, directory, error) from error
    if free_bytes < room_bytes:
        raise StorageUnusable(
            f"{what} needs {_mebibytes(room_bytes)} in {directory}, and {_mebibytes(free_bytes)} are free"
        )


def unusable(setting: str, place: Path, error: OSError) -> StorageUnusable:
    """Return the error for a place that cannot be used: which setting names it, and the system's word."""
    return StorageUnusable(f"{setting}: {place} cannot be used: {error.strerror or type(error).__name__}")


def _present(directory: Path) -> Path:
    """Return the directory, or the nearest one above it that is there."""
    return next(place for place in (directory, *directory.absolute().parents) if place.exists())


def _mebibytes(size: int) -> str:
    """Return a size in words."""
    return f"{size / 1024 / 1024:.1f} MiB"


def _write_and_remove(directory: Path) -> None:
    """Write `ROOM_BYTES` into a file, sync it, give it a second name, remove both."""
    probe = directory / f".cpis-{secrets.token_hex(8)}.probe"
    linked = probe.with_suffix(".link")
    try:
        with os.fdopen(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(bytes(ROOM_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(probe, linked)  # a key appears whole or not at all, by its second name
    finally:
        linked.unlink(missing_ok=True)
        probe.unlink(missing_ok=True)
