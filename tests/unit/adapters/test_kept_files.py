"""Upload files that are kept: byte for byte, sealed, whole or not at all, and no longer than they may be."""

import errno
import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from broker.adapters.kept_files import PIECE_BYTES, KeptFiles
from broker.adapters.memory_sealing import MemorySealer
from broker.core.errors import StorageUnusable, UnsealingFailed
from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import KeptUpload, MediaType, Part, Result, UploadDoor
from broker.core.upload_errors import UploadLost

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
UPLOAD = KeptUpload(
    upload_id="0123456789abcdef" * 2,
    door=UploadDoor.HTTP,
    senders=frozenset({OdsCode("Z211"), OdsCode("Z212")}),
    received_at=NOW,
    digest="d" * 32,
    media_type=MediaType.CSV,
)
DONE = replace(UPLOAD, result=Result(code="CPF03", loaded=2, failed=1, plans=4))


def keeping(directory: Path, data: bytes = b"Robin", upload: KeptUpload = UPLOAD) -> KeptFiles:
    """Return a store that keeps a file."""
    files = KeptFiles(directory / "kept", MemorySealer())
    draft = files.begin(upload.upload_id)
    draft.write(data)
    draft.place()
    files.settle(upload, {})
    return files


def known_with(**changed: object) -> bytes:
    """Return what is known of the file, but for something."""
    said = {
        "id": UPLOAD.upload_id,
        "door": "http",
        "media_type": "text/csv",
        "senders": ["Z211"],
        "received_at": NOW.isoformat(),
        "digest": "d",
        "postponed": "",
        "lost": False,
        "complete": False,
        "result": None,
    }
    return json.dumps({**said, **changed}).encode()


def path(directory: Path, part: Part = Part.FILE) -> Path:
    """Return where a part of the file lies."""
    return directory / "kept" / f"{UPLOAD.upload_id}.{part}"


@pytest.mark.parametrize(
    "upload",
    [
        UPLOAD,
        DONE,
        replace(UPLOAD, postponed="CPIS-401"),
        replace(UPLOAD, postponed="CPIS-301", lost=True),
        replace(UPLOAD, complete=True),
    ],
)
def test_what_is_known_of_a_file_is_read_back(upload: KeptUpload, tmp_path: Path) -> None:
    """By another process as well."""
    keeping(tmp_path, upload=upload)

    assert upload == KeptFiles(tmp_path / "kept", MemorySealer()).find(UPLOAD.upload_id)


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_a_file_is_read_back_byte_for_byte(size: int, tmp_path: Path) -> None:
    """Whatever its length is, in pieces that memory can hold."""
    data = os.urandom(size)

    pieces = list(keeping(tmp_path, data).read(UPLOAD.upload_id, Part.FILE))

    assert data == b"".join(pieces)
    assert all(len(piece) <= PIECE_BYTES for piece in pieces)


def test_nothing_of_a_file_is_on_disk_in_the_clear(tmp_path: Path) -> None:
    """Not even while it comes in; and whatever is there is for the broker's account alone."""
    files = keeping(tmp_path, b"Robin" * PIECE_BYTES)
    files.settle(DONE, {Part.XML: [b"Robin"], Part.JSON: [b"Robin"]})
    draft = files.begin("f" * 32)
    draft.write(b"Robin" * PIECE_BYTES)

    lying = list((tmp_path / "kept").iterdir())
    assert 5 == len(lying)
    assert not any(b"Robin" in one.read_bytes() for one in lying)
    assert {0o600} == {stat.S_IMODE(one.stat().st_mode) for one in lying}
    assert 0o700 == stat.S_IMODE((tmp_path / "kept").stat().st_mode)
    draft.discard()


def test_the_answers_are_kept_beside_the_file(tmp_path: Path) -> None:
    """Each in its form; what is not there is empty."""
    files = keeping(tmp_path)
    before = list(files.read(UPLOAD.upload_id, Part.XML))
    files.settle(DONE, {Part.XML: [b"<ans", b"wer/>"], Part.JSON: [b"{}"]})

    assert [] == before
    assert [[b"Robin"], [b"<answer/>"], [b"{}"]] == [
        list(files.read(UPLOAD.upload_id, part)) for part in (Part.FILE, Part.XML, Part.JSON)
    ]
    assert DONE == files.find(UPLOAD.upload_id)


def test_a_file_that_is_not_settled_is_not_there(tmp_path: Path) -> None:
    """A crash between the two leaves what nobody was told of."""
    files = KeptFiles(tmp_path / "kept", MemorySealer())
    draft = files.begin(UPLOAD.upload_id)
    draft.write(b"Robin")
    draft.place()

    assert (None, []) == (files.find(UPLOAD.upload_id), files.every())


def test_what_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    """But once it is in its place it stays."""
    files = KeptFiles(tmp_path / "kept", MemorySealer())
    for place, left in ((False, []), (True, [path(tmp_path)])):
        draft = files.begin(UPLOAD.upload_id)
        draft.write(b"Robin")
        if place:
            draft.place()
        draft.discard()

        assert left == list((tmp_path / "kept").iterdir())


def test_files_are_listed_oldest_first(tmp_path: Path) -> None:
    """By their receipt."""
    ids = ["c" * 32, "a" * 32, "b" * 32]
    for hours, upload_id in enumerate(ids):
        files = keeping(
            tmp_path, upload=replace(UPLOAD, upload_id=upload_id, received_at=NOW + timedelta(hours=hours))
        )

    assert ids == [one.upload_id for one in files.every()]


