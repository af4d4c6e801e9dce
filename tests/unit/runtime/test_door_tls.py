"""Which settings of the MLLP door go together, and what a live deployment demands."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from broker.core.errors import ConfigurationError
from broker.core.senders import Senders
from broker.runtime.door_tls import door_tls
from broker.runtime.senders_file import parse_senders
from broker.runtime.settings import Settings
from tests.builders.certificates import Office

ANYBODY = Senders()
NAMED = parse_senders('[provider.RXX.sender.ED]\naddresses = ["127.0.0.1"]', "senders.toml")
EVERYWHERE = ["0.0.0.0", "::", "10.1.2.3", "broker.example"]  # noqa: S104 – to be refused
HERE = ["127.0.0.1", "127.0.0.9", "::1", "localhost"]


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    """Return the three settings with files that can be used."""
    return Office(tmp_path).settings()


def refusal(given: Mapping[str, object], senders: Senders = ANYBODY) -> str:
    """Return why settings are refused."""
    with pytest.raises(ConfigurationError) as refused:
        door_tls(Settings.model_validate(given), senders)
    return str(refused.value)


def test_without_a_certificate_the_door_speaks_no_tls() -> None:
    """As the demonstration has it."""
    assert door_tls(Settings.model_validate({}), ANYBODY) is None


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["certificate"], ["KEY"]),
        (["key"], ["CERTIFICATE"]),
        (["client_ca"], ["CERTIFICATE"]),
        (["certificate", "client_ca"], ["KEY"]),
        (["key", "client_ca"], ["CERTIFICATE", "CERTIFICATE"]),
    ],
)
def test_settings_that_make_no_sense_alone_are_refused(
    tls: dict[str, str], names: list[str], missing: list[str]
) -> None:
    """What is set, and what must be set with it."""
    given = {f"mllp_tls_{name}_file": tls[f"mllp_tls_{name}_file"] for name in names}

    lines = refusal(given).splitlines()

    assert len(missing) == len(lines)
    for name, line in zip(missing, lines, strict=True):
        assert f"and CPIS_MLLP_TLS_{name}_FILE is not: TLS of the MLLP door needs both" in line


@pytest.mark.parametrize("host", EVERYWHERE)
def test_a_live_door_is_open_to_others_only_under_tls_with_certificates(
    tls: dict[str, str], host: str
) -> None:
    """All three settings are named at once; with them it is open, and a test deployment needs none."""
    live = {"environment": "live", "mllp_host": host}
    without_authority = {name: value for name, value in tls.items() if "client_ca" not in name}

    every, one = refusal(live), refusal({**live, **without_authority}, NAMED)

    assert ["CPIS_MLLP_TLS_CERTIFICATE_FILE", "CPIS_MLLP_TLS_CLIENT_CA_FILE", "CPIS_SENDERS_FILE"] == [
        line.partition(" is not set:")[0] for line in every.splitlines()
    ]
    assert one.startswith("CPIS_MLLP_TLS_CLIENT_CA_FILE is not set: ")
    assert refusal({**live, **tls}).startswith("CPIS_SENDERS_FILE is not set: ")
    assert door_tls(Settings.model_validate({**live, **tls}), NAMED) is not None
    assert door_tls(Settings.model_validate({"environment": "test", "mllp_host": host}), ANYBODY) is None


@pytest.mark.parametrize("host", HERE)
def test_a_live_door_for_this_machine_alone_needs_no_tls(host: str) -> None:
    """A proxy on the same machine may speak it."""
    assert door_tls(Settings.model_validate({"environment": "live", "mllp_host": host}), ANYBODY) is None


def test_senders_known_by_certificates_need_the_authorities_that_vouch_for_them(tls: dict[str, str]) -> None:
    """Else nobody would be asked for one, and every message of theirs refused; by address needs nothing."""
    without = {name: value for name, value in tls.items() if "client_ca" not in name}
    known = parse_senders('[provider.RXX.sender.ED]\ncertificates = ["name:engine.example"]', "senders.toml")

    assert refusal(without, known).startswith("CPIS_MLLP_TLS_CLIENT_CA_FILE is not set: the file of senders")
    assert door_tls(Settings.model_validate(tls), known) is not None
    assert door_tls(Settings.model_validate({}), NAMED) is None


def test_over_http_a_token_stands_for_a_certificate(tls: dict[str, str]) -> None:
    """Then the door asks for none: who vouches for senders need not be set."""
    mine = {name.replace("mllp", "http"): file for name, file in tls.items()}
    del mine["http_tls_client_ca_file"]
    by_certificate = '[provider.RXX.sender.ED]\ncertificates = ["name:engine.example"]\n'
    by_token = f'tokens = ["sha256:{"0" * 64}"]'
    live = Settings.model_validate({**mine, "environment": "live", "http_host": "0.0.0.0"})  # noqa: S104

    assert door_tls(live, parse_senders(by_certificate + by_token, "senders.toml"), "HTTP") is not None
    with pytest.raises(ConfigurationError, match="CPIS_HTTP_TLS_CLIENT_CA_FILE is not set"):
        door_tls(live, parse_senders(by_certificate, "senders.toml"), "HTTP")


def test_a_live_door_over_http_has_tls_and_a_file_of_senders() -> None:
    """Unless this machine alone can reach it."""
    live = Settings.model_validate({"environment": "live", "http_host": "0.0.0.0"})  # noqa: S104
    with pytest.raises(ConfigurationError) as refused:
        door_tls(live, ANYBODY, "HTTP")
    first, second = str(refused.value).splitlines()
    assert first.startswith("CPIS_HTTP_TLS_CERTIFICATE_FILE is not set")
    assert second.startswith("CPIS_SENDERS_FILE is not set")

    assert door_tls(Settings.model_validate({"environment": "live"}), ANYBODY, "HTTP") is None
