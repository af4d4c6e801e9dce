"""Settings: defaults, what is refused, and that no refusal repeats a value."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from broker.adapters.cluster import Cluster
from broker.core.errors import ConfigurationError
from broker.runtime.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever the person who runs the tests has set."""
    for name in os.environ:
        if name.upper().startswith("CPIS_"):
            monkeypatch.delenv(name)


def test_everything_has_a_default_but_the_cluster() -> None:
    """With nothing set, everything is kept under `.data` and only the cluster is unknown."""
    settings = load_settings()

    assert (None, "cpis", "test") == (
        settings.kafka_bootstrap_servers,
        settings.application_id,
        settings.environment,
    )
    assert (Path(".data/keys"), Path(".data/uploads")) == (settings.sealing_keys_dir, settings.drop_folder)
    assert "sqlite:///.data/broker.sqlite" == settings.database_url


def test_places_follow_the_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, uploads and database go where the data directory goes, unless set themselves."""
    monkeypatch.setenv("CPIS_DATA_DIR", "/var/lib/cpis")
    monkeypatch.setenv("CPIS_DROP_FOLDER", "/srv/uploads")

    settings = load_settings()

    assert (Path("/var/lib/cpis/keys"), Path("/srv/uploads"), "sqlite:////var/lib/cpis/broker.sqlite") == (
        settings.sealing_keys_dir,
        settings.drop_folder,
        settings.database_url,
    )


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty value, as compose files make them, is the default."""
    monkeypatch.setenv("CPIS_MLLP_PORT", "")
    monkeypatch.setenv("CPIS_NOT_A_SETTING", "")

    assert 2575 == load_settings().mllp_port


def test_settings_cannot_be_changed() -> None:
    """What was read at the start holds until the end."""
    settings = load_settings()

    with pytest.raises(ValidationError, match=r"frozen"):
        settings.mllp_port = 1


def test_a_misspelt_variable_is_refused_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typo would otherwise be silently ignored."""
    monkeypatch.setenv("CPIS_DATADIR", "/var/lib/cpis")

    with pytest.raises(ConfigurationError) as refusal:
        load_settings()

    assert "CPIS_DATADIR is not a setting; the nearest is CPIS_DATA_DIR" == str(refusal.value)


def test_each_wrong_value_has_one_line_with_its_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """All mistakes are told at once, in one line each, and the values are not repeated."""
    wrong = {
        "CPIS_MLLP_PORT": "seventeen",
        "CPIS_ENVIRONMENT": "production",
        "CPIS_SESSION_TIMEOUT_MS": "31",
        "CPIS_MLLP_PROT": "2576",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as refusal:
        load_settings()

    lines = str(refusal.value).splitlines()
    assert sorted(wrong) == sorted(line.partition(" ")[0].rstrip(":") for line in lines)
    assert "CPIS_SESSION_TIMEOUT_MS: input should be greater than or equal to 1000 (milliseconds" in str(
        refusal.value
    )
    assert not [value for value in wrong.values() if value in str(refusal.value)]


def test_a_wrong_configuration_ends_with_code_78() -> None:
    """The exit code of a configuration error is EX_CONFIG."""
    assert 78 == ConfigurationError.exit_code


def test_a_command_that_needs_a_cluster_says_how_to_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the setting and the command that starts a cluster."""
    with pytest.raises(ConfigurationError, match=r"CPIS_KAFKA_BOOTSTRAP_SERVERS is not set: .*cpis kafka"):
        load_settings().require_cluster()

    monkeypatch.setenv("CPIS_KAFKA_BOOTSTRAP_SERVERS", "one:9092,two:9092")
    assert Cluster("one:9092,two:9092") == load_settings().require_cluster()


def test_a_password_in_the_database_url_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings can be printed without giving the password away."""
    monkeypatch.setenv("CPIS_DATABASE_URL", "postgresql://broker:hidden@localhost/broker")

    assert "hidden" not in repr(load_settings())


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_says_what_it_means(name: str) -> None:
    """A setting without a description could not be told about."""
    assert Settings.model_fields[name].description
