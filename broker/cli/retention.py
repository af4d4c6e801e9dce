"""`cpis retention`: what is held, how old, and why, in counts alone."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import datetime

import click

from broker.adapters.kafka_inspection import TopicShape
from broker.cli.desk import json_option, servers_option
from broker.cli.rows import show_rows
from broker.runtime.retention import Holdings, holdings
from broker.runtime.settings import load_settings
from broker.services.retention_report import Held

_DAY_MS = 86_400_000


@click.group()
def retention() -> None:
    """What is held, how old it is, and why."""


@retention.command()
@json_option
@servers_option
def report(bootstrap_servers: str | None, *, as_json: bool) -> None:
    """
    Count everything that is held: topics, people's records, open work, sealing keys, the databases.

    Names nobody. Reads every record once. People are judged by their partition's clock, as the matcher does.
    """
    settings = load_settings()
    found = asyncio.run(holdings(settings, settings.require_cluster(bootstrap_servers)))
    if as_json:
        click.echo(json.dumps(_whole(found), ensure_ascii=False))
        return
    _show_topics(found)
    _show_counts("People's records, by why they are kept", found.state.reasons)
    _show_counts("People's records, by their oldest fact", found.state.ages)
    _show_counts("Forwarding records, by their last use", found.state.forwardings)
    _show_counts("Digests of details, and visits without a number", found.state.details)
    _show_counts("Places that the logs of the inputs have forgotten", found.state.destroyed)
    _show_counts(
        "Open work", {f"{kind.value}, {age.value}": count for (kind, age), count in found.work.items()}
    )
    _show_counts("Inbox database, events by recipient", found.inbox or {})
    _show_counts("Index of messages, rows by topic", found.index or {})
    click.echo(f"\nSealing keys: {_keys(found)}")
    if found.state.unreadable:
        click.echo(f"cpis: {found.state.unreadable} records of cpis.people cannot be read", err=True)


def _show_topics(found: Holdings) -> None:
    """Show one line for each topic."""
    columns = ("topic", "kept", "records", "bytes", "oldest", "newest")
    show_rows(
        columns,
        (
            (
                held.topic,
                _kept(found.shapes.get(held.topic)),
                str(held.records),
                str(held.size),
                _moment(held.oldest),
                _moment(held.newest),
            )
            for held in found.topics
        ),
    )


def _show_counts(title: str, counts: Mapping[str, int]) -> None:
    """Show counts under a title, the largest first."""
    click.echo(f"\n{title}:")
    rows: Iterable[tuple[str, int]] = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    for name, count in rows:
        click.echo(f"  {count:>10}  {name}")
    if not counts:
        click.echo(f"  {0:>10}  none")


def _kept(shape: TopicShape | None) -> str:
    """Return how long a topic keeps its records, as the cluster has it."""
    if shape is None or shape.cleanup is None:
        return "not shown"
    if shape.cleanup == "compact":
        return "newest of each key"
    if shape.kept_ms is None or shape.kept_ms < 0:
        return "for ever"
    return f"{shape.kept_ms / _DAY_MS:g} d"


def _moment(moment: datetime | None) -> str:
    """Return a time to the minute, UTC."""
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _keys(found: Holdings) -> str:
    """Return how many keys there are, and of which days."""
    keys = found.keys
    return f"{len(keys)}, of {keys[0]} to {keys[-1]}" if keys else "none here"


def _whole(found: Holdings) -> dict[str, object]:
    """Return everything as JSON has it; times are ISO 8601, UTC."""
    return {
        "at": found.at.isoformat(),
        "topics": [_topic(held, found.shapes.get(held.topic)) for held in found.topics],
        "people": dict(found.state.reasons),
        "people_by_age": dict(found.state.ages),
        "forwardings": dict(found.state.forwardings),
        "details": dict(found.state.details),
        "destroyed": dict(found.state.destroyed),
        "unreadable": found.state.unreadable,
        "work": [
            {"kind": kind.value, "age": age.value, "count": count}
            for (kind, age), count in sorted(found.work.items())
        ],
        "sealing_keys": [day.isoformat() for day in found.keys],
        "inbox": found.inbox,
        "index": found.index,
    }


def _topic(held: Held, shape: TopicShape | None) -> dict[str, object]:
    """Return one topic as JSON has it."""
    return {
        "topic": held.topic,
        "cleanup": None if shape is None else shape.cleanup,
        "kept_ms": None if shape is None else shape.kept_ms,
        "records": held.records,
        "tombstones": held.tombstones,
        "bytes": held.size,
        "oldest": None if held.oldest is None else held.oldest.isoformat(),
        "newest": None if held.newest is None else held.newest.isoformat(),
    }
