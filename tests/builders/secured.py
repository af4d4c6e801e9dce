"""A secured Kafka: certificates that live as long as a test, users, the declared topics and access lists."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import trustme
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest
from cryptography.hazmat.primitives import serialization

from broker.adapters.access_declarations import Access, Grant
from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka, Security
from broker.adapters.embedded_kafka.configuration import free_ports
from broker.adapters.kafka_access import apply_access, binding_of
from broker.adapters.kafka_topics import apply_topics
from broker.runtime.access import declared_access
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file as shipped_topics
from broker.runtime.settings import PREFIX, Settings
from broker.runtime.topics import declared_topics

ADMINISTRATOR = "admin"
WRITER = "RXM"
"""A provider that writes its attendances to a topic of its own."""
STRANGER = "stranger"
"""A user whom Kafka knows and who may do nothing."""

_JUDGEMENT = re.compile(
    r"Principal = User:(\S+) is (Allowed|Denied) operation = (\w+) from host = \S+ "
    r"on resource = (\w+):LITERAL:(\S+) for request"
)
_NODE = "kafka-node"
_HOST = "127.0.0.1"
_READ_MS = 5_000  # a refusal comes at once


class Certificates:
    """An authority and what it vouches for, as PEM files in a directory."""

    def __init__(self, directory: Path) -> None:
        """Make an authority; its certificate is `ca.pem`."""
        self.directory = directory
        self.authority = trustme.CA()
        self.ca_file = directory / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca_file))

    def issue(
        self, name: str, *, expired: bool = False, authority: trustme.CA | None = None
    ) -> tuple[Path, Path]:
        """Return the files of a certificate for `name` at 127.0.0.1 and of its key (PKCS #8)."""
        now = datetime.now(tz=UTC)
        issued = (authority or self.authority).issue_cert(
            _HOST,
            common_name=name,
            not_before=now - timedelta(days=3),
            not_after=now + timedelta(days=-1 if expired else 1),
        )
        stem = f"{name}-{len(list(self.directory.iterdir()))}"
        certificate, key = self.directory / f"{stem}.crt", self.directory / f"{stem}.key"
        certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        secret = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
        key.write_bytes(
            secret.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, key


class Judged(NamedTuple):
    """What somebody asked to do: user, operation, kind and name of the resource, by Kafka's names."""

    user: str
    operation: str
    kind: str
    name: str

    def is_by(self, grant: Grant) -> bool:
        """Tell whether a grant allows it."""
        return (
            self.user == grant.user
            and self.operation == grant.operation.upper()
            and self.kind == grant.kind.replace("-", "")
            and (self.name.startswith(grant.name) if grant.prefixed else self.name == grant.name)
        )


@dataclass(frozen=True)
class SecuredKafka:
    """A running one; its settings are given user by user, as environment variables without their prefix."""

    kafka: EmbeddedKafka
    certificates: Certificates
    certificate_port: int
    access: Access

    def by_password(self, user: str, **changes: str) -> dict[str, str]:
        """Return the settings of a user with a password."""
        password = self.certificates.directory / f"{user}.password"
        password.write_text(password_of(user) + "\n")
        return self._site() | _as_settings(
            {
                "bootstrap_servers": self.kafka.bootstrap_servers,
                "security_protocol": "SASL_SSL",
                "ca_file": str(self.certificates.ca_file),
                "user": user,
                "password_file": str(password),
                **changes,
            }
        )

    def by_certificate(self, user: str, **changes: str) -> dict[str, str]:
        """Return the settings of a user with a certificate."""
        certificate, key = self.certificates.issue(user)
        return self._site() | _as_settings(
            {
                "bootstrap_servers": f"{_HOST}:{self.certificate_port}",
                "security_protocol": "SSL",
                "ca_file": str(self.certificates.ca_file),
                "certificate_file": str(certificate),
                "key_file": str(key),
                **changes,
            }
        )

    def _site(self) -> dict[str, str]:
        """Return the settings of everybody: the topics file, in which a provider may write."""
        return {f"{PREFIX}TOPICS_FILE": str(self.certificates.directory / "topics.toml")}

    def cluster(self, user: str) -> Cluster:
        """Return the cluster as a user with a password knows it."""
        return cluster_of(self.by_password(user))

    def judged(self, *, allowed: bool) -> set[Judged]:
        """Return what Kafka's authorizer says it let be done so far, or refused."""
        text = (self.kafka.directory / "kafka.log").read_text("utf-8", "replace")
        return {
            Judged(line[1], line[3].replace("_", ""), line[4].lower(), line[5])
            for line in _JUDGEMENT.finditer(text)
            if (line[2] == "Allowed") is allowed
        }

    def grant(self, *grants: Grant) -> None:
        """Give rights, and return when they hold."""
        self._change(CreateAclsRequest, grants)

    def revoke(self, *grants: Grant) -> None:
        """Take rights away, and return when they are gone."""
        self._change(DeleteAclsRequest, grants)

    def send(self, user: str, topic: str, value: bytes, *, key: bytes | None = None) -> None:
        """Write a record as a user; raise what Kafka's client raises."""

        async def write() -> None:
            """Write and wait for the acknowledgement."""
            producer = AIOKafkaProducer(**self.cluster(user).connection(), acks="all")
            try:
                await producer.start()
                await producer.send_and_wait(topic, value, key=key)
            finally:
                await producer.stop()

        asyncio.run(write())

    def read(self, user: str, topic: str) -> None:
        """Read a topic as a user, which may be empty; raise what the client raises."""

        async def take() -> None:
            """Ask once for what is there."""
            connection = self.cluster(user).connection()
            consumer = AIOKafkaConsumer(topic, **connection, group_id=None, auto_offset_reset="earliest")
            try:
                await consumer.start()
                await consumer.getmany(timeout_ms=_READ_MS)
            finally:
                await consumer.stop()

        asyncio.run(take())

    def _change(self, request: Any, grants: Iterable[Grant]) -> None:
        """Change the access lists as the administrator."""

        async def ask() -> None:
            """Send one request for each grant."""
            admin: Any = AIOKafkaAdminClient(**self.cluster(ADMINISTRATOR).connection())
            await admin.start()
            try:
                for grant in grants:
                    await admin._send_request(request(*binding_of(grant)))
            finally:
                await admin.close()

        asyncio.run(ask())


def _with_writer(topics: str) -> str:
    """Return a topics file in which `WRITER` writes to a topic of its own."""
    nobody, somebody = "[senders]", f'[senders]\nproviders = ["{WRITER}"]'
    lines = topics.replace(nobody, somebody).splitlines()
    lines.remove("providers = []")
    return "\n".join(lines)


def password_of(user: str) -> str:
    """Return the password of a user of the tests."""
    return f"of {user}, in tests"


def cluster_of(settings: Mapping[str, str]) -> Cluster:
    """Return the cluster that these settings name."""
    named = {name.removeprefix(PREFIX).lower(): value for name, value in settings.items()}
    return Settings.model_validate(named).require_cluster()


def _as_settings(values: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables; an empty one is left out."""
    return {f"{PREFIX}KAFKA_{name.upper()}": value for name, value in values.items() if value}


@contextmanager
def secured_kafka(*, granted: bool = True) -> Iterator[SecuredKafka]:
    """Start one, with the declared topics and, if `granted`, the declared rights."""
    with TemporaryDirectory(prefix="cpis-certificates-") as directory:
        certificates = Certificates(Path(directory))
        certificate, key = certificates.issue(_NODE)
        both = certificates.directory / "node.pem"
        both.write_bytes(key.read_bytes() + certificate.read_bytes())
        topics_file = certificates.directory / "topics.toml"
        topics_file.write_text(_with_writer(shipped_topics().read_text("utf-8")), "utf-8")
        topics = declared_topics(topics_file)
        access = declared_access(Settings(), topics=topics)
        users = [ADMINISTRATOR, STRANGER, *(principal.user for principal in access)]
        security = Security(
            certificate_file=both,
            authority_file=certificates.ca_file,
            certificate_port=free_ports(1)[0],
            name=_NODE,
            users={user: password_of(user) for user in users},
            super_users=(ADMINISTRATOR,),
        )
        with embedded_kafka(security=security) as kafka:
            running = SecuredKafka(kafka, certificates, security.certificate_port, access)
            administrator = running.cluster(ADMINISTRATOR)
            asyncio.run(apply_topics(administrator, topics))
            if granted:
                asyncio.run(apply_access(administrator, access))
            yield running
