"""The destinations of a file of senders, and what a live deployment demands of them."""

from pathlib import Path

import pytest

from broker.core.errors import ConfigurationError
from broker.runtime.destinations import Route, channel_of, routes
from broker.runtime.senders_file import parse_senders
from broker.runtime.settings import Settings
from broker.services.couriers import FhirCourier, MllpCourier, taken_back
from tests.builders.certificates import Office


def made(text: str, *, live: bool = False) -> dict[str, Route]:
    """Return the destinations of a provider's table."""
    settings = Settings.model_validate({"environment": "live" if live else "test"})
    return dict(routes(settings, parse_senders(f"[provider.RXX.deliver]\n{text}\n", "senders.toml")))


def test_an_engine_and_a_server_are_two_destinations() -> None:
    """Each with its own courier, for one recipient."""
    found = made('mllp = "engine.example:2575"\nfhir = "https://fhir.example/R4"')

    assert ["provider.RXX.mllp", "provider.RXX.fhir"] == list(found)
    assert {"provider.RXX"} == {route.destination.recipient for route in found.values()}
    assert [MllpCourier, FhirCourier] == [type(route.courier()) for route in found.values()]
    assert ["mllp", "fhir"] == [channel_of(name) for name in found]
    assert [taken_back] * 2 == [route.destination.overtaken for route in found.values()]


def test_without_a_file_or_a_table_nothing_is_delivered() -> None:
    """As it was before there were destinations."""
    for text in ("", '[provider.RXX]\nname = "Riverside"'):
        assert {} == routes(Settings.model_validate({}), parse_senders(text, "senders.toml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('mllp = "engine.example:2575"\nmllp_tls = false', "mllp_tls = false"),
        ('fhir = "http://fhir.example/R4"', "fhir without https"),
    ],
)
def test_a_live_deployment_names_no_child_in_the_open(text: str, words: str) -> None:
    """Another machine is spoken to over TLS alone; a test deployment may do otherwise."""
    assert made(text)
    with pytest.raises(ConfigurationError) as refused:
        made(text, live=True)

    assert str(refused.value).startswith(f"[provider.RXX.deliver] {words}: a live deployment")


@pytest.mark.parametrize(
    "text", ['mllp = "127.0.0.1:2575"\nmllp_tls = false', 'fhir = "http://localhost:80/R4"']
)
def test_a_live_deployment_speaks_plainly_with_its_own_machine(text: str) -> None:
    """A proxy there may do the rest."""
    assert made(text, live=True)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """By the table and the key, before anything is started."""
    with pytest.raises(ConfigurationError, match=r"^\[provider.RXX.deliver\] ca_file cannot be used"):
        made(f'mllp = "engine.example:2575"\nca_file = "{tmp_path / "missing.pem"}"')


def test_a_certificate_of_ours_is_shown(tmp_path: Path) -> None:
    """Where both files are named."""
    files = Office(tmp_path).settings()
    certificate, key = files["mllp_tls_certificate_file"], files["mllp_tls_key_file"]

    assert made(f'mllp = "e.example:1"\ncertificate_file = "{certificate}"\nkey_file = "{key}"')
