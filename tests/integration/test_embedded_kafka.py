"""The embedded Kafka: it works, it comes back, and nothing of it stays behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.embedded_kafka.directory import sweep
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.core.errors import EmbeddedKafkaFailed
from broker.runtime.kafka import embedded_kafka
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

_GONE_S = 90.0
_START_S = 120.0
_ONE_TOPIC = """
partitions = 1
replication_factor = 1
[topics."things"]
partitions = 1
"""
_START_AND_TELL = """
from broker.runtime.kafka import embedded_kafka
broker = embedded_kafka()
broker.start()
print(broker.pid, broker.directory, flush=True)
input()
"""


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedKafka]:
    """Lend a broker that the tests of this module may kill and restart."""
    with embedded_kafka() as broker:
        asyncio.run(apply_topics(broker.cluster, load_topics(_ONE_TOPIC)))
        yield broker


def _running(pid: int) -> bool:
    """Tell whether a process is alive; one that only waits to be reaped is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _swept(directory: Path) -> bool:
    """Tell whether a directory is gone after a sweep."""
    sweep()
    return not directory.exists()


def _listening(address: str) -> bool:
    """Tell whether anything accepts connections at `host:port`."""
    host, _, port = address.partition(":")
    with socket.socket() as connection:
        return connection.connect_ex((host, int(port))) == 0


def _pid(broker: EmbeddedKafka) -> int:
    """Return the process id of a broker that must be running."""
    pid = broker.pid
    assert pid is not None
    return pid


async def _say(cluster: Cluster, value: bytes, topic: str = "things") -> int:
    """Write a value with `acks=all` and return its offset."""
    producer = AIOKafkaProducer(**cluster.connection(), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        return int((await producer.send_and_wait(topic, value, partition=0)).offset)
    finally:
        await producer.stop()


async def _heard(cluster: Cluster, offset: int, topic: str = "things") -> bytes:
    """Return the value at an offset."""
    consumer = AIOKafkaConsumer(**cluster.connection())
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, offset)
        return bytes((await asyncio.wait_for(consumer.getone(partition), _START_S)).value)
    finally:
        await consumer.stop()


def test_what_is_written_can_be_read(kafka: EmbeddedKafka) -> None:
    """A record that the broker acknowledged is read back from its offset."""
    offset = asyncio.run(_say(kafka.cluster, b"hello", "cpis.late"))

    assert b"hello" == asyncio.run(_heard(kafka.cluster, offset, "cpis.late"))


def test_a_restart_keeps_data_and_address(own: EmbeddedKafka) -> None:
    """After a restart in good order the record is there, at the same address."""
    cluster = own.cluster
    offset = asyncio.run(_say(cluster, b"before the restart"))

    own.restart()

    assert b"before the restart" == asyncio.run(_heard(cluster, offset))


def test_a_killed_broker_comes_back_with_its_data(own: EmbeddedKafka) -> None:
    """What was acknowledged before a SIGKILL is there when the broker is started again."""
    address, cluster = own.bootstrap_servers, own.cluster
    offset = asyncio.run(_say(cluster, b"before the kill"))

    own.kill()
    assert not _listening(address)
    own.start()

    assert b"before the kill" == asyncio.run(_heard(cluster, offset))


def test_starting_a_running_broker_changes_nothing(own: EmbeddedKafka) -> None:
    """A second start leaves the running process alone."""
    pid = own.pid

    own.start()

    assert pid == own.pid


def test_it_outlives_the_thread_that_started_it(own: EmbeddedKafka) -> None:
    """A broker restarted from a worker thread is still there when that thread has ended."""

    async def restart() -> None:
        """Restart the broker from a thread that ends with this event loop."""
        await asyncio.to_thread(own.restart)

    asyncio.run(restart())

    offset = asyncio.run(_say(own.cluster, b"from a thread"))
    assert b"from a thread" == asyncio.run(_heard(own.cluster, offset))


def test_stop_leaves_nothing_behind() -> None:
    """After `stop` there is no process, no open port and no directory; stopping again is harmless."""
    with embedded_kafka() as broker:
        address, pid, directory = broker.bootstrap_servers, _pid(broker), broker.directory
        assert _listening(address)
        assert directory.is_dir()

    broker.stop()

    assert (False, False, False) == (_listening(address), _running(pid), directory.exists())


