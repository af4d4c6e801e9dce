"""`cpis policy`: what holds for whom and why, whether a file can be used, what another would have told."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

import click

from broker.adapters.memory_sealing import MemorySealer
from broker.core.identifiers import LONDON, OdsCode
from broker.runtime.parts import assemble, present
from broker.runtime.policy_file import read_policy_file
from broker.runtime.policy_view import Target, begun, difference_lines, lines, shown
from broker.runtime.recorded import offline, play
from broker.runtime.settings import load_settings
from broker.services.policy_diff import compare
from broker.services.replay import Replayed
from broker.wire.readable import readable
from broker.wire.stream import read_stream

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Moment(click.ParamType):
    """A day or a time in ISO form; without a zone in Europe/London."""

    name = "day or time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment, aware."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail("is no day or time such as 2027-04-01 or 2027-04-01T07:00", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=LONDON)


@click.group()
def policy() -> None:
    """Show the policy, check a file, or see what a change would have told."""


@policy.command()
@click.option("--file", "file", type=_File, help="A policy file instead of the one the settings name.")
@click.option("--la", "authority", help="For an authority: its ODS code.")
@click.option("--provider", help="For a provider: its ODS code.")
@click.option("--site", help="For a site: its ODS code, which begins with the provider's.")
@click.option("--location", help="For a location of the provider: its point of care (PV1-3.1).")
@click.option("--system", help="For a sending system of the provider (MSH-3).")
@click.option("--at", "moment", type=_Moment(), help="As on that day or time; without it as now.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(
    *,
    file: Path | None,
    authority: str | None,
    provider: str | None,
    site: str | None,
    location: str | None,
    system: str | None,
    moment: datetime | None,
    as_json: bool,
) -> None:
    """
    Print every setting with its value and where it comes from: the default and its ruling, or file and line.

    Without an authority, provider or site it prints what holds everywhere, then every override.
    """
    if (location or system) and not (provider or site):
        raise click.UsageError("a location or a system is one of a provider: name it with --provider")
    if system and (site or location):
        raise click.UsageError("--system goes with --provider alone")
    target = Target(
        authority=None if authority is None else OdsCode(authority),
        provider=None if provider is None else OdsCode(provider),
        system=system,
        site=None if site is None else OdsCode(site).code,
        location=None if location is None else location.upper(),
    )
    told = shown(read_policy_file(file or load_settings().policy_file), moment or present(), target)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(lines(told)))


@policy.command()
@click.argument("file", type=_File)
def check(file: Path) -> None:
    """Read a policy file as the broker would, and print its periods with their versions."""
    found = read_policy_file(file)
    for start, one in zip(found.starts, found.policy.every, strict=True):
        click.echo(f"{begun(start):<24}version {one.version}")


@policy.command()
@click.argument("first", metavar="A", type=_File)
@click.argument("second", metavar="B", type=_File)
@click.option("--stream", type=_File, required=True, help="A recorded stream (JSON Lines).")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def diff(first: Path, second: Path, *, stream: Path, as_json: bool) -> None:
    """
    Play a recorded stream under the policies A and B and print the alerts that B adds, removes or alters.

    Nobody is told anything. Visits are printed by their keyed reference, without names and numbers.
    """
    comparison = compare(_played(first, stream), _played(second, stream))
    if as_json:
        click.echo(json.dumps(readable(comparison), ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(difference_lines(comparison)))


def _played(file: Path, stream: Path) -> Replayed:
    """Return what a stream comes to under the policy of a file."""
    settings = load_settings().model_copy(update={"policy_file": file})
    replay = offline(assemble(settings, sealer=MemorySealer()))
    with stream.open(encoding="utf-8") as recorded:
        return asyncio.run(play(replay, read_stream(recorded)))
