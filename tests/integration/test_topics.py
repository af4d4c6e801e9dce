"""Making a cluster's topics as they are declared, on a genuine Kafka."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_topics import Difference, Topics, apply_topics, existing_topics, load_topics
from broker.core.errors import KafkaUnavailable, TopicsRefused
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file

pytestmark = pytest.mark.kafka

_DECLARATION = """
partitions = 2
replication_factor = 1
[topics."cpis.inputs"]
key = "NHS number"
co_partitioned = true
settings = { "retention.ms" = "35 d" }
"""


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedKafka]:
    """Lend a broker without topics."""
    with embedded_kafka() as broker:
        yield broker


def _named(name: str) -> Topics:
    """Return the declaration of this module with a topic name of the test's own."""
    return load_topics(_DECLARATION.replace("cpis.inputs", name))


def _with(topics: Topics, **settings: str) -> Topics:
    """Return the same declaration with other settings (`_` for `.`) on its one topic."""
    named = {name.replace("_", "."): value for name, value in settings.items()}
    return replace(topics, declared=tuple(replace(topic, settings=named) for topic in topics))


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `cpis topics` as a user does who has set nothing."""
    return subprocess.run(
        [sys.executable, "-m", "broker", "topics", *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith("CPIS_")},
        capture_output=True,
        text=True,
        check=False,
    )


async def _settings_on(cluster: Cluster, name: str) -> dict[str, str]:
    """Return the settings in force on a topic, as an independent reader finds them."""
    admin = AIOKafkaAdminClient(**cluster.connection())
    await admin.start()
    try:
        (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        return {entry[0]: entry[1] for entry in response.resources[0][4]}
    finally:
        await admin.close()


async def _set_by_hand(cluster: Cluster, name: str, settings: dict[str, str]) -> None:
    """Set a topic's settings as an operator would."""
    admin = AIOKafkaAdminClient(**cluster.connection())
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, settings)])
    finally:
        await admin.close()


def test_the_shipped_declaration_is_accepted_by_kafka(kafka: EmbeddedKafka) -> None:
    """Applying the shipped file again finds every topic as declared."""
    declared = load_topics(topics_file().read_text("utf-8"))

    report = asyncio.run(apply_topics(kafka.cluster, declared))

    assert ((), ()) == (report.created, report.altered)
    assert declared.names == set(report.unchanged)


def test_a_missing_topic_is_created_once(own: EmbeddedKafka) -> None:
    """The first application creates the topic, the second finds it unchanged."""
    topics = _named("cpis.once")

    first, second = (asyncio.run(apply_topics(own.cluster, topics)) for _ in range(2))

    assert (("cpis.once",), ()) == (first.created, first.unchanged)
    assert ((), ("cpis.once",)) == (second.created, second.unchanged)
    assert "cpis.once" in asyncio.run(existing_topics(own.cluster))


def test_a_different_setting_is_told_and_altered(own: EmbeddedKafka) -> None:
    """A setting that differs is reported with both values and is as declared afterwards."""
    topics = _named("cpis.altered")
    asyncio.run(apply_topics(own.cluster, topics))

    report = asyncio.run(apply_topics(own.cluster, _with(topics, retention_ms="1000")))

    assert (Difference("cpis.altered", "retention.ms", "3024000000", "1000"),) == report.altered
    assert "1000" == asyncio.run(_settings_on(own.cluster, "cpis.altered"))["retention.ms"]


def test_a_setting_that_is_not_declared_is_left_alone(own: EmbeddedKafka) -> None:
    """What an operator set on a topic survives an alteration of something else."""
    topics = _named("cpis.operated")
    asyncio.run(apply_topics(own.cluster, topics))
    asyncio.run(_set_by_hand(own.cluster, "cpis.operated", {"segment.bytes": "2000000"}))

    asyncio.run(apply_topics(own.cluster, topics))

    found = asyncio.run(_settings_on(own.cluster, "cpis.operated"))
    assert ("2000000", "3024000000") == (found["segment.bytes"], found["retention.ms"])


