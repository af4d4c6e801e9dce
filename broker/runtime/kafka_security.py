"""
In what manner the settings' Kafka is spoken with, and which combinations of settings make no sense.

A live deployment speaks in the open only with a Kafka on its own machine: whoever can listen between them
would read who has a plan.
"""

import re
import ssl
from typing import TYPE_CHECKING

from broker.adapters.cluster import Cluster, Scram
from broker.core.errors import ConfigurationError
from broker.runtime.credentials import read_password, show_certificate, trusting

if TYPE_CHECKING:
    from broker.runtime.settings import Settings

MECHANISM_DEFAULT = "SCRAM-SHA-512"

_SETTING = "CPIS_KAFKA_"
_LOOPBACK = re.compile(r"(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\]):[0-9]+", re.IGNORECASE)
_NEEDS = {  # what each protocol has a use for
    "PLAINTEXT": frozenset[str](),
    "SSL": frozenset({"ca_file", "certificate_file", "key_file"}),
    "SASL_SSL": frozenset(
        {"ca_file", "certificate_file", "key_file", "sasl_mechanism", "user", "password_file"}
    ),
}


def cluster_at(servers: str, settings: "Settings") -> Cluster:
    """Return the Kafka at these servers in the settings' manner; raise `ConfigurationError`."""
    protocol = settings.kafka_security_protocol
    for name in sorted(_NEEDS["SASL_SSL"] - _NEEDS[protocol]):
        if getattr(settings, f"kafka_{name}") is not None:
            raise ConfigurationError(
                f"{_SETTING}{name.upper()} is of no use with {_SETTING}SECURITY_PROTOCOL={protocol}"
            )
    if protocol == "PLAINTEXT":
        if settings.environment == "live" and not _on_this_machine(servers):
            raise ConfigurationError(
                f"{_SETTING}SECURITY_PROTOCOL=PLAINTEXT: a live deployment speaks so only with a Kafka on "
                "127.0.0.1; set SSL or SASL_SSL"
            )
        return Cluster(servers)
    tls = _tls(settings)
    return Cluster(servers, tls, _scram(settings) if protocol == "SASL_SSL" else None)


def _on_this_machine(servers: str) -> bool:
    """Tell whether nobody but this machine hears what is said to any of these servers."""
    return all(_LOOPBACK.fullmatch(server) for server in servers.split(","))


def _tls(settings: "Settings") -> ssl.SSLContext:
    """Return whom we trust, and the certificate we show, if any."""
    certificate, key = settings.kafka_certificate_file, settings.kafka_key_file
    names = (f"{_SETTING}CERTIFICATE_FILE", f"{_SETTING}KEY_FILE")
    if (certificate is None) != (key is None):
        raise ConfigurationError(f"{names[0]} and {names[1]} go together")
    tls = trusting(settings.kafka_ca_file, f"{_SETTING}CA_FILE")
    if certificate is not None and key is not None:
        show_certificate(tls, certificate, key, names)
    return tls


def _scram(settings: "Settings") -> Scram:
    """Return the user that we are."""
    if settings.kafka_user is None or settings.kafka_password_file is None:
        raise ConfigurationError(
            f"{_SETTING}SECURITY_PROTOCOL=SASL_SSL needs {_SETTING}USER and {_SETTING}PASSWORD_FILE"
        )
    if not settings.kafka_user.isprintable():
        raise ConfigurationError(f"{_SETTING}USER holds a character that cannot be printed")
    return Scram(
        mechanism=settings.kafka_sasl_mechanism or MECHANISM_DEFAULT,
        user=settings.kafka_user,
        password=read_password(settings.kafka_password_file, f"{_SETTING}PASSWORD_FILE"),
    )
