"""Answers that are pushed, followed on a genuine Kafka into the inbox database (ruling 41)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.projection import Projection
from broker.core.answers import Uncheckable
from broker.core.identifiers import OdsCode
from broker.core.keyed import visit_reference
from broker.core.pushing import PushedAnswer, answers_of
from broker.runtime.answer_metrics import ANSWERS_PUSHED
from broker.runtime.answer_pusher import AnswerPusher
from broker.runtime.metrics import Metrics
from broker.runtime.parts import Parts, assemble, present
from broker.runtime.settings import Settings
from tests.builders.delivering import BODIES, database
from tests.builders.house import ADA
from tests.builders.logs import lent_logs
from tests.builders.matcher import attendance, fact_write, until
from tests.builders.pushing import FEEDS
from tests.builders.terminal import PATIENCE_SECONDS

PROVIDER = OdsCode("RXQ")  # no other test's

pytestmark = pytest.mark.kafka


def parts_of(directory: Path) -> Parts:
    """Return the parts of a process with a data directory of its own."""
    return assemble(Settings.model_validate({"data_dir": directory}))


async def told(
    parts: Parts, cluster: Cluster, inbox: Projection, *, holds: Callable[[], bool]
) -> tuple[set[str], Metrics]:
    """Push answers until a condition holds; return whose inbox was said to have more, and the metrics."""
    woken: set[str] = set()
    metrics = Metrics()
    pusher = AnswerPusher(frozenset({PROVIDER}), parts, cluster, FEEDS, metrics, woken.add)
    pusher.start(inbox)
    try:
        await until(holds, PATIENCE_SECONDS)
    finally:
        await pusher.stop()
    return woken, metrics


def words(inbox: Projection) -> list[PushedAnswer]:
    """Return the newest word about each visit."""
    return [BODIES.decode(body) for body in inbox.standing(PROVIDER)]


async def came(parts: Parts, cluster: Cluster, visit: str, received_at: datetime) -> None:
    """Let a visit's message lie in its input."""
    reference = visit_reference(parts.key, ADA, system="ED", provider=PROVIDER, visit_number=visit)
    message = replace(
        attendance(reference, at=received_at), provider=PROVIDER, system="ED", received_at=received_at
    )
    log = KafkaFactLog(cluster, deadline_ms=60_000)
    await log.start()
    try:
        await log.append([fact_write(parts.facts, message, ADA)])
    finally:
        await log.close()


def test_a_visit_that_no_matcher_comes_to_is_answered_once_and_not_again_after_a_restart(
    kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    """Its minute is over: `could not check`, into an inbox of its own, whoever pushes."""
    parts, inbox = parts_of(tmp_path), Projection(database(tmp_path))

    async def play() -> None:
        """Push, twice."""
        await came(parts, kafka.cluster, "V-1", present() - timedelta(minutes=2))
        woken, metrics = await told(parts, kafka.cluster, inbox, holds=lambda: bool(words(inbox)))
        assert {answers_of(PROVIDER)} == woken
        assert 1 == metrics.value(ANSWERS_PUSHED, finding="could not check")
        await came(parts, kafka.cluster, "V-2", present() - timedelta(minutes=2))
        await told(parts, kafka.cluster, inbox, holds=lambda: len(words(inbox)) > 1)

    asyncio.run(play())

    assert [(1, ADA, Uncheckable.BROKER_BEHIND)] * 2 == [
        (one.revision, one.visit.number, one.answer.reason if one.answer else None) for one in words(inbox)
    ]
    assert 2 == len(inbox.inbox(answers_of(PROVIDER)))
    inbox.close()


def test_while_kafka_is_away_nothing_is_told_that_was_not_heard_of(tmp_path: Path) -> None:
    """It is told of once, in the log, and pushing goes on; it ends when it is stopped."""
    parts, inbox = parts_of(tmp_path), Projection(database(tmp_path))
    with lent_logs() as logs:

        def ours() -> list[str]:
            """Return what was logged, but for what the Kafka client says by itself."""
            return [line["event"] for line in logs.lines() if line["event"] == "answers not pushed"]

        asyncio.run(told(parts, Cluster("127.0.0.1:1"), inbox, holds=lambda: bool(ours())))
        events = ours()

    assert ["answers not pushed"] == events
    assert [] == words(inbox)
    inbox.close()
