"""
Every setting of the broker: environment variables that begin with `CPIS_`, each with its meaning and its
default.

A variable that is not one of them is refused, since a misspelt one would be silently ignored.
"""

import difflib
import os
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from broker.adapters.cluster import Cluster
from broker.core.errors import ConfigurationError
from broker.core.identifiers import OdsCode
from broker.runtime.kafka_security import cluster_at
from broker.runtime.settings_desk import DeskSettings
from broker.runtime.settings_feeds import FeedSettings
from broker.runtime.settings_mesh import MeshSettings
from broker.runtime.settings_pds import PdsSettings
from broker.runtime.settings_uploads import UploadSettings

PREFIX = "CPIS_"
Door = Literal["mllp", "http", "ops"]
"""What a process listens on: hospitals' messages, over MLLP and HTTP, and the operators' port."""

_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_ODS = r"^[A-Z0-9]{3,8}$"
_PORT_MAX = 65_535
_DATA_MODE = 0o700  # what lies there names children
_PYDANTIC_PREFIX = "Value error, "  # before the words of a check of ours
_FOLLOWS_FROM_ANOTHER = "default_factory_not_called"  # pydantic: another error stands in the same list


class Settings(DeskSettings, FeedSettings, MeshSettings, PdsSettings, UploadSettings, BaseSettings):
    """The settings of one process, unchangeable once read; `load_settings` reads them with clear errors."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    kafka_bootstrap_servers: str | None = Field(
        default=None,
        description="host:port of one or more Kafka brokers, separated by commas; without it a command "
        "that can start an embedded Kafka does so, and every other refuses",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="PLAINTEXT, SSL or SASL_SSL, as Kafka names them: in the open, with TLS (and a "
        "certificate of ours, where Kafka wants one), with TLS and a password, which is never used in the "
        "open; a live deployment refuses PLAINTEXT to a Kafka that is not on this machine",
    )
    kafka_ca_file: Path | None = Field(
        default=None,
        description="file (PEM) of the authorities that may vouch for Kafka's brokers; default: the system's",
    )
    kafka_certificate_file: Path | None = Field(
        default=None, description="file (PEM) of the certificate that we show to Kafka, with its chain"
    )
    kafka_key_file: Path | None = Field(
        default=None, description="file (PEM, not encrypted) of that certificate's private key"
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None,
        description="SCRAM-SHA-256 or SCRAM-SHA-512: how the password is proved; default: SCRAM-SHA-512",
    )
    kafka_user: str | None = Field(default=None, description="user at Kafka, with SASL_SSL")
    kafka_password_file: Path | None = Field(default=None, description="file of that user's password")
    application_id: str = Field(
        default="cpis",
        pattern=r"^[A-Za-z0-9._-]{1,80}$",
        description="name of this deployment: consumer groups and transactional ids begin with it",
    )
    environment: Literal["live", "test"] = Field(
        default="test",
        description="live or test: a live deployment takes only messages marked P in MSH-11 and refuses the "
        "published identity key, and topics with fewer than three replicas or min.insync.replicas below 2; "
        "every other takes NHS numbers of the range kept for tests (999) alone",
    )
    canary_provider: str | None = Field(
        default=None,
        pattern=_ODS,
        description="ODS code of a provider reserved for tests: in a live deployment numbers kept for tests "
        "are taken from it and the canary authority alone; no alert of theirs may reach a person",
    )
    canary_authority: str | None = Field(
        default=None, pattern=_ODS, description="ODS code of an authority reserved for tests, as above"
    )
    data_dir: Path = Field(
        default=Path(".data"), description="directory of what this process keeps: database, uploads, keys"
    )
    identity_key_file: Path | None = Field(
        default=None,
        description="file of the identity key (HMAC of NHS numbers), made once and never rotated; without "
        "it the published test key is used, which a live deployment refuses",
    )
    sealing_keys_dir: Path = Field(
        default_factory=lambda known: known["data_dir"] / "keys",
        description="directory of the sealing keys, one a day; default: keys in the data directory",
    )
    policy_file: Path | None = Field(
        default=None, description="file of the dated alert policies; without it the shipped policy holds"
    )
    senders_file: Path | None = Field(
        default=None,
        description="file of who may send for which provider and how its messages are read; without it "
        "whoever can connect may send as any provider",
    )
    lawful_basis_file: Path | None = Field(
        default=None,
        description="file in which a data protection officer confirms the rows of the lawful-basis table; a "
        "live deployment's matcher needs every row confirmed",
    )
    topics_file: Path | None = Field(
        default=None,
        description="file that declares the topics; without it the shipped one; with it `cpis run` refuses "
        "topics of fewer partitions than it declares",
    )
    mllp_host: str = Field(
        default="127.0.0.1", description="address on which HL7 v2 messages are taken (MLLP)"
    )
    mllp_port: int = Field(
        default=2575,
        ge=0,
        le=65_535,
        description="TCP port for HL7 v2 messages, 0 to 65535; 0 takes a free one",
    )
    mllp_tls_certificate_file: Path | None = Field(
        default=None,
        description="file (PEM) of the certificate of the MLLP door, with those above it; with it only TLS "
        "1.2 or newer is spoken there",
    )
    mllp_tls_key_file: Path | None = Field(
        default=None, description="file (PEM) of the private key of that certificate, without a password"
    )
    mllp_tls_client_ca_file: Path | None = Field(
        default=None,
        description="file (PEM) of the authorities that vouch for senders: with it a sender must show a "
        "certificate of theirs; a live deployment that listens on more than its own machine needs it",
    )
    http_host: str = Field(default="127.0.0.1", description="address on which FHIR is taken (HTTP)")
    http_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="TCP port for FHIR over HTTP, 0 to 65535; 0 takes a free one; without it none is opened",
    )
    http_tls_certificate_file: Path | None = Field(
        default=None,
        description="file (PEM) of the certificate of the HTTP door, with those above it; with it only TLS "
        "1.2 or newer is spoken there",
    )
    http_tls_key_file: Path | None = Field(
        default=None, description="file (PEM) of the private key of that certificate, without a password"
    )
    http_tls_client_ca_file: Path | None = Field(
        default=None,
        description="file (PEM) of the authorities that vouch for senders that post with a certificate; who "
        "has a token instead need not show one",
    )
    drop_folder: Path = Field(
        default_factory=lambda known: known["data_dir"] / "uploads",
        description="directory into which upload files are dropped; default: uploads in the data directory",
    )
    ops_host: str = Field(
        default="127.0.0.1", description="address of the operators' port: /livez, /readyz and /metrics"
    )
    ops_port: int = Field(
        default=9_464,
        ge=0,
        le=65_535,
        description="TCP port of the operators' port, 0 to 65535; 0 takes a free one",
    )
    session_timeout_ms: int = Field(
        default=3_000,
        ge=1_000,
        le=300_000,
        description="milliseconds after which a silent matcher loses its partitions",
    )
    start_deadline_ms: int = Field(
        default=30_000,
        ge=0,
        le=600_000,
        description="milliseconds for which `cpis run` waits at its start for a Kafka that does not answer",
    )
    transaction_timeout_ms: int = Field(
        default=4_000,
        ge=1_000,
        le=60_000,
        description="milliseconds after which Kafka aborts the open transaction of a matcher that died",
    )
    answer_deadline_ms: int = Field(
        default=2_000,
        ge=100,
        le=30_000,
        description="milliseconds within which a sender is answered, by refusal if Kafka is silent",
    )
    database_url: str = Field(
        default_factory=lambda known: f"sqlite:///{known['data_dir'] / 'broker.sqlite'}",
        description="SQLAlchemy URL of the projection: SQLite, or PostgreSQL with the extra `postgresql`; "
        "default: an SQLite file in the data directory",
        repr=False,  # it may hold a password
    )
    schema_registry_url: str | None = Field(
        default=None,
        description="http or https URL of a schema registry with Confluent's interface, whose ids the alerts "
        "to recipients carry; without it they carry the pinned ids",
        repr=False,  # somebody may have put a password into it, though it is refused
    )
    schema_registry_user: str | None = Field(
        default=None, description="user at the schema registry, where it wants one"
    )
    schema_registry_password_file: Path | None = Field(
        default=None, description="file of that user's password"
    )
    schema_registry_ca_file: Path | None = Field(
        default=None,
        description="file (PEM) of the authorities that may vouch for the schema registry; default: "
        "the system's",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severity that is logged: debug, info, warning or error"
    )

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _are_servers(cls, value: str | None) -> str | None:
        """Refuse what is not host:port, before a client tries it for the length of a deadline."""
        return None if value is None else _checked_servers(value)

    def require_cluster(self, bootstrap_servers: str | None = None) -> Cluster:
        """
        Return the Kafka to use, at `bootstrap_servers` if given and else where the setting says.

        Raises `ConfigurationError` when neither names one, what is given is not host:port, or the settings of
        its manner do not fit together.
        """
        try:
            servers = _checked_servers(bootstrap_servers) if bootstrap_servers else None
        except ValueError as error:
            raise ConfigurationError(f"--bootstrap-servers: {error}") from None
        servers = servers or self.kafka_bootstrap_servers
        if servers is None:
            raise ConfigurationError(
                f"{PREFIX}KAFKA_BOOTSTRAP_SERVERS is not set: {_meaning('kafka_bootstrap_servers')}. "
                "`cpis kafka` starts a Kafka and prints the value to use."
            )
        return cluster_at(servers, self)

    @property
    def canary(self) -> frozenset[OdsCode]:
        """The provider and the authority that are reserved for tests, where there are any (ruling 27)."""
        named = (self.canary_provider, self.canary_authority)
        return frozenset(OdsCode(code) for code in named if code is not None)

    @property
    def kept_files(self) -> Path:
        """Where upload files and their answers are kept, sealed."""
        return self.kept_files_dir or self.data_dir / "kept"

    def make_data_dir(self) -> None:
        """Make the directory of what this process keeps unless it is there; raise `OSError`."""
        self.data_dir.mkdir(mode=_DATA_MODE, parents=True, exist_ok=True)

    def address(self, door: Door) -> tuple[str, int]:
        """Return host and port on which a door listens; port 0 takes a free one."""
        return {
            "mllp": (self.mllp_host, self.mllp_port),
            "http": (self.http_host, self.http_port or 0),
            "ops": (self.ops_host, self.ops_port),
        }[door]

    def cannot_listen(self, door: Door, error: OSError) -> ConfigurationError:
        """Return what to raise where the system refuses the address of a door."""
        host, port = self.address(door)
        number = error.errno or 0  # below 0 where a name cannot be resolved
        reason = os.strerror(number) if number > 0 else "no such address"
        names = f"{PREFIX}{door.upper()}_HOST, {PREFIX}{door.upper()}_PORT"
        return ConfigurationError(f"{names}: cannot listen on {host}, port {port}: {reason}")


def _checked_servers(value: str) -> str:
    """Return a list of Kafka brokers without blanks; raise `ValueError` unless each is host:port."""
    servers = [server.strip() for server in value.split(",")]
    for number, server in enumerate(servers, start=1):
        match = _SERVER.fullmatch(server)
        if match is None or not 1 <= int(match[1]) <= _PORT_MAX:
            raise ValueError(f"broker {number} of {len(servers)} is not host:port with a port of 1 to 65535")
    return ",".join(servers)


def load_settings() -> Settings:
    """
    Read the settings from this process's environment; a variable that is empty counts as absent.

    Raises `ConfigurationError` with one line for each variable that is unknown or wrong, telling what it may
    be. No line repeats a value.
    """
    named = {name for name, value in os.environ.items() if name.upper().startswith(PREFIX) and value}
    problems = [
        _unknown(name)
        for name in sorted(named)
        if name.upper().removeprefix(PREFIX).lower() not in Settings.model_fields
    ]
    settings = None
    try:
        settings = Settings()
    except ValidationError as error:
        problems += [
            _wrong(str(detail["loc"][0]), detail["msg"])
            for detail in error.errors(include_url=False, include_input=False)
            if detail["type"] != _FOLLOWS_FROM_ANOTHER
        ]
    if problems or settings is None:
        raise ConfigurationError("\n".join(problems))
    return settings


def _unknown(variable: str) -> str:
    """Return the line about a variable that is not a setting."""
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    nearest = difflib.get_close_matches(variable.upper(), known, n=1, cutoff=0)
    return f"{variable} is not a setting; the nearest is {nearest[0]}"


def _wrong(name: str, message: str) -> str:
    """Return the line about a setting whose value cannot be taken."""
    message = message.removeprefix(_PYDANTIC_PREFIX)
    return f"{PREFIX}{name.upper()}: {message[:1].lower()}{message[1:]} ({_meaning(name)})"


def _meaning(name: str) -> str:
    """Return what a setting means."""
    return str(Settings.model_fields[name].description)
