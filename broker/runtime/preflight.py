"""
What is looked at before anything begins, so that nothing is ever half-started.

Knows the order, from cheap to dear: what this process keeps, where it listens, the cluster, its topics, the
state in them.
Touches nothing: no door is open, no group joined and no file made when one of these checks fails.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta

from broker.adapters.access_declarations import Grant
from broker.adapters.cluster import Cluster
from broker.adapters.kafka_admission import explained
from broker.adapters.kafka_inspection import (
    ANSWER_MS,
    Inventory,
    TopicShape,
    inspect_topics,
    newest_of_key,
)
from broker.adapters.kafka_rights import missing_rights
from broker.adapters.storage import prove_directory
from broker.adapters.topic_declarations import Topics
from broker.core.errors import (
    BrokerError,
    ConfigurationError,
    ForgetsTooSoon,
    KafkaNotAuthorized,
    KafkaUnavailable,
    StorageUnusable,
    TopicMissing,
    TopicsRefused,
)
from broker.ports import PARTITION_STATE_KEY, Topic
from broker.runtime import start_events as events
from broker.runtime.logs import Log
from broker.runtime.parts import Parts
from broker.runtime.settings import Door, Settings
from broker.runtime.topics import declared_topics
from broker.services.matching_sorting import INDEXED
from broker.services.partition_state import read_state

_PAUSE_S_MIN = 0.5  # between two attempts to reach a cluster that is starting, too
_PAUSE_S_MAX = 4.0  # each attempt is a line of the client's in the log
_REPLICAS_LIVE = 3  # one node may be gone, and what is acknowledged is still on two
_IN_SYNC_LIVE = 2


async def check_storage(
    settings: Settings, *, data: bool = True, drop_folder: bool = False, database: bool = False
) -> None:
    """
    Prove that everything can be kept that these settings say is kept: the sealing keys, and what is asked.

    Raises one `StorageUnusable` that names every setting at fault; `ConfigurationError` for a database URL
    that is none.
    """
    proofs: list[Callable[[], None]] = []
    if data:
        proofs.append(lambda: prove_directory(settings.data_dir, "CPIS_DATA_DIR"))
    proofs.append(lambda: prove_directory(settings.sealing_keys_dir, "CPIS_SEALING_KEYS_DIR"))
    if drop_folder:
        proofs.append(lambda: prove_directory(settings.drop_folder, "CPIS_DROP_FOLDER"))
        proofs.append(lambda: prove_directory(settings.kept_files, "CPIS_KEPT_FILES_DIR"))
    if database:
        proofs.append(lambda: _prove_database(settings))
    await asyncio.to_thread(_prove, proofs)


async def check_doors(settings: Settings, doors: Iterable[Door]) -> None:
    """
    Prove that this process can listen where it is to listen; nobody can connect meanwhile.

    Raises one `ConfigurationError` that names every address that cannot be had.
    """
    faults: list[str] = []
    for door in doors:
        host, port = settings.address(door)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            for family, kind, protocol, _, address in found:
                with socket.socket(family, kind, protocol) as tried:
                    tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as asyncio does
                    tried.bind(address)
        except OSError as error:
            faults.append(str(settings.cannot_listen(door, error)))
    if faults:
        raise ConfigurationError("\n".join(faults))


async def check_cluster(
    settings: Settings,
    parts: Parts,
    cluster: Cluster,
    *,
    patience_ms: int = 0,
    needed: Iterable[Grant] = (),
) -> None:
    """
    Prove that the cluster can be worked with: it answers, lets us do what we need, has the topics, fit, and
    their state is ours.

    A cluster that does not answer is tried again for `patience_ms`, and at least once; one that refuses us is
    not. What this user may not see on the cluster, and does not need, is taken for right. Raises
    `KafkaUnavailable` and what refines it, `TopicMissing`, `TopicsRefused`, `ForgetsTooSoon`, `NewerState`,
    `WrongIdentityKey` or `StateUnreadable`; what names rights or topics names every one at fault.
    """
    inventory = await _reached(cluster, patience_ms)
    if inventory.missing:
        raise TopicMissing(
            f"the cluster lacks {', '.join(inventory.missing)}: `cpis topics apply` makes them"
        )
    lacking = await missing_rights(cluster, needed)
    if lacking:
        raise KafkaNotAuthorized(f"this principal lacks {', '.join(str(grant) for grant in lacking)}")
    faults = [*_partition_faults(inventory.shapes, settings), *_replica_faults(inventory.shapes)]
    if settings.environment == "live":
        faults += _single_copies(inventory.shapes)
    if faults:
        raise TopicsRefused("\n".join(faults))
    _check_horizon(settings, inventory.shapes, parts.policy.horizon)
    people = inventory.shapes.get(Topic.PEOPLE)
    if people is not None:
        with suppress(KafkaNotAuthorized):  # who may only see the topic writes nothing to it
            await _check_state(cluster, parts, people.partitions)


def _prove(proofs: Iterable[Callable[[], None]]) -> None:
    """Go through all the proofs; raise one `StorageUnusable` for those that failed."""
    faults: list[str] = []
    for proof in proofs:
        try:
            proof()
        except StorageUnusable as error:
            faults.append(str(error))
    if faults:
        raise StorageUnusable("\n".join(faults))


def _prove_database(settings: Settings) -> None:
    """Prove that the database can be used; SQLAlchemy is imported by those alone who need it."""
    from broker.adapters.projection import prove_database

    prove_database(settings.database_url, will_be_made=settings.data_dir)


async def _reached(cluster: Cluster, patience_ms: int) -> Inventory:
    """Return what the cluster has of our topics, asking until it answers or our patience is at its end."""
    clock = asyncio.get_running_loop().time
    end = clock() + patience_ms / 1000
    pause_s = _PAUSE_S_MIN
    while True:
        left_ms = int((end - clock()) * 1000)
        try:
            async with explained(cluster):
                return await inspect_topics(
                    cluster, Topic, answer_ms=min(ANSWER_MS, left_ms) if left_ms > 0 else ANSWER_MS
                )
        except KafkaUnavailable as error:
            if not _may_pass(error):
                raise
            if clock() + pause_s >= end:
                raise KafkaUnavailable(
                    f"Kafka at {cluster.bootstrap_servers} does not answer: {error}"
                ) from error
            if pause_s == _PAUSE_S_MIN:
                Log().write(events.KafkaDoesNotAnswerYet(error=error))
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_S_MAX)


def _may_pass(error: BrokerError) -> bool:
    """Tell whether it may help to try again: a refusal, which has a code of its own, stays one."""
    return error.code == KafkaUnavailable.code


def _partition_faults(shapes: Mapping[str, TopicShape], settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the numbers of partitions: side by side they lie, or people are missed."""
    declared = declared_topics(settings.topics_file)
    together = {topic.name for topic in declared if topic.co_partitioned} & shapes.keys()
    most = max((shapes[name].partitions for name in together), default=0)
    for name in sorted(together):
        if shapes[name].partitions < most:
            yield (
                f"{name} has {shapes[name].partitions} partitions, and other topics of the same keys have "
                f"{most}: all must have the same number"
            )
    if settings.topics_file is not None:
        yield from _too_few(shapes, declared)


