"""Complaint 1 of integration teams: a late answer was credited to the next message, a loss unseen."""

import asyncio
from pathlib import Path

from broker.adapters.mllp_client import Patience
from broker.core.delivery import PAUSE_MAX, State
from broker.wire.acknowledgement import answer
from tests.builders.delivering import Desk, Engine, by_mllp, database, work_off

PATIENCE = Patience(answer_seconds=2.0)  # waited out once


class Slow:
    """Answers the first message not at all, and the second at first with the first's answer."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, message: bytes) -> bytes | None:
        """Return the answer to what was asked before."""
        self.asked.append(message)
        if len(self.asked) == 1:
            return None
        return answer(self.asked[0] if len(self.asked) == 2 else message)


def test_a_late_answer_is_not_taken_for_the_next_messages(tmp_path: Path) -> None:
    """
    Complaint 1: one message outstanding on a connection, MSA-2 compared, and after a timeout the connection
    is dropped. The message without an answer is sent again, and none counts as delivered unanswered.
    """
    desk = Desk(database(tmp_path))
    first, second = desk.arrive("e1"), desk.arrive("e2", alert_id="a2")

    async def play() -> list[State]:
        """Send both; each goes through a time without an answer or with another's."""
        seen = []
        async with Engine(reply=Slow()).open() as engine:
            deliverer = desk.deliverer(by_mllp(engine.port, patience=PATIENCE))
            for _ in range(2):
                await work_off(deliverer)
                seen += [one.state for one in desk.store.find(state=State.DELIVERED)]
                desk.now += PAUSE_MAX
            await work_off(deliverer)
            await deliverer.close()
        assert engine.connections >= 3
        assert {first.event_id, second.event_id} == set(engine.control_ids)
        return seen

    assert [] == asyncio.run(play())
    assert {"e1": State.DELIVERED, "e2": State.DELIVERED} == desk.states()
    desk.close()
