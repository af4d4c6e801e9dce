"""Where an acknowledged record lies, as far as Kafka says. Decision 0043."""

import pytest
from aiokafka.structs import RecordMetadata, TopicPartition

from broker.adapters.kafka_facts import place_of
from broker.core.operators import YET_UNWRITTEN, Place
from broker.ports import Topic


def acknowledged(offset: int, log_start_offset: int | None) -> RecordMetadata:
    """Return what the client tells of a record."""
    topic, partition = Topic.ATTENDANCES.value, 3
    return RecordMetadata(topic, partition, TopicPartition(topic, partition), offset, -1, 0, log_start_offset)


@pytest.mark.parametrize("begins", [0, 7])
def test_a_record_lies_where_kafka_says(begins: int) -> None:
    """Whatever retention has left of its partition."""
    assert Place(topic=Topic.ATTENDANCES, partition=3, offset=9) == place_of(acknowledged(9, begins))


@pytest.mark.parametrize(("offset", "begins"), [(-1, -1), (0, -1), (4, -1), (9, None)])
def test_a_record_that_kafka_had_already_lies_nowhere_known(offset: int, begins: int | None) -> None:
    """The client counts its batch from -1: the second record would lie where another's does."""
    assert YET_UNWRITTEN == place_of(acknowledged(offset, begins)).offset
