"""
Signed JSON web tokens as application-restricted access has them: RS512, and nothing else (peers.md 8.4).

The algorithm is fixed on both sides: what a token says of its own signature decides nothing.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA512

from broker.core.errors import MalformedMessage
from broker.wire.json_strict import read_json

ALGORITHM = "RS512"

_PARTS = 3


def sign_jwt(claims: Mapping[str, object], *, key: RSAPrivateKey, key_id: str) -> str:
    """Return claims as a token signed with a key, whose id stands in the head."""
    head = {"alg": ALGORITHM, "typ": "JWT", "kid": key_id}
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
    return f"{signed}.{_encoded(key.sign(signed.encode(), PKCS1v15(), SHA512()))}"


def read_jwt(token: str, *, keys: Mapping[str, RSAPublicKey]) -> dict[str, Any]:
    """
    Return the claims of a token that one of these keys, by its id, has signed.

    Raises `MalformedMessage`; what the claims say is for the caller to judge.
    """
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise MalformedMessage("no signed token")
    head, claims, signature = (_decoded(part) for part in parts)
    said = read_json(head)
    key = keys.get(str(said.get("kid")))
    if said.get("alg") != ALGORITHM or key is None:
        raise MalformedMessage("signed by nobody who is known")
    try:
        key.verify(signature, f"{parts[0]}.{parts[1]}".encode(), PKCS1v15(), SHA512())
    except InvalidSignature:
        raise MalformedMessage("not signed with its key") from None
    return read_json(claims)


def _encoded(data: bytes) -> str:
    """Return bytes in the alphabet of a token, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(part: str) -> bytes:
    """Return the bytes of a part of a token; raise `MalformedMessage`."""
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise MalformedMessage("no signed token") from None
