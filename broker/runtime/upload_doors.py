"""
What takes authorities' files: the desk that every door hands them in at, and the drop folder in front of it.

Knows how the use case of uploads is put together, what is counted of a file, and how long one that was taken
is kept.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from broker.adapters.drop_folder import DropFolder, Verdict
from broker.adapters.kept_files import KeptFiles
from broker.adapters.worker_process import ReadAside
from broker.core.kept_uploads import Part, UploadDoor
from broker.core.upload_errors import UploadLost
from broker.ports import Clock, FactLog
from broker.runtime import log_events as events
from broker.runtime.asking import Source, verifying
from broker.runtime.logs import Log
from broker.runtime.metrics import REJECTED, Metrics
from broker.runtime.parts import Parts, admits
from broker.runtime.settings import Settings
from broker.services.feed_health import FeedLog
from broker.services.la_door import LaDoor
from broker.services.plans_held import Lend, PlansHeld
from broker.services.rejections import Rejections
from broker.services.upload_desk import UploadDesk
from broker.services.upload_queue import UploadQueue
from broker.services.upload_reception import UploadReception
from broker.services.uploads import Uploads
from broker.services.waiting_records import WaitingRecords
from broker.upload_ports import Content
from broker.wire.upload_answer import FileAnswer
from broker.wire.upload_codes import FileCode, RecordCode

KEPT_FOR = timedelta(days=35)
"""How long an upload and its answer are kept, sealed."""


def uploads(
    settings: Settings,
    parts: Parts,
    facts: FactLog,
    *,
    clock: Clock,
    count: Callable[[str], None],
    source: Source | None = None,
    lend: Lend | None = None,
) -> Uploads:
    """
    Return the use case of uploads; `source` is asked about each record where it is given (R12).

    Which plans are held is read from what `lend` gives (ruling 18); without it no late end is known as one.
    """
    held = None
    if lend is not None:
        held = PlansHeld(lend=lend, facts=parts.facts, states=parts.states, policy=parts.policy)
    return Uploads(
        facts,
        parts.facts,
        Rejections(parts.records, parts.key),
        WaitingRecords(
            parts.details,
            policy=parts.policy,
            key=parts.key,
            takes=admits(settings).takes,
            verifying=verifying(source, parts),
        ),
        feeds=FeedLog(parts.feeds, parts.key),
        read=ReadAside(settings.upload_records_max),
        key=parts.key,
        clock=clock,
        count=count,
        held=held,
    )


class UploadDoors:
    """
    The doors for files of one intake role; `reception` is where another door hands them in too.

    `http` has the operations of the authorities' door. `count` is told what the folder, the queue and the use
    case count. `prepare` raises `StorageUnusable`.
    """

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        use_case: Uploads,
        *,
        clock: Clock,
        count: Callable[[str], None],
        metrics: Metrics,
        log: Log,
    ) -> None:
        """Take what is needed; nothing is opened before `prepare` and `run`."""
        self._store = KeptFiles(settings.kept_files, parts.sealer)
        desk = UploadDesk(use_case, self._store, clock=clock, told=self._told)
        self._queue = UploadQueue(desk, self._store, clock=clock, count=count)
        self.reception = UploadReception(self._store, self._queue, key=parts.key, clock=clock)
        self.http = LaDoor(parts.senders, self._store, self._queue, key=parts.key, clock=clock)
        self._answers_for = timedelta(days=settings.drop_answer_days)
        self._folder = DropFolder(settings.drop_folder, self._take, self._refuse, count=count)
        self._metrics = metrics
        self._log = log

    async def prepare(self) -> None:
        """Make the folders, and let what was accepted and not finished wait its turn."""
        self._folder.prepare()
        await self._queue.take_up()

    def work(self) -> Iterable[Coroutine[Any, Any, None]]:
        """Return what takes what is dropped, and what takes what was sent, each until cancelled."""
        return self._folder.run(), self._queue.run()

    async def destroy_old(self, now: datetime) -> None:
        """Destroy what was kept as long as it may be at a moment (aware); say that, and what is damaged."""
        files = await asyncio.to_thread(self._folder.destroy_before, now - self._answers_for)
        files += await asyncio.to_thread(self._store.destroy_before, now - KEPT_FOR)
        if files:
            self._log.write(events.UploadsDestroyed(count=files))
        if damaged := await asyncio.to_thread(self._store.damaged):
            self._log.write(events.KeptFilesDamaged(count=len(damaged)))

    async def _take(self, content: Content, name: str) -> Verdict:
        """Keep one dropped file and have it taken in its turn, unless that was done before a crash."""
        upload_id = self.reception.id_of(UploadDoor.FOLDER, name)
        if await self.reception.found(upload_id) is None:
            await self.reception.keep(upload_id, partial(_copy, content), door=UploadDoor.FOLDER)
        await self._queue.settled(upload_id)
        upload = await self.reception.found(upload_id)
        if upload is None or upload.result is None:
            raise UploadLost
        answer = self.reception.answer(upload)
        return Verdict(accepted=upload.result.accepted, kept=True, answer=answer)

    def _refuse(self, reason: str) -> Verdict:
        """Answer a dropped file that is not to be read."""
        refused = self.reception.refuse(reason)
        return Verdict(accepted=False, kept=False, answer=refused.parts[Part.XML])

    def _told(self, door: UploadDoor, answer: FileAnswer) -> None:
        """Count what of a file was kept instead of loaded, the file as a whole or its records; log it."""
        codes: Mapping[FileCode | RecordCode, int] = {
            code: count for code, count in answer.records.codes.items() if code is not RecordCode.LOADED
        }
        for code, count in ({answer.code: 1} if answer.fault is not None else codes).items():
            self._metrics.add(REJECTED, count, door="upload", code=code)
        self._log.write(events.UploadTaken(code=answer.code.value, records=answer.loaded, door=door.value))


async def _copy(content: Content, write: Callable[[bytes], None]) -> None:
    """Copy a file, in a thread."""

    def copy() -> None:
        """Copy it."""
        for piece in content():
            write(piece)

    await asyncio.to_thread(copy)
