"""
Follows one topic under `read_committed`, resumable, as a recipient of alerts does.

Knows where the reading stands, in the group's offsets or in a file, and moves it only when told that what was
read has been dealt with.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_admission import explained
from broker.adapters.kafka_clients import deadline, stop_consumer
from broker.adapters.kafka_inspection import described
from broker.adapters.storage import unusable
from broker.core.errors import ConfigurationError, KafkaNotAuthorized, TopicMissing
from broker.ports import Headers

ANSWER_MS = 10_000  # no cluster in good health takes longer over any one request
PLACE_MS = 30_000  # the first group of a new cluster waits until that has made the topic of its offsets
_WAIT_MS = 500  # how long one read waits for more, and so the longest wait for Ctrl-C
_RECORDS_MAX = 500


class Followed(NamedTuple):
    """One record of the topic followed."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Bookmark:
    """A file that holds, per topic, the next offset of every partition."""

    def __init__(self, path: Path) -> None:
        """Read and write at this path; it is made with the first `save`."""
        self._path = path

    def load(self, topic: str) -> dict[int, int]:
        """Return the next offset by partition, empty when there is none; raise `ConfigurationError`."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return {int(partition): int(offset) for partition, offset in kept.get(topic, {}).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise ConfigurationError(f"the state file cannot be read: {type(error).__name__}") from None

    def save(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Replace what is kept of this topic, in one step; raise `StorageUnusable`."""
        draft = self._path.with_name(f".{self._path.name}.tmp")
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
            kept[topic] = {str(partition): offset for partition, offset in sorted(offsets.items())}
            try:
                draft.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
                draft.replace(self._path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise unusable("--state", self._path, error) from error


class TopicReader:
    """
    Reads one topic from where it was left.

    `next_batch` returns what is there; `done` says that everything returned so far has been dealt with, and
    only then does the place to resume at move. Both raise `KafkaUnavailable`.
    """

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, bookmark: Bookmark | None) -> None:
        """Read with a started consumer that has the topic's partitions assigned."""
        self._consumer = consumer
        self._topic = topic
        self._bookmark = bookmark
        self._next: dict[int, int] = {}

    async def place(self, *, from_beginning: bool) -> None:
        """
        Go to where the reading was left; failing that, to the end, or to the beginning.

        The place is kept at once: what arrives before the first record is dealt with must not be passed over.
        """
        partitions = sorted(self._consumer.assignment())
        async with deadline(PLACE_MS, "finding the place to resume"):
            first = await self._consumer.beginning_offsets(partitions)
            end = await self._consumer.end_offsets(partitions)
            kept = {} if from_beginning else await self._kept(partitions)
            for partition in partitions:
                start = first[partition] if from_beginning else end[partition]
                place = max(kept.get(partition.partition, start), first[partition])
                self._consumer.seek(partition, place)
                self._next[partition.partition] = place
        await self.done()

    async def ends(self) -> dict[int, int]:
        """Return the `read_committed` end of each partition."""
        async with deadline(ANSWER_MS, "looking for the end"):
            ends = await self._consumer.end_offsets(sorted(self._consumer.assignment()))
        return {partition.partition: offset for partition, offset in ends.items()}

    async def reached(self, ends: Mapping[int, int]) -> bool:
        """Return whether everything before these offsets was returned, markers included."""
        async with deadline(ANSWER_MS, "looking where the reading stands"):
            for partition in self._consumer.assignment():
                if await self._consumer.position(partition) < ends[partition.partition]:
                    return False
        return True

    async def next_batch(self, *, records_max: int | None = None) -> Sequence[Followed]:
        """Return what is there, each partition in order; empty when nothing came for half a second."""
        async with deadline(ANSWER_MS, "reading"):
            batches = await self._consumer.getmany(
                timeout_ms=_WAIT_MS, max_records=min(records_max or _RECORDS_MAX, _RECORDS_MAX)
            )
        found = [
            Followed(record.partition, record.offset, record.key, record.value, tuple(record.headers))
            for records in batches.values()
            for record in records
        ]
        for record in found:
            self._next[record.partition] = record.offset + 1
        return found

    async def done(self) -> None:
        """Keep the place behind everything returned so far."""
        if self._bookmark is not None:
            self._bookmark.save(self._topic, self._next)
            return
        async with deadline(PLACE_MS, "keeping the place"):
            await self._consumer.commit(
                {TopicPartition(self._topic, partition): offset for partition, offset in self._next.items()}
            )

    async def _kept(self, partitions: Sequence[TopicPartition]) -> dict[int, int]:
        """Return the places kept, by partition."""
        if self._bookmark is not None:
            return self._bookmark.load(self._topic)
        kept = {partition: await self._consumer.committed(partition) for partition in partitions}
        return {partition.partition: offset for partition, offset in kept.items() if offset is not None}


@asynccontextmanager
async def open_reader(
    cluster: Cluster,
    topic: str,
    *,
    group: str,
    bookmark: Bookmark | None = None,
    from_beginning: bool = False,
) -> AsyncIterator[TopicReader]:
    """
    Yield a reader of a topic, placed where `group` (or the bookmark, if given) left it.

    Raises `TopicMissing` and `KafkaUnavailable`. The partitions are assigned, not shared: two readers of one
    group both see everything.
    """
    consumer = AIOKafkaConsumer(
        **cluster.connection(),
        group_id=None if bookmark else group,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=ANSWER_MS,
    )
    try:
        async with explained(cluster):
            partitions = await partitions_of(cluster, topic)
            async with deadline(ANSWER_MS, "connecting"):
                await consumer.start()
        consumer.assign(partitions)
        reader = TopicReader(consumer, topic, bookmark)
        await reader.place(from_beginning=from_beginning)
        yield reader
    finally:
        await stop_consumer(consumer)


async def ends_of(cluster: Cluster, topics: Iterable[str]) -> dict[tuple[str, int], int]:
    """Return the `read_committed` end of every partition of these topics; raise `KafkaUnavailable`."""
    consumer = AIOKafkaConsumer(
        **cluster.connection(), isolation_level="read_committed", request_timeout_ms=ANSWER_MS
    )
    try:
        partitions = [place for topic in topics for place in await partitions_of(cluster, topic)]
        async with deadline(ANSWER_MS, "looking for the ends"):
            await consumer.start()
            ends = await consumer.end_offsets(partitions)
    finally:
        await stop_consumer(consumer)
    return {(place.topic, place.partition): end for place, end in ends.items()}


async def partitions_of(cluster: Cluster, topic: str) -> list[TopicPartition]:
    """Return the topic's partitions; raise `TopicMissing` or `KafkaUnavailable`."""
    admin = AIOKafkaAdminClient(**cluster.connection(), request_timeout_ms=ANSWER_MS)
    try:
        async with deadline(ANSWER_MS, "connecting"):
            await admin.start()
            found = (await described(admin, [topic]))[topic]
    finally:
        await admin.close()
    if found["error_code"] == UnknownTopicOrPartitionError.errno:
        raise TopicMissing(f"topic {topic} does not exist")
    if found["error_code"] == TopicAuthorizationFailedError.errno:
        raise KafkaNotAuthorized(
            f"this principal lacks DESCRIBE on topic {topic}, or there is no such topic: Kafka does not tell"
        )
    numbers = sorted(partition["partition"] for partition in found["partitions"])
    return [TopicPartition(topic, number) for number in numbers]
