"""RSA keys in files, with which we sign who we are: read, or refused without repeating what is in them."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from broker.adapters.private_file import write_private_file
from broker.core.errors import ConfigurationError

_BITS_MIN = 2_048  # less is not taken by any service
_BITS = 4_096  # what national services ask for
_EXPONENT = 65_537


def read_signing_key(file: Path, setting: str) -> RSAPrivateKey:
    """Return the key in a file; raise `ConfigurationError`, which names the setting."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise ConfigurationError(f"{setting} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError):
        raise ConfigurationError(f"{setting} holds no private key (PEM, not encrypted)") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < _BITS_MIN:
        raise ConfigurationError(f"{setting} holds no RSA key of {_BITS_MIN} bits or more")
    return key


def make_signing_key(file: Path) -> None:
    """Make a new key in a file that its owner alone may read; raise `OSError`."""
    key = generate_private_key(public_exponent=_EXPONENT, key_size=_BITS)
    write_private_file(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
