"""
Takes the upload files that were accepted over HTTP, one after the other, oldest first.

What was accepted and not finished when a process ended is taken up at the next start: it is kept, and taking
a file twice does no harm.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from broker.core.errors import BrokerError, UnsealingFailed
from broker.core.kept_uploads import KeptUpload
from broker.services.upload_desk import UploadDesk
from broker.upload_ports import UploadStore

WAITING_MAX = 1_000
"""How many may wait: some six from every authority of the country. Disks are finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long to wait before another attempt, in seconds: at first, and at most."""

    retry_seconds_min: float = 1.0  # Kafka is back soon after a restart
    retry_seconds_max: float = 30.0  # and a long absence is not worth a busy loop


class UploadQueue:
    """
    The queue of one process: `take_up` what was left, `add` what comes, and `run` until cancelled.

    `count` is told `upload postponed` (Kafka or the file could not be reached) and `upload lost` (its bytes
    cannot be read any more).
    """

    def __init__(
        self,
        desk: UploadDesk,
        store: UploadStore,
        *,
        count: Callable[[str], None],
        pace: Pace | None = None,
    ) -> None:
        """Hand to `desk` what `store` keeps."""
        self._desk = desk
        self._store = store
        self._count = count
        self._pace = pace or Pace()
        self._waiting: deque[str] = deque()
        self._came = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether no more may wait."""
        return len(self._waiting) >= WAITING_MAX

    def add(self, upload_id: str) -> None:
        """Let a file that is kept wait its turn, unless it does already."""
        if upload_id not in self._waiting:
            self._waiting.append(upload_id)
            self._came.set()

    async def take_up(self) -> None:
        """Let everything wait that was accepted and not finished, in the order in which it came."""
        for upload in await asyncio.to_thread(self._store.every):
            if upload.result is None:
                self.add(upload.upload_id)

    async def run(self) -> None:
        """Take one after the other, for ever; one that cannot be taken now holds up those behind it."""
        seconds = self._pace.retry_seconds_min
        while True:
            while not self._waiting:
                self._came.clear()
                await self._came.wait()
            if await self._take(self._waiting[0]):
                self._waiting.popleft()
                seconds = self._pace.retry_seconds_min
            else:
                await asyncio.sleep(seconds)
                seconds = min(2 * seconds, self._pace.retry_seconds_max)

    async def _take(self, upload_id: str) -> bool:
        """Take one file; return whether it is settled, or gone."""
        try:
            upload = await asyncio.to_thread(self._store.find, upload_id)
            if upload is None or upload.result is not None:
                return True
            return await self._settle(upload)
        except BrokerError:  # the disk: what is known of it cannot be read or written
            self._count("upload postponed")
            return False

    async def _settle(self, upload: KeptUpload) -> bool:
        """Have one file taken; say beside it why it is not, where it is not."""
        try:
            await self._desk.settle(upload)
        except UnsealingFailed:
            self._count("upload lost")
            return True
        except BrokerError as error:
            self._count("upload postponed")
            postponed = replace(upload, postponed=error.code)
            await asyncio.to_thread(self._store.settle, postponed, {})
            return False
        return True
