"""An upgrade under load: one image's container ends in mid-stream, the next image's takes over."""

import asyncio
import sys
from collections import Counter

import pytest

from broker.adapters.sealing import KeyDirectory
from broker.core.facts import VisitMessage
from broker.runtime.parts import present
from tests.builders.matcher import make_codecs, pause
from tests.containers.conftest import NEW, OLD
from tests.containers.hospital import Hospital
from tests.containers.stack import GRACE_SECONDS, Stack
from tests.containers.traffic import Day, make_day, plans, taken
from tests.fault.checker import caught_up, check
from tests.fault.load import PROVIDERS

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]  # the first run builds the images

_VISITS = 300  # to each hospital
_EVERY_S = 0.02
_LOOK_S = 0.05
_DEADLINE_S = 600.0


class Stream:
    """Hospitals that send a day's messages from outside, whatever becomes of the broker."""

    def __init__(self, day: Day, port: int) -> None:
        """Send nothing yet."""
        self.day = day
        self.hospitals = {provider: Hospital(port) for provider in map(str, PROVIDERS)}

    async def send(self) -> None:
        """Send everything, each hospital in its order."""
        async with asyncio.TaskGroup() as sending:
            for provider, hospital in self.hospitals.items():
                sending.create_task(hospital.send_all(self.day.messages[provider], every_s=_EVERY_S))

    async def until_accepted(self, share: float) -> None:
        """Return once this share of the day has been accepted: the rest is still to come."""
        while sum(len(hospital.accepted) for hospital in self.hospitals.values()) < share * len(
            self.day.control_ids
        ):
            await pause(_LOOK_S)


async def upgrade(
    stack: Stack, stream: Stream, old_image: str, new_image: str
) -> tuple[tuple[int, float], int]:
    """
    Send a day, stop the old broker a third through it and kill the new one two thirds through it.

    Returns how the first ended (exit code, seconds) and the exit code of the second.
    """
    old = stack.start_broker(old_image)
    old.wait_until_ready()
    assert OLD in old.run("cpis", "--version")[1]
    stack.drop(old, "early.xml", plans(stream.day.early, "F-1"))
    sending = asyncio.ensure_future(stream.send())
    await stream.until_accepted(1 / 3)
    stopped = await asyncio.to_thread(old.stop)
    new = await asyncio.to_thread(stack.start_broker, new_image)
    await asyncio.to_thread(new.wait_until_ready)
    assert NEW in new.run("cpis", "--version")[1]
    await asyncio.to_thread(stack.drop, new, "late.xml", plans(stream.day.late, "F-2"))
    await stream.until_accepted(2 / 3)
    assert not sending.done()
    killed = await asyncio.to_thread(new.kill)
    last = await asyncio.to_thread(stack.start_broker, new_image)
    await sending
    await asyncio.to_thread(last.wait_until_ready)
    codecs = make_codecs(KeyDirectory(stack.keys(last), present))
    while not await caught_up(stack.cluster, codecs):
        await pause(_LOOK_S)
    return stopped, killed


async def verify(stack: Stack, stream: Stream) -> dict[str, int]:
    """Assert that every message is there, as often at most as it was sent, and every alert once."""
    codecs = make_codecs(KeyDirectory(stack.folder / "keys", present))
    load = await taken(stack.cluster, codecs)
    hospitals = stream.hospitals.values()
    accepted = [name for hospital in hospitals for name in hospital.accepted]
    sent = Counter[str]()
    for hospital in hospitals:
        sent.update(hospital.sent)
    kept = Counter(one.fact.control_id for one in load.then if isinstance(one.fact, VisitMessage))

    assert sorted(stream.day.control_ids) == sorted(accepted)
    assert stream.day.control_ids == set(kept)
    assert kept <= sent
    assert {"AA", "AR"} >= {answer for hospital in hospitals for answer in hospital.answers}
    counts = {"messages": len(accepted), "sendings": sent.total(), "kept": kept.total()}
    return counts | await check(stack.cluster, load, codecs)


def test_an_upgrade_loses_nothing_and_says_nothing_twice(
    own_stack: Stack, broker_image: str, next_image: str
) -> None:
    """Stopped or killed, the container before is followed by one that goes on where it ended."""
    stream = Stream(make_day(_VISITS), own_stack.mllp_port)

    async def scenario() -> tuple[tuple[int, float], int, dict[str, int]]:
        async with asyncio.timeout(_DEADLINE_S):
            stopped, killed = await upgrade(own_stack, stream, broker_image, next_image)
            return stopped, killed, await verify(own_stack, stream)

    (stopped, seconds), killed, counts = asyncio.run(scenario())

    assert (0, 137) == (stopped, killed)
    assert seconds < GRACE_SECONDS
    assert 2 * (len(stream.day.early) + len(stream.day.late)) == counts["alerts"]
    gap = max(hospital.longest_gap_s for hospital in stream.hospitals.values())
    sys.stdout.write(f"upgrade: {counts}, stopped in {seconds:.1f} s, longest gap {gap:.1f} s\n")
