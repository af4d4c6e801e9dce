"""`cpis authorities`: who should send plans, how each one's feed stands, and what is held of its plans."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

import click

from broker.adapters.private_file import write_private_file
from broker.cli.desk import at_desk, grounds_options, json_option, servers_option
from broker.cli.organisation import Organisation
from broker.cli.rows import show_rows
from broker.core.authorities import Authorities
from broker.core.errors import StorageUnusable
from broker.core.feeds import FeedHealth, old
from broker.core.identifiers import OdsCode
from broker.core.operators import Grounds
from broker.core.reconciling import PlanStanding
from broker.runtime.feeds import feed_reader
from broker.runtime.parts import assemble
from broker.runtime.settings import load_settings
from broker.wire.feed_json import feed_row
from broker.wire.reconciliation import write_missing, write_reconciliation

_COLUMNS = ("code", "name", "feed", "last taken", "matched", "waiting", "refused")


_to_file = click.option(
    "--to",
    "place",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File to write, for you alone: it names children.",
)


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
    parts = assemble(settings)
    found = asyncio.run(feed_reader(settings, parts, cluster)())
    feeds = [feed for feed in found if not unwell or not feed.healthy]
    if as_json:
        for feed in feeds:
            click.echo(json.dumps(feed_row(feed, parts.authorities.name(feed.authority)), ensure_ascii=False))
        return
    if not feeds:
        click.echo("every feed is well" if unwell else "no authority is known")
        return
    show_rows(_COLUMNS, [_row(feed, parts.authorities) for feed in feeds])


@authorities.command()
@servers_option
def plans(bootstrap_servers: str | None) -> None:
    """
    Count every authority's plans by how they stand; names nobody.

    Reads every person's record once. `number not in use` are plans that are open on such a number,
    `past due date` unborn plans of which nobody has told how the pregnancy ended.
    """
    counts = at_desk(bootstrap_servers, lambda desk: desk.reconciliation.counts())
    show_rows(
        ("code", *(standing.value for standing in PlanStanding)),
        ((code.code, *(str(counts[code][standing]) for standing in PlanStanding)) for code in sorted(counts)),
    )


@authorities.command()
@click.argument("authority", type=Organisation())
@_to_file
@click.option(
    "--restricted",
    is_flag=True,
    help="Plans of restricted records too: for the authority's recipients of these alone.",
)
@grounds_options
@servers_option
def reconcile(
    authority: OdsCode,
    place: Path,
    bootstrap_servers: str | None,
    *,
    restricted: bool,
    reason: str,
    by: str,
) -> None:
    """
    Write an authority's plans as we hold them, each with what is wrong and what to do (CSV).

    For the authority to lay beside its own list. It opens people's records, so it needs --reason and --by:
    both are in the audit trail first. Of a number that is not in use it says only that a plan is open on one.
    """
    grounds = Grounds(by=by, reason=reason)
    found = at_desk(
        bootstrap_servers, lambda desk: desk.reconciliation.of([authority], grounds, restricted=restricted)
    )
    _write(place, write_reconciliation(found.rows))
    click.echo(f"{len(found.rows)} plans written")
    if found.withheld:
        click.echo(f"{found.withheld} plans of restricted records left out: --restricted has them", err=True)
    if found.unreadable:
        click.echo(f"cpis: {found.unreadable} records of cpis.people cannot be read", err=True)


@authorities.command()
@click.argument("authority", type=Organisation())
@_to_file
@grounds_options
@servers_option
def missing(authority: OdsCode, place: Path, bootstrap_servers: str | None, *, reason: str, by: str) -> None:
    """
    Write which of an authority's open plans its newest complete file lacks (CSV), each with a name.

    For the machine where uploads are kept. Nothing is ended: `cpis authorities end` does that, one by one. It
    opens people's records, so it needs --reason and --by: both are in the audit trail first.
    """
    found = at_desk(bootstrap_servers, lambda desk: desk.missing.of(authority, Grounds(by=by, reason=reason)))
    _write(place, write_missing((one.item, one.plan) for one in found.plans))
    click.echo(f"{len(found.plans)} plans are not in the file of {found.created_at:%Y-%m-%d %H:%M} UTC")
    if found.refused:
        click.echo(f"{found.refused} of its records were refused: a missing plan may be among them", err=True)
    if found.withheld:
        click.echo(f"{found.withheld} plans of restricted records left out", err=True)


@authorities.command()
@click.argument("authority", type=Organisation())
@click.argument("item")
@click.option(
    "--on",
    "day",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    help="The last day of the plan. Default: the day of the file.",
)
@grounds_options
@servers_option
def end(
    authority: OdsCode,
    item: str,
    day: datetime | None,
    bootstrap_servers: str | None,
    *,
    reason: str,
    by: str,
) -> None:
    """
    End the plan that `cpis authorities missing` calls ITEM, at the time of the file that lacks it.

    A file of the authority that is newer and has the plan outranks this. Needs --reason and --by: what the
    authority said about this plan, and who heard it.
    """
    grounds = Grounds(by=by, reason=reason)
    ended = at_desk(
        bootstrap_servers,
        lambda desk: desk.missing.end(authority, item, None if day is None else day.date(), grounds),
        redrives=True,
    )
    click.echo(f"ended on {ended:%Y-%m-%d}")


def _write(place: Path, text: str) -> None:
    """Write a file that names children; raise `StorageUnusable`."""
    try:
        write_private_file(place, text.encode("utf-8"))
    except OSError as error:
        raise StorageUnusable(f"--to: the file cannot be written: {error.strerror}") from error


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
