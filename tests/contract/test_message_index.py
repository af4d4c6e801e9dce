"""What a `MessageIndex` promises: one suite over the in-memory twin and the database."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.adapters.memory_messages import MemoryMessages
from broker.adapters.message_table import MessageTable
from broker.core.identifiers import OdsCode
from broker.core.messages import FOUND_MAX, Message, Outcome, Redrive, Sought
from broker.core.operators import Place
from broker.ports import MessageIndex

NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TAKEN, KEPT = "cpis.in.attendances", "cpis.rejected"
RXH, RXX = OdsCode("RXH"), OdsCode("RXX")


def at(offset: int, *, topic: str = TAKEN, partition: int = 0) -> Place:
    """Return a place."""
    return Place(topic=topic, partition=partition, offset=offset)


def message(offset: int, *, topic: str = TAKEN, partition: int = 0) -> Message:
    """Return the message at a place, received as many minutes after noon as its offset says."""
    return Message(
        place=at(offset, topic=topic, partition=partition),
        received_at=NOON + offset * MINUTE,
        outcome=Outcome.TAKEN,
        sender=RXH,
        control=f"{offset:032x}",
        control_id=f"M{offset}",
        visit="a" * 32,
    )


@pytest.fixture(params=["memory", "database"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> MessageIndex:
    """Return an index that is empty."""
    return MemoryMessages() if request.param == "memory" else MessageTable(f"sqlite:///{tmp_path}/i.sqlite")


def play(index: MessageIndex, scenario: Callable[[], Awaitable[None]]) -> None:
    """Play a scenario and close what has to be closed, twice."""

    async def timed() -> None:
        try:
            await scenario()
        finally:
            if isinstance(index, MessageTable):
                await index.close()
                await index.close()

    asyncio.run(timed())


def test_what_was_put_in_is_found_by_all_that_is_asked(index: MessageIndex) -> None:
    """By each thing alone and by several at once; newest first; nothing else."""
    other = replace(
        message(3),
        sender=RXX,
        outcome=Outcome.REFUSED,
        visit=None,
        control=None,
        control_id=None,
        reason="no PID segment",
        location="PID",
        item_id="e" * 32,
    )

    async def scenario() -> None:
        await index.store(at(4), [message(1), message(2), other], [])

        async def found(sought: Sought) -> list[int]:
            """Return the offsets of what is found."""
            return [one.place.offset for one in await index.search(sought)]

        assert [other, message(2), message(1)] == list(await index.search(Sought()))
        assert [2] == await found(Sought(control=f"{2:032x}"))
        assert [3] == await found(Sought(sender=RXX))
        assert [2, 1] == await found(Sought(visit="a" * 32))
        assert [3] == await found(Sought(outcome=Outcome.REFUSED))
        assert [3, 2] == await found(Sought(since=NOON + 2 * MINUTE))
        assert [1] == await found(Sought(until=NOON + 2 * MINUTE))
        assert [2] == await found(Sought(sender=RXH, since=NOON + 2 * MINUTE, until=NOON + 3 * MINUTE))
        assert [] == await found(Sought(sender=RXX, visit="a" * 32))
        assert [3, 2] == await found(Sought(limit=2))
        assert other == await index.find(at(3))
        assert await index.find(at(9)) is None

    play(index, scenario)


def test_what_was_taken_is_taken_once(index: MessageIndex) -> None:
    """Whoever takes it again, whole or in part, changes nothing."""

    async def scenario() -> None:
        assert {} == await index.taken(TAKEN)
        await index.store(at(3), [message(1), message(2)], [])
        await index.store(at(3), [message(1), message(2)], [])
        await index.store(at(4), [message(2), message(3)], [])
        await index.store(at(2, partition=5), [message(1, partition=5)], [])

        assert {0: 4, 5: 2} == await index.taken(TAKEN)
        assert {} == await index.taken(KEPT)
        assert [3, 2, 1, 1] == [one.place.offset for one in await index.search(Sought())]

    play(index, scenario)


def test_the_last_redrive_of_an_item_stands_beside_its_message(index: MessageIndex) -> None:
    """Wherever it lies, and whichever of the two was taken first; the message itself is as it was."""
    kept = replace(message(1, topic=KEPT), outcome=Outcome.REFUSED, item_id="e" * 32)

    async def scenario() -> None:
        later = Redrive(
            place=at(0, topic=KEPT, partition=2), at=NOON + MINUTE, item_id="e" * 32, outcome="taken"
        )
        earlier = replace(later, place=at(7, topic=KEPT), at=NOON, outcome="refused: no PID segment")
        await index.store(at(1, topic=KEPT, partition=2), [], [later])
        assert {2: 1} == await index.taken(KEPT)
        await index.store(at(8, topic=KEPT), [kept], [earlier])

        assert replace(kept, redriven="taken") == await index.find(kept.place)

    play(index, scenario)


def test_a_row_goes_with_what_it_points_at(index: MessageIndex) -> None:
    """Before the beginning of its partition nothing is left; elsewhere everything is."""

    async def scenario() -> None:
        await index.store(at(3), [message(1), message(2)], [])
        await index.store(at(2, partition=1), [message(1, partition=1)], [])
        kept = replace(message(1, topic=KEPT), item_id="e" * 32)
        redrive = Redrive(place=at(0, topic=KEPT), at=NOON, item_id="e" * 32, outcome="taken")
        await index.store(at(2, topic=KEPT), [kept], [redrive])

        await index.forget(TAKEN, {0: 2, 1: 0})
        await index.forget(KEPT, {0: 1})

        assert [kept, message(1, partition=1), message(2)] == sorted(
            await index.search(Sought()), key=lambda one: (one.received_at, one.place.topic != KEPT)
        )
        assert {0: 3, 1: 2} == await index.taken(TAKEN)

    play(index, scenario)


def test_a_search_returns_so_many_at_most(index: MessageIndex) -> None:
    """However many are asked for."""

    async def scenario() -> None:
        await index.store(at(FOUND_MAX + 2), [message(offset) for offset in range(FOUND_MAX + 2)], [])

        assert FOUND_MAX == len(await index.search(Sought(limit=10 * FOUND_MAX)))

    play(index, scenario)
