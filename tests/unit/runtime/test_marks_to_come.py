"""Marks that an intake has put by are said by it, or by the next one, from five minutes to an hour later."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_sealing import MemorySealer
from broker.ports import Topic
from broker.runtime.marks_to_come import MarkSayer, marks_to_come
from broker.runtime.parts import assemble
from broker.runtime.settings import Settings
from tests.builders.house import ADA
from tests.builders.matcher import NOON, play, until

SOONEST, LATEST = timedelta(minutes=5), timedelta(hours=1)


def said_by(directory: Path, later: timedelta, expected: int) -> list[bytes | None]:
    """Return under which keys marks are said by an intake that looks so much later, once it has looked."""
    settings, kafka = Settings(data_dir=directory), MemoryKafka()
    looked: list[timedelta] = []

    def clock() -> datetime:
        """Tell the time, and that it was asked for."""
        looked.append(later)
        return NOON + later

    marks = marks_to_come(settings, assemble(settings, sealer=MemorySealer()))

    async def scenario() -> None:
        """Have it look once."""
        sayer = MarkSayer(marks=marks, facts=MemoryFactLog(kafka), clock=clock)
        running = asyncio.ensure_future(sayer.run())
        await until(lambda: bool(looked) and len(kafka.read(Topic.IDENTITY)) == expected)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    play(scenario)
    return [record.key for record in kafka.read(Topic.IDENTITY)]


def test_a_mark_is_said_between_five_minutes_and_an_hour_later_by_whoever_is_there(tmp_path: Path) -> None:
    """Never beside the message that it came with, and over a restart (rulings 24, 42)."""
    settings = Settings(data_dir=tmp_path)
    marks_to_come(settings, assemble(settings, sealer=MemorySealer())).put_by([ADA], NOON)

    assert [] == said_by(tmp_path, SOONEST - timedelta(seconds=1), 0)
    assert [ADA.key] == said_by(tmp_path, LATEST, 1)
    assert [] == said_by(tmp_path, LATEST, 0)
