"""
Sealing with one key a day, kept as files: AES-256-GCM, random nonce, key id in the envelope.

Destroying a day's key file destroys everything that was sealed on that day, for every process that shares
the directory: a key in memory counts only as long as its file is there.
"""

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.adapters.storage import unusable
from broker.core.errors import KeysUnreadable, StorageUnusable, UnsealingFailed
from broker.ports import Sealed

KEY_BITS = 256
_BYTE_BITS = 8
NONCE_BYTES = 12  # what AES-GCM is defined for
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SUFFIX = ".key"


class _Kept(NamedTuple):
    """A day's key in memory, and its file."""

    key: AESGCM
    file: Path


class KeyDirectory:
    """
    A directory of day keys (UTC days); a `Sealer`.

    Safe when several processes make the same day's key at once: one of them wins and all use its key.
    Raises `StorageUnusable` where the directory cannot be used.
    """

    def __init__(self, directory: Path, clock: Callable[[], datetime]) -> None:
        """Use `directory`, made when first needed; `clock` says which day it is."""
        self._directory = directory
        self._clock = clock
        self._keys: dict[str, _Kept] = {}

    def seal(self, plain: bytes, *, bound_to: bytes) -> Sealed:
        """Seal `plain` under today's key; it opens only together with the same `bound_to`."""
        key_id = self._clock().astimezone(UTC).date().isoformat()
        try:
            key = self._kept(key_id) or self._todays(key_id)
        except OSError as error:
            raise unusable("CPIS_SEALING_KEYS_DIR", self._directory, error) from error
        nonce = os.urandom(NONCE_BYTES)
        return Sealed(key_id=key_id, nonce=nonce, ciphertext=key.encrypt(nonce, plain, bound_to))

    def open(self, sealed: Sealed, *, bound_to: bytes) -> bytes:
        """
        Return the plain bytes; raise `UnsealingFailed` when the key is gone or the bytes were altered.

        It is `KeysUnreadable` where nobody can tell whether the key is gone: the bytes may open later.
        """
        try:
            key = self._kept(sealed.key_id)
        except OSError as error:
            raise KeysUnreadable from error
        if key is None:
            raise UnsealingFailed
        try:
            return key.decrypt(sealed.nonce, sealed.ciphertext, bound_to)
        except (InvalidTag, ValueError):
            raise UnsealingFailed from None

    def days(self) -> list[date]:
        """Return the days whose keys are kept, the oldest first."""
        stems = (path.stem for path in self._directory.glob(f"*{_SUFFIX}"))
        return sorted(date.fromisoformat(stem) for stem in stems if _DAY.fullmatch(stem))

    def destroy_before(self, day: date) -> int:
        """Destroy the keys of all days before `day`; return how many there were."""
        old = [
            path
            for path in self._directory.glob(f"*{_SUFFIX}")
            if _DAY.fullmatch(path.stem) and path.stem < day.isoformat()
        ]
        for path in old:
            self._keys.pop(path.stem, None)
            path.unlink(missing_ok=True)
        return len(old)

    def _todays(self, key_id: str) -> AESGCM:
        """Return a day's key, making it if nobody has; raise `OSError`."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._directory / f".{key_id}.{secrets.token_hex(8)}"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(AESGCM.generate_key(KEY_BITS))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first: its key is the day's
                os.link(draft, self._path(key_id))
        finally:
            draft.unlink(missing_ok=True)
        key = self._kept(key_id)
        if key is None:
            raise StorageUnusable(
                f"CPIS_SEALING_KEYS_DIR: today's key in {self._directory} cannot be read or is damaged"
            )
        return key

    def _kept(self, key_id: str) -> AESGCM | None:
        """Return a day's key while its file is there, None when there is none to use; raise `OSError`."""
        kept = self._keys.get(key_id)
        try:
            if kept is None:
                return self._read(key_id)
            kept.file.stat()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            self._keys.pop(key_id, None)
            return None
        return kept.key

    def _read(self, key_id: str) -> AESGCM | None:
        """Take a day's key into memory and return it, None when it is none to use; raise `OSError`."""
        if not _DAY.fullmatch(key_id):  # it may come from a peer's bytes, and names a file here
            return None
        path = self._path(key_id)
        secret = path.read_bytes()
        if len(secret) * _BYTE_BITS != KEY_BITS:
            return None
        key = AESGCM(secret)
        self._keys[key_id] = _Kept(key, path)
        return key

    def _path(self, key_id: str) -> Path:
        """Return where a day's key is kept."""
        return self._directory / f"{key_id}{_SUFFIX}"
