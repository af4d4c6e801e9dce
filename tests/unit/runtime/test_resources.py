"""What is shipped with the program is found."""

from pathlib import Path

import pytest

from broker.core.errors import ConfigurationError
from broker.runtime import resources


def test_the_shipped_files_are_there() -> None:
    """Schemas, topics and the list of jars are found and are what they are called."""
    assert [True, True, True] == [
        resources.schemas_directory().is_dir(),
        resources.topics_file().is_file(),
        resources.kafka_lock_file().is_file(),
    ]


def test_an_installed_file_goes_before_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an installed package the data lie inside it; in a checkout at its root."""
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "broker")
    checkout = tmp_path / "deploy" / "topics.toml"
    checkout.parent.mkdir()
    checkout.touch()
    assert checkout == resources.topics_file()

    installed = tmp_path / "broker" / "_data" / "topics.toml"
    installed.parent.mkdir(parents=True)
    installed.touch()
    assert installed == resources.topics_file()


def test_a_file_that_was_not_shipped_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incomplete installation says which part is missing."""
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "broker")

    with pytest.raises(ConfigurationError, match=r"kafka\.lock is not part of this installation"):
        resources.kafka_lock_file()
