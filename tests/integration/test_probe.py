"""`cpis probe mllp` over a genuine Kafka: how far the canary's visit comes, and who is told."""

import asyncio
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.embedded_kafka.configuration import free_ports
from broker.cli import root
from broker.core.errors import ConfigurationError, MalformedMessage
from broker.core.probing import CANARY_BORN, CANARY_FAMILY, CANARY_GIVEN, CANARY_NUMBER, Phase
from broker.wire.acknowledgement import answer
from tests.builders.declared_kafka import declared_kafka
from tests.builders.delivering import HOST, Engine
from tests.builders.hl7 import wall_time
from tests.builders.upload import Person, PlanBlock, Record, build_upload
from tests.fault.fleet import Fleet
from tests.integration.test_operators import lines_of, ops_port_of, until_ready
from tests.starting import END_SECONDS
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
    seconds: str = "60",
    canary: Mapping[str, str] = CANARY,
    more: Sequence[str] = (),
) -> Result:
    """Return what a probe comes to; `seconds` end only what does not come, `more` are more options."""
    settings = {
        "CPIS_KAFKA_BOOTSTRAP_SERVERS": kafka.cluster.bootstrap_servers,
        "CPIS_DATA_DIR": str(directory),
        **canary,
    }
    asked = ["probe", "mllp", f"127.0.0.1:{port}", "--json", "--seconds", seconds, *more]
    return CliRunner().invoke(root, asked, env=settings)


def canarys_plan() -> bytes:
    """Return an upload with the canary's plan, which began today."""
    person = Person(
        number=CANARY_NUMBER.digits,
        family=CANARY_FAMILY,
        given=CANARY_GIVEN,
        born=f"{CANARY_BORN:%Y%m%d}",
    )
    now = wall_time(datetime.now(tz=UTC))
    plan = PlanBlock(start="202501100930")
    return build_upload([Record(child=person, plans=(plan,))], authority="211", created=now)


def test_a_probe_says_how_far_the_visit_came(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """With the canary's plan on file every phase is reached, in its order."""
    with Fleet(kafka.cluster, tmp_path, roles=("intake", "matcher")) as fleet:
        fleet.start(**CANARY)
        until_ready(ops_port_of(fleet), 200)
        port = int(str(lines_of(fleet, "intake ready")[0]["port"]))
        (tmp_path / "uploads" / "canary.xml").write_bytes(canarys_plan())
        done = tmp_path / "uploads" / "done"
        wait_until(lambda: bool(list(done.glob("*.xml"))), END_SECONDS, "the plan is loaded")
        ended = probed(tmp_path, kafka, port)

    phases = json.loads(ended.output)
    assert (0, [phase.value for phase in Phase]) == (ended.exit_code, [one["phase"] for one in phases])
    reached = [one["seconds"] for one in phases]
    assert sorted(reached) == reached


def test_a_door_that_is_not_there_is_the_first_phase(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Within its limit, with a code of its own."""
    [port] = free_ports(1)

    ended = probed(tmp_path, kafka, port, seconds="1")

    [step] = json.loads(ended.output)
    assert (3, "connected", "no connection", True) == (
        ended.exit_code,
        step["phase"],
        step["words"],
        step["failed"],
    )


@pytest.mark.parametrize(
    ("vouched", "code", "words"),
    [(True, 4, "AE not taken"), (False, 3, "TLS failed: one side does not trust the other")],
)
def test_a_door_behind_tls_is_spoken_to_where_it_can_be_trusted(
    kafka: EmbeddedKafka, tmp_path: Path, words: str, *, vouched: bool, code: int
) -> None:
    """By the authority that vouches for it the probe comes to its answer; by another's it is never sent."""
    its, others, theirs = trustme.CA(), trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    its.issue_cert(HOST).configure_cert(theirs)
    trusted = tmp_path / "trusted.pem"
    (its if vouched else others).cert_pem.write_to_path(trusted)

    async def play() -> Result:
        """Open a door that takes nothing, and probe it."""
        async with Engine(tls=theirs, reply=_refuse).open() as door:
            more = ("--ca-file", str(trusted))
            return await asyncio.to_thread(probed, tmp_path, kafka, door.port, more=more)

    ended = asyncio.run(play())

    phases = json.loads(ended.output)
    assert (code, words) == (ended.exit_code, phases[-1]["words"])


def _refuse(message: bytes) -> bytes:
    """Return an answer that takes nothing."""
    return answer(message, MalformedMessage("not taken"))


def test_without_a_canary_nothing_is_sent(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Somebody's authority would be told."""
    ended = probed(tmp_path, kafka, 1, canary={})

    assert isinstance(ended.exception, ConfigurationError)
    assert "CPIS_CANARY_PROVIDER" in str(ended.exception)
