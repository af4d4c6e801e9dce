"""Which settings of the MLLP door go together, and what a live deployment demands."""

from pathlib import Path

import pytest

from broker.core.errors import ConfigurationError
from broker.runtime.door_tls import door_tls
from broker.runtime.settings import Settings
from tests.builders.certificates import Office

EVERYWHERE = ["0.0.0.0", "::", "10.1.2.3", "broker.example"]  # noqa: S104 – to be refused
HERE = ["127.0.0.1", "127.0.0.9", "::1", "localhost"]


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    """Return the three settings with files that can be used."""
    return Office(tmp_path).settings()


def refusal(**given: object) -> str:
    """Return why settings are refused."""
    with pytest.raises(ConfigurationError) as refused:
        door_tls(Settings.model_validate(given))
    return str(refused.value)


def test_without_a_certificate_the_door_speaks_no_tls() -> None:
    """As the demonstration has it."""
    assert door_tls(Settings.model_validate({})) is None


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

    lines = refusal(**given).splitlines()

    assert len(missing) == len(lines)
    for name, line in zip(missing, lines, strict=True):
        assert f"and CPIS_MLLP_TLS_{name}_FILE is not: TLS of the MLLP door needs both" in line


@pytest.mark.parametrize("host", EVERYWHERE)
def test_a_live_door_is_open_to_others_only_under_tls_with_certificates(
    tls: dict[str, str], host: str
) -> None:
    """Both settings are named at once; with both it is open, and a test deployment needs neither."""
    live = {"environment": "live", "mllp_host": host}
    without_authority = {name: value for name, value in tls.items() if "client_ca" not in name}

    both, one = refusal(**live), refusal(**live, **without_authority)

    assert ["CERTIFICATE_FILE is not set", "CLIENT_CA_FILE is not set"] == [
        line.removeprefix("CPIS_MLLP_TLS_").partition(":")[0] for line in both.splitlines()
    ]
    assert one.startswith("CPIS_MLLP_TLS_CLIENT_CA_FILE is not set: ")
    assert door_tls(Settings.model_validate({**live, **tls})) is not None
    assert door_tls(Settings.model_validate({"environment": "test", "mllp_host": host})) is None


@pytest.mark.parametrize("host", HERE)
def test_a_live_door_for_this_machine_alone_needs_no_tls(host: str) -> None:
    """A proxy on the same machine may speak it."""
    assert door_tls(Settings.model_validate({"environment": "live", "mllp_host": host})) is None
