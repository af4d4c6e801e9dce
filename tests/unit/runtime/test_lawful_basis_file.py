"""No row, no go-live (ruling 49): what a data protection officer's file may say, and what lacks."""

from pathlib import Path

import pytest

from broker.core.errors import ConfigurationError
from broker.core.lawful_basis import Flow
from broker.runtime.lawful_basis_file import check_lawful_basis, read_confirmations
from broker.runtime.settings import Settings
from tests.builders.lawful_basis import confirmations


def file(folder: Path, text: str) -> Path:
    """Return a file with a text."""
    path = folder / "lawful-basis.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_live_deployment_starts_with_every_row_confirmed(tmp_path: Path) -> None:
    """The file names who confirmed which version, and when."""
    path = file(tmp_path, confirmations())

    check_lawful_basis(Settings(environment="live", lawful_basis_file=path))

    assert set(Flow) == set(read_confirmations(path))


@pytest.mark.parametrize("flow", Flow)
def test_a_live_deployment_is_refused_for_each_row_that_lacks(tmp_path: Path, flow: Flow) -> None:
    """The refusal names the row."""
    path = file(tmp_path, confirmations(without=flow))

    with pytest.raises(ConfigurationError, match=flow):
        check_lawful_basis(Settings(environment="live", lawful_basis_file=path))


def test_a_live_deployment_is_refused_without_a_file_and_a_test_one_is_not() -> None:
    """All rows lack; a deployment of tests shares nothing about anybody."""
    with pytest.raises(ConfigurationError, match=", ".join(Flow)):
        check_lawful_basis(Settings(environment="live"))
    check_lawful_basis(Settings(environment="test"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[visit-of-nobody]\nversion = 1", "confirms visit-of-nobody; the rows are visit-of-child"),
        ("[visit-of-child]\nversion = 1", r"\[visit-of-child\] needs version"),
        ("visit-of-child = 1", r"\[visit-of-child\] needs version"),
        ('[visit-of-child]\nversion = "1"\nby = "An Officer"\non = 2026-11-01', "needs version"),
        ('[visit-of-child]\nversion = true\nby = "An Officer"\non = 2026-11-01', "needs version"),
        ('[visit-of-child]\nversion = 1\nby = " "\non = 2026-11-01', "needs version"),
        ('[visit-of-child]\nversion = 1\nby = "An Officer"\non = "soon"', "needs version"),
        ("[visit-of-child", "is no TOML"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """In a deployment of tests too: a typo is no confirmation."""
    with pytest.raises(ConfigurationError, match=words):
        check_lawful_basis(Settings(lawful_basis_file=file(tmp_path, text)))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With the setting's name and the reason."""
    with pytest.raises(ConfigurationError, match="CPIS_LAWFUL_BASIS_FILE cannot be read: No such file"):
        read_confirmations(tmp_path / "nowhere.toml")
