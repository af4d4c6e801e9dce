"""Three embedded nodes: they are one cluster, each may be lost, and nothing of them stays behind."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import REPLICAS, EmbeddedCluster
from broker.adapters.embedded_kafka.configuration import free_ports
from broker.adapters.kafka_inspection import inspect_topics
from broker.adapters.kafka_topics import apply_topics
from broker.core.errors import EmbeddedKafkaFailed, ForgetsTooSoon, TopicsRefused
from broker.core.policy import Policy
from broker.ports import Topic
from broker.runtime.kafka import embedded_cluster
from broker.runtime.parts import Parts, assemble
from broker.runtime.preflight import check_cluster
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics
from tests.builders.logs import lent_logs
from tests.fault.ensemble import until_in_sync
from tests.starting import environment
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

SECONDS = 120.0
NODE = re.compile(r"Node (\d) at (\S+) is process (\d+)\.")


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedCluster]:
    """Lend a cluster with the topics that `cpis topics apply` makes for three nodes."""
    with embedded_cluster() as nodes:
        for _ in range(2):  # the second time nothing is left to do
            applied = topics_applied(nodes.bootstrap_servers)
        assert "created" not in applied
        assert "altered" not in applied
        yield nodes


def topics_applied(servers: str) -> str:
    """Run the line that the documents show; return what it says."""
    command = [sys.executable, "-m", "broker", "topics", "apply", "--replication-factor", "3"]
    ended = subprocess.run(
        [*command, "--bootstrap-servers", servers],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    return ended.stdout


async def say(cluster: Cluster, value: bytes) -> int:
    """Write a value that all copies in sync must have; return its offset."""
    async with AIOKafkaProducer(**cluster.connection(), acks="all", enable_idempotence=True) as producer:
        return int((await producer.send_and_wait(Topic.LATE, value)).offset)


async def heard(cluster: Cluster, offset: int) -> bytes:
    """Return the value at an offset."""
    async with AIOKafkaConsumer(**cluster.connection()) as consumer:
        place = TopicPartition(Topic.LATE, 0)
        consumer.assign([place])
        consumer.seek(place, offset)
        return bytes((await consumer.getone()).value)


def live(cluster: Cluster, tmp_path: Path) -> tuple[Settings, Parts]:
    """Return the settings of a live deployment, with a key of its own."""
    key = tmp_path / "identity.key"
    key.write_bytes(bytes(range(32)))
    settings = Settings(
        environment="live",
        identity_key_file=key,
        data_dir=tmp_path,
        kafka_bootstrap_servers=cluster.bootstrap_servers,
    )
    return settings, assemble(settings)


def running(pid: int) -> bool:
    """Tell whether a process is alive; one that only waits to be reaped is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_topics_lie_on_three_nodes_and_a_write_on_two(own: EmbeddedCluster) -> None:
    """As `cpis topics apply --replication-factor 3` makes them."""
    inventory = asyncio.run(inspect_topics(own.cluster, Topic))

    assert {(REPLICAS, 2)} == {(shape.replicas, shape.in_sync_min) for shape in inventory.shapes.values()}
    assert set(Topic) == set(inventory.shapes)


def test_what_was_acknowledged_outlives_each_node(own: EmbeddedCluster) -> None:
    """Killed in turn, each comes back on its own ports, and the record is there all the while."""
    addresses = own.bootstrap_servers
    offset = asyncio.run(say(own.cluster, b"acknowledged"))

    for node in own.nodes:
        asyncio.run(until_in_sync(own.cluster, REPLICAS))
        node.kill()
        assert b"acknowledged" == asyncio.run(heard(own.cluster, offset))
        node.start()

    assert addresses == own.bootstrap_servers


def test_a_live_deployment_takes_topics_on_three_nodes(own: EmbeddedCluster, tmp_path: Path) -> None:
    """Made by `cpis topics apply --replication-factor 3` and nothing else."""
    settings, parts = live(own.cluster, tmp_path)

    asyncio.run(check_cluster(settings, parts, own.cluster))


def test_a_live_deployment_refuses_writes_that_lie_on_one_node(own: EmbeddedCluster, tmp_path: Path) -> None:
    """It names the topic and what is wanted; a test deployment takes it."""
    settings, parts = live(own.cluster, tmp_path)
    declared = declared_topics(None).overridden(replication_factor=REPLICAS)
    late = next(topic for topic in declared if topic.name == Topic.LATE)
    loose = replace(late, settings={**late.settings, "min.insync.replicas": "1"})
    asyncio.run(apply_topics(own.cluster, replace(declared, declared=(loose,))))
    try:
        with pytest.raises(TopicsRefused, match=r"^cpis.late has min.insync.replicas=1; .* needs 2.*$"):
            asyncio.run(check_cluster(settings, parts, own.cluster))
        asyncio.run(check_cluster(settings.model_copy(update={"environment": "test"}), parts, own.cluster))
    finally:
        asyncio.run(apply_topics(own.cluster, declared))


