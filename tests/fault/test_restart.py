"""Kafka goes away and comes back while matchers are at work."""

import asyncio
from pathlib import Path

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from tests.builders.matcher import pause
from tests.fault.checker import check
from tests.fault.fleet import Fleet, send
from tests.fault.kills import send_paced, wait_until_caught_up
from tests.fault.load import make_load

_AWAY_S = 3.0


@pytest.mark.kafka
def test_work_goes_on_by_itself_when_kafka_returns(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """A broker killed and started again in the middle of a load costs nothing but time."""
    load = make_load(seed=13, attendances=2_000, flagged=100)
    half = len(load.then) // 2

    async def scenario(fleet: Fleet) -> None:
        codecs = fleet.codecs()
        await send(fleet.cluster, codecs, load.first)
        for _ in range(2):
            fleet.start()
        await send_paced(fleet, load.then[:half], 3.0)
        await asyncio.to_thread(own_kafka.kill)
        await pause(_AWAY_S)
        await asyncio.to_thread(own_kafka.restart)
        await send_paced(fleet, load.then[half:], 2.0)
        await wait_until_caught_up(fleet)
        await check(fleet.cluster, load, codecs)

    with Fleet(own_kafka.cluster, tmp_path) as fleet:
        asyncio.run(scenario(fleet))
        codes = [fleet.end(process) for process in list(fleet.processes)]

    assert [0, 0] == codes
