"""A genuinely full file system under the embedded Kafka: what is told, and that nothing is lost."""

import asyncio
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.embedded_kafka.configuration import free_ports
from broker.ports import Topic
from broker.wire.mllp import END, START
from tests.builders.adt import Adt
from tests.disks import FILLING, fill, small_disk
from tests.starting import END_SECONDS, environment, running
from tests.waiting import wait_until

MIB = 1024 * 1024
ANSWER_SECONDS = 60.0

pytestmark = pytest.mark.kafka


def send(port: int, control_id: str) -> str:
    """Send an attendance; return MSA-1 of the answer."""
    pv1 = {"class": "E", "location": "ED", "visit": control_id, "arrived": "20250301113000"}
    adt = Adt(event="A04", control_id=control_id, recorded="20250301113500", pv1=pv1, processing="T")
    with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as connection:
        connection.sendall(START + adt.text().encode() + END)
        answer = b""
        while END not in answer:
            answer += connection.recv(4096)
    return next(part for part in answer.decode().split("\r") if part.startswith("MSA")).split("|")[1]


def readiness(port: int) -> int:
    """Return the status of the readiness page."""
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    connection.request("GET", "/readyz")
    status = connection.getresponse().status
    connection.close()
    return status


def stored(servers: str) -> set[bytes]:
    """Return the ids of the attendances that lie in their topic."""

    async def read() -> set[bytes]:
        """Read every partition to its end."""
        consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
        await consumer.start()
        try:
            places = [TopicPartition(Topic.ATTENDANCES, partition) for partition in range(6)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            ids: set[bytes] = set()
            for place in places:
                consumer.seek(place, 0)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    ids |= {dict(record.headers)["ce_id"] for record in records}
            return ids
        finally:
            await consumer.stop()

    return asyncio.run(read())


def test_without_room_it_does_not_start(tmp_path: Path) -> None:
    """74, the directory, what is needed and what is free; no Java, no file."""
    with small_disk(tmp_path / "disk", size_bytes=20 * MIB) as disk:
        fill(disk, leaving_bytes=8 * MIB)

        command = [sys.executable, "-m", "broker", "kafka", "--data", str(disk / "kafka")]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)

        assert 74 == done.returncode, done.stderr
        assert f"the embedded Kafka needs 16.0 MiB in {disk}/kafka, and 8.0 MiB are free" in done.stderr
        assert "CPIS-409" in done.stderr
        assert [] == [word for word in ("Traceback", "java", "\tat ") if word in done.stderr]
        assert [FILLING] == [file.name for file in disk.iterdir()]


def test_a_disk_that_fills_up_loses_nothing(tmp_path: Path) -> None:
    """
    Kafka ends with 74 and one message; hospitals are answered AR meanwhile, and AA when there is room again.

    What was answered AA before lies in the topic afterwards.
    """
    [kafka_port, port, ops_port] = free_ports(3)
    kafka_log, worker_log = tmp_path / "kafka.log", tmp_path / "worker.log"
    settings = {
        "CPIS_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka_port}",
        "CPIS_DATA_DIR": str(tmp_path / "data"),
        "CPIS_MLLP_PORT": str(port),
        "CPIS_OPS_PORT": str(ops_port),
    }
    with small_disk(tmp_path / "disk", size_bytes=64 * MIB) as disk:
        kafka = ("kafka", "--port", str(kafka_port), "--data", str(disk / "kafka"))
        with running(kafka_log, *kafka) as first:
            wait_until(lambda: "is running" in kafka_log.read_text(), END_SECONDS, "Kafka runs")
            with running(worker_log, "run", "--role", "intake", **settings):
                wait_until(lambda: '"ready"' in worker_log.read_text(), END_SECONDS, "the broker is ready")
                assert ["AA"] * 3 == [send(port, f"M{number}") for number in range(3)]
                taken = stored(settings["CPIS_KAFKA_BOOTSTRAP_SERVERS"])

                fill(disk)
                wait_until(lambda: send(port, "M9") == "AR", END_SECONDS, "a message is refused")
                wait_until(lambda: first.poll() is not None, END_SECONDS, "Kafka ends")
                said = kafka_log.read_text()
                assert (74, 1) == (first.returncode, said.count("CPIS-409")), said
                assert f"the disk under {disk}/kafka is full" in said
                assert [] == [word for word in ("Traceback", "\tat ", "java.") if word in said]
                assert ("AR", 503) == (send(port, "M9"), readiness(ops_port))

                (disk / FILLING).unlink()
                with running(tmp_path / "kafka-2.log", *kafka):
                    wait_until(lambda: send(port, "M9") == "AA", END_SECONDS, "a message is accepted again")
                    wait_until(lambda: readiness(ops_port) == 200, END_SECONDS, "the broker is ready again")
                    assert (3, 1) == (
                        len(taken),
                        len(stored(settings["CPIS_KAFKA_BOOTSTRAP_SERVERS"]) - taken),
                    )
