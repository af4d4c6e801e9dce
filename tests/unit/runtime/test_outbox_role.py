"""The outbox role goes on, whatever fails inside it: alerts must reach their inboxes."""

import asyncio
from pathlib import Path
from typing import Any

import structlog

from broker.adapters.cluster import Cluster
from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.projection import Projection
from broker.runtime.outbox_role import OutboxRole
from broker.runtime.parts import assemble
from broker.runtime.settings import Settings

NOWHERE = "127.0.0.1:1"  # nobody listens there


class Defect(Exception):
    """What nobody thought of."""


class FailingOutbox(OutboxRole):
    """An outbox whose first app, and whose first look at what is open, meet a defect of ours."""

    def __init__(self, *given: Any, **named: Any) -> None:
        """Fail once each."""
        super().__init__(*given, **named)
        self.apps = self.looks = 0
        self.went_on = asyncio.Event()

    async def _run_app(self, projection: Projection) -> BaseException | None:
        """Fail, then run until stopped."""
        assert projection is not None
        self.apps += 1
        if self.apps == 1:
            raise Defect
        self._go_on()
        await self._stopping.wait()
        return None

    async def _look(self) -> None:
        """Fail, then look."""
        self.looks += 1
        if self.looks == 1:
            raise Defect
        self._go_on()

    def _go_on(self) -> None:
        """Say that both went on after their failure."""
        if min(self.apps, self.looks) > 1:
            self.went_on.set()


def test_a_defect_ends_neither_the_taking_of_alerts_nor_the_look_at_what_is_open(tmp_path: Path) -> None:
    """Each begins anew after a pause, and it is logged: an outbox at rest would tell nobody anything."""
    settings = Settings.model_validate(
        {"database_url": f"sqlite:///{tmp_path / 'inbox.sqlite'}", "data_dir": str(tmp_path)}
    )

    async def run() -> FailingOutbox:
        """Let both fail and go on."""
        role = FailingOutbox(
            settings, assemble(settings), Cluster(bootstrap_servers=NOWHERE), MemoryFactLog(MemoryKafka())
        )
        await role.start()
        try:
            async with asyncio.timeout(30):
                await role.went_on.wait()
        finally:
            await role.stop()
        return role

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())

    written = [line["event"] for line in lines]
    assert 1 == written.count("outbox app failed, starting again")
    assert 1 == written.count("outbox look failed")
