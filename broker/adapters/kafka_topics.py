"""
Make a cluster's topics be as they are declared: create what is missing, alter settings that differ.

Never deletes a topic and never changes a partition count. Settings that somebody else put on a topic and that
the declaration does not name are left alone.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    for_code,
)

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_admission import explained
from broker.adapters.kafka_clients import unavailable
from broker.adapters.topic_declarations import Topic, Topics, load_topics
from broker.core.errors import KafkaNotAuthorized, KafkaUnavailable, TopicsRefused

__all__ = ["Difference", "Report", "Topic", "Topics", "apply_topics", "existing_topics", "load_topics"]

_TOPIC_LEVEL = 1  # DescribeConfigs: this value was set on the topic itself (DYNAMIC_TOPIC_CONFIG)
_NO_ERROR = 0
_TOPIC_ALREADY_EXISTS = 36
_LACKING_RIGHT = frozenset({TopicAuthorizationFailedError.errno, ClusterAuthorizationFailedError.errno})
_REQUEST_TIMEOUT_MS = 30_000  # a first topic on a new cluster may wait for its controller
_VISIBLE_DEADLINE_S = 30.0  # from created to known by the broker that is asked
_VISIBLE_POLL_S = 0.05
_REPLICAS_FOR_MAJORITY = 3  # with three copies one may be down and what is acknowledged is still on two


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that was not as declared; `found` is what was in force."""

    topic: str
    setting: str
    found: str
    declared: str


