"""Files that name people, on a real directory: whole or not at all, and for the owner alone."""

from pathlib import Path

import pytest

from broker.adapters.private_file import write_private_file


def test_a_file_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    """Nobody else may read it, and nothing else is left."""
    write_private_file(tmp_path / "a", b"content")

    assert (0o600, b"content") == ((tmp_path / "a").stat().st_mode & 0o777, (tmp_path / "a").read_bytes())
    assert [tmp_path / "a"] == list(tmp_path.iterdir())


def test_what_a_crash_left_is_replaced(tmp_path: Path) -> None:
    """A half-written draft, open to others, does not lend its mode to the file."""
    (tmp_path / ".a.tmp").write_bytes(b"half")
    (tmp_path / ".a.tmp").chmod(0o644)

    write_private_file(tmp_path / "a", b"content")

    assert (0o600, b"content") == ((tmp_path / "a").stat().st_mode & 0o777, (tmp_path / "a").read_bytes())


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    """The place is taken by a folder."""
    (tmp_path / "a").mkdir()

    with pytest.raises(OSError, match="a"):
        write_private_file(tmp_path / "a", b"content")

    assert [tmp_path / "a"] == list(tmp_path.iterdir())
