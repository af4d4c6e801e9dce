"""The intake role on a genuine Kafka: both doors, and Kafka going away and coming back."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.drop_folder import Pace
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_tail import KafkaInputTail
from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.demographics import Current, SupersededBy
from broker.core.errors import ConfigurationError
from broker.core.facts import Details, IdentityKind, IdentityNotice, PlanFact, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.number_answers import notice_of
from broker.ports import Demographics, FactLog, Topic
from broker.runtime.asking import Source
from broker.runtime.fact_log import fact_log
from broker.runtime.intake_role import IntakeRole
from broker.runtime.metrics import CONNECTION_EVENTS, Metrics
from broker.runtime.parts import Parts, assemble
from broker.runtime.settings import Settings
from broker.services.fact_writes import fact_write
from broker.wire.mllp import END, START, frame
from tests.builders.adt import Patient
from tests.builders.certificates import Office
from tests.builders.declared_kafka import declared_kafka
from tests.builders.desk import attendance
from tests.builders.logs import lent_logs
from tests.builders.upload import build_upload
from tests.official_schemas import faults_of

HOST = "127.0.0.1"
PATIENCE_SECONDS = 180.0
ANSWER_SECONDS = (
    10.0  # the deadline of 2 s (architecture, section 3), on a machine that three senders share with it
)
RESEND_SECONDS = 0.05  # a refused sender tries again soon, but not as fast as it can
LOOK_SECONDS = 0.02
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
ROBIN = Patient()

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka that a test may kill."""
    with declared_kafka() as broker:
        yield broker


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lend the directory of the sealing keys: what one test wrote another reads."""
    return tmp_path_factory.mktemp("keys")


def message(control_id: str, processing: str = "T", patient: Patient = ROBIN) -> bytes:
    """Return an attendance, a visit of its own."""
    return attendance(processing=processing, control_id=control_id, patient=patient, visit=control_id)


@dataclass
class Sender:
    """Sends messages one after the other, each again until it is accepted, and remembers what it was told."""

    name: str
    port: int
    control_ids: list[str] = field(default_factory=list)
    refused: int = 0
    slowest_seconds: float = 0.0

    @property
    def accepted(self) -> int:
        """How many messages were accepted."""
        return len(self.control_ids)

    async def send_for_ever(self) -> None:
        """Send until cancelled."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        clock = asyncio.get_running_loop().time
        number = 0
        try:
            while True:
                number += 1
                control_id = f"{self.name}{number}"
                code = ""
                while code != "AA":
                    begun = clock()
                    writer.write(frame(message(control_id)))
                    answer = await reader.readuntil(END)
                    self.slowest_seconds = max(self.slowest_seconds, clock() - begun)
                    code = verdict(answer)
                    if code == "AR":
                        self.refused += 1
                        await pause(RESEND_SECONDS)
                self.control_ids.append(control_id)
        finally:
            writer.close()


async def all_past(senders: list[Sender], verdict: str, more: int) -> None:
    """Wait until every sender has had so many more answers of a kind."""
    goals = [(sender, getattr(sender, verdict) + more) for sender in senders]
    await until(lambda: all(getattr(sender, verdict) >= goal for sender, goal in goals))


def verdict(answer: bytes) -> str:
    """Return MSA-1."""
    [segment] = [part for part in answer.decode().split("\r") if part.startswith("MSA")]
    return segment.split("|")[1]


def configured(tmp_path: Path, cluster: Cluster | None = None, **more: object) -> Settings:
    """Return the settings of an intake of its own."""
    given = {
        "data_dir": tmp_path,
        "mllp_port": 0,
        "kafka_bootstrap_servers": cluster and cluster.bootstrap_servers,
        **more,
    }
    return Settings.model_validate(given)


