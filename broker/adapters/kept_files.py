"""
Upload files and their answers in one directory, each sealed, with what is known of it in the clear beside it.

A file is sealed piece by piece as it comes, so that neither memory nor disk ever holds it whole in the clear.
Each piece is bound to its file, its place and whether it is the last: none can be moved, dropped or appended.
"""

import json
import os
import re
import secrets
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from broker.adapters.private_file import write_private_file
from broker.adapters.storage import unusable
from broker.core.errors import BrokerError, StorageUnusable, UnsealingFailed
from broker.core.identifiers import OdsCode, aware
from broker.core.kept_uploads import KeptUpload, MediaType, Part, Result, UploadDoor
from broker.core.upload_errors import UploadLost
from broker.ports import Sealed, Sealer

PIECE_BYTES = 1_048_576
"""How much is sealed at once: what memory holds of a file that comes in."""

_ID = re.compile(r"[0-9a-f]{32}")
_KNOWN = ".json"
_DRAFT = ".draft"
_LENGTHS = struct.Struct(">BBI")  # key id, nonce, ciphertext
_DIRECTORY_MODE = 0o700
_SETTING = "CPIS_KEPT_FILES_DIR"


class KeptFiles:
    """An `UploadStore` in a directory, which is made when first needed."""

    def __init__(self, directory: Path, sealer: Sealer) -> None:
        """Keep files there, sealed by `sealer`."""
        self._directory = directory
        self._sealer = sealer

    def begin(self, upload_id: str) -> "KeptDraft":
        """Return where a file is written as it comes."""
        try:
            self._directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            return KeptDraft(self._pieces(upload_id, Part.FILE))
        except OSError as error:
            raise unusable(_SETTING, self._directory, error) from error

    def find(self, upload_id: str) -> KeptUpload | None:
        """Return what is known of a file; raise `UploadLost` where it is damaged."""
        if not _ID.fullmatch(upload_id):  # it comes in an address, and names a file here
            return None
        try:
            return _known(json.loads((self._directory / f"{upload_id}{_KNOWN}").read_bytes()), upload_id)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable(_SETTING, self._directory, error) from error
        except (BrokerError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UploadLost from error

    def every(self) -> list[KeptUpload]:
        """Return what is known of every file, the oldest first; one that is damaged hides no other."""
        found: list[KeptUpload] = []
        for upload_id in self._ids():
            with suppress(UploadLost):
                upload = self.find(upload_id)
                found += [] if upload is None else [upload]
        return sorted(found, key=lambda one: (one.received_at, one.upload_id))

    def damaged(self) -> list[str]:
        """Return the ids of the files of which it cannot be read what is known."""
        found: list[str] = []
        for upload_id in self._ids():
            try:
                self.find(upload_id)
            except UploadLost:
                found.append(upload_id)
        return sorted(found)

    def read(self, upload_id: str, part: Part) -> Iterator[bytes]:
        """Yield what is kept of a file."""
        if not _ID.fullmatch(upload_id):
            return
        try:
            with self._path(upload_id, part).open("rb") as file:
                yield from _opened(file, self._sealer, f"{upload_id} {part}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise unusable(_SETTING, self._directory, error) from error

    def settle(self, upload: KeptUpload, parts: Mapping[Part, Iterable[bytes]]) -> None:
        """Keep the answers of a file, then what is known of it now."""
        try:
            for part, answer in parts.items():
                pieces = self._pieces(upload.upload_id, part)
                try:
                    for data in answer:
                        pieces.write(data)
                    pieces.place()
                finally:
                    pieces.remove()
            path = self._directory / f"{upload.upload_id}{_KNOWN}"
            write_private_file(path, json.dumps(_said(upload)).encode())
            _sync(self._directory)
        except OSError as error:
            raise unusable(_SETTING, self._directory, error) from error

    def destroy_before(self, moment: datetime) -> int:
        """
        Destroy whatever was received before a moment (aware); return how many files that were kept.

        What a crash left of a file that was never kept goes by the time at which it was written, as does one
        that is damaged.
        """
        old = [one.upload_id for one in self.every() if one.received_at < moment]
        for upload_id in self.damaged():
            with suppress(OSError):
                if (self._directory / f"{upload_id}{_KNOWN}").stat().st_mtime < moment.timestamp():
                    old.append(upload_id)
        gone = 0
        for upload_id in old:
            with suppress(OSError):  # tried again by the next call
                for part in Part:
                    self._path(upload_id, part).unlink(missing_ok=True)
                (self._directory / f"{upload_id}{_KNOWN}").unlink(missing_ok=True)
                gone += 1
        for path in (*self._directory.glob(f".*{_DRAFT}"), *self._directory.glob(f"*.{Part.FILE}")):
            with suppress(OSError):
                if path.stat().st_mtime < moment.timestamp():
                    path.unlink()
        return gone

    def _ids(self) -> list[str]:
        """Return the ids of the files of which something is known."""
        return [path.stem for path in self._directory.glob(f"*{_KNOWN}")]

    def _path(self, upload_id: str, part: Part) -> Path:
        """Return where a part of a file lies."""
        return self._directory / f"{upload_id}.{part}"

    def _pieces(self, upload_id: str, part: Part) -> "_Pieces":
        """Return where a part is written."""
        return _Pieces(self._path(upload_id, part), self._sealer, f"{upload_id} {part}")


class KeptDraft:
    """An `UploadDraft`: under another name until it is placed."""

    def __init__(self, pieces: "_Pieces") -> None:
        """Begin."""
        self._pieces = pieces

    def write(self, data: bytes) -> None:
        """Take what came next."""
        try:
            self._pieces.write(data)
        except OSError as error:
            raise self._unusable(error) from error

    def end(self) -> None:
        """Take it that no more comes."""
        try:
            self._pieces.end()
        except OSError as error:
            raise self._unusable(error) from error

    def read(self) -> Iterator[bytes]:
        """Yield what was written."""
        try:
            yield from self._pieces.read()
        except OSError as error:
            raise self._unusable(error) from error

    def place(self) -> None:
        """Return once it would survive a power cut."""
        try:
            self._pieces.place()
        except OSError as error:
            raise self._unusable(error) from error

    def discard(self) -> None:
        """Leave nothing of it; does nothing once it is in its place."""
        with suppress(OSError):  # the flush of a full disk fails again
            self._pieces.remove()

    def _unusable(self, error: OSError) -> StorageUnusable:
        """Return what to raise where it cannot be written."""
        return unusable(_SETTING, self._pieces.path.parent, error)


class _Pieces:
    """One sealed file that is written under another name until it is whole; raises `OSError`."""

    def __init__(self, path: Path, sealer: Sealer, bound_to: str) -> None:
        """Begin a file."""
        self.path = path
        self._sealer = sealer
        self._bound_to = bound_to
        self._waiting = bytearray()
        self._number = 0
        self._ended = False
        self._draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_DRAFT}")
        self._file = os.fdopen(os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def write(self, data: bytes) -> None:
        """Take more; what is full is sealed and written, the last piece not before the end."""
        self._waiting += data
        while len(self._waiting) > PIECE_BYTES:
            self._seal(bytes(self._waiting[:PIECE_BYTES]), last=False)
            del self._waiting[:PIECE_BYTES]

    def end(self) -> None:
        """Write the end, once."""
        if not self._ended:
            self._seal(bytes(self._waiting), last=True)
            self._waiting.clear()
            self._file.flush()
            self._ended = True

    def read(self) -> Iterator[bytes]:
        """Yield what was written, in the clear."""
        with self._draft.open("rb") as file:
            yield from _opened(file, self._sealer, self._bound_to)

    def place(self) -> None:
        """Write the end, and put the file into its place, in place of an earlier one."""
        self.end()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.replace(self.path)
        _sync(self.path.parent)

    def remove(self) -> None:
        """Remove what was written, unless it is in its place."""
        self._draft.unlink(missing_ok=True)
        self._file.close()

    def _seal(self, data: bytes, *, last: bool) -> None:
        """Seal and write one piece."""
        sealed = self._sealer.seal(data, bound_to=_bound_to(self._bound_to, self._number, last=last))
        fields = (sealed.key_id.encode(), sealed.nonce, sealed.ciphertext)
        self._file.write(_LENGTHS.pack(*map(len, fields)) + b"".join(fields))
        self._number += 1


def _opened(file: BinaryIO, sealer: Sealer, of: str) -> Iterator[bytes]:
    """Yield the pieces of an open file, in the clear."""
    number, sealed = 0, _next_piece(file)
    while sealed is not None:
        following = _next_piece(file)
        yield sealer.open(sealed, bound_to=_bound_to(of, number, last=following is None))
        number, sealed = number + 1, following


def _bound_to(of: str, number: int, *, last: bool) -> bytes:
    """Return what a piece is bound to."""
    return f"upload {of} {number} {'end' if last else 'more'}".encode()


def _next_piece(file: BinaryIO) -> Sealed | None:
    """Return the next piece of a file, None at its end; raise `UnsealingFailed` where it is cut short."""
    head = file.read(_LENGTHS.size)
    if not head:
        return None
    if len(head) < _LENGTHS.size:
        raise UnsealingFailed
    key_id, nonce, ciphertext = (file.read(length) for length in _LENGTHS.unpack(head))
    return Sealed(key_id=key_id.decode("ascii", "replace"), nonce=nonce, ciphertext=ciphertext)


def _sync(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _said(upload: KeptUpload) -> dict[str, Any]:
    """Return what is known of a file as JSON has it."""
    result = upload.result
    return {
        "id": upload.upload_id,
        "door": upload.door,
        "media_type": upload.media_type,
        "senders": sorted(sender.code for sender in upload.senders),
        "received_at": upload.received_at.isoformat(),
        "digest": upload.digest,
        "postponed": upload.postponed,
        "again_at": None if upload.again_at is None else upload.again_at.isoformat(),
        "lost": upload.lost,
        "complete": upload.complete,
        "result": None
        if result is None
        else {
            "code": result.code,
            "loaded": result.loaded,
            "failed": result.failed,
            "plans": result.plans,
        },
    }


def _known(said: dict[str, Any], upload_id: str) -> KeptUpload:
    """Return what JSON says of the file of this id; raise `ValueError` and the like where it is damaged."""
    if said["id"] != upload_id:
        raise ValueError
    return KeptUpload(
        upload_id=upload_id,
        door=UploadDoor(said["door"]),
        media_type=MediaType(said["media_type"]),
        senders=frozenset(map(OdsCode, said["senders"])),
        received_at=aware(datetime.fromisoformat(said["received_at"])),
        digest=said["digest"],
        postponed=said["postponed"],
        again_at=None if said["again_at"] is None else aware(datetime.fromisoformat(said["again_at"])),
        lost=said["lost"],
        complete=said["complete"],
        result=None if said["result"] is None else Result(**said["result"]),
    )
