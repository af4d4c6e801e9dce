"""A matcher that is stopped and does not know it: it is replaced, and must not write again."""

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.core.facts import VisitMessage
from broker.ports import Topic
from tests.builders.matcher import pause
from tests.fault.balance import until_balanced
from tests.fault.checker import check
from tests.fault.fleet import Fleet, send
from tests.fault.kills import send_paced, wait_until_caught_up
from tests.fault.load import Load, Sent, make_load

READABLE_S = 20.0
"""
Six seconds on a machine of one's own: a session of 3 s, and as much for the group to settle. Where nobody
replaces who is stopped it is for ever, until SIGCONT.
"""


async def seconds_until_told(cluster: Cluster, codecs_of: Fleet, visits: set[str], began: float) -> float:
    """Return how long after `began` every one of the visits had an alert that could be read."""
    codecs = codecs_of.codecs()
    waiting = set(visits)
    async with AIOKafkaConsumer(
        Topic.ALERTS.value,
        **cluster.connection(),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    ) as consumer:
        while waiting:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                waiting -= {codecs.alerts.decode_event(record.value).alert.subject for record in records}
    return time.monotonic() - began


async def stop_one_of_two(fleet: Fleet, load: Load, probes: Sequence[Sent]) -> float:
    """Stop a matcher under load; return after how many seconds alerts sent for then could be read."""
    codecs = fleet.codecs()
    await send(fleet.cluster, codecs, load.first)
    for _ in range(2):
        fleet.start()
    await until_balanced(fleet, 2)
    half = len(load.then) // 2
    sending = asyncio.ensure_future(send_paced(fleet, load.then[:half], 2.0))
    await pause(1.0)
    stopped = fleet.processes[0]
    stopped.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    await sending
    await send(fleet.cluster, codecs, probes)
    visits = {sent.fact.visit for sent in probes if isinstance(sent.fact, VisitMessage)}
    taken = await seconds_until_told(fleet.cluster, fleet, visits, began)
    stopped.send_signal(signal.SIGCONT)
    await send_paced(fleet, load.then[half:], 2.0)
    await wait_until_caught_up(fleet)
    return taken


@pytest.mark.kafka
def test_a_stopped_matcher_is_replaced_and_writes_nothing_more(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    """Seconds after SIGSTOP all alerts can be read; after SIGCONT nothing is double."""
    whole = make_load(seed=11, attendances=2_000, flagged=120)
    ready = {sent.number for sent in whole.first}
    probes = [sent for sent in whole.then if sent.number in ready][-30:]
    rest = [sent for sent in whole.then if sent not in probes]
    load = Load(whole.first, rest)

    async def scenario(fleet: Fleet) -> float:
        taken = await stop_one_of_two(fleet, load, probes)
        await check(fleet.cluster, whole, fleet.codecs())
        return taken

    with Fleet(own_kafka.cluster, tmp_path) as fleet:
        taken = asyncio.run(scenario(fleet))

    assert taken <= READABLE_S
