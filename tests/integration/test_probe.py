"""`cpis probe mllp` over a genuine Kafka: how far the canary's visit comes, and who is told."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.embedded_kafka.configuration import free_ports
from broker.core.probing import CANARY_BORN, CANARY_FAMILY, CANARY_GIVEN, CANARY_NUMBER, Phase
from tests.builders.declared_kafka import declared_kafka
from tests.builders.upload import Person, PlanBlock, Record, build_upload
from tests.fault.fleet import Fleet
from tests.integration.test_operators import lines_of, ops_port_of, until_ready
from tests.starting import END_SECONDS, environment
from tests.waiting import wait_until

CANARY = {"CPIS_CANARY_PROVIDER": "RXM", "CPIS_CANARY_AUTHORITY": "211"}

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka."""
    with declared_kafka() as broker:
        yield broker


def probed(
    directory: Path,
    kafka: EmbeddedKafka,
    port: int,
    *,
    seconds: str = "30",
    canary: Mapping[str, str] = CANARY,
) -> tuple[int, list[dict[str, Any]], str]:
    """Return exit code, phases and errors of a probe."""
    settings = {
        "CPIS_KAFKA_BOOTSTRAP_SERVERS": kafka.cluster.bootstrap_servers,
        "CPIS_DATA_DIR": str(directory),
        **canary,
    }
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "broker",
            "probe",
            "mllp",
            f"127.0.0.1:{port}",
            "--json",
            "--seconds",
            seconds,
        ],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )
    return ended.returncode, json.loads(ended.stdout or "[]"), ended.stderr


def canarys_plan() -> bytes:
    """Return an upload with the canary's plan, which began today."""
    person = Person(
        number=CANARY_NUMBER.digits,
        family=CANARY_FAMILY,
        given=CANARY_GIVEN,
        born=f"{CANARY_BORN:%Y%m%d}",
    )
    now = f"{datetime.now(tz=UTC):%Y%m%d%H%M%S}"
    plan = PlanBlock(start="202501100930")
    return build_upload([Record(child=person, plans=(plan,))], authority="211", created=now)


def test_a_probe_says_how_far_the_visit_came(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Without a plan nobody is told, and it says so; with one every phase is reached, in its order."""
    with Fleet(kafka.cluster, tmp_path, roles=("intake", "matcher")) as fleet:
        fleet.start(**CANARY)
        until_ready(ops_port_of(fleet), 200)
        port = int(str(lines_of(fleet, "intake ready")[0]["port"]))
        without, phases, _ = probed(tmp_path, kafka, port, seconds="6")
        assert (7, [True, True, True, True, False]) == (
            without,
            [one["seconds"] is not None for one in phases],
        )
        assert "is the canary's plan on file?" in phases[-1]["words"]

        (tmp_path / "uploads" / "canary.xml").write_bytes(canarys_plan())
        done = tmp_path / "uploads" / "done"
        wait_until(lambda: bool(list(done.glob("*.xml"))), END_SECONDS, "the plan is loaded")
        code, phases, said = probed(tmp_path, kafka, port)

    assert (0, [phase.value for phase in Phase]) == (code, [one["phase"] for one in phases]), said
    reached = [one["seconds"] for one in phases]
    assert sorted(reached) == reached


def test_a_door_that_is_not_there_is_the_first_phase(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Within its limit, with a code of its own."""
    [port] = free_ports(1)

    code, [step], _ = probed(tmp_path, kafka, port, seconds="1")

    assert (3, "connected", "no connection", True) == (code, step["phase"], step["words"], step["failed"])


def test_without_a_canary_nothing_is_sent(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Somebody's authority would be told."""
    code, phases, said = probed(tmp_path, kafka, 1, canary={})

    assert (78, []) == (code, phases)
    assert "CPIS_CANARY_PROVIDER" in said
