"""
TLS of a port that others connect to: its certificate, whom it lets in, and why somebody was not let in.

Knows that nothing older than TLS 1.2 is spoken, that a certificate may be renewed while the port is open, and
what OpenSSL's words for a failed handshake mean.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import (
    DNSName,
    ExtensionNotFound,
    SubjectAlternativeName,
    load_der_x509_certificate,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import NameOID

from broker.core.errors import ConfigurationError


class TlsSettings(NamedTuple):
    """The settings that name the files of a port, as an error tells them."""

    certificate: str
    key: str
    client_ca: str


def tls_settings(door: str) -> TlsSettings:
    """Return the settings of a door, `MLLP` or `HTTP`."""
    names = (f"CPIS_{door}_TLS_{file}_FILE" for file in ("CERTIFICATE", "KEY", "CLIENT_CA"))
    return TlsSettings(*names)


class HandshakeFault(StrEnum):
    """Why a sender was not let in; a closed set of words for counting."""

    NO_TLS = "no tls"
    OLD_TLS = "old tls"
    NO_CERTIFICATE = "no certificate"
    NOT_TRUSTED = "certificate not trusted"
    EXPIRED = "certificate expired"
    WE_ARE_NOT_TRUSTED = "our certificate refused"
    TIMED_OUT = "handshake timed out"
    DISPLACED = "handshake displaced"
    ABANDONED = "handshake abandoned"
    FAILED = "handshake failed"


_BY_REASON = {
    "HTTP_REQUEST": HandshakeFault.NO_TLS,
    "HTTPS_PROXY_REQUEST": HandshakeFault.NO_TLS,
    "PACKET_LENGTH_TOO_LONG": HandshakeFault.NO_TLS,
    "RECORD_LAYER_FAILURE": HandshakeFault.NO_TLS,
    "UNKNOWN_PROTOCOL": HandshakeFault.NO_TLS,
    "WRONG_VERSION_NUMBER": HandshakeFault.NO_TLS,
    "UNSUPPORTED_PROTOCOL": HandshakeFault.OLD_TLS,
    "VERSION_TOO_LOW": HandshakeFault.OLD_TLS,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": HandshakeFault.NO_CERTIFICATE,
    "CERTIFICATE_VERIFY_FAILED": HandshakeFault.NOT_TRUSTED,
}
_NO_CERTIFICATE = "holds no certificate in PEM form"
_HAS_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_ALERT_FROM_PEER = "ALERT"  # in OpenSSL's reason: the other side gave it up, which it does over a certificate


def fault_of(error: BaseException) -> HandshakeFault:
    """Return why a handshake failed: told by OpenSSL, by time, or by a connection that went away."""
    if isinstance(error, TimeoutError | ConnectionAbortedError):
        return HandshakeFault.TIMED_OUT
    if not isinstance(error, ssl.SSLError):
        return HandshakeFault.ABANDONED
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == _HAS_EXPIRED:
        return HandshakeFault.EXPIRED
    reason = getattr(error, "reason", None) or ""  # OpenSSL sets it, but for errors without one
    if _ALERT_FROM_PEER in reason:
        return HandshakeFault.WE_ARE_NOT_TRUSTED
    return _BY_REASON.get(reason, HandshakeFault.FAILED)


def names_shown(spoken: ssl.SSLObject) -> frozenset[str]:
    """
    Return what the certificate that the other side has shown, and we have checked, may be called.

    `sha256:` and its fingerprint, `name:` and its common name, its DNS names: in small letters.
    """
    encoded = spoken.getpeercert(binary_form=True)
    if encoded is None:
        return frozenset()
    certificate = load_der_x509_certificate(encoded)
    names = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        also = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
        names += also.get_values_for_type(DNSName)
    except ExtensionNotFound:
        pass
    named = {f"name:{name.lower()}" for name in names}
    return frozenset({f"sha256:{certificate.fingerprint(SHA256()).hex()}", *named})


MLLP = tls_settings("MLLP")
"""Those of the MLLP door."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """
    The files (PEM): our certificate with those above it, its key, and who vouches for senders.

    `named` are the settings that say so. Where a certificate is not `demanded`, a sender may show none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    named: TlsSettings = MLLP
    demanded: bool = True


class ServerTls:
    """
    The certificate of a port; `context` is what the next connection is spoken with.

    With `client_ca` a sender must show a certificate that one of these authorities vouches for. Files that
    were changed are read at the next connection; where they cannot be used, what was read before goes on and
    `on_kept` is told why, once for each change. Raises `ConfigurationError` naming the setting at the start.
    """

    def __init__(
        self, files: TlsFiles, *, on_read: Callable[[], None], on_kept: Callable[[ConfigurationError], None]
    ) -> None:
        self._files = files
        self._on_read = on_read
        self._on_kept = on_kept
        self._seen = self._look()
        self._context = _read(files)

    @property
    def context(self) -> ssl.SSLContext:
        """What to speak with now; asks the file system whether a file has changed, which is quick."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = _read(self._files)
            except ConfigurationError as error:
                self._on_kept(error)
            else:
                self._on_read()
        return self._context

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Return what tells that a file is another one than before."""
        files = (self._files.certificate, self._files.key, self._files.client_ca)
        return tuple(_stamp(file) for file in files if file is not None)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Return a file's inode, time and size, None where it is away."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _read(files: TlsFiles) -> ssl.SSLContext:
    """Return a context made of the files; raise `ConfigurationError` naming the setting at fault."""
    _check(files.named.certificate, files.certificate, load_pem_x509_certificates, _NO_CERTIFICATE)
    _check(files.named.key, files.key, _load_key, "holds no private key in PEM form that needs no password")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0  # who comes back shows the certificate again
    try:
        context.load_cert_chain(files.certificate, files.key, password="")
    except ssl.SSLError as error:
        mismatch = "MISMATCH" in (error.reason or "")
        words = "do not belong together" if mismatch else f"cannot be used: {error.reason}"
        raise ConfigurationError(f"{files.named.certificate} and {files.named.key} {words}") from error
    except OSError as error:  # gone since it was looked at
        raise ConfigurationError(
            f"{files.named.certificate} or {files.named.key} cannot be read: {error.strerror}"
        ) from error
    if files.client_ca is not None:
        text = _check(files.named.client_ca, files.client_ca, load_pem_x509_certificates, _NO_CERTIFICATE)
        context.load_verify_locations(cadata=text.decode("ascii", "ignore"))
        context.verify_mode = ssl.CERT_REQUIRED if files.demanded else ssl.CERT_OPTIONAL
    return context


def _load_key(data: bytes) -> object:
    """Return a private key; raise `ValueError` or `TypeError`."""
    return load_pem_private_key(data, password=None)


def _check(setting: str, file: Path, load: Callable[[bytes], object], fault: str) -> bytes:
    """Return what a file holds; raise `ConfigurationError` unless it can be read and is what it should be."""
    try:
        data = file.read_bytes()
        load(data)
    except OSError as error:
        raise ConfigurationError(f"{setting} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:  # the second: a key under a password
        raise ConfigurationError(f"{setting} {fault}") from error
    return data
