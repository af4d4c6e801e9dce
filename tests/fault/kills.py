"""
Kill matchers at random moments while a load is on its way, then check that everybody was told exactly once.

Run alone as `python -m tests.fault.kills --attendances 20000 --flagged 500 --kills 10`.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.builders.declared_kafka import declared_kafka
from tests.builders.matcher import pause
from tests.fault.checker import caught_up, check
from tests.fault.fleet import Fleet, send
from tests.fault.load import Load, Sent, make_load

MATCHERS = 2
_CATCH_UP_S = 180.0
_POLL_S = 0.5
_LIFE_S = (0.5, 4.0)  # how long a matcher lives: from before it is in the group to well within the load
_STEPS_PER_S = 20  # small batches: many transactions, so that a kill finds one open


async def kill_matchers(fleet: Fleet, load: Load, *, kills: int, seed: int) -> dict[str, int]:
    """Play the load, killing a matcher `kills` times on the way; return the checker's counts."""
    chance = random.Random(seed)  # noqa: S311 – repeatable, no secret
    codecs = fleet.codecs()
    await send(fleet.cluster, codecs, load.first)
    for _ in range(MATCHERS):
        fleet.start()
    lives = [chance.uniform(*_LIFE_S) for _ in range(kills)]
    sending = asyncio.ensure_future(send_paced(fleet, load.then, sum(lives)))
    for life in lives:
        await pause(life)
        fleet.kill(chance.choice(fleet.processes))
        fleet.start()
    await sending
    await wait_until_caught_up(fleet)
    return await check(fleet.cluster, load, codecs)


async def send_paced(fleet: Fleet, sent: Sequence[Sent], seconds: float) -> None:
    """Send facts in small steps over this time."""
    steps = max(1, int(seconds * _STEPS_PER_S))
    length = len(sent) // steps + 1
    codecs = fleet.codecs()
    for begin in range(0, len(sent), length):
        await send(fleet.cluster, codecs, sent[begin : begin + length])
        await pause(1 / _STEPS_PER_S)


async def wait_until_caught_up(fleet: Fleet, seconds: float = _CATCH_UP_S) -> None:
    """Return once every input has been taken to its end."""
    codecs = fleet.codecs()
    async with asyncio.timeout(seconds):
        while not await caught_up(fleet.cluster, codecs):
            await pause(_POLL_S)


def main() -> None:
    """Run the test by itself and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attendances", type=int, default=20_000)
    parser.add_argument("--flagged", type=int, default=500)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    load = make_load(seed=wanted.seed, attendances=wanted.attendances, flagged=wanted.flagged)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as directory,
        declared_kafka() as kafka,
        Fleet(kafka.cluster, Path(directory)) as fleet,
    ):
        counts = asyncio.run(kill_matchers(fleet, load, kills=wanted.kills, seed=wanted.seed))
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    sys.stdout.write(
        f"{wanted.attendances} attendances, {wanted.flagged} flagged, {wanted.kills} kills: {told}; "
        f"nothing missing, nothing double; {time.monotonic() - began:.0f} s\n"
    )


if __name__ == "__main__":
    main()