@pytest.mark.parametrize("upload_id", ["", "../kept/" + "a" * 32, "A" * 32, "a" * 31, "e" * 32])
def test_an_id_that_is_none_names_no_file(upload_id: str, tmp_path: Path) -> None:
    """It comes in the address of a request."""
    files = keeping(tmp_path)

    assert (None, []) == (files.find(upload_id), list(files.read(upload_id, Part.FILE)))


def swapped(data: bytes) -> bytes:
    """Return a file whose two pieces have changed places."""
    half = len(data) // 2
    return data[half:] + data[:half]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data[: len(data) // 2 + 3],
        lambda data: data + data,
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        swapped,
    ],
    ids=["cut short", "last piece dropped", "cut within a head", "appended", "a bit", "swapped"],
)
def test_a_file_that_is_not_as_it_was_kept_is_not_read(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """No piece can be changed, moved, dropped or appended."""
    files = keeping(tmp_path, b"x" * 2 * PIECE_BYTES)
    path(tmp_path).write_bytes(damage(path(tmp_path).read_bytes()))

    with pytest.raises(UnsealingFailed):
        list(files.read(UPLOAD.upload_id, Part.FILE))


def test_one_file_cannot_be_put_in_the_place_of_another(tmp_path: Path) -> None:
    """Nor an answer in the place of the file."""
    files = keeping(tmp_path)
    path(tmp_path, Part.XML).write_bytes(path(tmp_path).read_bytes())

    with pytest.raises(UnsealingFailed):
        list(files.read(UPLOAD.upload_id, Part.XML))


def test_what_was_kept_as_long_as_it_may_be_is_destroyed(tmp_path: Path) -> None:
    """Everything of it; a file of a minute later stays (ruling 23)."""
    files = keeping(tmp_path)
    files.settle(DONE, {Part.XML: [b"<ans", b"wer/>"], Part.JSON: [b"{}"]})
    later = replace(UPLOAD, upload_id="b" * 32, received_at=NOW + timedelta(minutes=1))
    files.settle(later, {Part.XML: [b"<answer/>"]})

    assert 1 == files.destroy_before(NOW + timedelta(seconds=1))

    assert [later] == files.every()
    assert {"b" * 32} == {one.name.partition(".")[0] for one in (tmp_path / "kept").iterdir()}


def test_what_a_crash_left_is_destroyed_by_the_time_of_its_writing(tmp_path: Path) -> None:
    """A draft, and a file that was never settled: nobody was told of either."""
    files = KeptFiles(tmp_path / "kept", MemorySealer())
    draft = files.begin("b" * 32)
    draft.place()
    (tmp_path / "kept" / ".left.draft").write_bytes(b"sealed")
    lying = len(list((tmp_path / "kept").iterdir()))

    now = datetime.now(tz=UTC)
    assert (0, 0) == (
        files.destroy_before(now - timedelta(minutes=5)),
        files.destroy_before(now + timedelta(minutes=5)),
    )
    assert (2, []) == (lying, list((tmp_path / "kept").iterdir()))


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"id": "' + b"e" * 32 + b'"}',
        known_with(received_at="2025-03-01T12:00:00"),
        known_with(received_at="soon"),
        known_with(door="letter"),
        known_with(senders=["no ODS code"]),
        known_with(senders=None),
        known_with(result={"code": "CPF02"}),
    ],
)
def test_what_is_damaged_ends_nothing_and_is_told(damage: bytes, tmp_path: Path) -> None:
    """The others are listed and destroyed in time; it stays as long, by when it was written."""
    files = keeping(tmp_path)
    known = tmp_path / "kept" / f"{UPLOAD.upload_id}.json"
    known.write_bytes(damage)
    other = replace(UPLOAD, upload_id="b" * 32)
    files.settle(other, {Part.XML: [b"<answer/>"]})
    now = datetime.now(tz=UTC)

    assert ([other], [UPLOAD.upload_id]) == (files.every(), files.damaged())
    with pytest.raises(UploadLost):
        files.find(UPLOAD.upload_id)
    assert (1, [], True) == (
        files.destroy_before(NOW + timedelta(seconds=1)),
        files.every(),
        path(tmp_path).exists(),
    )
    assert 1 == files.destroy_before(now + timedelta(minutes=5))
    assert [] == list((tmp_path / "kept").iterdir())


def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """By the name of its setting, whatever is tried."""
    files = KeptFiles(tmp_path / "kept", MemorySealer())
    (tmp_path / "kept").write_text("a file", "utf-8")

    for attempt in (
        lambda: files.begin(UPLOAD.upload_id),
        lambda: files.find(UPLOAD.upload_id),
        lambda: files.settle(UPLOAD, {}),
        lambda: list(files.read(UPLOAD.upload_id, Part.FILE)),
    ):
        with pytest.raises(StorageUnusable, match="CPIS_KEPT_FILES_DIR"):
            attempt()


def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    """And what was written of the file so far is removed."""
    files = KeptFiles(tmp_path / "kept", FullSealer())
    draft = files.begin(UPLOAD.upload_id)

    with pytest.raises(StorageUnusable, match="CPIS_KEPT_FILES_DIR"):
        draft.write(b"x" * 2 * PIECE_BYTES)
    with pytest.raises(StorageUnusable, match="CPIS_KEPT_FILES_DIR"):
        draft.place()
    draft.discard()

    assert [] == list((tmp_path / "kept").iterdir())


class FullSealer(MemorySealer):
    """A sealer that finds the disk full, as the write behind it would."""

    def seal(self, plain: bytes, *, bound_to: bytes) -> NoReturn:  # noqa: ARG002 - the port's signature
        """Raise what a full disk raises."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
