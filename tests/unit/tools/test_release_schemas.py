"""Freezing schemas: once for a release, anew before it, never after."""

import subprocess
from pathlib import Path

import click
import pytest

from tests.tools.release_schemas import SUMS, damaged, freeze, frozen, is_out, present, releases

UNRELEASED = "# Changelog\n\n## [Unreleased]\n\nThe first release, 0.1.0, will hold:\n"
OUT = "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one schema, on its way to 0.1.0."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(UNRELEASED)
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "ids.json").write_text('{"note": 1}')
    (tmp_path / "schemas" / "note.avsc").write_text('{"type": "record", "name": "Note", "fields": []}')
    return tmp_path


def test_the_present_schemas_are_frozen(repository: Path) -> None:
    """The copies are those files, and their sums are what `sha256sum` says."""
    assert freeze(repository, again=False) == "0.1.0"

    folder = releases(repository)["0.1.0"]
    assert present(repository) == frozen(folder)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=folder, check=True)


def test_a_frozen_version_is_frozen_anew_on_request_only(repository: Path) -> None:
    """A second time takes the flag, and leaves nothing of the first."""
    freeze(repository, again=False)
    (repository / "schemas" / "note.avsc").rename(repository / "schemas" / "other.avsc")

    with pytest.raises(click.ClickException, match="frozen already"):
        freeze(repository, again=False)
    freeze(repository, again=True)

    assert ["ids.json", "other.avsc"] == list(frozen(releases(repository)["0.1.0"]))


@pytest.mark.parametrize("again", [False, True])
def test_a_version_that_is_out_is_never_frozen_again(repository: Path, again: bool) -> None:  # noqa: FBT001
    """Whatever the flag says."""
    freeze(repository, again=False)
    (repository / "CHANGELOG.md").write_text(OUT)

    with pytest.raises(click.ClickException, match="is out"):
        freeze(repository, again=again)


def test_the_changelog_says_what_is_out(repository: Path) -> None:
    """A heading counts; a mention does not."""
    assert not is_out(repository, "0.1.0")
    (repository / "CHANGELOG.md").write_text(OUT)
    assert (True, False) == (is_out(repository, "0.1.0"), is_out(repository, "0.1.1"))


def test_a_changed_copy_is_seen(repository: Path) -> None:
    """A file that was altered, removed or added is named."""
    freeze(repository, again=False)
    folder = releases(repository)["0.1.0"]
    assert [] == list(damaged(folder))

    (folder / "note.avsc").write_text("{}")
    (folder / "ids.json").unlink()
    (folder / "late.avsc").write_text("{}")

    assert ["ids.json", "late.avsc", "note.avsc"] == list(damaged(folder))
