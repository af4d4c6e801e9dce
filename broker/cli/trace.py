"""`cpis trace`: find NHS numbers at the demographic source, of one person or of a file of them."""

import asyncio
from collections import Counter
from datetime import date
from pathlib import Path

import click

from broker.adapters.pds_address import PdsAddress
from broker.adapters.trace_files import TraceFiles
from broker.cli.personal import NUMBER, number_of, personal
from broker.core.errors import ConfigurationError
from broker.core.facts import Details
from broker.runtime.metrics import Metrics
from broker.runtime.parts import present
from broker.runtime.pds import pds_address
from broker.runtime.pds_client import pds_source
from broker.runtime.settings import PREFIX, load_settings
from broker.services.batch_trace import SETTLED, Traced, TraceOutcome, trace_all
from broker.services.batch_trace import trace as trace_row
from broker.wire.batch_trace import TraceRow

_FOR_A_PERSON = 65  # EX_DATAERR: somebody has to look into it


@click.group()
def trace() -> None:
    """
    Find the NHS numbers of people at the demographic source.

    One exact match, or work for a person: nothing is guessed. Ends with 69 while the source does not answer.
    """


@trace.command("one")
@click.pass_context
def one(context: click.Context) -> None:
    """
    Look one person up by number and details, or by all three details alone.

    Family name, given names, date of birth (such as 2014-04-12) and, perhaps, the NHS number come by standard
    input, a line each, and are never part of the command. Ends with 0 where the number is known now, else
    with 65.
    """
    said = personal(("Family name", "Given names", "Date of birth"), perhaps=NUMBER)
    try:
        born = date.fromisoformat(said[2])
    except ValueError:
        raise click.UsageError("the date of birth is no day, such as 2014-04-12") from None
    number = number_of(said[3]) if len(said) > 3 else None  # noqa: PLR2004 - the one that need not be there
    row = TraceRow(number=number, details=Details(family=said[0], given=said[1], birth_date=born))
    answer = asyncio.run(_asked(row))
    click.echo(" ".join(part for part in answer.cells if part))
    context.exit(0 if answer.outcome in SETTLED else _FOR_A_PERSON)


@trace.command("batch")
@click.argument("asked", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("answers", type=click.Path(dir_okay=False, path_type=Path))
def batch(asked: Path, answers: Path) -> None:
    """
    Look up everybody in the file ASKED (CSV) and write the file ANSWERS, a line each, in the same order.

    Stopped, or while the source is away, it ends; run again it goes on behind the last answer. Columns asked:
    reference, nhs_number, family_name, given_names, birth_date. Columns answered: reference, outcome,
    nhs_number, detail. Shows how many had which outcome.
    """
    with TraceFiles(asked, answers) as files:
        counts = asyncio.run(_traced(files))
    if files.answered:
        click.echo(f"{files.answered} rows had their answer already")
    for outcome in TraceOutcome:
        if counts[outcome]:
            click.echo(f"{outcome.value:<24}{counts[outcome]:>9}")


async def _asked(row: TraceRow) -> Traced:
    """Ask about one person."""
    source = pds_source(_address(), clock=present, metrics=Metrics())
    try:
        return await trace_row(source, row)
    finally:
        await source.close()


async def _traced(files: TraceFiles) -> Counter[TraceOutcome]:
    """Ask about everybody who has no answer yet; return how many had which outcome."""
    address, counts = _address(), Counter[TraceOutcome]()
    source = pds_source(address, clock=present, metrics=Metrics())
    try:
        async for row, answer in trace_all(source, files.rows(), at_once=address.at_once):
            files.write(row, *answer.cells)
            counts[answer.outcome] += 1
    finally:
        await source.close()
    return counts


def _address() -> PdsAddress:
    """Return where the source of the settings is; raise `ConfigurationError` without one."""
    address = pds_address(load_settings())
    if address is None:
        raise ConfigurationError(f"{PREFIX}PDS_URL is not set: there is no demographic source to ask")
    return address
