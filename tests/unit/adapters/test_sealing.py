"""The key directory: files, processes, damage."""

import errno
import multiprocessing
import os
import stat
from datetime import UTC, date, datetime, timedelta, timezone
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from broker.adapters.sealing import KeyDirectory
from broker.core.errors import KeysUnreadable, StorageUnusable, UnsealingFailed
from broker.ports import Sealed
from tests.disks import FILLING, fill, small_disk

BOND = b"bond"
PROCESSES = 4
START_DEADLINE_SECONDS = 60.0


def noon() -> datetime:
    """Return the one moment of these tests."""
    return datetime(2026, 11, 22, 12, tzinfo=UTC)


def key_file(directory: Path) -> Path:
    """Return the file of the day's key."""
    return directory / "2026-11-22.key"


def seal_together(directory: Path, barrier: Barrier, done: "multiprocessing.Queue[Sealed]") -> None:
    """Seal once all processes are ready: the body of one process."""
    sealer = KeyDirectory(directory, noon)
    barrier.wait(START_DEADLINE_SECONDS)
    done.put(sealer.seal(b"plain", bound_to=BOND))


def test_a_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Nobody but the owner may read the directory or the key."""
    directory = tmp_path / "keys"
    KeyDirectory(directory, noon).seal(b"", bound_to=BOND)

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (directory, key_file(directory))]

    assert [0o700, 0o600] == modes


def test_nothing_is_left_beside_the_key(tmp_path: Path) -> None:
    """The draft of a key goes when the key is there."""
    KeyDirectory(tmp_path, noon).seal(b"", bound_to=BOND)

    assert [key_file(tmp_path)] == list(tmp_path.iterdir())


def test_the_day_is_that_of_utc(tmp_path: Path) -> None:
    """A clock in another zone names the same day as one in UTC."""
    east = timezone(timedelta(hours=13))
    sealer = KeyDirectory(tmp_path, lambda: noon().astimezone(east))

    assert sealer.seal(b"", bound_to=BOND).key_id == "2026-11-22"


def test_a_key_outlives_its_process(tmp_path: Path) -> None:
    """What one process sealed the next one opens."""
    sealed = KeyDirectory(tmp_path, noon).seal(b"plain", bound_to=BOND)

    assert KeyDirectory(tmp_path, noon).open(sealed, bound_to=BOND) == b"plain"


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    """However many processes make the day's key at once, one wins and all seal with its key."""
    context = multiprocessing.get_context("spawn")
    barrier, done = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=seal_together, args=(tmp_path, barrier, done)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    sealed = [done.get(timeout=START_DEADLINE_SECONDS) for _ in processes]
    for process in processes:
        process.join(START_DEADLINE_SECONDS)
    reader = KeyDirectory(tmp_path, noon)

    assert [b"plain"] * PROCESSES == [reader.open(each, bound_to=BOND) for each in sealed]
    assert [key_file(tmp_path)] == list(tmp_path.iterdir())


def test_a_key_that_another_process_destroyed_opens_nothing_here(tmp_path: Path) -> None:
    """A key in memory counts only as long as its file is there."""
    sealer = KeyDirectory(tmp_path, noon)
    sealed = sealer.seal(b"plain", bound_to=BOND)
    KeyDirectory(tmp_path, noon).destroy_before(date(2026, 11, 23))

    with pytest.raises(UnsealingFailed):
        sealer.open(sealed, bound_to=BOND)


def test_destroying_leaves_other_files_alone(tmp_path: Path) -> None:
    """Only key files of days are destroyed."""
    other = tmp_path / "0000-notes.key"
    other.write_text("not a day's key")

    assert KeyDirectory(tmp_path, noon).destroy_before(date.max) == 0
    assert other.exists()


@pytest.mark.parametrize("secret", [b"", b"\x00" * 16, b"\x00" * 33], ids=["empty", "half", "too long"])
def test_a_damaged_key_seals_nothing(tmp_path: Path, secret: bytes) -> None:
    """A key that is not 32 bytes is never used: what it sealed could be lost or weak."""
    key_file(tmp_path).write_bytes(secret)

    with pytest.raises(StorageUnusable):
        KeyDirectory(tmp_path, noon).seal(b"plain", bound_to=BOND)


def test_a_damaged_key_opens_nothing(tmp_path: Path) -> None:
    """What was sealed with a key that is damaged since stays shut."""
    sealed = KeyDirectory(tmp_path, noon).seal(b"plain", bound_to=BOND)
    key_file(tmp_path).write_bytes(b"damaged")

    with pytest.raises(UnsealingFailed):
        KeyDirectory(tmp_path, noon).open(sealed, bound_to=BOND)


def test_a_key_that_cannot_be_read_opens_nothing(tmp_path: Path) -> None:
    """Something that is no file in a key's place is no key."""
    sealed = KeyDirectory(tmp_path, noon).seal(b"plain", bound_to=BOND)
    key_file(tmp_path).unlink()
    key_file(tmp_path).mkdir()

    with pytest.raises(UnsealingFailed):
        KeyDirectory(tmp_path, noon).open(sealed, bound_to=BOND)


@pytest.mark.parametrize("known", [True, False], ids=["held in memory", "not read before"])
def test_a_key_of_which_nobody_can_tell_whether_it_is_there_is_not_gone(
    tmp_path: Path, *, known: bool
) -> None:
    """What it sealed may open later, and nothing else is sealed meanwhile."""
    directory = tmp_path / "keys"
    sealer = KeyDirectory(directory, noon)
    sealed = sealer.seal(b"plain", bound_to=BOND)
    reader = sealer if known else KeyDirectory(directory, noon)
    directory.rename(tmp_path / "elsewhere")
    directory.symlink_to(directory)  # no path leads anywhere

    with pytest.raises(KeysUnreadable):
        reader.open(sealed, bound_to=BOND)
    with pytest.raises(StorageUnusable, match="CPIS_SEALING_KEYS_DIR"):
        reader.seal(b"plain", bound_to=BOND)

    directory.unlink()
    (tmp_path / "elsewhere").rename(directory)
    assert b"plain" == reader.open(sealed, bound_to=BOND)


def test_a_directory_that_cannot_be_made_is_told_at_once(tmp_path: Path) -> None:
    """Where keys cannot be kept nothing is sealed, and the operator is told which setting it is about."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    with pytest.raises(StorageUnusable, match=f"CPIS_SEALING_KEYS_DIR.*{os.strerror(20)}"):
        KeyDirectory(blocked / "keys", noon).seal(b"plain", bound_to=BOND)


def test_a_key_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    """On a full disk every attempt would leave one more draft."""
    with small_disk(tmp_path / "disk", size_bytes=65_536) as disk:
        fill(disk)

        with pytest.raises(StorageUnusable, match=os.strerror(errno.ENOSPC)):
            KeyDirectory(disk, noon).seal(b"plain", bound_to=BOND)

        assert [FILLING] == [file.name for file in disk.iterdir()]
