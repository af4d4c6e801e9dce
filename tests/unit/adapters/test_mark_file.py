"""Numbers that are to be marked lie in one file until they are due, over restarts."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path

import pytest

from broker.adapters.mark_file import MarkFile
from broker.core.errors import StorageUnusable
from broker.core.identifiers import NhsNumber
from tests.builders.matcher import numbers

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
ONE, TWO, OTHER = NhsNumber("9990000018"), NhsNumber("9990000026"), NhsNumber("9990000034")


def shelf(directory: Path) -> MarkFile:
    """Return a shelf, as each process opens one."""
    names = count()
    return MarkFile(directory / "marks", lambda: f"n{next(names)}")


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


def test_nothing_on_the_disk_puts_two_numbers_side_by_side(tmp_path: Path) -> None:
    """One file, in the order of what is due, which is by chance: kept together they lie apart (42)."""
    kept = shelf(tmp_path)
    kept.keep(ONE, NOON + A_SECOND)
    kept.keep(TWO, NOON + 3 * A_SECOND)
    kept.keep(OTHER, NOON + 2 * A_SECOND)

    [lock, file] = sorted((tmp_path / "marks").iterdir())
    assert [ONE, OTHER, TWO] == [NhsNumber(line.split()[-1]) for line in file.read_text("ascii").splitlines()]
    assert {0o600} == {stat.S_IMODE(one.stat().st_mode) for one in (lock, file)}
    assert stat.S_IMODE((tmp_path / "marks").stat().st_mode) == 0o700
    assert b"" == lock.read_bytes()


def test_what_is_no_number_is_left_alone_and_nothing_is_due_where_nothing_was_kept(tmp_path: Path) -> None:
    """A line of somebody's, a number that is none: none stops the others, whatever is kept or dropped."""
    kept = shelf(tmp_path)
    assert [] == kept.due(NOON)
    kept.drop("0 a 9990000018")
    assert not (tmp_path / "marks").exists()
    file = tmp_path / "marks" / "to-come"
    file.parent.mkdir()
    others = b"0 a 9990000000\n0 b \xff\nnotes\nx c 9990000018\n"
    file.write_bytes(others)

    kept.keep(ONE, NOON)
    [(name, number)] = kept.due(NOON)
    assert ONE == number
    kept.drop(name)
    assert others == file.read_bytes()


def test_several_processes_lose_no_number_of_each_other(tmp_path: Path) -> None:
    """They share the directory, and each writes the file whole."""
    several = list(islice(numbers(), 40))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: shelf(tmp_path).keep(one, NOON), several))

    assert set(several) == {number for _, number in shelf(tmp_path).due(NOON)}


def test_where_it_cannot_be_kept_it_is_said(tmp_path: Path) -> None:
    """A file stands where the directory is to be: the sender keeps its message."""
    (tmp_path / "marks").write_bytes(b"")

    with pytest.raises(StorageUnusable):
        shelf(tmp_path).keep(ONE, NOON)
