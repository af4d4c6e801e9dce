"""Complaint 8 of integration teams: the queue said that a message was queued, and not why."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from broker.core.delivery import Fault, failed
from tests.builders.delivering import NOON, Counter, Desk, by_mllp, database, work, work_off


@pytest.mark.parametrize("fault", [Fault.AWAY, Fault.NO_ANSWER, Fault.REFUSED, Fault.NOT_ADMITTED])
def test_a_queue_says_why_how_often_and_when_again(tmp_path: Path, fault: Fault) -> None:
    """Complaint 8: the last error in words, the attempts so far, and the time of the next one."""
    desk = Desk(database(tmp_path))
    desk.arrive("e1")

    work(desk, Counter(failed(fault)))

    waiting = desk.found("e1")
    assert (fault.value, 1, NOON + timedelta(seconds=1)) == (
        waiting.fault,
        waiting.attempts,
        waiting.due_at,
    )
    desk.close()


def test_a_port_where_nobody_listens_is_called_so(tmp_path: Path) -> None:
    """Complaint 8: over a real socket as well."""
    desk = Desk(database(tmp_path))
    desk.arrive("e1")

    async def nobody() -> None:
        """Send to a port of the reserved range that no test listens on."""
        deliverer = desk.deliverer(by_mllp(1))
        await work_off(deliverer)
        await deliverer.close()

    asyncio.run(nobody())

    assert "no connection" == desk.found("e1").fault
    desk.close()
