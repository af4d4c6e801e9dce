"""Reads what a matcher wrote as any `read_committed` reader would, and compares it with what had to come."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_watch import KafkaWatch, Place
from broker.core.alerts import Alert, AlertEvent
from broker.core.audit import FIRST_HASH, chain
from broker.core.partition import PartitionState
from broker.ports import INPUTS, PARTITION_STATE_KEY, Record, Topic
from broker.services.matching import Codecs
from broker.services.matching_output import recipient_topic
from tests.fault.load import Load, single_events, standing


async def read_topics(cluster: Cluster, topics: Sequence[str]) -> dict[str, list[Record]]:
    """Return every committed record of these topics, to their very end, partition by partition."""
    settings: dict[str, Any] = {**cluster.connection(), "auto_offset_reset": "earliest"}
    found: dict[str, list[Record]] = {topic: [] for topic in topics}
    async with (
        AIOKafkaConsumer(**settings) as everything,
        AIOKafkaConsumer(**settings, isolation_level="read_committed") as committed,
    ):
        places = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in await everything._client._wait_on_metadata(topic)
        ]
        ends = await everything.end_offsets(places)
        committed.assign(places)
        while any([await committed.position(place) < ends[place] for place in places]):
            for place, records in (await committed.getmany(timeout_ms=100)).items():
                found[place.topic] += records
    return found


async def partition_states(cluster: Cluster, codecs: Codecs) -> dict[int, PartitionState]:
    """Return the newest `#p` of every partition that has one."""
    records = (await read_topics(cluster, [Topic.PEOPLE]))[Topic.PEOPLE]
    return {
        record.partition: codecs.states.decode_partition(record.value or b"")
        for record in records
        if record.key == PARTITION_STATE_KEY
    }


async def input_ends(cluster: Cluster, **reading: str) -> dict[Place, int]:
    """Return the end of every partition of every input, as a reader with these settings sees it."""
    async with AIOKafkaConsumer(**cluster.connection(), **reading) as consumer:
        places = [
            TopicPartition(topic.value, partition)
            for topic in INPUTS
            for partition in await consumer._client._wait_on_metadata(topic.value)
        ]
        ends = await consumer.end_offsets(places)
    return {Place(place.topic, place.partition): end for place, end in ends.items()}


async def caught_up(cluster: Cluster, codecs: Codecs) -> bool:
    """Return whether every matcher has noted every record of every input, and none is still uncommitted."""
    states = await partition_states(cluster, codecs)
    ends = await input_ends(cluster)
    if ends != await input_ends(cluster, isolation_level="read_committed"):
        return False
    taken = {
        place: states[place.partition].offsets.get(place.topic, 0) if place.partition in states else 0
        for place in ends
    }
    watch = KafkaWatch(cluster)
    try:
        return all(not waiting.records for waiting in (await watch.look(taken)).values())
    finally:
        await watch.close()


async def check(
    cluster: Cluster, load: Load, codecs: Codecs, *, items: frozenset[bytes] = frozenset()
) -> dict[str, int]:
    """
    Assert that exactly what follows from the load was said, once, to everybody concerned.

    `items` are the keys of what else is work for people, whoever made it.
    Returns counts to print: alerts standing, events, audit entries.
    """
    expected = standing(load)
    topics = {recipient_topic_of(alert) for alert in expected.values()}
    found = await read_topics(cluster, [Topic.ALERTS, Topic.AUDIT, Topic.WORKLIST, *sorted(topics)])
    said = [codecs.alerts.decode_event(record.value or b"") for record in found[Topic.ALERTS]]

    twice = [event_id for event_id, times in Counter(event.event_id for event in said).items() if times > 1]
    assert [] == twice
    _check_threads(said, expected)
    _check_single(said, load)
    _check_own_topics(said, {topic: found[topic] for topic in topics}, codecs)
    decisions = [record for record in found[Topic.AUDIT] if not codecs.records.is_action(record.value or b"")]
    _check_audit(decisions, await partition_states(cluster, codecs))
    assert items == {record.key for record in found[Topic.WORKLIST]}
    return {"alerts": len(expected), "events": len(said), "audit entries": len(decisions)}


def recipient_topic_of(alert: Alert) -> str:
    """Return the own topic of an alert's recipient."""
    return f"{Topic.ALERTS}.{alert.recipient.kind}.{alert.recipient.code}"


def _check_threads(said: Sequence[AlertEvent], expected: dict[str, Alert]) -> None:
    """Assert gapless revisions of each alert, the newest of which is what must stand."""
    threads: dict[str, dict[int, AlertEvent]] = defaultdict(dict)
    for event in said:
        assert event.revision not in threads[event.alert.alert_id]
        threads[event.alert.alert_id][event.revision] = event
    assert set(expected) == set(threads)
    for alert_id, revisions in threads.items():
        assert list(range(1, len(revisions) + 1)) == sorted(revisions)
        newest = revisions[len(revisions)].alert
        assert replace(expected[alert_id], child_id=None, file_id=None) == replace(
            newest, child_id=None, file_id=None
        )


def _check_single(said: Sequence[AlertEvent], load: Load) -> None:
    """Assert that what can be said in one way only was said in this way."""
    single = {event.event_id for event in single_events(load)}
    alerts = {event.alert.alert_id for event in single_events(load)}
    assert single == {event.event_id for event in said if event.alert.alert_id in alerts}


def _check_own_topics(said: Sequence[AlertEvent], own: dict[str, list[Record]], codecs: Codecs) -> None:
    """Assert that every recipient's topic holds their events, each once, and nobody else's."""
    for topic, records in own.items():
        events = [codecs.alerts.decode_event(record.value or b"").event_id for record in records]
        expected = sorted(event.event_id for event in said if recipient_topic(event) == topic)
        assert expected == sorted(events)


def _check_audit(records: Sequence[Record], states: dict[int, PartitionState]) -> None:
    """Assert that every partition's chain is whole and ends where `#p` says."""
    for partition, state in states.items():
        newest, sequence = FIRST_HASH, 0
        for record in records:
            if record.partition == partition:
                newest, sequence = chain(newest, record.value or b""), sequence + 1
        assert (state.audit_hash, state.audit_sequence) == (newest, sequence)
