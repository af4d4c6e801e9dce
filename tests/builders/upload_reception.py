"""A reception for files with its queue behind it, in front of use cases in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from broker.services.upload_desk import UploadDesk
from broker.services.upload_queue import Pace, UploadQueue
from broker.services.upload_reception import UploadReception
from broker.upload_ports import UploadStore
from tests.builders.matcher import until
from tests.builders.upload_desk import KEY, NOW, Desk
from tests.builders.upload_store import MemoryUploads

PATIENCE_SECONDS = 90.0
QUICK = Pace(retry_seconds_min=0.001, retry_seconds_max=0.002)

_T = TypeVar("_T")


class Received:
    """A reception, the queue that takes what it keeps, and the store of both."""

    def __init__(
        self,
        desk: Desk,
        store: UploadStore | None = None,
        count: Callable[[str], None] = lambda _event: None,
    ) -> None:
        """Open it in front of a desk."""
        self.store = store or MemoryUploads()
        self.desk = UploadDesk(desk.uploads, self.store, clock=lambda: NOW, told=lambda _door, _answer: None)
        self.queue = UploadQueue(self.desk, self.store, clock=lambda: NOW, count=count, pace=QUICK)
        self.reception = UploadReception(self.store, self.queue, key=KEY, clock=lambda: NOW)

    def tried(self) -> bool:
        """Tell whether all that is kept is settled, or was tried in vain."""
        return all(not one.waits or one.postponed for one in self.store.every())

    async def then(self, look: Callable[[], Awaitable[_T]]) -> _T:
        """Return what a look says, before which everything that is kept had its turn."""
        await self.work_until(self.tried)
        return await look()

    async def work_until(self, condition: Callable[[], bool]) -> None:
        """Have the queue take what waits until a condition holds; raise what ends it."""
        running = asyncio.create_task(self.queue.run())
        waiting = asyncio.create_task(until(condition, PATIENCE_SECONDS))
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, waiting):
            task.cancel()
        ended, met = await asyncio.gather(running, waiting, return_exceptions=True)
        for error in (ended, met):
            if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
                raise error
