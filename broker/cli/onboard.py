"""`cpis onboard`: let a new provider in, and see what it lacks before it goes live."""

import asyncio
import re
from pathlib import Path

import click

from broker.adapters.certificate_request import request_certificate
from broker.adapters.kafka_access import apply_access, kafka_acls_lines
from broker.adapters.kafka_topics import apply_topics
from broker.cli.organisation import Organisation
from broker.core.identifiers import OdsCode
from broker.core.onboarding import NewSender
from broker.runtime.access import declared_access
from broker.runtime.onboarding import beside, gaps, plan
from broker.runtime.settings import Settings, load_settings
from broker.runtime.topics import declared_topics

_NOT_READY = 3  # every error has another exit code
ANY_NAME = "ADT"
"""What the sending system is taken to be called where nobody says."""
_CERTIFIED = re.compile(r"[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?")  # a common name has no more characters
_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.group()
def onboard() -> None:
    """Let a new provider in, and see what it lacks before it goes live."""


@onboard.command()
@click.argument("code", type=Organisation())
@click.option(
    "--system", default=ANY_NAME, show_default=True, help="The text that its messages carry in MSH-3."
)
@click.option("--name", help="What people call the provider.")
@click.option(
    "--certificate",
    help="Name in a certificate that it has. Without it one is requested, for <system>.<code>.sender.",
)
@click.option("--address", "addresses", multiple=True, help="Address or network that it connects from.")
@click.option("--no-certificate", is_flag=True, help="Know it by its addresses alone.")
@click.option(
    "--requests",
    type=_DIRECTORY,
    help="Make a key and a certificate request here. Default: `requests`, beside the file of senders.",
)
@click.option("--writes", is_flag=True, help="It has Kafka: give it a topic to write its attendances to.")
@click.option("--apply", "applied", is_flag=True, help="Write the files. Without it they are only shown.")
@click.option("--cluster", "on_cluster", is_flag=True, help="With --apply: make topics and rights, too.")
def provider(  # noqa: PLR0913 - one for each option
    code: OdsCode,
    system: str,
    name: str | None,
    certificate: str | None,
    addresses: tuple[str, ...],
    requests: Path | None,
    *,
    no_certificate: bool,
    writes: bool,
    applied: bool,
    on_cluster: bool,
) -> None:
    """
    Write a provider into the file of senders and the topics file; make a certificate request, topics, rights.

    Shows what it would do unless --apply is given. Doing it twice is doing it once. --cluster needs the
    rights of the cluster's administrator. A message with another text in MSH-3 is refused (AE, 103), so name
    the hospital's own with --system. Restart the processes with the intake role after it.
    """
    if no_certificate and (certificate or requests or not addresses):
        raise click.UsageError("--no-certificate needs --address, and goes with no certificate.")
    if on_cluster and not applied:
        raise click.UsageError("--cluster needs --apply.")
    settings = load_settings()
    requested = not no_certificate and bool(requests or not certificate)
    shown = (
        None if no_certificate else _certified(certificate or _own_name(system, code), requested=requested)
    )
    changes = [*plan(settings, NewSender(code, system, name, shown, addresses), writes=writes)]
    for change in changes:
        click.echo(f"{'written   ' if applied else 'would add '}{change.path}")
        for line in change.added:
            click.echo(f"    {line}")
        if applied:
            change.write()
    if not changes:
        click.echo("unchanged  the provider stands in both files")
    if shown is not None and requested:
        _request(requests or beside(settings), shown, applied=applied)
    if on_cluster:
        _apply(settings)
    elif applied:
        click.echo("next       cpis topics apply; cpis access apply; restart intake")
        _show_rights(settings, code)


@onboard.command()
@click.argument("code", type=Organisation())
@click.option("--bootstrap-servers", help="host:port of the cluster, to look for the topics there.")
@click.option("--offline", is_flag=True, help="Look at the files alone.")
@click.pass_context
def check(context: click.Context, code: OdsCode, bootstrap_servers: str | None, *, offline: bool) -> None:
    """
    Say what a provider lacks before it goes live: sender, topics, call-back number, clinics, quiet places.

    Ends with exit code 3 unless nothing is missing.
    """
    settings = load_settings()
    cluster = None if offline else settings.require_cluster(bootstrap_servers)
    found = asyncio.run(gaps(settings, code, cluster))
    for gap in found:
        click.echo(f"missing  {gap}")
    if not found:
        click.echo(f"ready    {code}")
    context.exit(_NOT_READY if found else 0)


def _certified(name: str, *, requested: bool) -> str:
    """Return the name in a certificate, which has to be such a one where it is requested from us."""
    if requested and not _CERTIFIED.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name for a certificate: give another with --certificate.")
    return name


def _own_name(system: str, code: OdsCode) -> str:
    """Return the name of a certificate of a system, which may be called as no name of a machine may."""
    return f"{re.sub('[^a-z0-9-]+', '-', system.lower()).strip('-')}.{code}.sender".lower()


def _request(directory: Path, name: str, *, applied: bool) -> None:
    """Make a key and a request, or say that they would be made."""
    if not applied:
        click.echo(f"would make {directory / name}.key and .csr")
        return
    made = request_certificate(directory, name)
    if made is None:
        click.echo(f"unchanged  {directory / name}.key")
    else:
        click.echo(f"made       {made[0]} (keep it to the sender's machine) and {made[1]}")


def _apply(settings: Settings) -> None:
    """Make the topics and rights that are declared."""
    cluster = settings.require_cluster()
    topics = declared_topics(settings.topics_file)
    made = asyncio.run(apply_topics(cluster, topics))
    for name in made.created:
        click.echo(f"created    {name}")
    granted = asyncio.run(apply_access(cluster, declared_access(settings, topics=topics)))
    for grant in granted.granted:
        click.echo(f"granted    {grant.user}: {grant}")


def _show_rights(settings: Settings, code: OdsCode) -> None:
    """Show the provider's rights as lines of Kafka's own tool."""
    for principal in declared_access(settings):
        if principal.user == f"provider-{code}":
            for line in kafka_acls_lines(principal.grants):
                click.echo(f"    {line}")
