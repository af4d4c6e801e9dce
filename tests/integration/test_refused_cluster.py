"""A cluster that is away or unfit, as a user meets it: one message, an exit code, nothing half-started."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupLoadInProgressError

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_inspection import newest_of_key
from broker.adapters.kafka_topics import apply_topics, existing_topics
from broker.core.keyed import IdentityKey
from broker.core.partition import NEW, PartitionState
from broker.core.policy import RULES_VERSION
from broker.ports import PARTITION_STATE_KEY, Topic
from broker.runtime.codecs import load_schemas
from broker.runtime.kafka import embedded_kafka
from broker.runtime.parts import PUBLISHED_TEST_KEY
from broker.runtime.topics import declared_topics
from broker.wire.avro import frame
from broker.wire.state_codec import StateCodec
from tests.builders.lawful_basis import confirmed
from tests.builders.upload import Person, Record, build_upload
from tests.starting import END_SECONDS, NO_KAFKA, assert_refused, running, start
from tests.waiting import wait_until

PARTITIONS = 6
OURS = replace(
    NEW,
    rules_version=RULES_VERSION,
    policy_version="p",
    key_fingerprint=IdentityKey(PUBLISHED_TEST_KEY).fingerprint,
)

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def empty() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka without topics."""
    with embedded_kafka() as broker:
        yield broker


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka with the declared topics, whose state a test may write."""
    with embedded_kafka() as broker:
        asyncio.run(apply_topics(broker.cluster, declared_topics(None)))
        yield broker


def groups(cluster: Cluster) -> list[str]:
    """Return the consumer groups that the cluster knows; one that is still loading them is asked again."""
    known: list[str] = []

    async def ask() -> bool:
        """Ask the cluster; return whether it answered."""
        admin = AIOKafkaAdminClient(**cluster.connection())
        await admin.start()
        try:
            known.extend(str(group[0]) for group in await admin.list_consumer_groups())
        except GroupLoadInProgressError:
            return False
        finally:
            await admin.close()
        return True

    wait_until(lambda: asyncio.run(ask()), END_SECONDS, "the groups of a cluster that has just started")
    return known


def write_people(cluster: Cluster, *values: tuple[bytes, bytes]) -> None:
    """Write records to partition 0 of `cpis.people`."""

    async def write() -> None:
        """Write and wait for the acknowledgement."""
        async with AIOKafkaProducer(**cluster.connection(), acks="all") as producer:
            for key, value in values:
                await producer.send_and_wait(Topic.PEOPLE, value, key=key, partition=0)

    asyncio.run(write())


def state(**changes: object) -> bytes:
    """Return the value of a `#p` of ours with some changes."""
    changed: PartitionState = replace(OURS, **changes)  # type: ignore[arg-type]  # fields by name
    return StateCodec(load_schemas()).encode_partition(changed)


def test_a_kafka_that_is_not_there_is_told_in_time(tmp_path: Path) -> None:
    """69 once the deadline of the start has passed, not a loop behind an open door."""
    refusal = start(tmp_path / "data", CPIS_KAFKA_BOOTSTRAP_SERVERS=NO_KAFKA, CPIS_START_DEADLINE_MS="1500")

    assert_refused(refusal, 69, f"Kafka at {NO_KAFKA} does not answer", "CPIS-401", "nothing that was ack")
    assert [] == list(tmp_path.iterdir())


def test_a_kafka_that_starts_a_little_later_is_waited_for(tmp_path: Path, own: EmbeddedKafka) -> None:
    """A whole site is started at once; who is first must not fail for it."""
    write_people(own.cluster, (PARTITION_STATE_KEY, state(key_fingerprint="another")))
    own.kill()
    log = tmp_path / "worker.log"
    settings = {"CPIS_KAFKA_BOOTSTRAP_SERVERS": own.bootstrap_servers, "CPIS_DATA_DIR": str(tmp_path)}

    with running(log, "run", **settings) as process:
        wait_until(lambda: "kafka does not answer yet" in log.read_text(), END_SECONDS, "the process waits")
        own.start()
        wait_until(lambda: process.poll() is not None, END_SECONDS, "the process has looked")

    assert (78, 1) == (process.returncode, log.read_text().count("CPIS-404"))


@pytest.mark.parametrize("role", ["intake", "matcher", "outbox"])
def test_missing_topics_are_told_with_the_command_that_makes_them(
    tmp_path: Path, empty: EmbeddedKafka, role: str
) -> None:
    """66, each by name; no group is joined, no topic made."""
    servers = empty.bootstrap_servers
    refusal = start(tmp_path / "data", "run", "--role", role, CPIS_KAFKA_BOOTSTRAP_SERVERS=servers)

    assert_refused(refusal, 66, "CPIS-407", "cpis topics apply", *Topic)
    assert ([], frozenset()) == (groups(empty.cluster), asyncio.run(existing_topics(empty.cluster)))
    assert [] == list(tmp_path.iterdir())


def test_an_upload_without_topics_is_told_the_same(tmp_path: Path, empty: EmbeddedKafka) -> None:
    """66 and not 69: trying again would not help."""
    file = tmp_path / "upload.xml"
    file.write_bytes(build_upload((Record(child=Person(number="9990000018")),)))

    refusal = start(tmp_path, "upload", str(file), CPIS_KAFKA_BOOTSTRAP_SERVERS=empty.bootstrap_servers)

    assert_refused(refusal, 66, "CPIS-407", "cpis topics apply", Topic.PLANS)
    assert [file] == list(tmp_path.iterdir())


def test_listening_to_a_topic_that_is_missing_makes_none(tmp_path: Path, empty: EmbeddedKafka) -> None:
    """66, and what an organisation needs to have a topic."""
    servers = empty.bootstrap_servers
    refusal = start(tmp_path, "listen", "--authority", "999", CPIS_KAFKA_BOOTSTRAP_SERVERS=servers)

    assert_refused(refusal, 66, "cpis.alerts.la.999", "CPIS-407", "recipients")


def test_unfit_topics_are_told_all_at_once(tmp_path: Path) -> None:
    """78: too few partitions beside others, and a topic that takes no write."""
    shipped = declared_topics(None)
    wrong = {
        Topic.PEOPLE.value: {"partitions": 3},
        Topic.ALERTS.value: {"settings": {"min.insync.replicas": "2"}},
    }
    declared = tuple(replace(topic, **wrong.get(topic.name, {})) for topic in shipped)  # type: ignore[arg-type]

    with embedded_kafka() as broker:
        asyncio.run(apply_topics(broker.cluster, replace(shipped, declared=declared)))
        refusal = start(tmp_path / "data", CPIS_KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers)

        assert groups(broker.cluster) == []
    assert_refused(refusal, 78, "cpis.people has 3 partitions", "have 6", "min.insync.replicas=2", "CPIS-406")


def test_fewer_partitions_than_the_deployments_own_file_declares_are_told(
    tmp_path: Path, own: EmbeddedKafka
) -> None:
    """78: a topic that somebody made by hand, with the default of the cluster."""
    file = tmp_path / "topics.toml"
    file.write_text('partitions = 1\nreplication_factor = 1\n[topics."cpis.alerts"]\npartitions = 64\n')

    refusal = start(
        tmp_path / "data",
        CPIS_KAFKA_BOOTSTRAP_SERVERS=own.bootstrap_servers,
        CPIS_TOPICS_FILE=str(file),
    )

    assert_refused(refusal, 78, "cpis.alerts has", "declared with 64", "CPIS-406")


def test_topics_without_copies_are_refused_in_a_live_deployment(tmp_path: Path, own: EmbeddedKafka) -> None:
    """78, each by name: what was acknowledged would be gone with one disk."""
    key = tmp_path / "identity.key"
    key.write_bytes(bytes(range(32)))

    refusal = start(
        tmp_path / "data",
        CPIS_KAFKA_BOOTSTRAP_SERVERS=own.bootstrap_servers,
        CPIS_ENVIRONMENT="live",
        CPIS_IDENTITY_KEY_FILE=str(key),
        CPIS_LAWFUL_BASIS_FILE=str(confirmed(tmp_path)),
    )

    assert_refused(refusal, 78, "CPIS-406", *(f"{name} has replicas: 1; " for name in Topic))


STATES = {
    "another key": (lambda: state(key_fingerprint="another"), "CPIS-404", "CPIS_IDENTITY_KEY_FILE"),
    "newer rules": (lambda: state(rules_version=RULES_VERSION + 1), "CPIS-403", "newer release"),
    "newer schema": (lambda: frame(999_999, b"whatever"), "CPIS-403", "newer release"),
    "damaged": (lambda: b"nonsense", "CPIS-410", "cannot be read"),
}


@pytest.mark.parametrize(("value", "code", "words"), STATES.values(), ids=STATES.keys())
@pytest.mark.parametrize("command", ["run", "upload"])
def test_state_that_is_not_for_us_is_told_before_anything_is_written(
    tmp_path: Path, own: EmbeddedKafka, command: str, value: object, code: str, words: str
) -> None:
    """By the newest record of any partition: nothing keyed by a wrong key may ever be written."""
    assert callable(value)
    write_people(own.cluster, (PARTITION_STATE_KEY, state()), (PARTITION_STATE_KEY, value()))
    file = tmp_path / "upload.xml"
    file.write_bytes(build_upload((Record(child=Person(number="9990000018")),)))
    arguments = {"run": ["run"], "upload": ["upload", str(file)]}[command]

    refusal = start(tmp_path / "data", *arguments, CPIS_KAFKA_BOOTSTRAP_SERVERS=own.bootstrap_servers)

    assert_refused(refusal, 65 if code == "CPIS-410" else 78, code, words)
    assert ([], [file]) == (groups(own.cluster), list(tmp_path.iterdir()))


def test_the_newest_state_is_found_behind_many_people(own: EmbeddedKafka) -> None:
    """Looked for backwards, in growing steps."""
    people = [(b"%d" % number, b"person") for number in range(200)]
    write_people(own.cluster, (PARTITION_STATE_KEY, b"old"), (PARTITION_STATE_KEY, b"new"), *people)

    found = asyncio.run(newest_of_key(own.cluster, Topic.PEOPLE, PARTITION_STATE_KEY, PARTITIONS))

    assert {0: b"new"} == found
