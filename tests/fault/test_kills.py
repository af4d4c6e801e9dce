"""Matchers killed in the middle of their work."""

import asyncio
from pathlib import Path

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from tests.fault.fleet import Fleet
from tests.fault.kills import kill_matchers
from tests.fault.load import make_load


@pytest.mark.kafka
def test_every_alert_is_said_once_though_matchers_are_killed(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    """With three of two matchers' lives ended by SIGKILL nothing is missing and nothing is double."""
    load = make_load(seed=7, attendances=4_000, flagged=100)

    with Fleet(own_kafka.bootstrap_servers, tmp_path) as fleet:
        counts = asyncio.run(kill_matchers(fleet, load, kills=3, seed=7))

    assert 200 == counts["alerts"]
