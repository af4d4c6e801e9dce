"""
The desk at which every door hands in an authority's upload file: made durable, answered, and kept.

Knows no door but by its name: the drop folder, HTTP and MESH all get the same answer to the same bytes, and
of every file the bytes and the answer are kept, sealed.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from broker.core.identifiers import OdsCode, aware
from broker.core.kept_uploads import KeptUpload, MediaType, Part, Result, UploadDoor
from broker.core.keyed import IdentityKey
from broker.core.upload_errors import UploadLost
from broker.ports import Clock
from broker.services.uploads import Uploads
from broker.upload_ports import Content, UploadDraft, UploadStore
from broker.wire.file_response import file_response, write_file_response
from broker.wire.upload_answer import FileAnswer, refuse_file
from broker.wire.upload_json import json_response


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What became of a file, and the message in which its sender is told so, made at a time (aware; R15).

    `upload_id` is that of what is kept, empty where nothing is.
    """

    answer: FileAnswer
    at: datetime
    upload_id: str = ""

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
        key: IdentityKey,
        clock: Clock,
        told: Told,
    ) -> None:
        """Take the use case, where files are kept, and the clock that dates acknowledgements."""
        self._uploads = uploads
        self._store = store
        self._key = key
        self._clock = clock
        self._told = told

    async def take(
        self,
        content: Content,
        *,
        door: UploadDoor,
        senders: frozenset[OdsCode] | None = None,
        media_type: MediaType = MediaType.XML,
        known_as: str = "",
    ) -> Outcome:
        """
        Make durable what a file says, keep it with its answer, and return that; it may be taken again.

        It is sealed first and read from there: what is read twice must not change in between.
        `senders` are the authorities for which whoever handed it in may send, None where the door knows
        nobody: a file of any other is refused as a whole, and nothing of it is loaded. `known_as` is what the
        door knows this one file by: taken again it takes the place of what was kept of it. Raises as
        `Uploads.load` does, and `StorageUnusable` where it cannot be kept: it is then to be taken again.
        """
        received_at = aware(self._clock())
        upload_id = self._key.derive("upload", door.value, known_as) if known_as else secrets.token_hex(16)
        draft = await asyncio.to_thread(self._store.begin, upload_id)
        try:
            digested = await asyncio.to_thread(_copied, content, draft)
            upload = KeptUpload(
                upload_id=upload_id,
                door=door,
                media_type=media_type,
                senders=senders or frozenset(),
                received_at=received_at,
                digest=digest(digested, self._key),
            )
            outcome = await self._load(draft.read, upload, senders)
            await asyncio.to_thread(draft.place)
        finally:
            await asyncio.to_thread(draft.discard)
        await asyncio.to_thread(self._store.settle, replace(upload, result=outcome.result), outcome.parts)
        return outcome

    async def settle(self, upload: KeptUpload) -> Outcome:
        """
        Make durable what a file says that is kept already, then keep its answer beside it.

        Raises as `take` does, and `UnsealingFailed` or `UploadLost` where it cannot be read any more.
        """
        outcome = await self._load(lambda: self._read(upload.upload_id), upload, upload.senders)
        settled = replace(upload, result=outcome.result, postponed="")
        await asyncio.to_thread(self._store.settle, settled, outcome.parts)
        return outcome

    def refuse(self, reason: str) -> Outcome:
        """Answer a file that is not to be read, for this reason: a stable word (CPF01)."""
        return Outcome(answer=refuse_file(reason), at=self._clock())

    async def _load(
        self, content: Content, upload: KeptUpload, senders: frozenset[OdsCode] | None
    ) -> Outcome:
        """Make durable what a file says; a table is read as the message that says the same."""
        answer = await self._uploads.load(
            content,
            media_type=upload.media_type,
            senders=senders,
            at_once=upload.door.answers_at_once,
            received_at=upload.received_at,
        )
        self._told(upload.door, answer)
        return Outcome(answer=answer, at=self._clock(), upload_id=upload.upload_id)

    def _read(self, upload_id: str) -> Iterator[bytes]:
        """Yield a file that is kept."""
        nothing = True
        for piece in self._store.read(upload_id, Part.FILE):
            nothing = False
            yield piece
        if nothing:
            raise UploadLost


def _copied(content: Content, draft: UploadDraft) -> "hashlib._Hash":
    """Seal a content; return its digest."""
    digested = hashlib.sha256()
    for piece in content():
        digested.update(piece)
        draft.write(piece)
    draft.end()
    return digested


def digest(content: "hashlib._Hash", key: IdentityKey) -> str:
    """Return what tells one content from another, and is keyed, since a small file could be guessed."""
    return key.derive("upload content", content.digest())
