"""
The desk at which every door hands in an authority's upload file: made durable, answered, and kept.

Knows no door but by its name: the drop folder, HTTP and MESH all get the same answer to the same bytes, and
of every file the bytes and the answer are kept, sealed.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode, aware
from broker.core.kept_uploads import KeptUpload, MediaType, Part, Result, UploadDoor
from broker.core.keyed import IdentityKey
from broker.core.upload_errors import UploadLost
from broker.ports import Clock
from broker.services.uploads import Uploads
from broker.upload_ports import UploadStore
from broker.wire.file_response import write_file_response
from broker.wire.upload_answer import FileAnswer, refuse_file
from broker.wire.upload_csv import Table, read_table
from broker.wire.upload_json import Places, write_json_response


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What became of a file, and the message in which its sender is told so (REPC_MT000003GB01, R15).

    `as_json` says the same without a name. `upload_id` is that of what is kept, empty where nothing is.
    """

    answer: FileAnswer
    acknowledgement: bytes = field(repr=False)
    as_json: bytes = field(repr=False)
    upload_id: str = ""

    @property
    def result(self) -> Result:
        """What became of it, in numbers."""
        answer = self.answer
        return Result(code=answer.code.value, loaded=answer.loaded, failed=answer.failed, plans=answer.plans)

    @property
    def parts(self) -> Mapping[Part, bytes]:
        """The answers that are kept of it."""
        return {Part.XML: self.acknowledgement, Part.JSON: self.as_json}


Told = Callable[[UploadDoor, FileAnswer], None]
"""Hears what became of a file that was read."""


ReadTable = Callable[[bytes], Awaitable[Table]]
"""Reads a table without holding the event loop; `read_table` says what it returns."""


async def read_table_here(data: bytes) -> Table:
    """Read a table in a thread."""
    return await asyncio.to_thread(read_table, data)


class UploadDesk:
    """Takes files from every door; `told` hears what became of each that was read."""

    def __init__(
        self,
        uploads: Uploads,
        store: UploadStore,
        *,
        key: IdentityKey,
        clock: Clock,
        told: Told,
        table: ReadTable = read_table_here,
    ) -> None:
        """
        Take the use case, where files are kept, and the clock that dates acknowledgements.

        `table` reads a table without holding the event loop.
        """
        self._read_table = table
        self._uploads = uploads
        self._store = store
        self._key = key
        self._clock = clock
        self._told = told

    async def take(
        self,
        data: bytes,
        *,
        door: UploadDoor,
        senders: frozenset[OdsCode] | None = None,
        media_type: MediaType = MediaType.XML,
    ) -> Outcome:
        """
        Make durable what a file says, keep it with its answer, and return that; it may be taken again.

        `senders` are the authorities for which whoever handed it in may send, None where the door knows
        nobody: a file of any other is refused as a whole, and nothing of it is loaded. Raises as
        `Uploads.load` does, and `StorageUnusable` where it cannot be kept: it is then to be taken again.
        """
        received_at = aware(self._clock())
        outcome = await self._load(data, door, senders, received_at, media_type)
        upload = KeptUpload(
            upload_id=secrets.token_hex(16),
            door=door,
            media_type=media_type,
            senders=senders or frozenset(),
            received_at=received_at,
            digest=digest(hashlib.sha256(data), self._key),
            result=outcome.result,
        )
        await asyncio.to_thread(self._keep, upload, data, outcome)
        return replace(outcome, upload_id=upload.upload_id)

    async def settle(self, upload: KeptUpload) -> Outcome:
        """
        Make durable what a file says that is kept already, then keep its answer beside it.

        Raises as `take` does, and `UnsealingFailed` or `UploadLost` where it cannot be read any more.
        """
        data = await asyncio.to_thread(self._read, upload.upload_id)
        outcome = await self._load(data, upload.door, upload.senders, upload.received_at, upload.media_type)
        settled = replace(upload, result=outcome.result, postponed="")
        await asyncio.to_thread(self._store.settle, settled, outcome.parts)
        return replace(outcome, upload_id=upload.upload_id)

    def refuse(self, reason: str) -> Outcome:
        """Answer a file that is not to be read, for this reason: a stable word (CPF01)."""
        return self._outcome(refuse_file(reason))

    async def _load(
        self,
        data: bytes,
        door: UploadDoor,
        senders: frozenset[OdsCode] | None,
        received_at: datetime,
        media_type: MediaType,
    ) -> Outcome:
        """Make durable what a file says; a table is read as the message that says the same."""
        places = None
        try:
            if media_type is MediaType.CSV:
                table = await self._read_table(data)
                data, places = table.message, table.places
        except MalformedMessage as fault:
            answer = await self._uploads.refuse(data, fault, received_at)
        else:
            answer = await self._uploads.load(
                data, senders=senders, at_once=door.answers_at_once, received_at=received_at
            )
        self._told(door, answer)
        return await asyncio.to_thread(self._outcome, answer, places)

    def _read(self, upload_id: str) -> bytes:
        """Return a file that is kept."""
        pieces = list(self._store.read(upload_id, Part.FILE))
        if not pieces:
            raise UploadLost
        return b"".join(pieces)

    def _keep(self, upload: KeptUpload, data: bytes, outcome: Outcome) -> None:
        """Keep a file with its answer: what is known of it comes last, so that it is there whole or not."""
        draft = self._store.begin(upload.upload_id)
        try:
            draft.write(data)
            draft.place()
        finally:
            draft.discard()
        self._store.settle(upload, outcome.parts)

    def _outcome(self, answer: FileAnswer, places: Places | None = None) -> Outcome:
        """Return an answer with its messages; `places` says where the parts of a table stand in it."""
        at = self._clock()
        return Outcome(
            answer=answer,
            acknowledgement=write_file_response(answer, created_at=at),
            as_json=write_json_response(answer, created_at=at, places=places),
        )


def digest(content: "hashlib._Hash", key: IdentityKey) -> str:
    """Return what tells one content from another, and is keyed, since a small file could be guessed."""
    return key.derive("upload content", content.digest())
