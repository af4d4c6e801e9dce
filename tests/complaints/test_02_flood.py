"""Complaint 2 of integration teams: retries after a timeout flooded a slow peer with duplicates."""

import asyncio
from datetime import timedelta
from pathlib import Path

from broker.core.delivery import PAUSE_MAX, State
from tests.builders.delivering import IMPATIENT, Desk, Engine, by_mllp, database, work_off

EVENTS = 20


def test_a_slow_receiver_is_sent_one_message_at_a_time_with_growing_pauses(tmp_path: Path) -> None:
    """
    Complaint 2: back-off, jitter, one message in flight. In the first minute a receiver that never answers
    is sent a handful of messages, however many wait, and each again under the same control id.
    """
    desk = Desk(database(tmp_path))
    for number in range(EVENTS):
        desk.arrive(f"e{number}", alert_id=f"a{number}")

    async def play() -> None:
        """Let a minute of the clock pass, then let the receiver answer."""
        engine = Engine(reply=lambda _message: None)
        async with engine.open():
            deliverer = desk.deliverer(by_mllp(engine.port, patience=IMPATIENT))
            began = desk.now
            while desk.now - began < PAUSE_MAX:
                desk.now += await work_off(deliverer) or timedelta(seconds=1)
            assert len(engine.messages) <= 7
            answered = Engine()
            async with answered.open():
                after = desk.deliverer(by_mllp(answered.port))
                desk.now += PAUSE_MAX
                await work_off(after)
                await after.close()
            assert EVENTS == len(answered.control_ids) == len(set(answered.control_ids))
            assert set(engine.control_ids) <= set(answered.control_ids)
            await deliverer.close()

    asyncio.run(play())
    assert {State.DELIVERED} == set(desk.states().values())
    desk.close()
