"""
Topics that others write to, taken from by a consumer group: an offset moves only when told so.

Knows how the processes of one group share the topics, and what a topic has forgotten before it was taken.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline, group_member, stop_consumer
from broker.core.errors import Fenced, KafkaUnavailable
from broker.ports import Offered

ANSWER_MS = 20_000
"""How long Kafka may take for anything (milliseconds); a new group waits for its coordinator to be made."""

_WAIT_MS = 500
_RECORDS_MAX = 100  # so many are offered again at most, where a process dies
_APPENDED = 1  # timestamps are those of Kafka's receipt, which the sender cannot choose


class KafkaOffers:
    """
    `Offers` on a cluster, of these topics, as a member of `group`.

    `on_assigned` hears whenever topics are handed out: another process may have taken from them until then.
    `on_lost` hears of so many records that a topic had forgotten before anybody took them.
    """

    def __init__(
        self,
        cluster: Cluster,
        topics: Collection[str],
        *,
        group: str,
        on_assigned: Callable[[], None] = lambda: None,
        on_lost: Callable[[str, int], None] = lambda _topic, _count: None,
    ) -> None:
        """Connect to nothing yet."""
        self._cluster = cluster
        self._topics = sorted(topics)
        self._group = group
        self._on_assigned = on_assigned
        self._on_lost = on_lost
        self._consumer: AIOKafkaConsumer | None = None
        self._fresh: set[TopicPartition] = set()

    async def take(self) -> Sequence[Offered]:
        """Return what is there, in order within a topic, waiting for a moment; joins where it has to."""
        try:
            async with deadline(ANSWER_MS, "taking records"):
                consumer = self._consumer or await self._joined()
                found = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_RECORDS_MAX)
                await self._look_for_losses(consumer)
        except (KafkaUnavailable, Fenced) as error:
            await self.close()
            raise KafkaUnavailable(str(error)) from error
        return [
            Offered(
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                value=record.value or b"",
                received_at=_moment(record.timestamp) if record.timestamp_type == _APPENDED else None,
            )
            for records in found.values()
            for record in records
        ]

    async def done(self, taken: Sequence[Offered]) -> None:
        """Move the offsets behind what was taken."""
        consumer = self._consumer
        if consumer is None or not taken:
            return
        behind = {TopicPartition(one.topic, one.partition): one.offset + 1 for one in taken}
        try:
            async with deadline(ANSWER_MS, "moving offsets"):
                await consumer.commit(behind)
        except (KafkaUnavailable, Fenced) as error:
            await self.close()
            raise KafkaUnavailable(str(error)) from error

    async def close(self) -> None:
        """Leave the group; safe to call twice. What was not done is offered again."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    def assigned(self, places: Collection[TopicPartition]) -> None:
        """Take in what the group hands out."""
        self._fresh = {*places}
        self._on_assigned()

    async def _joined(self) -> AIOKafkaConsumer:
        """Join the group."""
        consumer = await group_member(
            self._cluster,
            self._group,
            answer_ms=ANSWER_MS,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        self._consumer = consumer
        consumer.subscribe(self._topics, listener=_Listener(self))
        return consumer

    async def _look_for_losses(self, consumer: AIOKafkaConsumer) -> None:
        """Tell what the topics that were handed out have forgotten since somebody last took from them."""
        fresh, self._fresh = self._fresh, set()
        begins = await consumer.beginning_offsets(sorted(fresh)) if fresh else {}
        for place, begin in begins.items():
            committed = await consumer.committed(place)
            if committed is not None and committed < begin:
                self._on_lost(place.topic, begin - committed)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka carries no type information
    """Hears of rebalances for `KafkaOffers`."""

    def __init__(self, offers: KafkaOffers) -> None:
        """Report to `offers`."""
        self._offers = offers

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Do nothing: what is in hand and is not done is offered again, which changes nothing."""

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Pass on what was handed out."""
        self._offers.assigned(assigned)


def _moment(milliseconds: int) -> datetime:
    """Return a timestamp of Kafka, which counts from 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
