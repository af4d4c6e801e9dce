"""
The desk at which every door hands in an authority's upload file: made durable, answered, and kept.

Knows no door but by its name: the drop folder, HTTP and MESH all get the same answer to the same bytes, and
of every file the bytes and the answer are kept, sealed.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from broker.core.kept_uploads import KeptUpload, Part, Result, UploadDoor
from broker.core.upload_errors import UploadLost
from broker.ports import Clock
from broker.services.uploads import Uploads
from broker.upload_ports import UploadStore
from broker.wire.file_response import file_response, write_file_response
from broker.wire.upload_answer import FileAnswer
from broker.wire.upload_json import json_response


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a file, and the message in which its sender is told so, made at a time (aware; R15)."""

    answer: FileAnswer
    at: datetime

    @property
    def acknowledgement(self) -> bytes:
        """The message to its sender, whole (REPC_MT000003GB01)."""
        return write_file_response(self.answer, created_at=self.at)

    @property
    def result(self) -> Result:
        """What became of it, in numbers."""
        answer = self.answer
        return Result(code=answer.code.value, loaded=answer.loaded, failed=answer.failed, plans=answer.plans)

    @property
    def parts(self) -> Mapping[Part, Iterator[bytes]]:
        """The answers that are kept of it, in pieces: the message, and JSON without a name."""
        return {
            Part.XML: file_response(self.answer, created_at=self.at),
            Part.JSON: json_response(self.answer, created_at=self.at),
        }


Told = Callable[[UploadDoor, FileAnswer], None]
"""Hears what became of a file that was read."""


class UploadDesk:
    """Takes files from every door; `told` hears what became of each that was read."""

    def __init__(
        self,
        uploads: Uploads,
        store: UploadStore,
        *,
        clock: Clock,
        told: Told,
    ) -> None:
        """Take the use case, where files are kept, and the clock that dates acknowledgements."""
        self._uploads = uploads
        self._store = store
        self._clock = clock
        self._told = told

    async def settle(self, upload: KeptUpload) -> Outcome:
        """
        Make durable what a file says that is kept, then keep its answer beside it; it may be taken again.

        `senders` are the authorities for which whoever handed it in may send: a file of any other is refused
        as a whole, and nothing of it is loaded. Whoever may write into the drop folder may send for anybody.
        Raises as `Uploads.load` does, `StorageUnusable` where the answer cannot be kept: the file is then to
        be taken again; and `UnsealingFailed` or `UploadLost` where it cannot be read any more.
        """
        answer = await self._uploads.load(
            lambda: self._read(upload.upload_id),
            media_type=upload.media_type,
            senders=None if upload.door is UploadDoor.FOLDER else upload.senders,
            at_once=upload.door.answers_at_once,
            received_at=upload.received_at,
        )
        self._told(upload.door, answer)
        outcome = Outcome(answer=answer, at=self._clock())
        settled = replace(upload, result=outcome.result, postponed="", again_at=None)
        await asyncio.to_thread(self._store.settle, settled, outcome.parts)
        return outcome

    def _read(self, upload_id: str) -> Iterator[bytes]:
        """Yield a file that is kept."""
        nothing = True
        for piece in self._store.read(upload_id, Part.FILE):
            nothing = False
            yield piece
        if nothing:
            raise UploadLost