def run(
    settings: Settings,
    scenario: Callable[[IntakeRole, Parts], Awaitable[None]],
    facts: FactLog | None = None,
    *,
    metrics: Metrics | None = None,
    demographics: Demographics | None = None,
) -> None:
    """Run a scenario beside a started role; `demographics` is the source that it asks, on a Kafka."""

    async def all_of_it() -> None:
        """Start the role, play, stop the role."""
        parts = assemble(settings)
        kafka = fact_log(settings) if facts is None else None
        role = IntakeRole(
            settings,
            parts,
            facts=facts or cast("FactLog", kafka),
            tail=MemoryInputTail(MemoryKafka(), Topic.ATTENDANCES)
            if kafka is None
            else KafkaInputTail(settings.require_cluster(), Topic.ATTENDANCES),
            clock=lambda: NOW,
            metrics=metrics,
            source=None
            if demographics is None
            else Source(
                demographics=demographics,
                notices=KafkaInputTail(settings.require_cluster(), Topic.IDENTITY),
            ),
        )
        if kafka is not None:
            await kafka.start()
        await role.start()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await scenario(role, parts)
        finally:
            await role.stop()
            if kafka is not None:
                await kafka.close()

    asyncio.run(all_of_it())


async def ask(port: int, data: bytes, tls: ssl.SSLContext | None = None) -> str:
    """Send one message on a connection of its own and return the verdict."""
    reader, writer = await asyncio.open_connection(HOST, port, ssl=tls)
    writer.write(frame(data))
    answer = await reader.readuntil(END)
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(START)
    return verdict(answer)


