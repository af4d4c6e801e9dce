"""The embedded Kafka with the jars that this release names."""

from collections.abc import Callable, Mapping
from pathlib import Path

from broker.adapters.embedded_kafka import (
    EmbeddedCluster,
    EmbeddedKafka,
    Installation,
    Security,
    prepare,
)
from broker.runtime.resources import kafka_lock_file


def embedded_kafka(
    *,
    say: Callable[[str], None] | None = None,
    data_dir: Path | None = None,
    port: int = 0,
    security: Security | None = None,
    properties: Mapping[str, str] | None = None,
    lasting: bool = False,
) -> EmbeddedKafka:
    """
    Return an embedded Kafka, fetched and prepared if this is the first time, not yet started.

    `say` is told what takes long. `data_dir` keeps the data (default: temporary); `port` 0 takes a free
    one. With `security` clients must say who they are; `properties` replace what a broker of ours is told;
    a `lasting` one is fast after minutes instead of soon. Raises `EmbeddedKafkaFailed`.
    """
    return EmbeddedKafka(
        _prepared(say),
        data_dir=data_dir,
        port=port,
        security=security,
        properties=properties,
        lasting=lasting,
    )


def embedded_cluster(
    *, say: Callable[[str], None] | None = None, data_dir: Path | None = None, port: int = 0
) -> EmbeddedCluster:
    """Return a cluster of three embedded nodes, as `embedded_kafka` does one; `port` is the first's."""
    return EmbeddedCluster(_prepared(say), data_dir=data_dir, port=port)


def _prepared(say: Callable[[str], None] | None) -> Installation:
    """Return Kafka with the jars of this release, fetched and prepared if this is the first time."""
    return prepare(kafka_lock_file().read_text("utf-8"), say=say or (lambda _message: None))
