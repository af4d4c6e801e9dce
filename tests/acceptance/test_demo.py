"""The demonstration as its user runs it: the installed command, in a process of its own."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from hl7.client import MLLPClient

from broker.adapters.cluster import Cluster
from tests.builders.adt import Adt
from tests.builders.demo_stream import EXPECTED, GIRL, HACKNEY_GENERAL, STREAM
from tests.log_search import hits

pytestmark = pytest.mark.kafka

POLICY = Path(__file__).parents[2] / "deploy" / "demo" / "policy.toml"
_DEMO_SECONDS_MAX = 280
_END_SECONDS_MAX = 120
_ALERT_SECONDS_MAX = 120


def environment() -> dict[str, str]:
    """Return an environment without any setting of the broker."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CPIS_")}


def cpis(*arguments: str, seconds: int = 180) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "broker", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@contextmanager
def kept_demo(log: Path) -> Iterator[tuple[int, str]]:
    """Lend a demonstration that was left running: its MLLP port and its Kafka."""
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", "demo", "--keep", "--log", str(log)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "drop folder" in line:
                break
        port = re.search(r"MLLP +127\.0\.0\.1:(\d+)", said)
        servers = re.search(r"Kafka +(127\.0\.0\.1:\d+)", said)
        assert port is not None, said
        assert servers is not None, said
        yield int(port[1]), servers[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=_END_SECONDS_MAX)


def listens(address: str) -> bool:
    """Return whether anything takes connections at `host:port`."""
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


async def newest_alert(cluster: Cluster, control_time: datetime) -> ConsumerRecord:
    """Return the first alert on the authority's topic that was written after `control_time`."""
    async with (
        AIOKafkaConsumer(
            "cpis.alerts.la.211",
            **cluster.connection(),
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        ) as consumer,
        asyncio.timeout(_ALERT_SECONDS_MAX),
    ):
        async for record in consumer:
            if record.timestamp >= control_time.timestamp() * 1000:
                return record
    raise AssertionError


def test_the_demonstration_ends_as_expected(tmp_path: Path) -> None:
    """`cpis demo` plays the recorded days through the real doors and exits 0, the outcome being equal."""
    log = tmp_path / "demo.log"
    ended = cpis("demo", "--log", str(log), seconds=_DEMO_SECONDS_MAX)

    assert "Equal to the expected result." in ended.stdout, ended.stdout + ended.stderr
    assert 0 == ended.returncode
    assert [] == list(hits(log.read_text("utf-8").splitlines()))


def test_a_replay_without_kafka_comes_to_the_same() -> None:
    """`cpis replay --offline` prints what the demonstration is held against."""
    ended = cpis("replay", str(STREAM), "--offline", "--policy", str(POLICY))

    assert json.loads(EXPECTED.read_text("utf-8")) == json.loads(ended.stdout)


def test_any_mllp_client_and_any_kafka_client_will_do(tmp_path: Path) -> None:
    """A demonstration left running answers another MLLP client, and another Kafka client reads the alert."""
    now = datetime.now(tz=UTC)
    stamp = f"{now:%Y%m%d%H%M%S}+0000"
    message = Adt(
        event="A04",
        control_id="OTHER1",
        recorded=stamp,
        patient=GIRL,
        provider=HACKNEY_GENERAL,
        pv1={"class": "E", "location": "ED^^^RXH01", "visit": "OTHER-1", "arrived": stamp},
    )
    with kept_demo(tmp_path / "kept.log") as (port, servers):
        with MLLPClient("127.0.0.1", port) as client:
            answer = client.send_message(message.text().encode())
        record = asyncio.run(newest_alert(Cluster(servers), now))

    headers = {name: value.decode() for name, value in record.headers}
    assert b"MSA|AA|OTHER1" in answer
    assert "cpis.alert.v1" == headers["ce_type"]
    assert [] == list(hits([*headers.values(), record.key.decode(), record.topic]))
    assert not listens(f"127.0.0.1:{port}")
    assert not listens(servers)
