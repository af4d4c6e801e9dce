"""A genuine Apache Kafka of our own: one combined KRaft node in a Java runtime that pip installed."""

from broker.adapters.embedded_kafka.installation import Installation
from broker.adapters.embedded_kafka.preparation import prepare
from broker.adapters.embedded_kafka.process import EmbeddedKafka
from broker.adapters.embedded_kafka.security import Security

__all__ = ["EmbeddedKafka", "Installation", "Security", "prepare"]
