"""`cpis senders`: how each sender has done lately, in counts alone."""

import asyncio
import json
from datetime import timedelta

import click

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_archive import KafkaArchive
from broker.cli.desk import json_option, servers_option
from broker.cli.rows import show_rows
from broker.core.sender_quality import NumberState
from broker.runtime.parts import assemble, present
from broker.runtime.settings import Settings, load_settings
from broker.services.senders_report import SenderLine, SendersReport

_HOURS_MAX = 23 * 24  # H: the log holds no more
_TOLD_MAX = 3  # faults shown in a table; all of them are in the JSON


@click.command()
@click.option(
    "--hours",
    type=click.IntRange(1, _HOURS_MAX),
    default=24,
    show_default=True,
    help="Count what was received in so many hours.",
)
@json_option
@servers_option
def senders(bootstrap_servers: str | None, *, hours: int, as_json: bool) -> None:
    """
    Show what came from each sender: NHS numbers, late messages, faults, refusals, and who has fallen silent.

    Names senders and nobody else. Reads the attendances and what was rejected once, without opening anything.
    """
    settings = load_settings()
    cluster = settings.require_cluster(bootstrap_servers)
    lines = asyncio.run(_read(settings, cluster, timedelta(hours=hours)))
    if as_json:
        click.echo(json.dumps([_whole(line) for line in lines], ensure_ascii=False))
        return
    columns = ("sender", "last heard", "messages", "verified", "no number", "late", "refused", "faults")
    show_rows(columns, (_row(line) for line in lines))


async def _read(settings: Settings, cluster: Cluster, span: timedelta) -> list[SenderLine]:
    """Read the log."""
    parts, now, archive = assemble(settings), present(), KafkaArchive(cluster)
    try:
        await archive.start()
        report = SendersReport(archive, parts.facts, parts.records, parts.senders)
        return await report.read(since=now - span, now=now)
    finally:
        await archive.close()


def _row(line: SenderLine) -> tuple[str, ...]:
    """Return a line of the table."""
    tally, last = line.tally, line.heard.last
    heard = f"not in {_HOURS_MAX // 24} days" if last is None else f"{last:%Y-%m-%d %H:%M}Z"
    worst = [f"{fault} ({count})" for fault, count in (tally.faults + tally.refused).most_common(_TOLD_MAX)]
    return (
        line.sender,
        f"{heard} SILENT" if line.silent else heard,
        str(tally.messages),
        f"{tally.share(tally.numbers[NumberState.VERIFIED]):.1%}",
        f"{tally.share(tally.numbers[NumberState.MISSING] + tally.numbers[NumberState.UNUSABLE]):.1%}",
        f"{tally.share(tally.late):.1%}",
        str(tally.refused.total()),
        "; ".join(worst),
    )


def _whole(line: SenderLine) -> dict[str, object]:
    """Return a line as JSON."""
    tally, last = line.tally, line.heard.last
    return {
        "sender": line.sender,
        "last_heard": None if last is None else last.isoformat(),
        "silent": line.silent,
        "messages": tally.messages,
        "late": tally.late,
        "numbers": {state.value: tally.numbers[state] for state in NumberState},
        "faults": dict(tally.faults),
        "refused": dict(tally.refused),
    }
