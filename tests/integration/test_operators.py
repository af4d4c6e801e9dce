"""What operators see of `cpis run`, a process of its own on a genuine Kafka."""

import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_topics import load_topics
from broker.runtime.resources import topics_file
from broker.wire.mllp import END, frame
from tests.builders.adt import Adt
from tests.builders.declared_kafka import declared_kafka
from tests.builders.upload import build_upload
from tests.fault.fleet import Fleet
from tests.scrape import HOST, Reply, ask, samples
from tests.waiting import wait_until

PATIENCE_SECONDS = 90.0
_TEST_SECONDS_MAX = 900.0
"""What no test of these takes: a time that is counted from then to now is shorter."""
PARTITIONS = load_topics(topics_file().read_text("utf-8")).partitions

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]  # each wait has its own limit


@pytest.fixture
def own_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka with the declared topics that a test may kill."""
    with declared_kafka() as broker:
        yield broker


def lines_of(fleet: Fleet, event: str) -> list[dict[str, object]]:
    """Return the log lines of one event."""
    return fleet.events(event)


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
        opened = len(lines_of(fleet, "partition opened"))
        ready = until_ready(port, 200)
        page = samples(ask(port, "/metrics").body)
        own_kafka.kill()
        until_ready(port, 503)  # by a matcher, which may notice before it is asked whether Kafka answers
        wait_until(
            lambda: ask(port, "/readyz").told()["kafka"] == "away",
            PATIENCE_SECONDS,
            "Kafka is said to be away",
        )
        away = ask(port, "/readyz")
        alive = ask(port, "/livez")
        page_away = samples(ask(port, "/metrics").body)
        own_kafka.restart()
        until_ready(port, 200)
        code = fleet.end(process)

    assert 503 == first.status or opened == PARTITIONS  # it was asked too late to be seen not ready
    assert {
        "intake": {"state": "ready"},
        "matcher": {"state": "ready", "assigned": PARTITIONS, "working": PARTITIONS},
        "outbox": {"state": "ready"},
    } == ready.told()["roles"]
    assert (1, 0) == (page["cpis_ready"], page["cpis_kafka_away"])
    assert [1] * PARTITIONS == [
        page[f"cpis_partition_state{{partition={number},state=working}}"] for number in range(PARTITIONS)
    ]
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


def sent_by_mllp(port: int, *messages: bytes) -> list[str]:
    """Send messages over one connection, each after the answer to the one before; return MSA-1 of each."""
    answers = []
    with socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS) as connection:
        for message in messages:
            connection.sendall(frame(message))
            answer = b""
            while not answer.endswith(END):
                answer += connection.recv(65_536)
            [segment] = [part for part in answer.decode().split("\r") if part.startswith("MSA")]
            answers.append(segment.split("|")[1])
    return answers


def attendance(control_id: str) -> bytes:
    """Return an attendance of this minute."""
    now = f"{datetime.now(tz=ZoneInfo('Europe/London')):%Y%m%d%H%M%S}"
    pv1 = {"class": "E", "location": "ED", "visit": "V1", "arrived": now}
    return Adt(event="A04", control_id=control_id, recorded=now, pv1=pv1).text().encode()


def test_what_the_doors_and_the_matcher_do_is_counted(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """A plan and an attendance: two alerts, the time to them, the answers, and nothing left behind."""
    messages = (attendance("M1"), attendance(""), attendance("M1"))
    with Fleet(own_kafka.cluster, tmp_path, roles=("intake", "matcher", "outbox")) as fleet:
        fleet.start()
        port = ops_port_of(fleet)
        until_ready(port, 200)
        mllp = int(str(lines_of(fleet, "intake ready")[0]["port"]))
        (tmp_path / "uploads" / "one.xml").write_bytes(build_upload())

        def page() -> dict[str, float]:
            """Scrape."""
            return samples(ask(port, "/metrics").body)

        def facts(topic: str) -> float:
            """Return how many facts an input got."""
            return page().get(f"cpis_facts_total{{topic=cpis.in.{topic}}}", 0)

        wait_until(lambda: facts("plans") > 0, PATIENCE_SECONDS, "plans")
        answers = sent_by_mllp(mllp, *messages)
        raised = "cpis_alerts_total{{audience={},kind=raised}}"
        wait_until(
            lambda: [page().get(raised.format(audience)) for audience in ("la", "provider")] == [1, 1],
            PATIENCE_SECONDS,
            "two alerts",
        )
        wait_until(
            lambda: page().get("cpis_inbox_records_total{outcome=stored}") == 2, PATIENCE_SECONDS, "inbox"
        )
        wait_until(
            lambda: page().get("cpis_upload_files_total{outcome=done}") == 1,
            PATIENCE_SECONDS,
            "the file answered",
        )
        lags = "cpis_lag_records{{partition={},topic={}}}"
        topics = ("cpis.in.plans", "cpis.in.attendances", "cpis.alerts")
        wait_until(
            lambda: all(
                page().get(lags.format(number, topic)) == 0
                for number in range(PARTITIONS)
                for topic in topics
            ),
            PATIENCE_SECONDS,
            "no lag",
        )
        found = page()

    assert ["AA", "AE", "AA"] == answers
    assert (2, 1) == (found["cpis_messages_total{answer=AA}"], found["cpis_messages_total{answer=AE}"])
    assert 3 == found["cpis_answer_seconds_count"]
    assert 1 == found["cpis_rejected_total{code=101,door=mllp}"]
    assert 1 == found["cpis_upload_files_total{outcome=done}"]
    assert 1 == found["cpis_connections_total{event=opened}"]
    assert found["cpis_transactions_total{outcome=committed}"] > 0
    assert PARTITIONS == found["cpis_bootstrap_seconds_count"]
    for audience in ("la", "provider"):
        assert 1 == found[f"cpis_time_to_alert_seconds_count{{audience={audience}}}"]
        assert 0 < found[f"cpis_time_to_alert_seconds_sum{{audience={audience}}}"] < _TEST_SECONDS_MAX
    # the two recipients have no topic here, which is work for somebody
    assert 0 <= found["cpis_worklist_oldest_seconds"] < _TEST_SECONDS_MAX
