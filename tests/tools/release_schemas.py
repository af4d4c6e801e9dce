"""
Freezes the present schemas as those of a release: `schemas/released/<version>/`, with their sha256 sums.

`python -m tests.tools.release_schemas` freezes them as the version in `pyproject.toml`, once. With
`--unreleased` it freezes them anew, which is allowed until the changelog has a heading for that version.
"""

import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

REPOSITORY = Path(__file__).resolve().parents[2]
SUMS = "sha256sums"
IDS = "ids.json"
COMMAND = "python -m tests.tools.release_schemas --unreleased"

Files = Mapping[str, bytes]


def present(repository: Path) -> Files:
    """Return the present schemas and their ids by file name."""
    folder = repository / "schemas"
    return {path.name: path.read_bytes() for path in sorted([*folder.glob("*.avsc"), folder / IDS])}


def releases(repository: Path) -> dict[str, Path]:
    """Return the folder of each frozen version, out or not."""
    return {path.name: path for path in sorted((repository / "schemas" / "released").iterdir())}


def frozen(folder: Path) -> Files:
    """Return the frozen schemas and their ids by file name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != SUMS}


def schemas_of(files: Files) -> dict[str, Any]:
    """Return each schema's loaded JSON by its name, which is its subject and perhaps an earlier number."""
    return {
        name.removesuffix(".avsc"): json.loads(text) for name, text in files.items() if name.endswith(".avsc")
    }


def ids_of(files: Files) -> dict[str, int]:
    """Return the pinned ids by name."""
    ids: dict[str, int] = json.loads(files[IDS])
    return ids


def version(repository: Path) -> str:
    """Return the version that the repository is on the way to, or at."""
    return str(tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def is_out(repository: Path, named: str) -> bool:
    """Return whether a version is released: the changelog has a heading for it."""
    changelog = (repository / "CHANGELOG.md").read_text("utf-8")
    return re.search(rf"^## \[{re.escape(named)}\]", changelog, re.MULTILINE) is not None


def sums(files: Files) -> str:
    """Return the lines that `sha256sum --check` takes."""
    return "".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in sorted(files.items()))


def damaged(folder: Path) -> Iterator[str]:
    """Yield the files of a frozen version that are not as they were frozen, are missing or came later."""
    kept = set((folder / SUMS).read_text("utf-8").splitlines())
    there = set(sums(frozen(folder)).splitlines())
    yield from sorted({line.split()[-1] for line in kept ^ there})


def freeze(repository: Path, *, again: bool) -> str:
    """
    Freeze the present schemas and return the version they are frozen as.

    Raise `click.ClickException` when that version is out, or is frozen already and not to be `again`.
    """
    named = version(repository)
    folder = repository / "schemas" / "released" / named
    if folder.exists():
        if is_out(repository, named):
            raise click.ClickException(f"{named} is out: its schemas never change; raise the version first")
        if not again:
            raise click.ClickException(f"{named} is frozen already; --unreleased freezes it anew")
        for path in folder.iterdir():
            path.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    files = present(repository)
    for name, text in files.items():
        (folder / name).write_bytes(text)
    (folder / SUMS).write_text(sums(files), encoding="utf-8")
    return named


@click.command()
@click.option("--unreleased", is_flag=True, help="Freeze a version anew that is not out yet.")
def main(*, unreleased: bool) -> None:
    """Freeze the present schemas as those of the version in pyproject.toml."""
    click.echo(f"frozen as {freeze(REPOSITORY, again=unreleased)}")


if __name__ == "__main__":
    sys.exit(main())
