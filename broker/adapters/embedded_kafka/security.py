"""
What a secured node is told beside what every node is told: who may connect, how, and who may do anything.

Two doors, both with TLS: one for a user and password (SCRAM), which is the address that clients are given,
and one for certificates, by which the node speaks with itself too. Behind both is Kafka's own authorizer.
"""

import base64
import hashlib
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MECHANISMS = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
"""Both are given to every user, by Kafka's names; the hash of each."""

_ITERATIONS = 4_096  # the least that Kafka takes
_SALT_BYTES = 16

# A later line of a properties file replaces an earlier one: these stand behind those of every node.
_PROPERTIES = """\

# Who speaks, and what they may do.
listeners=PASSWORD://127.0.0.1:{port},CERTIFICATE://127.0.0.1:{certificate_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PASSWORD://127.0.0.1:{port},CERTIFICATE://127.0.0.1:{certificate_port}
listener.security.protocol.map=PASSWORD:SASL_SSL,CERTIFICATE:SSL,CONTROLLER:SSL
inter.broker.listener.name=CERTIFICATE
ssl.keystore.type=PEM
ssl.keystore.location={certificate_file}
ssl.truststore.type=PEM
ssl.truststore.location={authority_file}
listener.name.certificate.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
ssl.principal.mapping.rules={name_rule}
sasl.enabled.mechanisms={mechanisms}
{logins}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users={super_users}
"""
_LOGIN = (
    "listener.name.password.{mechanism}.sasl.jaas.config="
    "org.apache.kafka.common.security.scram.ScramLoginModule required;"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """
    The certificates, the users and the super users of a secured node.

    `certificate_file` (PEM) holds the node's private key as PKCS #8 and its certificate, good for 127.0.0.1;
    `authority_file` whoever vouches for it and for clients. `name` is what the certificate is called by
    `name_rule`, which makes a principal of a certificate's subject. `users` have their passwords for both
    mechanisms. The door for certificates is at `certificate_port`.
    """

    certificate_file: Path
    authority_file: Path
    certificate_port: int
    name: str
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    super_users: tuple[str, ...] = ()
    name_rule: str = "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT"

    def properties(self, port: int, controller_port: int) -> str:
        """Return the lines that stand behind those of every node."""
        return _PROPERTIES.format(
            port=port,
            controller_port=controller_port,
            certificate_port=self.certificate_port,
            certificate_file=self.certificate_file,
            authority_file=self.authority_file,
            name_rule=self.name_rule,
            mechanisms=",".join(MECHANISMS),
            logins="\n".join(_LOGIN.format(mechanism=mechanism.lower()) for mechanism in MECHANISMS),
            super_users=";".join(f"User:{user}" for user in (self.name, *self.super_users)),
        )

    def formatting(self) -> Iterator[str]:
        """Yield the arguments by which Kafka's formatting tool makes the users; no password is in them."""
        for user, password in self.users.items():
            for mechanism, digest in MECHANISMS.items():
                salt = os.urandom(_SALT_BYTES)
                salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, _ITERATIONS)
                yield "--add-scram"
                yield (
                    f'{mechanism}=[name="{user}",salt="{_text(salt)}",saltedpassword="{_text(salted)}",'
                    f"iterations={_ITERATIONS}]"
                )

    def client_context(self) -> ssl.SSLContext:
        """Return the TLS of a client that only asks whether the node answers."""
        return ssl.create_default_context(cafile=self.authority_file)


def _text(value: bytes) -> str:
    """Return bytes as Kafka writes them."""
    return base64.b64encode(value).decode("ascii")
