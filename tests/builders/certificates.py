"""Certificates for the MLLP door and its senders, made anew for each run."""

import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trustme

from broker.adapters.server_tls import ServerTls, TlsFiles
from broker.core.errors import ConfigurationError
from tests.builders.mllp_house import HOST

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Office:
    """One authority, the certificate of the door, and the files in which the door finds them."""

    directory: Path

    def __post_init__(self) -> None:
        """Make the authority, and the door's certificate."""
        self.authority = trustme.CA()
        self.files = TlsFiles(
            certificate=self.directory / "door.pem",
            key=self.directory / "door.key",
            client_ca=self.directory / "senders.pem",
        )
        self.authority.cert_pem.write_to_path(self.directory / "senders.pem")
        self.renew()
        self.read = 0
        self.kept: list[ConfigurationError] = []

    def renew(self) -> trustme.LeafCert:
        """Give the door a new certificate; return it."""
        leaf = self.authority.issue_cert(HOST)
        leaf.private_key_pem.write_to_path(self.files.key)
        self.files.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        return leaf

    def door(self, *, asks_for_certificate: bool = True) -> ServerTls:
        """Return what the door speaks with; `read` and `kept` note what becomes of changed files."""

        def count() -> None:
            """Note that files were read anew."""
            self.read += 1

        files = self.files if asks_for_certificate else replace(self.files, client_ca=None)
        return ServerTls(files, on_read=count, on_kept=self.kept.append)

    def sender(
        self, *, vouched_by: trustme.CA | None = None, not_after: datetime | None = None
    ) -> ssl.SSLContext:
        """Return what a sender with a certificate speaks with, of our authority unless another is given."""
        context = self.without_certificate()
        issuer = vouched_by or self.authority
        before = None if not_after is None else LONG_AGO
        issuer.issue_cert("sender.test", not_before=before, not_after=not_after).configure_cert(context)
        return context

    def without_certificate(self) -> ssl.SSLContext:
        """Return what a sender speaks with that trusts the door and has no certificate."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def settings(self) -> dict[str, Any]:
        """Return the door's settings by name."""
        return {
            "mllp_tls_certificate_file": str(self.files.certificate),
            "mllp_tls_key_file": str(self.files.key),
            "mllp_tls_client_ca_file": str(self.files.client_ca),
        }
