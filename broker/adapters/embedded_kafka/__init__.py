"""A genuine Apache Kafka of our own: one combined KRaft node, or three, in a Java that pip installed."""

from broker.adapters.embedded_kafka.installation import Installation
from broker.adapters.embedded_kafka.member import REPLICAS
from broker.adapters.embedded_kafka.nodes import EmbeddedCluster
from broker.adapters.embedded_kafka.preparation import prepare
from broker.adapters.embedded_kafka.process import EmbeddedKafka
from broker.adapters.embedded_kafka.security import Security

__all__ = ["REPLICAS", "EmbeddedCluster", "EmbeddedKafka", "Installation", "Security", "prepare"]
