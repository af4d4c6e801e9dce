"""The settings of a demographic source: what goes together, what is refused; no value is repeated."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broker.adapters.cluster import Cluster
from broker.adapters.signing_keys import read_signing_key
from broker.core.errors import ConfigurationError, DemographicsUnavailable
from broker.core.identifiers import NhsNumber
from broker.core.source_pace import FAILURES_MAX
from broker.runtime.metrics import Metrics
from broker.runtime.pds import pds_address, source
from broker.runtime.pds_client import pds_source
from broker.runtime.settings import Settings
from tests.builders.logs import lent_logs
from tests.builders.pds import signing_key
from tests.scrape import samples

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
SECRET = "not-to-be-told"  # noqa: S105 - of a test


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as it stands in a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Return a file with a key that may be used."""
    path = tmp_path / "key.pem"
    path.write_bytes(pem(signing_key()))
    return path


def configured(key_file: Path, **more: object) -> Settings:
    """Return the settings of a source on this machine, with changes."""
    given: dict[str, object] = {
        "pds_url": "http://127.0.0.1:9/base/",
        "pds_token_url": "http://localhost:9/token",
        "pds_application_id": "cpis",
        "pds_key_file": key_file,
        "pds_key_id": "k1",
        **more,
    }
    return Settings.model_validate(given)


def test_without_settings_there_is_no_source() -> None:
    """Nobody is asked, as ever."""
    settings = Settings()

    assert pds_address(settings) is None
    assert source(settings, Cluster("one:9092"), clock=lambda: NOW, metrics=Metrics()) is None


def test_an_address_is_what_the_settings_say(key_file: Path, tmp_path: Path) -> None:
    """The last slash is none of a URL; times are seconds; a process asks its share of the rate."""
    ca_file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca_file))
    more = {
        "pds_url": "https://pds.example/base/",
        "pds_ca_file": ca_file,
        "pds_organisation": "X26",
        "pds_per_second": 5,
        "pds_processes": 2,
        "pds_deadline_ms": 1_500,
    }

    address = pds_address(configured(key_file, **more))

    assert address is not None
    assert ("https://pds.example/base", "http://localhost:9/token", "cpis", "k1", "X26", 2.5, 1.5) == (
        address.url,
        address.token_url,
        address.application_id,
        address.key_id,
        address.organisation,
        address.per_second,
        address.deadline_seconds,
    )
    assert address.tls is not None
    assert "key=" not in repr(address)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"pds_key_id": None}, "go together; not set: CPIS_PDS_KEY_ID"),
        ({"pds_url": "http://pds.example/x"}, "CPIS_PDS_URL: people are asked about over https only"),
        ({"pds_token_url": "http://10.0.0.1/"}, "CPIS_PDS_TOKEN_URL: people are asked about over https only"),
        ({"pds_url": "ftp://localhost"}, "CPIS_PDS_URL is not an http or https URL with a host"),
        ({"pds_url": f"https://a:{SECRET}@b/"}, "CPIS_PDS_URL holds a user or password"),
        ({"pds_url": f"https://b/?key={SECRET}"}, "CPIS_PDS_URL ends with its path"),
        ({"pds_ca_file": Path("/ca")}, "CPIS_PDS_CA_FILE is of no use without https"),
    ],
)
def test_what_does_not_fit_together_is_refused(key_file: Path, more: dict[str, object], words: str) -> None:
    """Before a door opens, and without a value that somebody may have put there."""
    with pytest.raises(ConfigurationError) as refusal:
        pds_address(configured(key_file, **more))

    assert words in str(refusal.value)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("name", ["pds_organisation", "pds_ca_file"])
def test_what_makes_no_sense_without_a_source_is_refused(name: str) -> None:
    """Somebody meant to have one."""
    with pytest.raises(ConfigurationError, match="is set without CPIS_PDS_URL"):
        pds_address(Settings.model_validate({name: "X26"}))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"nothing", "holds no private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "holds no RSA key of 2048 bits or more"),
        (pem(rsa.generate_private_key(public_exponent=65_537, key_size=1_024)), "holds no RSA key of 2048"),  # noqa: S505 - that is what is refused
    ],
    ids=["no file", "no key", "another kind", "too short"],
)
def test_a_key_that_no_service_takes_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    """With the name of its setting."""
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=f"CPIS_PDS_KEY_FILE {words}"):
        read_signing_key(path, "CPIS_PDS_KEY_FILE")


def test_being_away_is_told_once_and_every_question_is_counted(key_file: Path) -> None:
    """Nobody listens at port 9: the log has a reason, the metrics a gauge, neither a number."""
    address = pds_address(configured(key_file, pds_deadline_ms=100))
    assert address is not None
    metrics = Metrics()

    async def scenario() -> None:
        """Ask more often than shuts the gate."""
        asked = pds_source(address, clock=lambda: NOW, metrics=metrics)
        try:
            for _ in range(FAILURES_MAX + 1):
                with pytest.raises(DemographicsUnavailable):
                    await asked.get(NhsNumber("9990000018"))
        finally:
            await asked.close()

    with lent_logs() as logs:
        asyncio.run(scenario())

    [line] = [line for line in logs.lines() if line["event"] == "demographic source away"]
    assert {"warning", "intake"} == {line["level"], line["role"]}
    assert "9990000018" not in logs.stream.getvalue()
    shown = samples(metrics.text())
    assert 1.0 == shown["cpis_source_away"]
    assert FAILURES_MAX + 1 == sum(
        value for name, value in shown.items() if name.startswith("cpis_source_questions_total")
    )
