"""
Values derived from an NHS number, always under the deployment's one identity key.

An unkeyed hash of an NHS number *is* the NHS number: all of them can be tried in minutes.
"""

import hmac
from dataclasses import dataclass, field

from broker.core.errors import ConfigurationError
from broker.core.identifiers import NhsNumber, OdsCode

_KEY_BYTES_MIN = 32
_ID_BYTES = 16  # 128 bits: no two ids of a nation's visits collide


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
        encoded = [part.encode() if isinstance(part, str) else part for part in (purpose, *parts)]
        data = b"".join([len(part).to_bytes(4, "big") + part for part in encoded])
        return hmac.digest(self.secret, data, "sha256")[:_ID_BYTES].hex()

    @property
    def fingerprint(self) -> str:
        """A value that tells two keys apart and reveals neither."""
        return self.derive("fingerprint")


def message_reference(key: IdentityKey, data: bytes) -> str:
    """Return the id of received bytes: the same bytes have the same id, and nothing can be read from it."""
    return key.derive("message", data)


def visit_reference(
    key: IdentityKey, number: NhsNumber, *, system: str, provider: OdsCode, visit_number: str
) -> str:
    """
    Return a visit's reference: sending system (MSH-3, MSH-4) and PV1-19, keyed per NHS number.

    Under two numbers the same visit has two references that cannot be compared (rulings 6, 42).
    """
    return key.derive("visit", number.key, system, provider.code, visit_number)
