"""The Faust app of the outbox stops whatever its consumer group is at."""

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.faust_app import one_agent_app
from broker.ports import Record, Topic

DEADLINE_S = 180.0
STOP_S = 60.0  # two goodbyes of two seconds each; what waits for the group ends with the deadline
GROUP = "settling"


class _SameProtocol(RoundRobinPartitionAssignor):  # type: ignore[misc]  # aiokafka carries no type information
    """Joins the group of a Faust app: members must name the same protocol."""

    name = "faust"


class _Reluctant(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka carries no type information
    """Holds every rebalance up until `released`."""

    def __init__(self) -> None:
        """Hold up from the first revocation on."""
        self.held = asyncio.Event()
        self.released = asyncio.Event()
        self.joined = asyncio.Event()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Wait, once something is to be given back."""
        if revoked:
            self.held.set()
            await self.released.wait()

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Tell that the group has settled with us in it."""
        if assigned:
            self.joined.set()


@pytest.mark.kafka
def test_an_app_stops_while_its_group_is_settling(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """A rebalance that another member holds up does not keep the app from ending."""

    async def nothing(_record: Record) -> None:
        """Take a record."""

    async def scenario() -> float:
        """Stop an app whose rebalance cannot end; return the seconds it took."""
        listener = _Reluctant()
        other = AIOKafkaConsumer(
            **kafka.cluster.connection(),
            group_id=GROUP,
            partition_assignment_strategy=(_SameProtocol,),
            heartbeat_interval_ms=100,
        )
        other.subscribe([Topic.ALERTS.value], listener=listener)
        await other.start()
        loop = asyncio.get_running_loop()
        try:
            await listener.joined.wait()
            app = one_agent_app(
                cluster=kafka.cluster,
                group=GROUP,
                topics=[Topic.ALERTS.value],
                directory=tmp_path,
                handle=nothing,
            )
            starting = asyncio.ensure_future(app.start())
            await listener.held.wait()
            starting.cancel()
            began = loop.time()
            await app.stop()
            return loop.time() - began
        finally:
            listener.released.set()
            await other.stop()

    async def bounded() -> float:
        """Give the scenario a deadline."""
        async with asyncio.timeout(DEADLINE_S):
            return await scenario()

    assert asyncio.run(bounded()) < STOP_S
