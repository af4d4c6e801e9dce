"""`cpis pds-simulator`: a demographic service of synthetic people on this machine, for a demonstration."""

import asyncio
import signal
from pathlib import Path

import click

from broker.adapters.pds_simulator.people import population
from broker.adapters.pds_simulator.server import PdsSimulator
from broker.adapters.signing_keys import make_signing_key, read_signing_key
from broker.core.errors import ConfigurationError
from broker.runtime.parts import present
from broker.runtime.settings import PREFIX

_APPLICATION, _KEY_ID = "cpis-demo", "demo-1"


@click.command("pds-simulator")
@click.option("--port", default=0, show_default=True, help="TCP port; 0 takes a free one.")
@click.option("--people", "count", default=300, show_default=True, help="How many people there are.")
@click.option("--seed", default=1, show_default=True, help="Another seed, other people.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(".data/pds-simulator-key.pem"),
    show_default=True,
    help="The key with which the broker signs who it is; made unless it is there.",
)
def pds_simulator(*, port: int, count: int, seed: int, key_file: Path) -> None:
    """
    Run a demographic service of synthetic people, until it is interrupted.

    Prints the settings by which `cpis run` asks it. All of its numbers are of the range kept for tests, so a
    live deployment has no use for it. It listens on 127.0.0.1 alone.
    """
    if not key_file.exists():
        key_file.parent.mkdir(parents=True, exist_ok=True)
        make_signing_key(key_file)
    keys = {_KEY_ID: read_signing_key(key_file, "--key-file").public_key()}
    simulator = PdsSimulator(population(seed, count), _APPLICATION, keys, clock=present, port=port)
    asyncio.run(_serve(simulator, key_file))


async def _serve(simulator: PdsSimulator, key_file: Path) -> None:
    """Serve until SIGTERM or SIGINT; raise `ConfigurationError` where the port is taken."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await simulator.start()
    except OSError:
        raise ConfigurationError("--port: it is taken, or none that this user may open") from None
    for name, value in (
        ("URL", simulator.url),
        ("TOKEN_URL", simulator.token_url),
        ("APPLICATION_ID", _APPLICATION),
        ("KEY_FILE", key_file),
        ("KEY_ID", _KEY_ID),
    ):
        click.echo(f"export {PREFIX}PDS_{name}={value}")
    try:
        await stop.wait()
    finally:
        await simulator.stop()
