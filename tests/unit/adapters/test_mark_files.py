"""Numbers that are to be marked lie in files of their own until they are due, over restarts."""

import stat
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from broker.adapters.mark_files import MarkFiles
from broker.core.errors import StorageUnusable
from broker.core.identifiers import NhsNumber

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
ONE, TWO = NhsNumber("9990000018"), NhsNumber("9990000026")


def shelf(directory: Path) -> MarkFiles:
    """Return a shelf, as each process opens one."""
    names = count()
    return MarkFiles(directory / "marks", lambda: f"n{next(names)}")


def test_a_number_is_due_at_its_time_and_no_more_once_it_is_dropped(tmp_path: Path) -> None:
    """Whichever process looks; each by itself."""
    kept = shelf(tmp_path)
    kept.keep(ONE, NOON + A_SECOND)
    kept.keep(TWO, NOON)

    assert [TWO] == [number for _, number in shelf(tmp_path).due(NOON)]
    [(name, _), (later, number)] = shelf(tmp_path).due(NOON + A_SECOND)
    assert ONE == number
    kept.drop(name)
    kept.drop(name)
    assert [(later, ONE)] == kept.due(NOON + A_SECOND)


def test_nobody_else_reads_it_and_no_file_has_two_numbers(tmp_path: Path) -> None:
    """For the account of the broker alone (42)."""
    kept = shelf(tmp_path)
    kept.keep(ONE, NOON)
    kept.keep(TWO, NOON)

    files = sorted((tmp_path / "marks").iterdir())
    assert [ONE.key, TWO.key] == [file.read_bytes() for file in files]
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}
    assert stat.S_IMODE((tmp_path / "marks").stat().st_mode) == 0o700


def test_what_is_no_number_is_left_alone_and_nothing_is_due_where_nothing_was_kept(tmp_path: Path) -> None:
    """A draft, a file of somebody's, a number that is none: none of them stops the others."""
    kept = shelf(tmp_path)
    assert [] == kept.due(NOON)
    kept.keep(ONE, NOON)
    for name, data in ((".draft.tmp", b"x"), ("0-a", b"9990000000"), ("0-b", b"\xff"), ("notes", b"")):
        (tmp_path / "marks" / name).write_bytes(data)

    assert [ONE] == [number for _, number in kept.due(NOON)]


def test_where_it_cannot_be_kept_it_is_said(tmp_path: Path) -> None:
    """A file stands where the directory is to be: the sender keeps its message."""
    (tmp_path / "marks").write_bytes(b"")

    with pytest.raises(StorageUnusable):
        shelf(tmp_path).keep(ONE, NOON)
