"""Writes files that name people: whole or not at all, for the account of the broker alone."""

import os
from collections.abc import Iterable
from pathlib import Path

_MODE = 0o600


def write_private_file(path: Path, data: bytes) -> None:
    """Write a file as `write_private_pieces` does."""
    write_private_pieces(path, (data,))


def write_private_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """
    Write a file, in place of an earlier one, so that a reader finds the old one or the new one, never a part.

    Only the owner may read it. Raises `OSError` where it cannot be written, and whatever `pieces` raises;
    then the earlier one stands.
    """
    draft = path.with_name(f".{path.name}.tmp")
    draft.unlink(missing_ok=True)  # what a crash left
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:  # the pieces may be at fault, too
        draft.unlink(missing_ok=True)
        raise
