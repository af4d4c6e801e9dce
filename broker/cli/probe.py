"""`cpis probe`: send the canary's visit through the whole path, and see how far it comes."""

import asyncio
import json
import ssl
from pathlib import Path

import click

from broker.cli.desk import json_option, servers_option
from broker.core.probing import CANARY_SYSTEM, Step, exit_code
from broker.runtime.credentials import show_certificate, trusting
from broker.runtime.probe import Target
from broker.runtime.probe import probe as send_probe
from broker.runtime.settings import load_settings

_PORT_MAX = 65_535
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Address(click.ParamType):
    """HOST:PORT."""

    name = "host:port"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return both."""
        host, _, port = value.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= _PORT_MAX:
            self.fail(f"{value!r} is not HOST:PORT", param, ctx)
        return host.removeprefix("[").removesuffix("]"), int(port)


@click.group()
def probe() -> None:
    """Send a synthetic visit through the whole path, and see how far it comes."""


@probe.command()
@click.argument("address", type=_Address())
@click.option("--ca-file", type=_FILE, help="Speak TLS, and trust this authority (PEM) for the door's name.")
@click.option("--certificate-file", type=_FILE, help="Certificate (PEM) to show, with --key-file.")
@click.option("--key-file", type=_FILE, help="Its private key (PEM).")
@click.option("--system", default=CANARY_SYSTEM, show_default=True, help="What to write into MSH-3.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 600),
    default=15.0,
    show_default=True,
    help="How long each phase may take.",
)
@json_option
@servers_option
@click.pass_context
def mllp(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    address: tuple[str, int],
    ca_file: Path | None,
    certificate_file: Path | None,
    key_file: Path | None,
    system: str,
    seconds: float,
    bootstrap_servers: str | None,
    as_json: bool,
) -> None:
    """
    Probe the MLLP door at HOST:PORT as the canary's provider.

    Nobody but the canary's authority and provider is told, who have no human recipients
    (CPIS_CANARY_PROVIDER, CPIS_CANARY_AUTHORITY). Ends with 0 when the alert is on the provider's topic; else
    with 3 (no connection), 4 (no AA), 5 (not in the log), 6 (not passed by the matcher) or 7 (nobody told).
    What the user at Kafka may not read is not looked at: of the last phase that ends with 8, of others it is
    no failure.
    """
    settings = load_settings()
    target = Target(
        host=address[0],
        port=address[1],
        tls=_tls(ca_file, certificate_file, key_file),
        system=system,
        seconds=seconds,
    )
    steps = asyncio.run(send_probe(settings, settings.require_cluster(bootstrap_servers), target))
    if as_json:
        click.echo(json.dumps([_whole(step) for step in steps], ensure_ascii=False))
    else:
        for step in steps:
            reached = "–" if step.seconds is None else f"{step.seconds:.3f} s"
            click.echo(f"{step.phase:<32}{reached:>10}  {step.words}".rstrip())
    context.exit(exit_code(steps))


def _tls(ca_file: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return the TLS to speak, None for none."""
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate-file and --key-file go together.")
    if ca_file is None:
        if certificate is not None:
            raise click.UsageError("--certificate-file needs --ca-file.")
        return None
    tls = trusting(ca_file, "--ca-file")
    if certificate is not None and key is not None:
        show_certificate(tls, certificate, key, ("--certificate-file", "--key-file"))
    return tls


def _whole(step: Step) -> dict[str, object]:
    """Return a step as JSON."""
    return {
        "phase": step.phase.value,
        "seconds": step.seconds,
        "looked": step.looked,
        "failed": step.failed,
        "words": step.words,
    }
