"""Matchers killed in the middle of their work."""

import asyncio
from pathlib import Path

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from tests.fault.checker import check
from tests.fault.fleet import Fleet, send
from tests.fault.inboxes import said_to_each, until_in_inboxes
from tests.fault.kills import kill_matchers, send_paced, wait_until_caught_up
from tests.fault.load import AUTHORITIES, make_load

_LIFE_S = 6.0  # long enough for the outbox to be in the middle of its work


@pytest.mark.kafka
def test_every_alert_is_said_once_though_matchers_are_killed(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    """With three of two matchers' lives ended by SIGKILL nothing is missing and nothing is double."""
    load = make_load(seed=7, attendances=4_000, flagged=100)

    with Fleet(own_kafka.cluster, tmp_path) as fleet:
        counts = asyncio.run(kill_matchers(fleet, load, kills=3, seed=7))

    assert 200 == counts["alerts"]


@pytest.mark.kafka
def test_an_inbox_holds_every_event_once_though_its_process_is_killed(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    """With matcher and outbox killed together the database ends as the topic does, numbered without gaps."""
    load = make_load(seed=17, attendances=800, flagged=80)

    async def scenario(fleet: Fleet) -> dict[bytes, list[str]]:
        codecs = fleet.codecs()
        await send(fleet.cluster, codecs, load.first)
        fleet.start()
        half = len(load.then) // 2
        for part in (load.then[:half], load.then[half:]):
            await send_paced(fleet, part, _LIFE_S)
            fleet.kill(fleet.processes[0])
            fleet.start()
        await wait_until_caught_up(fleet)
        await check(fleet.cluster, load, codecs)
        return await said_to_each(fleet.cluster, codecs)

    with Fleet(own_kafka.cluster, tmp_path, roles=("matcher", "outbox")) as fleet:
        said = asyncio.run(scenario(fleet))
        until_in_inboxes(tmp_path, said)

    assert {f"la.{code}".encode() for code in AUTHORITIES} <= set(said)
