"""The settings of the manner in which Kafka is spoken with: what is refused, and no secret repeated."""

from pathlib import Path
from typing import Any

import pytest

from broker.adapters.cluster import Cluster, Scram
from broker.core.errors import ConfigurationError
from broker.runtime.settings import Settings
from tests.builders.secured import Certificates

PASSWORD = "not-to-be-told"  # noqa: S105 – of a test
FAR, NEAR = "kafka.example:9093", "127.0.0.1:9092,localhost:9092,[::1]:9092"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with certificates, keys and passwords, good and bad."""
    directory = tmp_path_factory.mktemp("files")
    certificates = Certificates(directory)
    for name, expired in (("good", False), ("other", False), ("old", True)):
        certificate, key = certificates.issue(name, expired=expired)
        certificate.rename(directory / f"{name}.crt")
        key.rename(directory / f"{name}.key")
    (directory / "password").write_text(f"{PASSWORD}\n")
    (directory / "empty").write_text("")
    return directory


def settings(files: Path, **given: str) -> Settings:
    """Return settings; what ends with `file` is one of the files."""
    named: dict[str, Any] = {
        f"kafka_{name}": files / value if name.endswith("file") else value for name, value in given.items()
    }
    environment = named.pop("kafka_environment", "test")
    servers = named.pop("kafka_servers", FAR)
    return Settings(kafka_bootstrap_servers=servers, environment=environment, **named)


SCRAM = {"security_protocol": "SASL_SSL", "ca_file": "ca.pem", "user": "cpis", "password_file": "password"}
SHOWN = {"certificate_file": "good.crt", "key_file": "good.key"}
MUTUAL = {"security_protocol": "SSL", "ca_file": "ca.pem", **SHOWN}


def test_without_settings_it_is_spoken_in_the_open() -> None:
    """As the embedded Kafka does it."""
    cluster = Settings(kafka_bootstrap_servers=FAR).require_cluster()

    assert Cluster(FAR) == cluster
    assert "PLAINTEXT" == cluster.connection()["security_protocol"]


def test_a_password_is_used_over_tls_and_shown_to_nobody(files: Path) -> None:
    """Not in the cluster's words, nor in the settings'."""
    given = settings(files, **SCRAM)
    cluster = given.require_cluster()
    connection = cluster.connection()

    assert ("SASL_SSL", "SCRAM-SHA-512", "cpis", PASSWORD) == (
        connection["security_protocol"],
        connection["sasl_mechanism"],
        connection["sasl_plain_username"],
        connection["sasl_plain_password"],
    )
    assert connection["ssl_context"].check_hostname
    assert PASSWORD not in f"{cluster!r} {given!r}"


def test_the_other_mechanism_may_be_chosen(files: Path) -> None:
    """Where a cluster has no other."""
    cluster = settings(files, **SCRAM, sasl_mechanism="SCRAM-SHA-256").require_cluster()

    assert "SCRAM-SHA-256" == cluster.connection()["sasl_mechanism"]


def test_a_certificate_is_shown_where_one_is_given(files: Path) -> None:
    """With and without one, and beside a password."""
    for given in ({"security_protocol": "SSL"}, MUTUAL):
        assert "SSL" == settings(files, **given).require_cluster().security_protocol
    assert "SASL_SSL" == settings(files, **SCRAM, **SHOWN).require_cluster().security_protocol


def test_no_password_without_tls() -> None:
    """By construction, whatever the settings say."""
    scram = Scram(mechanism="SCRAM-SHA-512", user="cpis", password=PASSWORD)

    with pytest.raises(ConfigurationError, match="over TLS only") as refusal:
        Cluster(FAR, scram=scram)

    assert PASSWORD not in f"{refusal.value} {scram!r}"


REFUSED = {
    "a user in the open": ({"user": "cpis"}, "USER is of no use with CPIS_KAFKA_SECURITY_PROTOCOL=PLAINTEXT"),
    "authorities in the open": ({"ca_file": "ca.pem"}, "CA_FILE is of no use"),
    "a password without a user": (
        {**MUTUAL, "password_file": "password"},
        "PASSWORD_FILE is of no use with CPIS_KAFKA_SECURITY_PROTOCOL=SSL",
    ),
    "a mechanism without a user": ({**MUTUAL, "sasl_mechanism": "SCRAM-SHA-256"}, "SASL_MECHANISM is of no"),
    "no user": ({"security_protocol": "SASL_SSL", "password_file": "password"}, "needs CPIS_KAFKA_USER and"),
    "no password": ({"security_protocol": "SASL_SSL", "user": "cpis"}, "and CPIS_KAFKA_PASSWORD_FILE"),
    "a user nobody can print": ({**SCRAM, "user": "c\x00pis"}, "USER holds a character"),
    "a certificate without its key": ({**MUTUAL, "key_file": ""}, "go together"),
    "no file of authorities": ({**SCRAM, "ca_file": "missing"}, "CA_FILE cannot be used: No such file"),
    "no authority in it": ({**SCRAM, "ca_file": "empty"}, "CA_FILE cannot be used: "),
    "no file of a password": ({**SCRAM, "password_file": "missing"}, "PASSWORD_FILE cannot be read: No such"),
    "no password in it": ({**SCRAM, "password_file": "empty"}, "PASSWORD_FILE does not hold one line"),
    "no file of a certificate": (
        {**MUTUAL, "certificate_file": "missing"},
        "CERTIFICATE_FILE cannot be",
    ),
    "no certificate in it": (
        {**MUTUAL, "certificate_file": "empty"},
        "CERTIFICATE_FILE holds no",
    ),
    "a certificate that has expired": (
        {**MUTUAL, "certificate_file": "old.crt", "key_file": "old.key"},
        "CERTIFICATE_FILE: the certificate expired on 20",
    ),
    "no file of a key": ({**MUTUAL, "key_file": "missing"}, "KEY_FILE cannot be read: No such file"),
    "another's key": ({**MUTUAL, "key_file": "other.key"}, "KEY_FILE holds no private key .*of the cert"),
    "no key in it": ({**MUTUAL, "key_file": "empty"}, "KEY_FILE holds no private key"),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused(files: Path, given: dict[str, str], words: str) -> None:
    """One message with the setting's name, 78, and no secret."""
    with pytest.raises(ConfigurationError, match=f"CPIS_KAFKA_.*{words}") as refusal:
        settings(files, **{name: value for name, value in given.items() if value}).require_cluster()

    assert 78 == refusal.value.exit_code
    assert PASSWORD not in str(refusal.value)


def test_a_live_deployment_speaks_in_the_open_on_its_own_machine_only(files: Path) -> None:
    """Between machines somebody may listen; one far broker among near ones is enough."""
    assert Cluster(NEAR) == settings(files, environment="live", servers=NEAR).require_cluster()
    for servers in (FAR, f"{NEAR},{FAR}", "127.example:9092"):
        with pytest.raises(ConfigurationError, match="a live deployment speaks so only with a Kafka on"):
            settings(files, environment="live", servers=servers).require_cluster()
    assert "SASL_SSL" == settings(files, environment="live", **SCRAM).require_cluster().security_protocol
