"""Fault tests break the Kafka they run on, or need topics nobody else writes to: each has its own."""

import asyncio
from collections.abc import Iterator

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file


@pytest.fixture
def own_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a genuine Kafka with the declared topics, for one test."""
    with embedded_kafka() as broker:
        asyncio.run(apply_topics(broker.cluster, load_topics(topics_file().read_text("utf-8"))))
        yield broker