def _too_few(shapes: Mapping[str, TopicShape], declared: Topics) -> Iterator[str]:
    """Yield the topics with fewer partitions than this deployment's own file declares."""
    for topic in declared:
        shape = shapes.get(topic.name)
        if shape is not None and shape.partitions < topic.partitions:
            yield f"{topic.name} has {shape.partitions} partitions and is declared with {topic.partitions}"


def _replica_faults(shapes: Mapping[str, TopicShape]) -> Iterator[str]:
    """Yield the topics to which nothing can ever be written."""
    for name, shape in sorted(shapes.items()):
        if shape.in_sync_min is not None and shape.in_sync_min > shape.replicas:
            yield (
                f"{name} has {shape.replicas} replicas and min.insync.replicas={shape.in_sync_min}: nothing "
                "can be written to it"
            )


def _single_copies(shapes: Mapping[str, TopicShape]) -> Iterator[str]:
    """Yield the topics of which something acknowledged may be gone with one node."""
    for name, shape in sorted(shapes.items()):
        if shape.replicas < _REPLICAS_LIVE:
            fault = f"has replicas: {shape.replicas}; a live deployment needs {_REPLICAS_LIVE}"
        elif shape.in_sync_min is not None and shape.in_sync_min < _IN_SYNC_LIVE:
            fault = f"has min.insync.replicas={shape.in_sync_min}; a live deployment needs {_IN_SYNC_LIVE}"
        else:
            continue
        yield f"{name} {fault}, so that what was acknowledged outlives a node"


def _check_horizon(settings: Settings, shapes: Mapping[str, TopicShape], horizon: timedelta) -> None:
    """
    Prove that what waits in the log for a plan is kept for H, by the longest of all policies in force.

    A live deployment is refused where it is not (`ForgetsTooSoon`): an alert would be missed. Elsewhere, and
    where a log keeps longer than it is to, that is a line in the log.
    """
    waiting = {topic: shapes[topic] for topic in INDEXED if topic in shapes}
    faults = [*_forgetting(waiting, horizon)]
    if faults and settings.environment == "live":
        raise ForgetsTooSoon("\n".join(faults))
    for fault in faults:
        Log().write(events.LogForgetsTooSoon(error=ForgetsTooSoon(fault)))
    attendances = waiting.get(Topic.ATTENDANCES)
    if attendances is not None and attendances.keeps_beyond(_milliseconds(horizon)):
        Log().write(events.LogKeepsTooLong(topic=Topic.ATTENDANCES))


def _forgetting(waiting: Mapping[Topic, TopicShape], horizon: timedelta) -> Iterator[str]:
    """Yield the topics that forget before H is over, or may."""
    for name, shape in waiting.items():
        if not shape.keeps_for(_milliseconds(horizon)):
            yield f"{name} has retention.ms={shape.kept_ms}; H is {_milliseconds(horizon)} ms"
        if shape.bounded:
            yield f"{name} has retention.bytes={shape.kept_bytes}, and may forget before H is over"


def _milliseconds(span: timedelta) -> int:
    """Return a span as Kafka's settings have it."""
    return span // timedelta(milliseconds=1)


async def _check_state(cluster: Cluster, parts: Parts, partitions: int) -> None:
    """Read the newest `#p` of each partition as the matcher will, and raise what the matcher would raise."""
    newest = await newest_of_key(cluster, Topic.PEOPLE, PARTITION_STATE_KEY, partitions)
    for value in newest.values():
        read_state(value, parts.states, fingerprint=parts.key.fingerprint)
