"""`cpis topics`: make a cluster's topics as they are declared, or show what is declared and what is there."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_inspection import inspect_topics
from broker.adapters.kafka_topics import Topics, apply_topics, existing_topics
from broker.runtime.settings import load_settings
from broker.runtime.topics import declared_topics

_OUR_PREFIX = "cpis."


@click.group()
def topics() -> None:
    """Make the topics of a cluster as they are declared, or list them."""


def _where(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which file and which cluster."""
    file = click.option(
        "--file",
        "declaration",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File that declares the topics. Default: CPIS_TOPICS_FILE, or the one shipped with the program.",
    )
    servers = click.option(
        "--bootstrap-servers", help="host:port of the cluster. Default: CPIS_KAFKA_BOOTSTRAP_SERVERS."
    )
    return file(servers(command))


@topics.command()
@_where
@click.option("--partitions", type=click.IntRange(1), help="Partitions of the co-partitioned topics.")
@click.option("--replication-factor", type=click.IntRange(1, 32_767), help="Replicas of each topic made.")
def apply(
    declaration: Path | None,
    bootstrap_servers: str | None,
    partitions: int | None,
    replication_factor: int | None,
) -> None:
    """
    Create the topics that are missing and alter the settings that differ.

    Never deletes a topic and never changes a number of partitions. Applying twice is applying once.
    """
    declared = _declared(declaration).overridden(partitions=partitions, replication_factor=replication_factor)
    report = asyncio.run(apply_topics(_cluster(bootstrap_servers), declared))
    for name in report.created:
        click.echo(f"created    {name}")
    for difference in report.altered:
        change = f"{difference.found or 'unset'} → {difference.declared}"
        click.echo(f"altered    {difference.topic}: {difference.setting} {change}")
    for name in report.unchanged:
        click.echo(f"unchanged  {name}")
    for name in report.otherwise_replicated:
        click.echo(
            f"note: {name} keeps its number of replicas; Kafka's reassignment tool can change it", err=True
        )


@topics.command("list")
@_where
def list_topics(declaration: Path | None, bootstrap_servers: str | None) -> None:
    """
    List the topics that are declared, and those of ours that the cluster has.

    `not shown` are those that this user may not see: Kafka does not tell whether they are there.
    """
    declared = _declared(declaration).names
    cluster = _cluster(bootstrap_servers)
    present = asyncio.run(existing_topics(cluster))
    hidden = asyncio.run(inspect_topics(cluster, declared - present)).hidden
    ours = {name for name in present if name.startswith(_OUR_PREFIX)}
    for name in sorted(declared | ours):
        if name in hidden:
            state = "not shown"
        elif name not in present:
            state = "missing"
        elif name in declared:
            state = "present"
        else:
            state = "not declared"
        click.echo(f"{state:<13}{name}")


def _declared(file: Path | None) -> Topics:
    """Return the declaration in `file`, or else that of the settings."""
    return declared_topics(file or load_settings().topics_file)


def _cluster(option: str | None) -> Cluster:
    """Return the cluster that the option names, or else the setting."""
    return load_settings().require_cluster(option)
