"""`cpis run`: the roles of the broker in one process, until it is told to stop."""

import asyncio

import click

from broker.runtime.logs import configure_logs
from broker.runtime.settings import load_settings
from broker.runtime.worker import Role, serve


@click.command()
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="A role to run; may be given several times. Without it all of them.",
)
def run(roles: tuple[str, ...]) -> None:
    """Run the broker on the cluster of CPIS_KAFKA_BOOTSTRAP_SERVERS until SIGTERM or Ctrl-C."""
    settings = load_settings()
    configure_logs(settings.log_level)
    asyncio.run(serve(settings, [Role(role) for role in roles] or list(Role)))
