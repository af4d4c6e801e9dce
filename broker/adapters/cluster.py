"""
A Kafka cluster as a client must know it: where it is, and in what manner it is spoken with.

One value is handed from the settings to every client, so that no client of ours can forget the manner.
"""

import ssl
from dataclasses import dataclass, field
from typing import Any

from broker.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Scram:
    """A user of the cluster; `mechanism` is SCRAM-SHA-256 or SCRAM-SHA-512."""

    mechanism: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cluster:
    """
    A cluster at `bootstrap_servers`: host:port of one or more of its brokers, separated by commas.

    With `tls` the connection is encrypted, the brokers prove who they are, and so do we where `tls` holds a
    certificate of ours. With `scram` we say who we are by a password. Raises `ConfigurationError` for a
    password without TLS: whoever listens could try passwords against what was said.
    """

    bootstrap_servers: str
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    scram: Scram | None = None

    def __post_init__(self) -> None:
        """Refuse a password on an open wire."""
        if self.scram is not None and self.tls is None:
            raise ConfigurationError("a password is used over TLS only")

    @property
    def security_protocol(self) -> str:
        """The manner by Kafka's name."""
        if self.scram is not None:
            return "SASL_SSL"
        return "PLAINTEXT" if self.tls is None else "SSL"

    def connection(self) -> dict[str, Any]:
        """Return the keyword arguments by which any client of aiokafka connects to the cluster."""
        return {"bootstrap_servers": self.bootstrap_servers, **self.manner()}

    def manner(self) -> dict[str, Any]:
        """Return those of them that do not say where it is."""
        manner: dict[str, Any] = {"security_protocol": self.security_protocol, "ssl_context": self.tls}
        if self.scram is not None:
            manner |= {
                "sasl_mechanism": self.scram.mechanism,
                "sasl_plain_username": self.scram.user,
                "sasl_plain_password": self.scram.password,
            }
        return manner
