"""`cpis kafka`: the embedded Kafka alone, one node or three, in the foreground, with the topics made."""

import asyncio
import signal
import time
from pathlib import Path
from types import FrameType

import click

from broker.adapters.embedded_kafka import REPLICAS, EmbeddedCluster, EmbeddedKafka
from broker.adapters.kafka_topics import apply_topics
from broker.runtime.kafka import embedded_cluster, embedded_kafka
from broker.runtime.settings import PREFIX
from broker.runtime.topics import declared_topics

_AWAY_S = 10.0  # long enough to see what the others do without it


@click.command()
@click.option(
    "--nodes",
    type=click.Choice(["1", str(REPLICAS)]),
    default="1",
    help="How many nodes. Of three any one may be killed; it is started again.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Port for clients, of three nodes the first's; 0 takes a free one.",
)
@click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to keep the data in. Without it they are temporary.",
)
@click.option("--no-topics", is_flag=True, help="Do not make the topics.")
def kafka(nodes: str, port: int, data_dir: Path | None, *, no_topics: bool) -> None:
    """Run a genuine Apache Kafka until Ctrl-C."""
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, _interrupt_once)
    try:
        if int(nodes) == REPLICAS:
            with embedded_cluster(say=_tell, data_dir=data_dir, port=port) as cluster:
                _announce(cluster, with_topics=not no_topics, replicas=REPLICAS)
                _keep_running(cluster)
        else:
            with embedded_kafka(say=_tell, data_dir=data_dir, port=port, lasting=True) as broker:
                _announce(broker, with_topics=not no_topics, replicas=1)
                broker.wait()
                raise broker.failure()
    except KeyboardInterrupt:
        _tell("Kafka is stopped.")


def _tell(message: str) -> None:
    """Write what is for a person to read; standard output is for the address alone."""
    click.echo(message, err=True)


def _announce(broker: EmbeddedKafka | EmbeddedCluster, *, with_topics: bool, replicas: int) -> None:
    """Make the topics, and say where Kafka is."""
    if with_topics:
        asyncio.run(
            apply_topics(broker.cluster, declared_topics(None).overridden(replication_factor=replicas))
        )
    click.echo(f"{PREFIX}KAFKA_BOOTSTRAP_SERVERS={broker.bootstrap_servers}")
    _tell("Kafka is running; Ctrl-C stops it.")


def _keep_running(cluster: EmbeddedCluster) -> None:
    """Say which process each node is, and start a node again that ended; raise what hinders that."""
    for number, node in enumerate(cluster.nodes, start=1):
        _tell(f"Node {number} at {node.bootstrap_servers} is process {node.pid}.")
    while True:
        number, node = cluster.wait()
        _tell(f"Node {number} has ended; it is started again in {_AWAY_S:.0f} s.")
        time.sleep(_AWAY_S)
        node.start()
        _tell(f"Node {number} at {node.bootstrap_servers} is process {node.pid}.")


def _interrupt_once(_signal: int, _frame: FrameType | None) -> None:
    """End the program in good order; further signals do not disturb the tidying up."""
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.SIG_IGN)
    raise KeyboardInterrupt
