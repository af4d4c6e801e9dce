"""The twin of the key directory: real sealing under day keys that live in this process only."""

from datetime import date

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.core.errors import KeysUnreadable, UnsealingFailed
from broker.ports import Sealed


class MemorySealer:
    """
    A `Sealer` whose keys are gone with the process; `today` is the day it seals on.

    While it is not `readable` it opens nothing, and nobody can tell whether a key is gone.
    """

    def __init__(self, today: date = date(2026, 1, 1)) -> None:
        """Begin without any key."""
        self.today = today
        self.readable = True
        self._keys: dict[str, AESGCM] = {}
        self._sealed = 0

    def seal(self, plain: bytes, *, bound_to: bytes) -> Sealed:
        """Seal `plain` under today's key; it opens only together with the same `bound_to`."""
        key_id = self.today.isoformat()
        key = self._keys.setdefault(key_id, AESGCM(AESGCM.generate_key(256)))
        self._sealed += 1  # a counter is as good a nonce as chance: never the same twice under one key
        nonce = self._sealed.to_bytes(12, "big")
        return Sealed(key_id=key_id, nonce=nonce, ciphertext=key.encrypt(nonce, plain, bound_to))

    def open(self, sealed: Sealed, *, bound_to: bytes) -> bytes:
        """Return the plain bytes; raise `UnsealingFailed`, or `KeysUnreadable` while nothing can be read."""
        if not self.readable:
            raise KeysUnreadable
        key = self._keys.get(sealed.key_id)
        try:
            if key is not None:
                return key.decrypt(sealed.nonce, sealed.ciphertext, bound_to)
        except (InvalidTag, ValueError):
            pass
        raise UnsealingFailed

    def destroy_before(self, day: date) -> int:
        """Destroy the keys of all days before `day`; return how many there were."""
        old = [key_id for key_id in self._keys if key_id < day.isoformat()]
        for key_id in old:
            del self._keys[key_id]
        return len(old)