def test_two_brokers_run_side_by_side(own: EmbeddedKafka) -> None:
    """A second broker takes other ports and another directory."""
    with embedded_kafka() as other:
        assert own.bootstrap_servers != other.bootstrap_servers
        assert own.directory != other.directory


def test_a_given_directory_is_kept_and_used_again(tmp_path: Path) -> None:
    """Data in a directory of the user's are there for the next broker, on whatever ports."""
    data = tmp_path / "kept here, with a comma"
    with embedded_kafka(data_dir=data) as first:
        asyncio.run(apply_topics(first.cluster, load_topics(_ONE_TOPIC)))
        offset = asyncio.run(_say(first.cluster, b"kept"))

    with embedded_kafka(data_dir=data) as second:
        assert b"kept" == asyncio.run(_heard(second.cluster, offset))


def test_a_directory_in_use_is_refused(own: EmbeddedKafka) -> None:
    """Two brokers cannot share a directory, and the error names it."""
    with pytest.raises(EmbeddedKafkaFailed, match=r"another broker is running in .*cpis-kafka-"):
        embedded_kafka(data_dir=own.directory).start()


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file where the directory should be is reported, naming the place."""
    in_the_way = tmp_path / "a file"
    in_the_way.touch()

    with pytest.raises(EmbeddedKafkaFailed, match=r"no broker can be kept in .*a file"):
        embedded_kafka(data_dir=in_the_way).start()


def test_a_port_in_use_is_named_as_the_cause(own: EmbeddedKafka) -> None:
    """A broker that cannot have the port it was given says so in one line and leaves nothing behind."""
    broker = embedded_kafka(port=int(own.bootstrap_servers.partition(":")[2]))

    with pytest.raises(EmbeddedKafkaFailed, match=r"its port is in use by another program$"):
        broker.start()

    with pytest.raises(EmbeddedKafkaFailed, match=r"was not started"):
        _ = broker.directory


def test_a_killed_parent_takes_the_broker_along() -> None:
    """The broker dies with a killed parent, and the next broker removes its directory."""
    with subprocess.Popen(
        [sys.executable, "-c", _START_AND_TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid, directory = parent.stdout.readline().split()
        assert _running(int(pid))

        parent.kill()

    wait_until(lambda: not _running(int(pid)), _GONE_S, "the end of the broker")
    assert _swept(Path(directory))


def test_a_directory_in_use_is_not_swept(own: EmbeddedKafka) -> None:
    """Sweeping what killed processes left does not touch a live broker's directory."""
    sweep()

    assert own.directory.is_dir()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_command_stops_cleanly(end: signal.Signals) -> None:
    """`cpis kafka` makes the topics, prints its address, and at Ctrl-C or SIGTERM stops without a trace."""
    with subprocess.Popen(
        [sys.executable, "-m", "broker", "kafka"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        name, _, address = command.stdout.readline().strip().partition("=")
        offset = asyncio.run(_say(Cluster(address), b"hello", "cpis.late"))
        assert b"hello" == asyncio.run(_heard(Cluster(address), offset, "cpis.late"))

        os.kill(command.pid, end)

        errors = command.stderr.read()

    assert ("CPIS_KAFKA_BOOTSTRAP_SERVERS", 0, False) == (name, command.returncode, _listening(address))
    assert "Traceback" not in errors
    assert errors.endswith("Kafka is stopped.\n")


def test_the_command_says_when_kafka_ends_by_itself() -> None:
    """When the broker is killed under `cpis kafka`, the command ends with its error and code 69."""
    with subprocess.Popen(
        [sys.executable, "-m", "broker", "kafka", "--no-topics"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline().startswith("CPIS_KAFKA_BOOTSTRAP_SERVERS=")
        children = Path(f"/proc/{command.pid}/task").glob("*/children")
        (broker,) = [int(child) for listed in children for child in listed.read_text("ascii").split()]

        os.kill(broker, signal.SIGKILL)

        errors = command.stderr.read()

    assert 69 == command.returncode
    assert "cpis: Kafka ended by itself" in errors
    assert "Traceback" not in errors
