"""Fault tests break the Kafka they run on, or need topics nobody else writes to: each has its own."""

from collections.abc import Iterator

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from tests.builders.declared_kafka import declared_kafka


@pytest.fixture
def own_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a genuine Kafka with the declared topics, for one test."""
    with declared_kafka() as broker:
        yield broker
