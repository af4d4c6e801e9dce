"""`cpis upload`: load upload files of local authorities as the drop folder does, and tell the result."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.worker_process import read_file_aside
from broker.runtime.parts import Parts, assemble, present
from broker.runtime.settings import load_settings
from broker.services.rejections import Rejections
from broker.services.uploads import FileCode, FileResult, Uploads

_REFUSED_EXIT_CODE = 65  # EX_DATAERR, as an error of ours that refuses a record
_APPEND_DEADLINE_MS = 10_000  # nobody but the user waits: a slow cluster is no reason to give up
_REFUSED_ROWS_MAX = 200  # a file refused throughout should not scroll away what came before it


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--bootstrap-servers", help="host:port of the cluster. Default: CPIS_KAFKA_BOOTSTRAP_SERVERS.")
@click.pass_context
def upload(context: click.Context, files: tuple[Path, ...], bootstrap_servers: str | None) -> None:
    """
    Load upload FILES and show what became of each, and of each record that was refused.

    Ends with 0 when everything was loaded, 65 when something was refused, 69 when Kafka was away: then the
    files not shown were not taken, and loading all of them again does no harm.
    """
    settings = load_settings()
    cluster = settings.require_cluster(bootstrap_servers)
    results = asyncio.run(_load(files, cluster, assemble(settings)))
    if any(result.code is not FileCode.LOADED for result in results):
        context.exit(_REFUSED_EXIT_CODE)


async def _load(files: Sequence[Path], cluster: Cluster, parts: Parts) -> list[FileResult]:
    """Load one file after the other and show each; raise `KafkaUnavailable`."""
    facts = KafkaFactLog(cluster, deadline_ms=_APPEND_DEADLINE_MS)
    counts: Counter[str] = Counter()
    uploads = Uploads(
        facts,
        parts.facts,
        Rejections(parts.records, parts.key),
        read=read_file_aside,
        key=parts.key,
        clock=present,
        count=lambda event: counts.update((event,)),
    )
    console = Console()
    results: list[FileResult] = []
    await facts.start()
    try:
        for file in files:
            result = await uploads.load(await asyncio.to_thread(file.read_bytes))
            _show(console, file, result)
            results.append(result)
    finally:
        await facts.close()
    return results


def _show(console: Console, file: Path, result: FileResult) -> None:
    """Show what became of one file."""
    parts = [f"{result.records} records and {result.plans} plans loaded"]
    if result.refused:
        parts.append(f"{len(result.refused)} refused")
    parts += result.faults
    console.print(f"{file.name}: {result.code.value}, {', '.join(parts)}", markup=False, highlight=False)
    if not result.refused:
        return
    table = Table("code", "reason", "place")
    for refused in result.refused[:_REFUSED_ROWS_MAX]:
        table.add_row(refused.code, refused.reason, refused.location)
    console.print(table)
    if (more := len(result.refused) - _REFUSED_ROWS_MAX) > 0:
        console.print(f"and {more} more", markup=False)
