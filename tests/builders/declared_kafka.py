"""A genuine Kafka with the topics that are declared for every deployment."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file


@contextmanager
def declared_kafka(
    *, partitions: int | None = None, properties: Mapping[str, str] | None = None
) -> Iterator[EmbeddedKafka]:
    """
    Lend one node with the declared topics, and nothing in them.

    `partitions` is how many those have that are keyed alike (as declared without it); `properties` replace
    what a node of ours is told.
    """
    topics = load_topics(topics_file().read_text("utf-8"))
    if partitions is not None:
        topics = topics.overridden(partitions=partitions)
    with embedded_kafka(properties=properties) as kafka:
        asyncio.run(apply_topics(kafka.cluster, topics))
        yield kafka
