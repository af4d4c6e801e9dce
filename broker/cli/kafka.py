"""`cpis kafka`: the embedded Kafka alone, in the foreground, with the topics made."""

import asyncio
import signal
from pathlib import Path
from types import FrameType

import click

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file
from broker.runtime.settings import PREFIX


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=0, help="Port for clients; 0 takes a free one."
)
@click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to keep the data in. Without it they are temporary.",
)
@click.option("--no-topics", is_flag=True, help="Do not make the topics.")
def kafka(port: int, data_dir: Path | None, *, no_topics: bool) -> None:
    """Run a genuine Apache Kafka until Ctrl-C."""
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, _interrupt_once)
    try:
        with embedded_kafka(say=_tell, data_dir=data_dir, port=port) as broker:
            _serve(broker, with_topics=not no_topics)
    except KeyboardInterrupt:
        _tell("Kafka is stopped.")


def _tell(message: str) -> None:
    """Write what is for a person to read; standard output is for the address alone."""
    click.echo(message, err=True)


def _serve(broker: EmbeddedKafka, *, with_topics: bool) -> None:
    """Make the topics, say where Kafka is, and wait; raise `EmbeddedKafkaFailed` when it ends by itself."""
    if with_topics:
        asyncio.run(apply_topics(broker.cluster, load_topics(topics_file().read_text("utf-8"))))
    click.echo(f"{PREFIX}KAFKA_BOOTSTRAP_SERVERS={broker.bootstrap_servers}")
    _tell("Kafka is running; Ctrl-C stops it.")
    broker.wait()
    raise broker.failure()


def _interrupt_once(_signal: int, _frame: FrameType | None) -> None:
    """End the program in good order; further signals do not disturb the tidying up."""
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.SIG_IGN)
    raise KeyboardInterrupt
