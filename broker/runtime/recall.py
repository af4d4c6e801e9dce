"""What intake must know of the past before its doors open, read back from the settings' Kafka."""

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_archive import KafkaArchive
from broker.runtime.parts import Parts, present
from broker.services.numberless import Numberless


async def recall(numberless: Numberless, cluster: Cluster, parts: Parts) -> None:
    """Learn which visits came without a number during the last H; raise `KafkaUnavailable`."""
    archive = KafkaArchive(cluster)
    try:
        await archive.start()
        await numberless.read_back(archive, parts.records, present())
    finally:
        await archive.close()