@dataclass(frozen=True, slots=True)
class Report:
    """
    What `apply_topics` did: topics created, settings altered; and topics that were right already.

    `otherwise_replicated` are those with another number of replicas than declared, which only moving data can
    mend.
    """

    created: tuple[str, ...]
    altered: tuple[Difference, ...]
    unchanged: tuple[str, ...]
    otherwise_replicated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How many partitions a present topic has, and how many replicas each."""

    partitions: int
    replicas: int


async def existing_topics(cluster: Cluster) -> frozenset[str]:
    """Return the names of the topics that the cluster has; raise `KafkaUnavailable`."""
    async with _admin(cluster) as admin:
        return frozenset(await _shapes(admin))


async def apply_topics(cluster: Cluster, topics: Topics) -> Report:
    """
    Make the cluster's topics be as declared; doing it twice is doing it once.

    Raises `TopicsRefused`, before anything is changed, when a topic has another number of partitions than
    declared, or in the cluster's own words when it refuses a topic or setting; `KafkaUnavailable` when it
    does not answer.
    """
    async with _admin(cluster) as admin:
        present = await _shapes(admin)
        _refuse_other_partition_counts(topics, present)
        missing = [topic for topic in topics if topic.name not in present]
        await _create(admin, missing, topics.replication_factor)
        kept = [topic for topic in topics if topic.name in present]
        wanted = {topic.name: _settings(topic, present[topic.name].replicas) for topic in kept}
        differences = await _alter(admin, wanted)
        await _await_visible(admin, topics.names)
    altered = {difference.topic for difference in differences}
    return Report(
        created=tuple(topic.name for topic in missing),
        altered=differences,
        unchanged=tuple(topic.name for topic in kept if topic.name not in altered),
        otherwise_replicated=tuple(
            topic.name for topic in kept if present[topic.name].replicas != topics.replication_factor
        ),
    )


@asynccontextmanager
async def _admin(cluster: Cluster) -> AsyncIterator[Any]:
    """Lend an administration client; what Kafka's client raises becomes `KafkaUnavailable`."""
    admin = AIOKafkaAdminClient(**cluster.connection(), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        async with explained(cluster):
            try:
                await admin.start()
                yield admin
            except KafkaError as error:
                raise unavailable(error, f"Kafka at {cluster.bootstrap_servers} does not answer") from error
    finally:
        await admin.close()


async def _shapes(admin: Any) -> dict[str, _Shape]:
    """Return the shape of each topic of the cluster."""
    return {
        topic["topic"]: _Shape(
            partitions=len(topic["partitions"]),
            replicas=min((len(partition["replicas"]) for partition in topic["partitions"]), default=0),
        )
        for topic in await admin.describe_topics()
    }


def _refuse_other_partition_counts(topics: Topics, present: Mapping[str, _Shape]) -> None:
    """Refuse the whole declaration when a present topic has another number of partitions than declared."""
    for topic in topics:
        found = present.get(topic.name)
        if found is not None and found.partitions != topic.partitions:
            raise TopicsRefused(
                f"{topic.name} has {found.partitions} partitions and is declared with {topic.partitions}: "
                "the number is fixed for the life of a deployment, since a key's partition follows from it. "
                "Nothing was changed."
            )


def _settings(topic: Topic, replicas: int) -> dict[str, str]:
    """Return what is to be set on `topic`: what is acknowledged must outlive the loss of one of three."""
    copies = 2 if replicas >= _REPLICAS_FOR_MAJORITY else 1
    return {"min.insync.replicas": str(copies), **topic.settings}


async def _create(admin: Any, missing: Iterable[Topic], replication_factor: int) -> None:
    """Create the topics, taking one that somebody else created meanwhile as created."""
    requested = [
        NewTopic(
            topic.name,
            topic.partitions,
            replication_factor,
            topic_configs=_settings(topic, replication_factor),
        )
        for topic in missing
    ]
    if not requested:
        return
    response = await admin.create_topics(requested)
    for name, code, *words in response.topic_errors:
        if code not in {_NO_ERROR, _TOPIC_ALREADY_EXISTS}:
            _refuse_right(code, "CREATE", name)
            raise TopicsRefused(f"Kafka refuses to create {name}: {_in_words(code, words)}")


async def _alter(admin: Any, wanted: Mapping[str, Mapping[str, str]]) -> tuple[Difference, ...]:
    """Set what differs from `wanted`, settings by topic, keeping all else; return what differed."""
    found = await _found_settings(admin, wanted)
    differences = _differences(found, wanted)
    # The request replaces all that is set on a topic: what is set there and not declared is sent along.
    resources = [
        ConfigResource(
            ConfigResourceType.TOPIC,
            name,
            {
                **{
                    setting: value
                    for setting, (value, source) in found[name].items()
                    if source == _TOPIC_LEVEL
                },
                **wanted[name],
            },
        )
        for name in {difference.topic: None for difference in differences}
    ]
    if not resources:
        return ()
    for response in await admin.alter_configs(resources):
        for code, words, _kind, name in response.resources:
            if code != _NO_ERROR:
                _refuse_right(code, "ALTER_CONFIGS", name)
                raise TopicsRefused(f"Kafka refuses the settings of {name}: {_in_words(code, [words])}")
    deadline = _deadline()
    while remaining := _differences(await _found_settings(admin, wanted), wanted):
        if _passed(deadline):
            first = remaining[0]
            raise TopicsRefused(
                f"{first.topic}: Kafka keeps {first.setting} as {first.found!r} when told {first.declared!r}"
            )
        await asyncio.sleep(_VISIBLE_POLL_S)
    return differences


def _differences(
    found: Mapping[str, Mapping[str, tuple[str, int]]], wanted: Mapping[str, Mapping[str, str]]
) -> tuple[Difference, ...]:
    """Return the settings whose found values are not the wanted ones."""
    return tuple(
        Difference(name, setting, value_found, value)
        for name, settings in wanted.items()
        for setting, value in settings.items()
        if (value_found := found[name].get(setting, ("", 0))[0]) != value
    )


async def _found_settings(admin: Any, names: Iterable[str]) -> dict[str, dict[str, tuple[str, int]]]:
    """Return each topic's settings in force, with where each comes from."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    found: dict[str, dict[str, tuple[str, int]]] = {}
    for response in await admin.describe_configs(resources):
        for code, words, _kind, name, entries in response.resources:
            if code != _NO_ERROR:
                _refuse_right(code, "DESCRIBE_CONFIGS", name)
                raise TopicsRefused(
                    f"Kafka refuses to tell the settings of {name}: {_in_words(code, [words])}"
                )
            found[name] = {entry[0]: (entry[1], entry[3]) for entry in entries}
    return found


async def _await_visible(admin: Any, names: frozenset[str]) -> None:
    """Return when the cluster tells of all the topics: a created one is announced a moment later."""
    deadline = _deadline()
    while missing := names - set(await _shapes(admin)):
        if _passed(deadline):
            raise KafkaUnavailable(f"{min(missing)} was created and is not announced by the cluster")
        await asyncio.sleep(_VISIBLE_POLL_S)


def _deadline() -> float:
    """Return the time, on the event loop's clock, by which a change must be visible."""
    return asyncio.get_running_loop().time() + _VISIBLE_DEADLINE_S


def _passed(deadline: float) -> bool:
    """Tell whether a deadline has passed."""
    return asyncio.get_running_loop().time() > deadline


def _refuse_right(code: int, operation: str, name: str) -> None:
    """Raise the error of a right that is missing, where an error code is that."""
    if code in _LACKING_RIGHT:
        raise KafkaNotAuthorized(f"this principal lacks {operation} on topic {name}")


def _in_words(code: int, words: Iterable[str | None]) -> str:
    """Return Kafka's own words for an error, or the error's name."""
    return next((word for word in words if word), str(for_code(code).__name__))
