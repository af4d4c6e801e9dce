"""`cpis listen`: follow what one authority or one provider is told, from where one left off."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_archive import KafkaArchive
from broker.adapters.kafka_reader import Bookmark, Followed, TopicReader, open_reader
from broker.cli.alert_view import alert_panel
from broker.cli.organisation import Organisation
from broker.core.alerts import RecipientKind
from broker.core.errors import KafkaUnavailable, MalformedMessage
from broker.core.feeds import FeedAges, last_taken
from broker.core.identifiers import OdsCode
from broker.runtime.codecs import load_schemas
from broker.runtime.feeds import agreed_with
from broker.runtime.parts import present
from broker.runtime.registry import registered_ids
from broker.runtime.senders_file import read_senders
from broker.runtime.settings import Settings, load_settings
from broker.services.feed_health import files_taken
from broker.wire.alerts_codec import AlertCodec, Published
from broker.wire.feed_codec import FeedCodec
from broker.wire.readable import readable

Show = Callable[[Published], None]


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """How long to listen: to the end found at the start, or for so many events; else until Ctrl-C."""

    once: bool
    events_max: int | None


@click.command()
@click.option("--authority", type=Organisation(), help="ODS code of a local authority.")
@click.option("--provider", type=Organisation(), help="ODS code of a provider.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of a readable view.")
@click.option(
    "--from-beginning", is_flag=True, help="Start with the oldest event kept, not where I left off."
)
@click.option("--once", is_flag=True, help="Stop at the end instead of waiting for more.")
@click.option("--max", "events_max", type=click.IntRange(1), help="Stop after so many events.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that remembers the place. Default: a consumer group named after the recipient.",
)
@click.option(
    "--feed-age",
    is_flag=True,
    help="Say how old each plan's data are, as it is shown; reads cpis.feeds, which recipients may not.",
)
@click.option("--bootstrap-servers", help="host:port of the cluster. Default: CPIS_KAFKA_BOOTSTRAP_SERVERS.")
def listen(  # noqa: PLR0913 - what a command takes is its arguments
    authority: OdsCode | None,
    provider: OdsCode | None,
    state: Path | None,
    events_max: int | None,
    bootstrap_servers: str | None,
    *,
    as_json: bool,
    from_beginning: bool,
    once: bool,
    feed_age: bool,
) -> None:
    """
    Follow the alerts of one recipient.

    Only committed events are shown. The place moves on once an event has been shown: nothing is missed and,
    after a crash, the last ones may be shown again; `event_id` tells. The first time, it begins with what is
    told from now on.
    """
    kind, code = _recipient(authority, provider)
    settings = load_settings()
    cluster = settings.require_cluster(bootstrap_servers)
    codec = AlertCodec(load_schemas(), asyncio.run(registered_ids(settings)))
    feeds = asyncio.run(_feeds(settings, cluster)) if feed_age else None
    show = _show_json if as_json else _show_panel(Console(), feeds)
    wish = _Wish(once=once, events_max=events_max)

    async def follow() -> None:
        """Open the topic and follow it."""
        async with open_reader(
            cluster,
            f"cpis.alerts.{kind.value}.{code}",
            group=f"{settings.application_id}-listen-{kind.value}-{code}",
            bookmark=Bookmark(state) if state else None,
            from_beginning=from_beginning,
        ) as reader:
            await _follow(reader, codec, show, wish)

    try:
        asyncio.run(follow())
    except KeyboardInterrupt:
        click.echo("", err=True)


def _recipient(authority: OdsCode | None, provider: OdsCode | None) -> tuple[RecipientKind, OdsCode]:
    """Return whom to listen for: exactly one of the two."""
    if authority is not None and provider is None:
        return RecipientKind.AUTHORITY, authority
    if provider is not None and authority is None:
        return RecipientKind.PROVIDER, provider
    raise click.UsageError("Name one recipient: --authority CODE or --provider CODE.")


async def _follow(reader: TopicReader, codec: AlertCodec, show: Show, wish: _Wish) -> None:
    """Show events and keep the place behind them, for as long as wished."""
    ends = await reader.ends() if wish.once else None
    left = wish.events_max
    while True:
        records = await reader.next_batch(records_max=left)
        for record in records:
            _show(record, codec, show)
        if records:
            await _keep_place(reader)
        if left is not None:
            left -= len(records)
        if left == 0 or (ends is not None and not records and await reader.reached(ends)):
            return


async def _keep_place(reader: TopicReader) -> None:
    """Keep the place; where Kafka is away, it is kept with the next event."""
    try:
        await reader.done()
    except KafkaUnavailable as error:
        click.echo(f"cpis: the place could not be kept, listening goes on: {error}", err=True)


def _show(record: Followed, codec: AlertCodec, show: Show) -> None:
    """Show one event, or say where one lies that cannot be read."""
    try:
        published = codec.decode_published(record.value or b"")
    except MalformedMessage as error:
        place = f"partition {record.partition}, offset {record.offset}"
        click.echo(f"cpis: the event at {place} cannot be read: {error}", err=True)
    else:
        show(published)


def _show_json(published: Published) -> None:
    """Write one line of JSON."""
    click.echo(json.dumps(readable(published), ensure_ascii=False))


async def _feeds(settings: Settings, cluster: Cluster) -> FeedAges:
    """Return how old plans are, as far as files are remembered now."""
    archive = KafkaArchive(cluster)
    try:
        await archive.start()
        last = last_taken(await files_taken(archive, FeedCodec(load_schemas())))
    finally:
        await archive.close()
    return FeedAges(
        last=lambda: last,
        stale_after=timedelta(hours=settings.feed_stale_hours),
        agreed=agreed_with(read_senders(settings.senders_file)),
    )


def _show_panel(console: Console, feeds: FeedAges | None) -> Show:
    """Return what writes a readable view."""

    def show(published: Published) -> None:
        console.print(alert_panel(published, feeds=feeds, at=present()))

    return show
