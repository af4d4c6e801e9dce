"""
Whose turn it is, of several processes that would do the same thing: that of one member of a consumer group.

The group shares a topic of one partition, which nobody reads here: whoever is given it has the turn, until it
leaves or is not heard of.
"""

from collections.abc import Collection

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline, group_member, stop_consumer
from broker.core.errors import KafkaUnavailable
from broker.ports import Topic

_ANSWER_MS = 20_000  # a new group waits for its coordinator to be made
_POLL_INTERVAL_MAX_MS = 24 * 3600 * 1000  # idle for a day: nothing is ever consumed here
_ONLY = TopicPartition(Topic.FEEDS.value, 0)


class KafkaTurn:
    """A `Turn` on a cluster, as a member of `group`."""

    def __init__(self, cluster: Cluster, group: str) -> None:
        """Connect to nothing yet."""
        self._cluster = cluster
        self._group = group
        self._consumer: AIOKafkaConsumer | None = None
        self._is_ours = False

    async def is_ours(self) -> bool:
        """Return whether it is our turn; joins where it has to. Raises `KafkaUnavailable`."""
        try:
            async with deadline(_ANSWER_MS, "joining the group"):
                consumer = self._consumer or await self._joined()
                await consumer.getmany()  # which has nothing, but tells what keeps us from the group
        except KafkaUnavailable:
            await self.close()
            raise
        return self._is_ours

    async def close(self) -> None:
        """Leave the group, so that it is another's turn at once; safe to call twice."""
        consumer, self._consumer = self._consumer, None
        self._is_ours = False
        if consumer is not None:
            await stop_consumer(consumer)

    async def _joined(self) -> AIOKafkaConsumer:
        """Join the group."""
        consumer = await group_member(
            self._cluster,
            self._group,
            answer_ms=_ANSWER_MS,
            auto_offset_reset="latest",
            max_poll_interval_ms=_POLL_INTERVAL_MAX_MS,
        )
        self._consumer = consumer
        consumer.subscribe([_ONLY.topic], listener=_Listener(self, consumer))
        return consumer

    def take(self, given: Collection[TopicPartition]) -> None:
        """Hear what the group gives us; nothing before it is given anew: by then it may be another's."""
        self._is_ours = _ONLY in given


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka carries no type information
    """Hears of rebalances for `KafkaTurn`; sees to it that nothing is fetched of what is given to us."""

    def __init__(self, turn: KafkaTurn, consumer: AIOKafkaConsumer) -> None:
        """Take whom to tell, and the member."""
        self._turn = turn
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002
        """Have no turn while the group shares anew."""
        self._turn.take(())

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Pass on what is given, and let it lie there."""
        self._turn.take(assigned)
        self._consumer.pause(*assigned)
