"""
What the nodes of an embedded cluster do at a moment: who is the active controller, who leads, who is behind.

Asked of the nodes themselves, not of their clients' beliefs.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedCluster
from tests.builders.matcher import pause

TRANSACTIONS = "__transaction_state"
GROUPS = "__consumer_offsets"
_POLL_S = 0.1
_IN_SYNC_S = 180.0


def active_controller(nodes: EmbeddedCluster) -> int:
    """Return the number, from 1, of the node that the controllers' newest vote has elected."""
    newest = (0, 0)
    for node in nodes.nodes:
        if node.pid is not None:
            text = (node.directory / "data" / "__cluster_metadata-0" / "quorum-state").read_text("ascii")
            vote = json.loads(text)
            newest = max(newest, (vote["leaderEpoch"], vote["leaderId"]))
    assert newest[1] > 0
    return newest[1]


async def leaderships(cluster: Cluster, topic: str) -> Counter[int]:
    """Return how many partitions of a topic each node leads."""
    found = (await _described(cluster)).get(topic, ())
    return Counter(partition["leader"] for partition in found)


async def until_in_sync(cluster: Cluster, replicas: int) -> None:
    """Return once every partition has this many copies in sync."""
    async with asyncio.timeout(_IN_SYNC_S):
        while True:
            try:
                found = await _described(cluster)
            except (KafkaError, OSError):
                found = {}
            partitions = [partition for topic in found.values() for partition in topic]
            if partitions and all(len(partition["isr"]) >= replicas for partition in partitions):
                return
            await pause(_POLL_S)


async def _described(cluster: Cluster) -> Mapping[str, Any]:
    """Return the partitions of every topic, Kafka's own among them."""
    admin = AIOKafkaAdminClient(**cluster.connection())
    await admin.start()
    try:
        return {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
    finally:
        await admin.close()
