"""
Membership of the matchers' consumer group: which partitions are ours to work.

The group hands out partitions and nothing else: offsets live with the state, and safety comes from fencing.
One topic is subscribed, since the co-partitioned inputs follow it; it is polled while paused.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError, NoError
from aiokafka.protocol.commit import OffsetCommitRequest

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline, stop_consumer, unavailable
from broker.core.errors import Fenced, KafkaUnavailable
from broker.ports import Topic

SESSION_TIMEOUT_MS_DEFAULT = 3_000  # how long a silent matcher keeps its partitions
_HEARTBEATS_PER_SESSION = 3
_JOIN_MARGIN_MS = 10_000  # a join is answered once everybody has joined: longer than any rebalance
_POLL_MS = 500
_POLL_INTERVAL_MAX_MS = 24 * 3600 * 1000  # idle for a day: nothing is ever consumed here
_BACKOFF_S_MIN = 0.2
_BACKOFF_S_MAX = 5.0
_ANSWER_MS = 5_000


class KafkaGroup:
    """
    Membership of the group `<application_id>-matchers`.

    `on_assigned` is called with the whole set of our partitions whenever the group has settled; it must
    return at once. While the group is settling the former set stands: an owner that is replaced is fenced.
    """

    def __init__(
        self,
        cluster: Cluster,
        application_id: str,
        *,
        on_assigned: Callable[[frozenset[int]], None],
        on_trouble: Callable[[BaseException], None],
        session_timeout_ms: int = SESSION_TIMEOUT_MS_DEFAULT,
    ) -> None:
        """Connect to nothing yet; `on_trouble` is told once each time the cluster goes away."""
        self.session_timeout_ms = session_timeout_ms
        self.assigned: frozenset[int] = frozenset()
        self._cluster = cluster
        self._group_id = f"{application_id}-matchers"
        self._on_assigned = on_assigned
        self._on_trouble = on_trouble
        self._stopping = asyncio.Event()
        self._consumer: AIOKafkaConsumer | None = None
        self._settled = False

    @property
    def joined(self) -> bool:
        """Whether the present membership has been handed its partitions, which may be none."""
        return self._settled

    def stop(self) -> None:
        """Let `run` leave the group and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Be a member until `stop`; after any failure join again, with a growing pause."""
        backoff_s = _BACKOFF_S_MIN
        while not self._stopping.is_set():
            try:
                await self._be_member()
                backoff_s = _BACKOFF_S_MIN
            except (KafkaUnavailable, Fenced, KafkaError) as error:
                if backoff_s == _BACKOFF_S_MIN:
                    own = not isinstance(error, KafkaError)
                    self._on_trouble(error if own else unavailable(error, "being in the group"))
                await self._pause(backoff_s)
                backoff_s = min(backoff_s * 2, _BACKOFF_S_MAX)

    async def still_assigned(self, partition: int) -> bool:
        """
        Return whether the coordinator, asked now, takes us for the owner of `partition`.

        Asked by a commit of an offset that nobody reads, which is refused unless member and generation are
        the group's present ones. Not by the client's own: on a refusal that forgets whatever membership it
        has got meanwhile, so that partitions that ask while the group settles would unsettle it again.
        """
        consumer = self._consumer
        if consumer is None or partition not in self.assigned:
            return False
        coordinator = consumer._coordinator  # noqa: SLF001 – there is no public way to ask and change nothing
        if not coordinator.member_id:  # about to join
            return False
        request = OffsetCommitRequest(
            self._group_id,
            coordinator.generation,
            coordinator.member_id,
            OffsetCommitRequest.DEFAULT_RETENTION_TIME,
            [(Topic.ATTENDANCES.value, [(partition, 0, "")])],
        )
        try:
            async with deadline(_ANSWER_MS, "asking the group"):
                answer = await coordinator._send_req(request)  # noqa: SLF001
        except (KafkaUnavailable, Fenced):
            return False
        codes = {code for _, places in answer.topics for _, code in places}
        return codes == {NoError.errno} and partition in self.assigned

    async def _be_member(self) -> None:
        """Join and stay; returns when asked to stop, raises when the membership has broken down."""
        consumer = AIOKafkaConsumer(
            **self._cluster.connection(),
            group_id=self._group_id,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            session_timeout_ms=self.session_timeout_ms,
            heartbeat_interval_ms=self.session_timeout_ms // _HEARTBEATS_PER_SESSION,
            rebalance_timeout_ms=self.session_timeout_ms,
            max_poll_interval_ms=_POLL_INTERVAL_MAX_MS,
            request_timeout_ms=self.session_timeout_ms + _JOIN_MARGIN_MS,
            partition_assignment_strategy=(_own_assignor(),),
        )
        try:
            async with deadline(_ANSWER_MS, "joining the group"):
                await consumer.start()
            self._consumer = consumer
            consumer.subscribe([Topic.ATTENDANCES.value], listener=_Listener(self, consumer))
            while not self._stopping.is_set():
                await self._poll(consumer)
        finally:
            self._consumer = None
            self._settled = False
            await stop_consumer(consumer)

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        """Let the client report its troubles; while the group settles this may take long: heed `stop`."""
        poll = asyncio.ensure_future(consumer.getmany(timeout_ms=_POLL_MS))
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({poll, stop}, return_when=asyncio.FIRST_COMPLETED)
            if poll.done():
                poll.result()
        finally:
            poll.cancel()
            stop.cancel()

    def settled(self, partitions: frozenset[int]) -> None:
        """Take over what the group has handed out."""
        self.assigned = partitions
        self._settled = True
        self._on_assigned(partitions)

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until `stop`."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka carries no type information
    """Hears of rebalances for a `KafkaGroup`."""

    def __init__(self, group: KafkaGroup, consumer: AIOKafkaConsumer) -> None:
        """Report to `group`."""
        self._group = group
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Do nothing: the group is settling, and most partitions will come back to us."""

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Pause what was handed out, since it is never read here, and pass it on."""
        self._consumer.pause(*assigned)
        self._group.settled(frozenset(place.partition for place in assigned))


def _own_assignor() -> Any:
    """Return a sticky assignor of our own: aiokafka keeps its memory on the class, for the whole process."""
    return type("StickyAssignor", (StickyPartitionAssignor,), {})