async def read(cluster: Cluster, topic: Topic, parts: Parts) -> list[object]:
    """Return every fact of an input topic."""
    consumer = AIOKafkaConsumer(**cluster.connection(), auto_offset_reset="earliest")
    async with consumer:
        places = [TopicPartition(topic, partition) for partition in range(6)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        facts: list[object] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            found = await consumer.getmany(timeout_ms=100)
            facts += [
                parts.facts.decode(topic, record.key, record.value)
                for records in found.values()
                for record in records
            ]
    return facts


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that another task brings about."""
    while not condition():
        await pause(LOOK_SECONDS)


async def pause(seconds: float) -> None:
    """Let others go on for a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


def test_an_accepted_message_lies_in_its_topic(own: EmbeddedKafka, keys: Path, tmp_path: Path) -> None:
    """Through the real door to the real Kafka."""

    async def scenario(role: IntakeRole, parts: Parts) -> None:
        """Play the scenario."""
        verdict = await ask(role.port, message("M1"))
        facts = await read(own.cluster, Topic.ATTENDANCES, parts)

        received = {fact.control_id: fact.received_at for fact in facts if isinstance(fact, VisitMessage)}
        assert ("AA", NOW) == (verdict, received["M1"])

    run(configured(tmp_path, own.cluster, sealing_keys_dir=keys), scenario)


def test_a_demographic_source_is_asked_behind_the_door(
    own: EmbeddedKafka, keys: Path, tmp_path: Path
) -> None:
    """Whose a patient without a number is, and what became of a number that changed (rulings 21, 38)."""
    patient = Patient(number=None, family="Traced", given="Kim", born="20150203")
    kim, changed, successor = map(NhsNumber, ("9990000042", "9990000050", "9990000069"))
    details = Details(family="Traced", given="Kim", birth_date=date(2015, 2, 3))
    source = MemoryDemographics()
    source.put(kim, Current(details=details, recorded_at=NOW))
    source.put(changed, SupersededBy(successor=successor, recorded_at=NOW))

    async def scenario(role: IntakeRole, parts: Parts) -> None:
        """Send a message without a number, and say that a number changed."""
        notice = notice_of(changed, IdentityKind.NUMBER_CHANGE, NOW, NOW, parts.key)
        log = fact_log(settings)
        await log.start()
        await log.append([fact_write(parts.facts, notice, changed, notice.notice_id, "test")])
        await log.close()
        assert "AA" == await ask(role.port, message("TRACED", patient=patient))
        await until(lambda: 1 == role.counts["patient traced"] == role.counts["number change asked about"])

        attendances = await read(own.cluster, Topic.ATTENDANCES, parts)
        found = [one for one in attendances if isinstance(one, VisitMessage) and one.control_id == "TRACED"]
        notices = await read(own.cluster, Topic.IDENTITY, parts)
        told = [one for one in notices if isinstance(one, IdentityNotice) and one.successor == successor]
        assert (["Traced"], [NOW]) == ([one.family for one in found], [one.recorded_at for one in told])

    settings = configured(tmp_path, own.cluster, sealing_keys_dir=keys)
    run(settings, scenario, demographics=source)


def test_a_dropped_file_lies_in_its_topic(own: EmbeddedKafka, keys: Path, tmp_path: Path) -> None:
    """And in the folder of those that are done."""
    settings = configured(tmp_path, own.cluster, sealing_keys_dir=keys)

    async def scenario(role: IntakeRole, parts: Parts) -> None:
        """Play the scenario."""
        (settings.drop_folder / "a.xml").write_bytes(build_upload(file_id="DROPPED"))
        await until(lambda: role.counts["upload done"] == 1)
        facts = await read(own.cluster, Topic.PLANS, parts)

        assert "DROPPED" in {fact.file_id for fact in facts if isinstance(fact, PlanFact)}

    run(settings, scenario)

    acknowledgement = (settings.drop_folder / "done" / "a.xml.ack.xml").read_bytes()
    assert [] == faults_of(acknowledgement)
    assert all(said in acknowledgement for said in (b"DROPPED", b"CPF02", b"CPR06", b"20250301120000+0000"))


def test_a_dropped_file_that_is_no_upload_is_answered(tmp_path: Path) -> None:
    """With the one code that there is for it, and the words that say why."""
    settings = configured(tmp_path)

    async def scenario(role: IntakeRole, _parts: Parts) -> None:
        """Play the scenario."""
        (settings.drop_folder / "a.xml").write_bytes(b"nonsense")
        await until(lambda: role.counts["upload refused"] == 1)

    run(settings, scenario, MemoryFactLog(MemoryKafka()))

    acknowledgement = (settings.drop_folder / "refused" / "a.xml.ack.xml").read_bytes()
    assert [] == faults_of(acknowledgement)
    assert all(said in acknowledgement for said in (b"CPF01", b"not well-formed XML"))


def test_a_dropped_file_that_is_too_large_is_answered_unread(tmp_path: Path) -> None:
    """It has holes, so that the test needs no room for it."""
    settings = configured(tmp_path)

    async def scenario(role: IntakeRole, _parts: Parts) -> None:
        """Play the scenario."""
        with (settings.drop_folder / "a.xml").open("wb") as file:
            file.truncate(Pace().file_bytes_max + 1)
        await until(lambda: role.counts["upload refused"] == 1)

    run(settings, scenario, MemoryFactLog(MemoryKafka()))

    acknowledgement = (settings.drop_folder / "refused" / "a.xml.ack.xml").read_bytes()
    assert [] == faults_of(acknowledgement)
    assert b"file too large" in acknowledgement


def test_while_kafka_is_away_senders_are_refused_in_time_and_nothing_accepted_is_lost(
    own: EmbeddedKafka, keys: Path, tmp_path: Path
) -> None:
    """AR within two seconds; everything AA is on the topic; after the restart it goes on by itself."""

    async def scenario(role: IntakeRole, parts: Parts) -> None:
        """Play the scenario."""
        senders = [Sender(name, role.port) for name in ("one-", "two-", "three-")]
        sending = [asyncio.create_task(sender.send_for_ever()) for sender in senders]
        await all_past(senders, "accepted", 20)
        await asyncio.to_thread(own.kill)
        await all_past(senders, "refused", 1)
        await asyncio.to_thread(own.start)
        await all_past(senders, "accepted", 20)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

        facts = await read(own.cluster, Topic.ATTENDANCES, parts)
        durable = {fact.control_id for fact in facts if isinstance(fact, VisitMessage)}
        accepted = {control_id for sender in senders for control_id in sender.control_ids}
        assert accepted - durable == set()
        assert max(sender.slowest_seconds for sender in senders) < ANSWER_SECONDS

    run(configured(tmp_path, own.cluster, sealing_keys_dir=keys), scenario)


def test_a_file_dropped_while_kafka_is_away_is_taken_when_it_is_back(tmp_path: Path) -> None:
    """Nobody has to drop it again."""
    settings = configured(tmp_path)
    kafka = MemoryKafka()
    kafka.available = False

    async def scenario(role: IntakeRole, parts: Parts) -> None:
        """Play the scenario."""
        (settings.drop_folder / "a.xml").write_bytes(build_upload())
        await until(lambda: role.counts["upload postponed"] > 0)
        kafka.available = True
        await until(lambda: role.counts["upload done"] == 1)

        [record] = kafka.read(Topic.PLANS)
        assert isinstance(parts.facts.decode(Topic.PLANS, record.key or b"", record.value or b""), PlanFact)

    run(settings, scenario, MemoryFactLog(kafka))


def test_a_live_deployment_rejects_what_is_not_for_production(tmp_path: Path) -> None:
    """MSH-11 must be P there (ruling 27)."""
    secret = tmp_path / "identity.key"
    secret.write_bytes(bytes(range(32)))
    settings = configured(tmp_path, environment="live", identity_key_file=secret)

    async def scenario(role: IntakeRole, parts: Parts) -> None:
        """Play the scenario."""
        verdicts = [await ask(role.port, message("M1", processing)) for processing in ("P", "T")]

        assert verdicts == ["AA", "AR"]

    run(settings, scenario, MemoryFactLog(MemoryKafka()))


def test_under_tls_a_sender_with_a_certificate_is_answered_and_another_is_counted_and_logged(
    tmp_path: Path,
) -> None:
    """By its reason and its address; a mere knock is counted and not logged."""
    office = Office(tmp_path)
    metrics = Metrics()

    async def scenario(role: IntakeRole, _parts: Parts) -> None:
        """Play the scenario."""
        verdict = await ask(role.port, message("M1"), office.sender())
        for words in (frame(message("M2")), b""):
            _, writer = await asyncio.open_connection(HOST, role.port)
            writer.write(words)
            writer.close()
        await until(lambda: role.counts["handshake abandoned"] + role.counts["no tls"] == 2)

        assert ("AA", 1) == (verdict, role.counts["accepted"])

    with lent_logs() as logs:
        settings = configured(tmp_path, **office.settings())
        run(settings, scenario, MemoryFactLog(MemoryKafka()), metrics=metrics)

    failed = [line for line in logs.lines() if line["event"] == "handshake failed"]
    assert [("no tls", HOST, 1)] == [(line["reason"], line["peer"], line["count"]) for line in failed]
    assert [1, 1, 1] == [
        metrics.value(CONNECTION_EVENTS, event=event) for event in ("opened", "no tls", "handshake abandoned")
    ]


def test_a_new_certificate_is_logged(tmp_path: Path) -> None:
    """As one that cannot be used is, with the setting at fault."""
    office = Office(tmp_path)

    async def scenario(role: IntakeRole, _parts: Parts) -> None:
        """Play the scenario."""
        office.renew()
        first = await ask(role.port, message("M1"), office.sender())
        office.files.key.write_bytes(b"")
        second = await ask(role.port, message("M2"), office.sender())

        assert ["AA", "AA"] == [first, second]

    with lent_logs() as logs:
        run(configured(tmp_path, **office.settings()), scenario, MemoryFactLog(MemoryKafka()))

    told = [line for line in logs.lines() if line["event"].startswith("certificate")]
    assert ["certificate renewed", "certificate not renewed"] == [line["event"] for line in told]
    assert "CPIS-501: CPIS_MLLP_TLS_KEY_FILE holds no private key" in told[1]["error"]


def test_a_port_that_is_taken_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    """The operator is told which setting it is."""
    with socket.create_server((HOST, 0)) as taken:
        settings = configured(tmp_path, mllp_port=taken.getsockname()[1])
        kafka = MemoryKafka()
        tail = MemoryInputTail(kafka, Topic.ATTENDANCES)
        role = IntakeRole(settings, assemble(settings), facts=MemoryFactLog(kafka), tail=tail)

        with pytest.raises(ConfigurationError, match="CPIS_MLLP_PORT"):
            asyncio.run(role.start())


def test_without_any_kafka_named_there_is_no_log(tmp_path: Path) -> None:
    """It says so before a door opens."""
    settings = configured(tmp_path)

    with pytest.raises(ConfigurationError, match="CPIS_KAFKA_BOOTSTRAP_SERVERS"):
        fact_log(settings)
