"""`cpis authorities`: who should send plans, and how each one's feed stands."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime

import click

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_archive import KafkaArchive
from broker.cli.desk import json_option, servers_option
from broker.cli.rows import show_rows
from broker.core.authorities import Authorities
from broker.core.feeds import FeedHealth, old
from broker.runtime.feeds import feed_rule
from broker.runtime.parts import Parts, assemble, present
from broker.runtime.settings import Settings, load_settings
from broker.services.feed_health import FeedsReport
from broker.wire.readable import readable

_COLUMNS = ("code", "name", "feed", "last taken", "matched", "waiting", "refused")


@click.group(invoke_without_command=True)
@click.option("--unwell", is_flag=True, help="Only those about which somebody has to do something.")
@json_option
@servers_option
@click.pass_context
def authorities(
    context: click.Context, bootstrap_servers: str | None, *, unwell: bool, as_json: bool
) -> None:
    """
    Show how every authority's feed stands: age, share that matches, what waits and why, what was refused.

    Names authorities and nobody else. Reads what is remembered of their files, and opens nothing.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_settings()
    cluster = settings.require_cluster(bootstrap_servers)
    parts, now = assemble(settings), present()
    feeds = [
        feed for feed in asyncio.run(_read(settings, parts, cluster, now)) if not unwell or not feed.healthy
    ]
    if as_json:
        for feed in feeds:
            click.echo(json.dumps(_whole(feed, parts.authorities), ensure_ascii=False))
        return
    if not feeds:
        click.echo("every feed is well" if unwell else "no authority is known")
        return
    show_rows(_COLUMNS, [_row(feed, parts.authorities) for feed in feeds])


async def _read(settings: Settings, parts: Parts, cluster: Cluster, now: datetime) -> Sequence[FeedHealth]:
    """Read what is remembered."""
    archive = KafkaArchive(cluster)
    try:
        await archive.start()
        report = FeedsReport(archive, parts.feeds, parts.records, feed_rule(settings, parts, now))
        return await report.read(now)
    finally:
        await archive.close()


def _row(feed: FeedHealth, listed: Authorities) -> tuple[str, ...]:
    """Return a line of the table."""
    last = "never" if feed.age is None else f"{old(feed.age)} ago"
    return (
        feed.authority.code,
        listed.name(feed.authority),
        feed.state.value,
        f"{last} STALE" if feed.stale else last,
        ("-" if feed.matched is None else f"{feed.matched:.1%}") + (" BELOW GATE" if feed.below_gate else ""),
        ", ".join(f"{one.count} {one.code} since {one.since:%Y-%m-%d}" for one in feed.waiting) or "-",
        str(feed.refused),
    )


def _whole(feed: FeedHealth, listed: Authorities) -> dict[str, object]:
    """Return a feed as JSON; its age is in seconds."""
    newest = feed.newest
    return {
        "authority": feed.authority.code,
        "name": listed.name(feed.authority),
        "state": feed.state.value,
        "last_taken": readable(feed.last_at),
        "age_seconds": None if feed.age is None else int(feed.age.total_seconds()),
        "stale": feed.stale,
        "matched": feed.matched,
        "below_gate": feed.below_gate,
        "waiting": readable(feed.waiting),
        "refused": feed.refused,
        "newest_file": None
        if newest is None
        else {
            "code": newest.code,
            "created_at": readable(newest.created_at),
            "received_at": readable(newest.received_at),
            "found": newest.found,
            "loaded": newest.loaded,
            "plans": newest.plans,
            "codes": dict(newest.codes),
        },
    }
