"""
What a cluster holds of ours, looked at once before anything begins: topics, and the newest record of a key.

Changes nothing on the cluster, joins no group, and never lets a cluster make a topic for having been asked.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError
from aiokafka.protocol.metadata import MetadataRequest

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline, lone_consumer, stop_consumer

ANSWER_MS = 10_000  # no cluster in good health takes longer over any one request
_MIN_IN_SYNC, _KEPT_MS, _KEPT_BYTES = "min.insync.replicas", "retention.ms", "retention.bytes"
_CLEANUP = "cleanup.policy"
_NEVER = -1  # retention without a bound
_WINDOWS = (64, 1_024, 16_384)  # offsets looked at from the end; a batch of the matcher is in the second
_READ_WAIT_MS = 50


@dataclass(frozen=True, slots=True)
class TopicShape:
    """
    How a topic lies on a cluster: partitions, and replicas of the partition that has the fewest.

    `in_sync_min` is how many replicas a write needs. Records are kept for `kept_ms`, at most `kept_bytes` of
    a partition; -1 is without a bound. `cleanup` is what becomes of old records: `delete`, `compact`, both.
    Each is None where that may not be asked.
    """

    partitions: int
    replicas: int
    in_sync_min: int | None
    kept_ms: int | None = None
    kept_bytes: int | None = None
    cleanup: str | None = None

    def keeps_for(self, milliseconds: int) -> bool:
        """Whether every record is kept for so long, as far as that is known."""
        return self.kept_ms in (None, _NEVER) or (self.kept_ms or 0) >= milliseconds

    def keeps_beyond(self, milliseconds: int) -> bool:
        """Whether records are known to be kept for longer."""
        return self.kept_ms is not None and self.keeps_for(milliseconds + 1)

    @property
    def bounded(self) -> bool:
        """Whether a record may go since others came, whatever its age."""
        return self.kept_bytes not in (None, _NEVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Which of the topics asked for there are, which there are not, and which this user may not see."""

    shapes: Mapping[str, TopicShape]
    missing: Collection[str]
    hidden: Collection[str]


async def inspect_topics(cluster: Cluster, names: Iterable[str], *, answer_ms: int = ANSWER_MS) -> Inventory:
    """Return what the cluster has of these topics; raise `KafkaUnavailable` within `answer_ms`."""
    admin = AIOKafkaAdminClient(**cluster.connection(), request_timeout_ms=answer_ms)
    try:
        async with deadline(answer_ms, "looking at the topics"):
            await admin.start()
            found = await described(admin, names)
            present = {name: topic for name, topic in found.items() if topic["partitions"]}
            settings = await _settings(admin, present)
    finally:
        await admin.close()
    return Inventory(
        shapes={name: _shape(name, topic, settings) for name, topic in present.items()},
        missing=_with_error(found, UnknownTopicOrPartitionError.errno),
        hidden=_with_error(found, TopicAuthorizationFailedError.errno),
    )


async def described(admin: Any, names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """
    Return what the cluster says of each of these topics, by name; raise what Kafka's client raises.

    The client's own call would have a cluster that makes topics by itself make those asked for.
    """
    request = MetadataRequest(list(names), allow_auto_topic_creation=False)
    answer = (await admin._send_request(request)).to_object()  # noqa: SLF001 – no public call takes the flag
    return {topic["topic"]: topic for topic in answer["topics"]}


async def newest_of_key(
    cluster: Cluster, topic: str, key: bytes, partitions: int, *, answer_ms: int = ANSWER_MS
) -> dict[int, bytes]:
    """
    Return the newest committed value under `key` in each partition of a topic, where one is near the end.

    Looked for backwards, at most the last of `_WINDOWS` offsets far; a partition without one is left out.
    Raises `KafkaUnavailable`.
    """
    places = [TopicPartition(topic, number) for number in range(partitions)]
    consumer = lone_consumer(cluster, answer_ms=answer_ms, wait_ms=_READ_WAIT_MS)
    found: dict[int, bytes] = {}
    try:
        async with deadline(answer_ms, "looking at the newest state"):
            await consumer.start()
            first = await consumer.beginning_offsets(places)
            ends = await consumer.end_offsets(places)
            before = dict(ends)
            for window in _WINDOWS:
                ranges = {
                    place: (max(first[place], ends[place] - window), before[place])
                    for place in places
                    if place.partition not in found and before[place] > first[place]
                }
                found |= await _newest(consumer, ranges, key)
                before |= {place: start for place, (start, _) in ranges.items()}
    finally:
        await stop_consumer(consumer)
    return found


async def _newest(
    consumer: AIOKafkaConsumer, ranges: Mapping[TopicPartition, tuple[int, int]], key: bytes
) -> dict[int, bytes]:
    """Return the last value under `key` within these offsets, by partition."""
    found: dict[int, bytes] = {}
    consumer.assign(list(ranges))
    for place, (start, _) in ranges.items():
        consumer.seek(place, start)
    unread = set(ranges)
    while unread:
        batches = await consumer.getmany(timeout_ms=_READ_WAIT_MS)
        for place, records in batches.items():
            for record in records:
                if record.key == key and record.value is not None and record.offset < ranges[place][1]:
                    found[place.partition] = record.value
        for place in tuple(unread):
            if await consumer.position(place) >= ranges[place][1]:
                unread.discard(place)
                consumer.pause(place)
        await asyncio.sleep(0)
    return found


async def _settings(admin: Any, names: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the settings that are looked at, by topic and name; those of a hidden topic are left out."""
    wanted: dict[str, None] = dict.fromkeys((_MIN_IN_SYNC, _KEPT_MS, _KEPT_BYTES, _CLEANUP))
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, wanted) for name in names]
    found: dict[tuple[str, str], str] = {}
    for response in await admin.describe_configs(resources) if resources else ():
        for _code, _words, _kind, name, entries in response.resources:
            found |= {(name, entry[0]): entry[1] for entry in entries}
    return found


def _shape(name: str, topic: Mapping[str, Any], settings: Mapping[tuple[str, str], str]) -> TopicShape:
    """Return how a topic lies, and what is set on it as far as that may be asked."""

    def number(setting: str) -> int | None:
        """Return a setting that is a number."""
        value = settings.get((name, setting))
        return None if value is None else int(value)

    return TopicShape(
        partitions=len(topic["partitions"]),
        replicas=min(len(partition["replicas"]) for partition in topic["partitions"]),
        in_sync_min=number(_MIN_IN_SYNC),
        kept_ms=number(_KEPT_MS),
        kept_bytes=number(_KEPT_BYTES),
        cleanup=settings.get((name, _CLEANUP)),
    )


def _with_error(found: Mapping[str, Mapping[str, Any]], error: int) -> tuple[str, ...]:
    """Return the names of the topics that the cluster answers this error for."""
    return tuple(sorted(name for name, topic in found.items() if topic["error_code"] == error))