def test_another_number_of_partitions_is_refused_before_anything_is_changed(own: EmbeddedKafka) -> None:
    """A declaration that would change a partition count creates nothing of what else it declares."""
    asyncio.run(apply_topics(own.cluster, _named("cpis.fixed")))
    wider = _named("cpis.fixed").overridden(partitions=3)
    both = replace(wider, declared=(*_named("cpis.not-made"), *wider))

    with pytest.raises(TopicsRefused, match=r"cpis.fixed has 2 partitions and is declared with 3: .*fixed"):
        asyncio.run(apply_topics(own.cluster, both))

    assert "cpis.not-made" not in asyncio.run(existing_topics(own.cluster))


def test_another_number_of_replicas_is_told_and_left(own: EmbeddedKafka) -> None:
    """Replicas of a present topic are not changed; the topic is named in the report."""
    topics = _named("cpis.replicated")
    asyncio.run(apply_topics(own.cluster, topics))

    report = asyncio.run(apply_topics(own.cluster, topics.overridden(replication_factor=3)))

    assert (("cpis.replicated",), ()) == (report.otherwise_replicated, report.altered)


@pytest.mark.parametrize(
    ("first", "then"),
    [({"no_such_setting": "1"}, {}), ({}, {"cleanup_policy": "nonsense"})],
    ids=["made", "altered"],
)
def test_a_setting_that_kafka_refuses_is_told(
    own: EmbeddedKafka, first: dict[str, str], then: dict[str, str]
) -> None:
    """Kafka's refusal of a setting, when a topic is made or altered, names the topic."""
    topics = _named("cpis.refused")

    def apply_both() -> None:
        asyncio.run(apply_topics(own.cluster, _with(topics, **first)))
        asyncio.run(apply_topics(own.cluster, _with(topics, **then)))

    with pytest.raises(TopicsRefused, match=r"Kafka refuses .* cpis\.refused: "):
        apply_both()


def test_a_cluster_that_is_not_there_is_told() -> None:
    """Without a cluster the error is ours and names the address."""
    with pytest.raises(KafkaUnavailable, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        asyncio.run(existing_topics(Cluster("127.0.0.1:1")))


def test_the_command_applies_and_lists(own: EmbeddedKafka, tmp_path: Path) -> None:
    """`cpis topics apply` creates, `list` tells what is present, missing and not declared."""
    file = tmp_path / "topics.toml"
    file.write_text(_DECLARATION.replace("cpis.inputs", "cpis.by-command"), "utf-8")
    other = tmp_path / "other.toml"
    other.write_text(_DECLARATION.replace("cpis.inputs", "cpis.wanting"), "utf-8")
    servers = ("--bootstrap-servers", own.bootstrap_servers)

    applied = _command("apply", "--file", str(file), *servers)
    listed = _command("list", "--file", str(file), *servers)
    others = _command("list", "--file", str(other), *servers)

    assert (0, "created    cpis.by-command\n") == (applied.returncode, applied.stdout)
    assert "present      cpis.by-command\n" in listed.stdout
    assert "not declared cpis.by-command\n" in others.stdout
    assert "missing      cpis.wanting\n" in others.stdout


def test_the_command_refuses_other_partitions_with_one_message(own: EmbeddedKafka, tmp_path: Path) -> None:
    """A refusal is one message with the exit code for a wrong configuration, not a traceback."""
    file = tmp_path / "topics.toml"
    file.write_text(_DECLARATION.replace("cpis.inputs", "cpis.command-fixed"), "utf-8")
    arguments = ("apply", "--file", str(file), "--bootstrap-servers", own.bootstrap_servers)
    _command(*arguments)

    refused = _command(*arguments, "--partitions", "9")

    assert 78 == refused.returncode
    assert refused.stderr.startswith("cpis: cpis.command-fixed has 2 partitions and is declared with 9")
    assert "Traceback" not in refused.stderr


def test_the_command_needs_to_know_a_cluster() -> None:
    """Without option and setting the command says which setting names the cluster."""
    result = _command("list")

    assert 78 == result.returncode
    assert result.stderr.startswith("cpis: CPIS_KAFKA_BOOTSTRAP_SERVERS is not set")
