"""`cpis access`: who may do what on the cluster, shown and granted."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from broker.adapters.access_declarations import Access, Principal
from broker.adapters.kafka_access import apply_access, kafka_acls_lines
from broker.runtime.access import declared_access
from broker.runtime.settings import load_settings
from broker.runtime.topics import declared_topics


@click.group()
def access() -> None:
    """Show who may do what on the cluster, or grant it."""


def _files(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which declarations hold."""
    file = click.option(
        "--file",
        "declaration",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File that declares the principals. Default: the one shipped with the program.",
    )
    topics = click.option(
        "--topics-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File that declares the topics. Default: CPIS_TOPICS_FILE, or the one shipped with the program.",
    )
    return file(topics(command))


@access.command()
@_files
@click.option("--principal", "role", help="Only the one that the file calls so, such as intake.")
@click.option("--as-kafka-acls", is_flag=True, help="As lines of Kafka's own tool, kafka-acls.")
def show(
    declaration: Path | None, topics_file: Path | None, role: str | None, *, as_kafka_acls: bool
) -> None:
    """List each principal with its rights. Asks no cluster."""
    declared = _declared(declaration, topics_file)
    chosen = tuple(declared) if role is None else (declared.of(role),)
    if as_kafka_acls:
        for line in kafka_acls_lines(grant for principal in chosen for grant in principal.grants):
            click.echo(line)
        return
    for principal in chosen:
        _show(principal)


@access.command()
@_files
@click.option("--bootstrap-servers", help="host:port of the cluster. Default: CPIS_KAFKA_BOOTSTRAP_SERVERS.")
@click.option("--remove", is_flag=True, help="Take away what is granted on what is ours and is not declared.")
def apply(
    declaration: Path | None, topics_file: Path | None, bootstrap_servers: str | None, *, remove: bool
) -> None:
    """
    Grant what is declared and missing, and tell what else is granted on what is ours.

    The cluster's administrator runs it: it needs ALTER and DESCRIBE on the cluster, which nobody declared
    here has. Applying twice is applying once.
    """
    declared = _declared(declaration, topics_file)
    cluster = load_settings().require_cluster(bootstrap_servers)
    report = asyncio.run(apply_access(cluster, declared, remove=remove))
    for grant in report.granted:
        click.echo(f"granted       {grant.user}: {grant}")
    click.echo(f"unchanged     {len(report.unchanged)}")
    for binding in report.undeclared:
        click.echo(f"{'removed     ' if report.removed else 'not declared'}  {binding}")
    if report.undeclared and not report.removed:
        click.echo("note: --remove takes away what is not declared", err=True)


def _show(principal: Principal) -> None:
    """Write one principal and its rights."""
    click.echo(f"{principal.user}  ({principal.role}: {principal.does})")
    for grant in principal.grants:
        click.echo(f"    {grant}")


def _declared(file: Path | None, topics_file: Path | None) -> Access:
    """Return the declaration in `file`, or else the shipped one, for the topics that are declared."""
    settings = load_settings()
    return declared_access(settings, file, declared_topics(topics_file or settings.topics_file))
