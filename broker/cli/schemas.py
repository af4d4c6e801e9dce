"""`cpis schemas`: which schemas there are, and what an outside schema registry has of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from broker.core.errors import SchemaNotRegistered
from broker.runtime.codecs import load_files
from broker.runtime.registry import registered_ids, registry, subjects
from broker.runtime.settings import load_settings
from broker.runtime.topics import declared_topics
from broker.wire.alerts_codec import SCHEMA


@click.group()
def schemas() -> None:
    """List the schemas, or compare and register that of alerts with a schema registry."""


def _recipients(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that says which recipients there are."""
    option = click.option(
        "--file",
        "declaration",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File that declares the topics. Default: CPIS_TOPICS_FILE, or the one shipped with the program.",
    )
    return option(command)


@schemas.command("list")
def list_schemas() -> None:
    """List every schema with its pinned id. Asks no registry."""
    _, ids = load_files()
    for name, number in sorted(ids.items(), key=lambda entry: entry[1]):
        click.echo(f"{number}  {name}")


@schemas.command()
@_recipients
def check(declaration: Path | None) -> None:
    """
    Compare the schema of alerts with the registry, subject by subject; change nothing.

    Each is `registered` with its id, `absent` (it can be registered) or `incompatible`. Ends with an error
    unless all are registered.
    """
    avsc, _ = load_files()
    schema = avsc[SCHEMA]

    async def compare() -> bool:
        """Show the state of each subject; return whether all are registered."""
        complete = True
        async with registry(load_settings()) as asked:
            for subject in _subjects(declaration):
                number = await asked.id_of(subject, schema)
                if number is not None:
                    state = f"registered {number}"
                elif await asked.is_compatible(subject, schema):
                    state = "absent"
                else:
                    state = "incompatible"
                complete = complete and number is not None
                click.echo(f"{state:<24}{subject}")
        return complete

    if not asyncio.run(compare()):
        raise SchemaNotRegistered("the schema of alerts is not registered for every subject")
    asyncio.run(registered_ids(load_settings()))


@schemas.command()
@_recipients
def register(declaration: Path | None) -> None:
    """
    Register the schema of alerts for every topic that holds alerts.

    Registering twice is registering once. A subject that refuses ends it; those before stay registered.
    """
    avsc, _ = load_files()

    async def enter() -> None:
        """Register subject by subject."""
        async with registry(load_settings()) as asked:
            for subject in _subjects(declaration):
                click.echo(f"registered {await asked.register(subject, avsc[SCHEMA]):<13}{subject}")

    asyncio.run(enter())
    asyncio.run(registered_ids(load_settings()))


def _subjects(declaration: Path | None) -> list[str]:
    """Return the subjects of the topics declared in a file, or else in that of the settings."""
    return subjects(declared_topics(declaration or load_settings().topics_file).names)
