"""
Values derived from an NHS number, always under the deployment's one identity key.

An unkeyed hash of an NHS number *is* the NHS number: all of them can be tried in minutes.
"""

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache

from broker.core.errors import ConfigurationError
from broker.core.identifiers import NhsNumber, OdsCode

_KEY_BYTES_MIN = 32
_ID_BYTES = 16  # 128 bits: no two ids of a nation's visits collide
_HALF_BYTES = _ID_BYTES // 2
_BLOCK_BYTES = 64  # of SHA-256
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_ROUNDS = range(4)  # Luby and Rackoff: four rounds of a keyed function cannot be told from chance
_REFERENCE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """The identity key: at least 32 secret bytes, made once per deployment and never rotated."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a short key with `ConfigurationError`."""
        if len(self.secret) < _KEY_BYTES_MIN:
            raise ConfigurationError(f"the identity key must have at least {_KEY_BYTES_MIN} bytes")

    def derive(self, purpose: str, *parts: str | bytes) -> str:
        """Return 32 hex digits: HMAC-SHA256 of the purpose and the length-prefixed parts, cut to 128 bits."""
        return self.digest(_prefixed(purpose, *parts))[:_ID_BYTES].hex()

    def digest(self, data: bytes) -> bytes:
        """Return the 32 bytes of HMAC-SHA256."""
        began_inner, began_outer = _begun(self.secret)
        inner, outer = began_inner.copy(), began_outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.digest()

    @property
    def fingerprint(self) -> str:
        """A value that tells two keys apart and reveals neither."""
        return self.derive("fingerprint")


@lru_cache(maxsize=8)
def _begun(secret: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """
    Return the two hashes of HMAC-SHA256 (RFC 2104) as they are before any data.

    That is half of what a short digest costs. They are copied, and never changed.
    """
    whole = secret if len(secret) <= _BLOCK_BYTES else hashlib.sha256(secret).digest()
    padded = whole.ljust(_BLOCK_BYTES, b"\0")
    return hashlib.sha256(padded.translate(_INNER)), hashlib.sha256(padded.translate(_OUTER))


def _prefixed(*parts: str | bytes) -> bytes:
    """Return parts, each behind its length in four bytes: no two sequences come to the same bytes."""
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join([len(part).to_bytes(4, "big") + part for part in encoded])


def message_reference(key: IdentityKey, data: bytes) -> str:
    """Return the id of received bytes: the same bytes have the same id, and nothing can be read from it."""
    return key.derive("message", data)


_PLACES = [_prefixed(bytes((place,))) + _HALF_BYTES.to_bytes(4, "big") for place in _ROUNDS]
"""What stands before the half of each round: its place, and the length of the half."""


def _xor(left: bytes, right: bytes) -> bytes:
    """Return the bytes of two strings of one length added without carry."""
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(len(left))


def _mixed(key: IdentityKey, person: bytes, place: int, left: bytes, right: bytes) -> bytes:
    """Return the left half with what a round makes of the right one mixed in; `person` is from `_person`."""
    return _xor(left, key.digest(person + _PLACES[place] + right)[:_HALF_BYTES])


def _person(number: NhsNumber) -> bytes:
    """Return what the rounds of one number have in common."""
    return _prefixed("visit of number", number.key)


def _under(key: IdentityKey, number: NhsNumber, content: bytes) -> str:
    """Return a visit's reference under a number: a permutation of 128 bits, of its own for every number."""
    left, right, person = content[:_HALF_BYTES], content[_HALF_BYTES:], _person(number)
    for place in _ROUNDS:
        left, right = right, _mixed(key, person, place, left, right)
    return (left + right).hex()


def _content(key: IdentityKey, number: NhsNumber, reference: bytes) -> bytes:
    """Return what `_under` made a reference of."""
    left, right, person = reference[:_HALF_BYTES], reference[_HALF_BYTES:], _person(number)
    for place in reversed(_ROUNDS):
        left, right = _mixed(key, person, place, right, left), left
    return left + right


def visit_named(key: IdentityKey, *, system: str, provider: OdsCode, visit_number: str) -> bytes:
    """
    Return what all references of a visit are made of; 16 bytes.

    The same under every number, so it may lie nowhere but in the memory of intake (rulings 42, 44).
    """
    return bytes.fromhex(key.derive("visit", system, provider.code, visit_number))


def visit_content(key: IdentityKey, reference: str, number: NhsNumber) -> bytes:
    """Return what `visit_named` gave of a visit, by its reference under a number; of another id its text."""
    if not _REFERENCE.fullmatch(reference):
        return reference.encode()
    return _content(key, number, bytes.fromhex(reference))


def unnumbered_reference(key: IdentityKey, *, system: str, provider: OdsCode, visit_number: str) -> str:
    """
    Return a visit's reference while nobody knows whose it is: without a number in it (ruling 21).

    It is that of no visit under a number, so that nothing can be found under both (ruling 42).
    """
    return key.derive("visit without a number", system, provider.code, visit_number)


def visit_reference(
    key: IdentityKey, number: NhsNumber, *, system: str, provider: OdsCode, visit_number: str
) -> str:
    """
    Return a visit's reference: sending system (MSH-3, MSH-4) and PV1-19, keyed per NHS number.

    Under two numbers the same visit has two references; only the key can compare them (rulings 6, 42).
    """
    content = visit_named(key, system=system, provider=provider, visit_number=visit_number)
    return _under(key, number, content)


def visit_under(key: IdentityKey, content: bytes, number: NhsNumber) -> str:
    """Return the reference under a number of a visit that `visit_content` gave."""
    return _under(key, number, content) if len(content) == _ID_BYTES else content.decode()


def user_reference(key: IdentityKey, organisation: OdsCode, user_id: str) -> str:
    """Return the reference of a user of an organisation, by its own id for them (ruling 48)."""
    return key.derive("user", organisation.code, user_id)


def moved_reference(key: IdentityKey, reference: str, *, former: NhsNumber, number: NhsNumber) -> str:
    """
    Return the reference that a visit has under a person's other number; asked after a succession alone (22).

    Any other id comes back as it is.
    """
    if not _REFERENCE.fullmatch(reference):
        return reference
    return _under(key, number, visit_content(key, reference, former))
