"""`cpis upload`: load upload files of local authorities as the drop folder does, and answer them."""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from broker.adapters.cluster import Cluster
from broker.adapters.file_content import content_of
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.private_file import write_private_pieces
from broker.cli.rows import show_rows
from broker.core.errors import AcknowledgementUnwritten
from broker.runtime.access import needed
from broker.runtime.metrics import Metrics
from broker.runtime.parts import assemble, present
from broker.runtime.pds import source
from broker.runtime.preflight import check_cluster, check_storage
from broker.runtime.retrying import kept_on
from broker.runtime.settings import Settings, load_settings
from broker.runtime.upload_doors import uploads
from broker.runtime.worker import Role
from broker.wire.file_response import file_response
from broker.wire.upload_answer import FileAnswer
from broker.wire.upload_codes import FileCode

_REFUSED_EXIT_CODE = 65  # EX_DATAERR, as an error of ours that refuses a record
_STANDARD_OUTPUT = Path("-")
_APPEND_DEADLINE_MS = 10_000  # nobody but the user waits: a slow cluster is no reason to give up
_REFUSED_ROWS_MAX = 200  # a file refused throughout should not scroll away what came before it


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--bootstrap-servers", help="host:port of the cluster. Default: CPIS_KAFKA_BOOTSTRAP_SERVERS.")
@click.option(
    "--acknowledgement",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path),
    help="Write the answer to the sender, REPC_MT000003GB01, here; - is standard output. For one file only.",
)
@click.pass_context
def upload(
    context: click.Context,
    files: tuple[Path, ...],
    bootstrap_servers: str | None,
    acknowledgement: Path | None,
) -> None:
    """
    Load upload FILES and show what became of each, and of each record that was refused.

    Ends with 0 when everything was loaded, 65 when something was refused, 69 when Kafka or the demographic
    source was away: then the files not shown were not taken, and loading all of them again does no harm.
    Before anything is loaded: 66 when topics are missing, 74 when no sealing key can be kept, 78 when a
    setting or the key is wrong.
    """
    if acknowledgement is not None and len(files) > 1:
        raise click.UsageError("--acknowledgement takes one file at a time: each has an answer of its own")
    settings = load_settings()
    cluster = settings.require_cluster(bootstrap_servers)
    aside = acknowledgement == _STANDARD_OUTPUT
    answers = asyncio.run(_load(files, settings, cluster, to_stderr=aside))
    if acknowledgement is not None:
        _write(acknowledgement, answers[0])
    if any(answer.code is not FileCode.LOADED for answer in answers):
        context.exit(_REFUSED_EXIT_CODE)


async def _load(
    files: Sequence[Path], settings: Settings, cluster: Cluster, *, to_stderr: bool
) -> list[FileAnswer]:
    """Load one file after the other and show each, once all is proved fit; raise what is not."""
    parts = assemble(settings)
    await check_storage(settings, data=False)
    await check_cluster(settings, parts, cluster, needed=needed(settings, [Role.INTAKE]))
    facts = KafkaFactLog(cluster, deadline_ms=_APPEND_DEADLINE_MS)
    counts: Counter[str] = Counter()
    asked = source(settings, cluster, clock=present, metrics=Metrics())
    use_case = uploads(
        settings,
        parts,
        facts,
        clock=present,
        count=lambda event: counts.update((event,)),
        source=asked,
        lend=kept_on(cluster),
    )
    answers: list[FileAnswer] = []
    await facts.start()
    try:
        for file in files:
            answer = await use_case.load(content_of(file))
            _show(file, answer, to_stderr=to_stderr)
            answers.append(answer)
    finally:
        await facts.close()
        if asked is not None:
            await asked.close()
    return answers


def _write(place: Path, answer: FileAnswer) -> None:
    """Write the acknowledgement; raise `AcknowledgementUnwritten`."""
    pieces = file_response(answer, created_at=present())
    try:
        if place == _STANDARD_OUTPUT:
            sys.stdout.buffer.writelines(pieces)
            sys.stdout.flush()
        else:
            write_private_pieces(place, pieces)
    except OSError as error:
        raise AcknowledgementUnwritten(
            f"the file was loaded, but its acknowledgement cannot be written: {error.strerror}"
        ) from error


def _show(file: Path, answer: FileAnswer, *, to_stderr: bool) -> None:
    """Show what became of one file."""
    parts = [f"{answer.loaded} records and {answer.plans} plans loaded"]
    if answer.failed:
        parts.append(f"{answer.failed} refused")
    parts += answer.notes
    click.echo(f"{file.name}: {answer.code.value}, {', '.join(parts)}", err=to_stderr)
    refused = answer.refused()
    rows = [(one.code, one.reason, one.location) for one in islice(refused, _REFUSED_ROWS_MAX)]
    if rows:
        show_rows(("code", "reason", "place"), rows, to_stderr=to_stderr)
    if more := sum(1 for _ in refused):
        click.echo(f"and {more} more", err=to_stderr)
