"""How the partitions are shared among the matchers of a fleet, by what they log."""

import asyncio

from broker.runtime.topics import declared_topics
from tests.builders.matcher import pause
from tests.fault.fleet import Fleet

_POLL_S = 0.1
_BALANCED_S = 180.0


def assigned(fleet: Fleet) -> list[int]:
    """Return how many partitions each process was handed out last."""
    counts = []
    for number in range(1, len(fleet.processes) + 1):
        told = [event["count"] for event in fleet.events("partitions assigned", number)]
        counts.append(told[-1] if told else 0)
    return counts


async def until_balanced(fleet: Fleet, matchers: int) -> None:
    """Wait until so many matchers, which are the whole fleet, share the partitions evenly."""
    share = declared_topics(None).partitions // matchers
    async with asyncio.timeout(_BALANCED_S):
        while assigned(fleet) != [share] * matchers:
            await pause(_POLL_S)
