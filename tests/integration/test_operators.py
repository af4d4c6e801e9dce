"""What operators see of `cpis run`, a process of its own on a genuine Kafka."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file
from tests.fault.fleet import Fleet
from tests.scrape import Reply, ask, samples
from tests.waiting import wait_until

PATIENCE_SECONDS = 90.0
PARTITIONS = load_topics(topics_file().read_text("utf-8")).partitions

pytestmark = pytest.mark.kafka


@pytest.fixture
def own_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka with the declared topics that a test may kill."""
    with embedded_kafka() as broker:
        asyncio.run(apply_topics(broker.cluster, load_topics(topics_file().read_text("utf-8"))))
        yield broker


def lines_of(fleet: Fleet, event: str) -> list[dict[str, object]]:
    """Return the log lines of one event."""
    lines = [json.loads(line) for line in fleet.logs().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def ops_port_of(fleet: Fleet) -> int:
    """Return the operators' port of a fleet's only process, as its log tells."""
    wait_until(lambda: bool(lines_of(fleet, "operators port open")), PATIENCE_SECONDS, "operators' port")
    return int(str(lines_of(fleet, "operators port open")[0]["port"]))


def until_ready(port: int, status: int) -> Reply:
    """Wait until `/readyz` has this status; return the answer."""
    wait_until(lambda: ask(port, "/readyz").status == status, PATIENCE_SECONDS, f"/readyz {status}")
    return ask(port, "/readyz")


def test_a_process_is_ready_when_it_works_and_only_then(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """503 before the partitions are loaded, 200 after; 503 again while Kafka is away, 200 when it is back."""
    with Fleet(own_kafka.cluster, tmp_path, roles=("intake", "matcher", "outbox")) as fleet:
        process = fleet.start()
        port = ops_port_of(fleet)
        first = ask(port, "/readyz")
        ready = until_ready(port, 200)
        page = samples(ask(port, "/metrics").body)
        own_kafka.kill()
        away = until_ready(port, 503)
        alive = ask(port, "/livez")
        page_away = samples(ask(port, "/metrics").body)
        own_kafka.restart()
        until_ready(port, 200)
        code = fleet.end(process)

    assert 503 == first.status
    assert {
        "intake": {"state": "ready"},
        "matcher": {"state": "ready", "assigned": PARTITIONS, "working": PARTITIONS},
        "outbox": {"state": "ready"},
    } == ready.told()["roles"]
    assert (1, 0, PARTITIONS) == (
        page["cpis_ready"],
        page["cpis_kafka_away"],
        page["cpis_partitions{state=working}"],
    )
    assert "away" == away.told()["kafka"]
    assert 200 == alive.status
    assert (0, 1) == (page_away["cpis_ready"], page_away["cpis_kafka_away"])
    assert 0 == code


def test_two_processes_on_one_port(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """The second says which setting is wrong and opens no door."""
    with Fleet(own_kafka.cluster, tmp_path, roles=("intake",)) as fleet:
        fleet.start()
        port = ops_port_of(fleet)
        second = fleet.start(CPIS_OPS_PORT=str(port))
        code = second.wait(PATIENCE_SECONDS)
        fleet.processes.remove(second)
        told = (tmp_path / "worker-2.log").read_text("utf-8")

    assert 78 == code
    assert "CPIS_OPS_PORT" in told
    assert "intake ready" not in told
