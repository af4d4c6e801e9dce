"""
Takes the upload files that are kept, files of different authorities side by side, each in its turn.

One authority's files are taken one after the other, the oldest first. One that cannot be taken is left alone
for a while, longer each time, and goes behind the others: it may be the only one. What was accepted and not
finished when a process ended is taken up at the next start: it is kept, and taking a file twice does no harm.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from broker.core.errors import BrokerError, KeysUnreadable, UnsealingFailed
from broker.core.identifiers import OdsCode, aware
from broker.core.kept_uploads import KeptUpload, UploadDoor
from broker.core.upload_errors import UploadLost
from broker.ports import Clock
from broker.services.upload_desk import UploadDesk
from broker.upload_ports import UploadStore
from broker.wire.upload_codes import DEFECT

AT_ONCE = 3
"""How many files are taken side by side: each large one has a process of its own, of some 75 MB."""
WAITING_MAX = 1_000
"""How many sent over HTTP, or over MESH, may wait: some six from every authority. Disks are finite."""
WAITING_OF_ONE_MAX = 100
"""How many may wait of one authority: one whose system sends again and again keeps no other out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """
    For how many seconds a file is left alone: at first, then for twice as long each time, and at most.

    What stands in the way of one often does in that of all: once a file is taken that it kept waiting, every
    other is tried at once.
    """

    retry_seconds_min: float = 1.0  # Kafka is back soon after a restart
    retry_seconds_max: float = 300.0  # and to look through a large file again costs seconds


@dataclass(slots=True)
class _Waiting:
    """A file that waits: whose it is, by which door it came, until when it is left alone, and why."""

    senders: frozenset[OdsCode]
    door: UploadDoor
    due: float = 0.0
    pause: float = 0.0
    why: str = ""

    @property
    def counted(self) -> bool:
        """Whether nobody else keeps it, so that it takes room."""
        return self.door is UploadDoor.HTTP


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
        clock: Clock,
        count: Callable[[str], None],
        pace: Pace | None = None,
    ) -> None:
        """Hand to `desk` what `store` keeps; `clock` says until when a file is left alone."""
        self._desk = desk
        self._store = store
        self._clock = clock
        self._count = count
        self._pace = pace or Pace()
        self._waiting: dict[str, _Waiting] = {}  # in their order
        self._taking: dict[str, frozenset[OdsCode]] = {}
        self._changed = asyncio.Event()
        self._awaited: dict[str, asyncio.Event] = {}

    @property
    def full(self) -> bool:
        """Whether no more may wait that nobody else keeps."""
        return sum(one.counted for one in self._waiting.values()) >= WAITING_MAX

    def crowded(self, door: UploadDoor) -> bool:
        """Whether so many wait that lie at this door as well that it should keep the others."""
        return sum(one.door is door for one in self._waiting.values()) >= WAITING_MAX

    def full_for(self, authorities: frozenset[OdsCode]) -> bool:
        """Whether no more may wait of these authorities."""
        of_these = sum(one.counted and bool(one.senders & authorities) for one in self._waiting.values())
        return self.full or of_these >= WAITING_OF_ONE_MAX * len(authorities)

    def add(
        self, upload_id: str, senders: frozenset[OdsCode] = frozenset(), door: UploadDoor = UploadDoor.HTTP
    ) -> None:
        """
        Let a file of these authorities that is kept wait its turn, unless it does already.

        One that lies in the folder or the mailbox as well takes no other's room.
        """
        self._waiting.setdefault(upload_id, _Waiting(senders, door))
        self._changed.set()

    def see_to(self, upload: KeptUpload) -> None:
        """Let a file wait that neither waits nor is being taken: whoever kept it may be no more."""
        if upload.waits and upload.upload_id not in self._taking:
            self.add(upload.upload_id, upload.senders, upload.door)

    async def take_up(self) -> None:
        """Let everything wait that was accepted and not finished, in the order in which it came."""
        for upload in await asyncio.to_thread(self._store.every):
            self.see_to(upload)

    async def settled(self, upload_id: str) -> None:
        """Return once a file neither waits nor is being taken."""
        while upload_id in self._waiting or upload_id in self._taking:
            await self._awaited.setdefault(upload_id, asyncio.Event()).wait()

    async def run(self) -> None:
        """Take what waits, so many at once, for ever."""
        self._changed = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                upload_id = self._next()
                if upload_id is not None:
                    waiting = self._waiting.pop(upload_id)  # what is sent again meanwhile waits anew
                    self._taking[upload_id] = waiting.senders
                    tasks.create_task(self._take_in_turn(upload_id, waiting))
                else:
                    await self._change()

    async def _change(self) -> None:
        """Return once something came or was taken, or another file is due."""
        now = asyncio.get_running_loop().time()
        dues = [one.due for one in self._waiting.values() if one.due > now]
        try:
            async with asyncio.timeout(min(dues) - now if dues else None):
                await self._changed.wait()
        except TimeoutError:
            return

    def _next(self) -> str | None:
        """Return the file whose turn it is, None for none: no other of the same authority is being taken."""
        if len(self._taking) >= AT_ONCE:
            return None
        now = asyncio.get_running_loop().time()
        return next(
            (
                upload_id
                for upload_id, one in self._waiting.items()
                if one.due <= now and not any(_of_one(one.senders, other) for other in self._taking.values())
            ),
            None,
        )

    async def _take_in_turn(self, upload_id: str, waiting: _Waiting) -> None:
        """Take one file; one that cannot be taken goes behind the others, and is left alone for a while."""
        waiting.pause = min(2 * waiting.pause or self._pace.retry_seconds_min, self._pace.retry_seconds_max)
        try:
            why = await self._take(upload_id, waiting.pause)
        finally:
            del self._taking[upload_id]
            self._changed.set()
        if not why:
            self._go_on_after(waiting.why)
        else:
            waiting.why = why
            waiting.due = asyncio.get_running_loop().time() + waiting.pause
            self._waiting.setdefault(upload_id, waiting)
        if (awaited := self._awaited.pop(upload_id, None)) is not None:
            awaited.set()

    def _go_on_after(self, why: str) -> None:
        """Let every file be tried at once that waits for what stands in nobody's way any more."""
        for one in self._waiting.values():
            if why and one.why == why:
                one.due = 0.0

    async def _take(self, upload_id: str, pause: float) -> str:
        """Take one file; return why it is to be taken again, nothing once it is settled, or gone."""
        try:
            upload = await asyncio.to_thread(self._store.find, upload_id)
            if upload is None or not upload.waits:
                return ""
            return await self._settle(upload, timedelta(seconds=pause))
        except UploadLost:
            self._count("upload lost")
            return ""
        except BrokerError as error:  # the disk: what is known of it cannot be read or written
            self._count("upload postponed")
            return error.code

    async def _settle(self, upload: KeptUpload, pause: timedelta) -> str:
        """
        Have one file taken; return nothing once it is settled or lost, and say beside it why it is not.

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
            return ""
        again_at = None if lost else aware(self._clock()) + pause
        noted = replace(upload, postponed=why, lost=lost, again_at=again_at)
        await asyncio.to_thread(self._store.settle, noted, {})
        self._count("upload lost" if lost else "upload postponed")
        return "" if lost else why


def _of_one(senders: frozenset[OdsCode], others: frozenset[OdsCode]) -> bool:
    """Tell whether two files may be of one authority; those of which nobody knows may be of any."""
    return bool(senders & others) or not (senders or others)
