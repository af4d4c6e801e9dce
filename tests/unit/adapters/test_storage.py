"""What is proved of a directory before anything is kept in it."""

import errno
import os
from pathlib import Path

import pytest

from broker.adapters.storage import ROOM_BYTES, prove_directory
from broker.core.errors import StorageUnusable
from tests.disks import FILLING, fill, small_disk

SETTING = "CPIS_DATA_DIR"


def test_a_proof_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither a file nor a directory: nothing has begun yet."""
    prove_directory(tmp_path, SETTING)
    prove_directory(tmp_path / "not" / "made" / "yet", SETTING)

    assert [] == list(tmp_path.iterdir())


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    """With the setting, the place and the system's word."""
    (tmp_path / "data").write_text("a file")

    with pytest.raises(
        StorageUnusable, match=f"^CPIS_DATA_DIR: {tmp_path}/data/keys cannot be used: Not a dir"
    ):
        prove_directory(tmp_path / "data" / "keys", SETTING)


def test_a_full_disk_is_told_although_an_empty_file_still_fits(tmp_path: Path) -> None:
    """The proof writes as much as a start needs."""
    with small_disk(tmp_path / "disk", size_bytes=2 * ROOM_BYTES) as disk:
        prove_directory(disk, SETTING)
        fill(disk, leaving_bytes=ROOM_BYTES // 2)

        with pytest.raises(StorageUnusable, match=os.strerror(errno.ENOSPC)):
            prove_directory(disk, SETTING)

        assert [FILLING] == [file.name for file in disk.iterdir()]
