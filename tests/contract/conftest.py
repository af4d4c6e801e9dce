"""What the contracts of a partition are tested in: the in-memory twin, then the genuine Kafka."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.builders.declared_kafka import declared_kafka
from tests.builders.partition_worlds import KafkaWorld, MemoryWorld, World

PARTITIONS = 40  # one for each test of a module, so that none sees what another wrote


@pytest.fixture(scope="module")
def kafka_worlds() -> Iterator[Callable[[], World]]:
    """Lend what makes worlds on a genuine Kafka, each of a partition of its own."""
    free_partitions = count()
    with declared_kafka(partitions=PARTITIONS) as kafka:
        yield lambda: KafkaWorld(kafka, next(free_partitions))


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def make_world(request: pytest.FixtureRequest) -> Callable[[], World]:
    """Return what makes the world of a test, inside its event loop."""
    if request.param == "memory":
        return MemoryWorld
    on_kafka: Callable[[], World] = request.getfixturevalue("kafka_worlds")
    return on_kafka