FORGETTING = {
    "before H is over": ("retention.ms", str(23 * 86_400_000 - 1), r"retention.ms=\d+; H is"),
    "by size": ("retention.bytes", "1073741824", r"retention.bytes=1073741824, and may"),
}


@pytest.mark.parametrize("case", FORGETTING)
def test_a_live_deployment_refuses_a_log_that_forgets_too_soon(
    own: EmbeddedCluster, tmp_path: Path, case: str
) -> None:
    """What waits there for a plan would be gone when it comes: an alert missed (ruling 10)."""
    settings, parts = live(own.cluster, tmp_path)
    declared = declared_topics(None).overridden(replication_factor=REPLICAS)
    setting, value, words = FORGETTING[case]
    attendances = next(topic for topic in declared if topic.name == Topic.ATTENDANCES)
    hasty = replace(attendances, settings={**attendances.settings, setting: value})
    unbounded = replace(attendances, settings={**attendances.settings, "retention.bytes": "-1"})
    asyncio.run(apply_topics(own.cluster, replace(declared, declared=(hasty,))))
    try:
        with pytest.raises(ForgetsTooSoon, match=rf"^cpis.in.attendances has {words}"):
            asyncio.run(check_cluster(settings, parts, own.cluster))
        elsewhere = settings.model_copy(update={"environment": "test"})
        with lent_logs() as logs:
            asyncio.run(check_cluster(elsewhere, parts, own.cluster))
        assert ["log forgets too soon"] == [line["event"] for line in logs.lines()]
    finally:
        asyncio.run(apply_topics(own.cluster, replace(declared, declared=(unbounded,))))


def test_a_log_that_keeps_too_long_is_told(own: EmbeddedCluster, tmp_path: Path) -> None:
    """Visits of people without a plan are to be gone after H: here one that is shorter than the log's."""
    settings, parts = live(own.cluster, tmp_path)
    briefer = Policy(horizon=timedelta(days=22), plan_wait_after_arrival=timedelta(days=20))
    shorter = replace(parts, policy=briefer)

    with lent_logs() as logs:
        asyncio.run(check_cluster(settings, shorter, own.cluster))

    assert ["log keeps too long"] == [line["event"] for line in logs.lines()]


def test_a_port_in_use_is_named_as_the_cause() -> None:
    """And the nodes that had started are stopped."""
    (port,) = free_ports(1)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        cluster = embedded_cluster(port=port)

        with pytest.raises(EmbeddedKafkaFailed, match=r"its port is in use by another program"):
            cluster.start()

    assert () == cluster.nodes
    with pytest.raises(EmbeddedKafkaFailed, match=r"was not started"):
        _ = cluster.bootstrap_servers


def test_the_command_starts_a_killed_node_again_and_all_end_with_it(tmp_path: Path) -> None:
    """`cpis kafka --nodes 3`: what was written is there for whoever starts on the same directory."""
    told = tmp_path / "told"
    command = [sys.executable, "-m", "broker", "kafka", "--nodes", "3", "--data", str(tmp_path / "data")]
    with told.open("wb") as errors:
        parent = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=errors, text=True
        )

    def nodes() -> list[tuple[str, str, str]]:
        """Return the number, address and process of every node told of."""
        return NODE.findall(told.read_text())

    try:
        assert parent.stdout is not None
        name, _, servers = parent.stdout.readline().strip().partition("=")
        wait_until(lambda: len(nodes()) == REPLICAS, SECONDS, "three nodes")
        first = nodes()
        offset = asyncio.run(say(Cluster(servers), b"kept"))

        os.kill(int(first[1][2]), signal.SIGKILL)

        wait_until(lambda: len(nodes()) == REPLICAS + 1, SECONDS, "the node is back")
    finally:
        parent.kill()
        parent.communicate()
    again = nodes()[-1]
    assert ("CPIS_KAFKA_BOOTSTRAP_SERVERS", servers) == (name, ",".join(address for _, address, _ in first))
    assert (first[1][0], first[1][1]) == again[:2]
    assert "Node 2 has ended" in told.read_text()
    wait_until(lambda: not any(running(int(pid)) for _, _, pid in nodes()), SECONDS, "the end of all nodes")
    with embedded_cluster(data_dir=tmp_path / "data") as kept:
        assert b"kept" == asyncio.run(heard(kept.cluster, offset))
