"""
The sealed envelope as a record's field.

The port that seals belongs to a room that codecs may not enter; what they need of it is spelt out here and
met by every sealer as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from broker.wire.avro import Row


class Envelope(Protocol):
    """What a sealer hands out."""

    @property
    def key_id(self) -> str:
        """Which day's key."""
        ...

    @property
    def nonce(self) -> bytes:
        """The nonce, 12 bytes."""
        ...

    @property
    def ciphertext(self) -> bytes:
        """The sealed bytes with their tag."""
        ...


class Sealer(Protocol):
    """The sealer as codecs use it."""

    def seal(self, plain: bytes, *, bound_to: bytes) -> Envelope:
        """Seal `plain`; it opens only together with the same `bound_to`."""
        ...

    def open(self, sealed: Any, *, bound_to: bytes) -> bytes:
        """Return the plain bytes of anything with an `Envelope`'s fields; raise `UnsealingFailed`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEnvelope:
    """An envelope as it was read."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


def bound_to(schema_name: str, key: bytes) -> bytes:
    """Return what a seal is bound to: moved to another kind of record or another person it does not open."""
    return schema_name.encode("ascii") + b"\0" + key


def seal_row(sealer: Sealer, plain: bytes, bond: bytes) -> Row:
    """Return the envelope of `plain` as a row of the schema `SealedEnvelope`."""
    sealed = sealer.seal(plain, bound_to=bond)
    return {"key_id": sealed.key_id, "nonce": sealed.nonce, "ciphertext": sealed.ciphertext}


def open_row(sealer: Sealer, row: Mapping[str, Any], bond: bytes) -> bytes:
    """Return what a row of the schema `SealedEnvelope` holds; raise `UnsealingFailed`."""
    return sealer.open(ReadEnvelope(**row), bound_to=bond)
