"""`cpis retention report` as a user runs it, on a genuine Kafka: counts and reasons, and nobody's name."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_topics import apply_topics
from broker.adapters.projection import InboxEvent, Projection
from broker.adapters.sealing import KeyDirectory
from broker.core.facts import Details, Fact
from broker.core.retention import Reason
from broker.core.worklist import ItemKind
from broker.ports import Topic
from broker.runtime.kafka import embedded_kafka
from broker.runtime.parts import present
from broker.runtime.topics import declared_topics
from tests.builders.matcher import attendance, numbers, plan
from tests.byte_search import forms
from tests.fault.checker import caught_up, read_topics
from tests.fault.fleet import Fleet, send
from tests.fault.load import Sent
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

PATIENCE_SECONDS = 90.0
NUMBER = next(numbers())
DETAILS = Details(family="Quillfeather", given="Ottoline", birth_date=date(2017, 3, 1))


@pytest.fixture
def kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka with the declared topics, to one test: the other must find it empty."""
    with embedded_kafka() as broker:
        asyncio.run(apply_topics(broker.cluster, declared_topics(None)))
        yield broker


def report(kafka: EmbeddedKafka, directory: Path, *words: str) -> str:
    """Return what the command prints; it must end with 0."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("CPIS_")}
    done = subprocess.run(
        [sys.executable, "-m", "broker", "retention", "report", *words],
        env={
            **others,
            "CPIS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "CPIS_DATA_DIR": str(directory),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def _settings(row: dict[str, Any]) -> tuple[str, int]:
    """Return what is set on a topic."""
    return row["cleanup"], row["kept_ms"]


def test_before_anything_came_nothing_is_held(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Every topic is there, empty, with what is set on it; no key, no database, and none is made."""
    told = json.loads(report(kafka, tmp_path, "--json"))

    topics = {row["topic"]: row for row in told["topics"]}
    assert declared_topics(None).names == topics.keys()
    assert ("delete", 23 * 86_400_000) == tuple(
        topics[Topic.ATTENDANCES][key] for key in ("cleanup", "kept_ms")
    )
    assert "compact" == topics[Topic.PEOPLE]["cleanup"]
    assert {0} == {row["records"] for row in topics.values()}
    assert ({}, [], [], None, None) == tuple(
        told[key] for key in ("people", "work", "sealing_keys", "inbox", "index")
    )
    assert [] == list(tmp_path.iterdir())


def test_what_is_held_is_counted_and_nobody_is_named(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """A child with an open visit, work that is open, today's sealing key, events in an inbox."""
    at = present()
    with Fleet(kafka.cluster, tmp_path) as fleet:
        fleet.start()
        codecs = fleet.codecs()
        sent: list[Fact] = [plan(details=DETAILS), attendance("VISIT-4711", at=at, details=DETAILS)]
        asyncio.run(send(kafka.cluster, codecs, [Sent(NUMBER, fact) for fact in sent]))
        wait_until(lambda: asyncio.run(caught_up(kafka.cluster, codecs)), PATIENCE_SECONDS, "taken")
    inbox = Projection(f"sqlite:///{tmp_path / 'broker.sqlite'}")
    event = InboxEvent(
        recipient="la.211", event_id="1", alert_id="1", revision=1, kind="raised", loud=True, body=b"x"
    )
    inbox.store(Topic.ALERTS, 0, 0, event)
    inbox.close()

    told = json.loads(report(kafka, tmp_path, "--json"))
    words = report(kafka, tmp_path)

    topics = {row["topic"]: row for row in told["topics"]}
    found = asyncio.run(read_topics(kafka.cluster, [Topic.ALERTS, Topic.WORKLIST]))
    assert len(found[Topic.ALERTS]) == topics[Topic.ALERTS]["records"] > 0
    assert {Reason.OPEN: 1} == told["people"]
    assert {"up to 1 year": 1} == told["people_by_age"]
    assert {ItemKind.RECIPIENT_WITHOUT_TOPIC} == {row["kind"] for row in told["work"]}
    assert [day.isoformat() for day in KeyDirectory(tmp_path / "keys", present).days()] == told[
        "sealing_keys"
    ]
    assert {"la.211": 1} == told["inbox"]
    assert Reason.OPEN.value in words
    assert "23 d" in words
    assert "newest of each key" in words
    for word in (NUMBER.digits, "Quillfeather", "Ottoline", "2017-03-01", "VISIT-4711"):
        assert not any(form in (words + json.dumps(told)).encode() for form in forms(word))
