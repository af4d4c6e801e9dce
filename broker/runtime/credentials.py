"""Secrets and certificates that settings name by file: read, or refused without repeating what is in it."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from broker.core.errors import ConfigurationError


def read_password(file: Path, setting: str) -> str:
    """Return the password in a file, without the end of its line; raise `ConfigurationError`."""
    try:
        password = file.read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigurationError(f"{setting} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{setting} is not text") from None
    if not password or not password.isprintable():
        raise ConfigurationError(f"{setting} does not hold one line with a password")
    return password


def trusting(ca_file: Path | None, setting: str) -> ssl.SSLContext:
    """
    Return the TLS of a client that trusts the authorities in the file, or else the system's.

    Raises `ConfigurationError`.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"{setting} cannot be used: {_words(error)}") from None


def show_certificate(
    tls: ssl.SSLContext, certificate_file: Path, key_file: Path, settings: tuple[str, str]
) -> None:
    """
    Let a client show a certificate of its own; `settings` are the names of the two files' settings.

    Raises `ConfigurationError` for what cannot be read, does not belong together or is not valid today.
    """
    certificate_setting, key_setting = settings
    try:
        chain = x509.load_pem_x509_certificates(certificate_file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{certificate_setting} cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigurationError(f"{certificate_setting} holds no certificate (PEM)") from None
    ends = chain[0].not_valid_after_utc
    if ends < datetime.now(tz=UTC):
        raise ConfigurationError(f"{certificate_setting}: the certificate expired on {ends:%Y-%m-%d}")
    try:
        key_file.read_bytes()
        tls.load_cert_chain(certificate_file, key_file, password=lambda: "")  # never ask at a terminal
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"{key_setting} holds no private key (PEM, not encrypted) of the certificate: {_words(error)}"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{key_setting} cannot be read: {error.strerror}") from None


def _words(error: OSError) -> str:
    """Return what can be said of a refused file: the system's words, or OpenSSL's."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "it is not PEM").lower().replace("_", " ")
    return error.strerror or type(error).__name__
