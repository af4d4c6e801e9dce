"""A move of a number is there whole or not at all, wherever a matcher ends in the middle of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

import pytest

from broker.core.alerts import AlertEvent
from broker.core.errors import KafkaUnavailable
from broker.core.facts import Fact, IdentityKind
from broker.core.identifiers import NhsNumber
from broker.services.matching import PartitionMatcher
from tests.builders.faulty_logs import Fuse, FusedLog, Killed
from tests.builders.matcher import NOON, birth, plan, unborn
from tests.builders.street import PARTITIONS, A, B, C, Street, arrives, in_street, said, superseded

HOUR = timedelta(hours=1)
Sent = tuple[NhsNumber, Fact]

BEFORE: Sequence[Sent] = [(A, plan()), (A, arrives(A)), (B, arrives(B, "V-2", at=NOON + HOUR))]
MOVES: dict[str, Sequence[Sent]] = {
    "a told person": [(A, superseded(B, at=NOON + HOUR)), (A, arrives(A, at=NOON + 2 * HOUR))],
    "a person without a plan": [
        (B, superseded(A, at=NOON + HOUR)),
        (B, arrives(B, "V-3", at=NOON + 2 * HOUR)),
    ],
    "there and back": [
        (A, superseded(B, at=NOON + HOUR)),
        (B, superseded(A, at=NOON + 2 * HOUR)),
        (A, arrives(A, at=NOON + 3 * HOUR)),
    ],
    "a chain": [
        (A, superseded(B, at=NOON + HOUR)),
        (B, superseded(C, at=NOON + 2 * HOUR)),
        (A, arrives(A, at=NOON + 3 * HOUR)),
    ],
    "a baby is born": [
        (A, unborn()),
        (A, birth(B, at=NOON + HOUR)),
        (B, arrives(B, "V-3", at=NOON + 2 * HOUR)),
    ],
    "a mother leaves": [
        (A, unborn()),
        (A, birth(B, at=NOON + HOUR)),
        (A, superseded(C, at=NOON + 2 * HOUR)),
    ],
    "a baby leaves": [
        (A, unborn()),
        (A, birth(B, at=NOON + HOUR)),
        (B, superseded(C, at=NOON + 2 * HOUR)),
    ],
    "a baby is not in use": [
        (A, unborn()),
        (A, birth(B, at=NOON + HOUR)),
        (B, said(IdentityKind.INVALIDATED, at=NOON + 2 * HOUR)),
    ],
}  # fmt: skip


class Neighbours:
    """The matchers of a street; whoever ends before their time is followed by another."""

    def __init__(self, street: Street, fuse: Fuse) -> None:
        """Let all of them burn one fuse."""
        self._street = street
        self._fuse = fuse
        self._working: dict[int, PartitionMatcher] = {}
        self._stopping = False

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Have all partitions worked."""
        tasks = [asyncio.ensure_future(self._work(partition)) for partition in range(PARTITIONS)]
        try:
            yield
        finally:
            self._stopping = True
            for matcher in self._working.values():
                matcher.stop()
            await asyncio.gather(*tasks)

    async def _work(self, partition: int) -> None:
        """Work one partition, again after a kill."""
        while not self._stopping:
            log = FusedLog(self._street.kafka, "street", partition, self._fuse)
            self._working[partition] = matcher = self._street.matcher(log)
            try:
                await matcher.run()
            except Killed:
                continue


def newest(events: Sequence[AlertEvent]) -> list[tuple[object, ...]]:
    """Return what each alert says last."""
    last = {event.alert.alert_id: event for event in events}
    return sorted((e.alert.subject, e.alert.recipient.kind, e.kind, e.subject) for e in last.values())


@pytest.mark.parametrize("error", [Killed, KafkaUnavailable], ids=["killed", "in doubt"])
@pytest.mark.parametrize("move", MOVES)
def test_a_move_survives_an_end_at_any_await(move: str, error: type[Exception]) -> None:
    """The same alerts stand as without it, nothing is said twice, no revision is missing."""
    ends: list[list[tuple[object, ...]]] = []

    async def scenario(street: Street) -> None:
        async with street.at_work():
            for number, fact in BEFORE:
                street.send(number, fact)
            await street.settled()
        fuse = Fuse(len(ends) + 1, error)
        async with Neighbours(street, fuse).at_work():
            for number, fact in MOVES[move]:
                street.send(number, fact)
            await street.settled()
        events = street.events()
        revisions: dict[str, list[int]] = {}
        for event in events:
            revisions.setdefault(event.alert.alert_id, []).append(event.revision)
        assert all(list(range(1, len(told) + 1)) == told for told in revisions.values())
        assert len(events) == len({event.event_id for event in events})
        assert [] == street.set_aside()
        ends.append(newest(events))
        burnt.append(fuse.burnt)

    burnt: list[bool] = []
    for _ in count():
        in_street(scenario)
        if not burnt[-1]:
            break

    assert len(ends) > 10
    assert [ends[-1]] * len(ends) == ends
