"""
Takes the upload files that were accepted over HTTP, one after the other, oldest first.

One that cannot be taken goes behind the others: it may be the only one. What was accepted and not finished
when a process ended is taken up at the next start: it is kept, and taking a file twice does no harm.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from broker.core.errors import BrokerError, KeysUnreadable, UnsealingFailed
from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import KeptUpload
from broker.core.upload_errors import UploadLost
from broker.services.upload_desk import UploadDesk
from broker.upload_ports import UploadStore
from broker.wire.upload_codes import DEFECT

WAITING_MAX = 1_000
"""How many may wait: some six from every authority of the country. Disks are finite."""
WAITING_OF_ONE_MAX = 100
"""How many may wait of one authority: one whose system sends again and again keeps no other out."""


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
        self._waiting: dict[str, frozenset[OdsCode]] = {}  # in their order, with whose they are
        self._came = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether no more may wait."""
        return len(self._waiting) >= WAITING_MAX

    def full_for(self, authorities: frozenset[OdsCode]) -> bool:
        """Whether no more may wait of these authorities."""
        of_these = sum(1 for senders in self._waiting.values() if senders & authorities)
        return self.full or of_these >= WAITING_OF_ONE_MAX * len(authorities)

    def add(self, upload_id: str, senders: frozenset[OdsCode] = frozenset()) -> None:
        """Let a file of these authorities that is kept wait its turn, unless it does already."""
        self._waiting.setdefault(upload_id, senders)
        self._came.set()

    async def take_up(self) -> None:
        """Let everything wait that was accepted and not finished, in the order in which it came."""
        for upload in await asyncio.to_thread(self._store.every):
            if upload.waits:
                self.add(upload.upload_id, upload.senders)

    async def run(self) -> None:
        """Take one after the other, for ever; one that cannot be taken now goes behind the others."""
        seconds = self._pace.retry_seconds_min
        while True:
            while not self._waiting:
                self._came.clear()
                await self._came.wait()
            upload_id = next(iter(self._waiting))
            senders = self._waiting.pop(upload_id)  # first: what is sent again meanwhile waits anew
            if await self._take(upload_id):
                seconds = self._pace.retry_seconds_min
            else:
                self.add(upload_id, senders)
                await asyncio.sleep(seconds)
                seconds = min(2 * seconds, self._pace.retry_seconds_max)

    async def _take(self, upload_id: str) -> bool:
        """Take one file; return whether it is settled, or gone."""
        try:
            upload = await asyncio.to_thread(self._store.find, upload_id)
            if upload is None or not upload.waits:
                return True
            return await self._settle(upload)
        except UploadLost:
            self._count("upload lost")
            return True
        except BrokerError:  # the disk: what is known of it cannot be read or written
            self._count("upload postponed")
            return False

    async def _settle(self, upload: KeptUpload) -> bool:
        """
        Have one file taken; return whether it is settled or lost, and say beside it why it is not.

        One that is lost is not tried again, at no later start either: its sender is told to send it again.
        """
        try:
            await self._desk.settle(upload)
        except (UnsealingFailed, UploadLost) as error:
            lost, why = not isinstance(error, KeysUnreadable), error.code
        except BrokerError as error:
            lost, why = False, error.code
        except Exception:  # noqa: BLE001 - a defect of ours loses no file and holds up no other
            lost, why = False, DEFECT
        else:
            return True
        await asyncio.to_thread(self._store.settle, replace(upload, postponed=why, lost=lost), {})
        self._count("upload lost" if lost else "upload postponed")
        return lost
