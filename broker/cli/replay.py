"""`cpis replay`: a recorded stream through the doors and the core, telling nobody."""

import asyncio
import json
from pathlib import Path

import click

from broker.adapters.memory_sealing import MemorySealer
from broker.core.errors import ConfigurationError
from broker.runtime.authorities_file import policy_with
from broker.runtime.parts import assemble
from broker.runtime.recorded import offline, play, shown
from broker.runtime.settings import load_settings
from broker.wire.stream import read_stream


@click.command(name="replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--offline", "without_kafka", is_flag=True, help="Run on the pure core, without Kafka.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Decide by this policy instead of the one the settings name.",
)
def replay(file: Path, *, without_kafka: bool, policy_file: Path | None) -> None:
    """
    Play a recorded stream (JSON Lines) and print alerts and decisions as JSON.

    Nobody is told anything and nothing is kept. The output is meant for testers: it names people.
    """
    if not without_kafka:
        raise ConfigurationError("a replay runs offline: add --offline")
    parts = assemble(load_settings(), sealer=MemorySealer())
    policy = policy_with(policy_file, parts.authorities) if policy_file else parts.policy
    with file.open(encoding="utf-8") as lines:
        outcome = asyncio.run(play(offline(parts, policy=policy), read_stream(lines)))
    click.echo(json.dumps(shown(outcome), ensure_ascii=False, indent=2))
