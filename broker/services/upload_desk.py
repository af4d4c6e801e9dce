"""
The desk at which every door hands in an authority's upload file: what it says is made durable, and answered.

Knows no door but by its name: the drop folder, HTTP and MESH all get the same answer to the same bytes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from broker.core.identifiers import OdsCode
from broker.ports import Clock
from broker.services.uploads import Uploads
from broker.wire.file_response import write_file_response
from broker.wire.upload_answer import FileAnswer, refuse_file


class UploadDoor(StrEnum):
    """By which way a file came."""

    FOLDER = "folder"
    HTTP = "http"
    MESH = "mesh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a file, and the message in which its sender is told so (REPC_MT000003GB01, R15)."""

    answer: FileAnswer
    acknowledgement: bytes = field(repr=False)


class UploadDesk:
    """Takes files from every door; `told` hears what became of each that was read."""

    def __init__(
        self, uploads: Uploads, *, clock: Clock, told: Callable[[UploadDoor, FileAnswer], None]
    ) -> None:
        """Take the use case, the clock that dates acknowledgements, and who is to hear."""
        self._uploads = uploads
        self._clock = clock
        self._told = told

    async def take(
        self, data: bytes, *, door: UploadDoor, senders: frozenset[OdsCode] | None = None
    ) -> Outcome:
        """
        Make durable what a file says, and return its answer; the same file may be taken any number of times.

        `senders` are the authorities for which whoever handed it in may send, None where the door knows
        nobody: a file of any other is refused as a whole, and nothing of it is loaded. Raises as
        `Uploads.load` does; the file is then to be taken again.
        """
        answer = await self._uploads.load(data, senders=senders)
        self._told(door, answer)
        return await asyncio.to_thread(self._outcome, answer)

    def refuse(self, reason: str) -> Outcome:
        """Answer a file that is not to be read, for this reason: a stable word (CPF01)."""
        return self._outcome(refuse_file(reason))

    def _outcome(self, answer: FileAnswer) -> Outcome:
        """Return an answer with its message."""
        written = write_file_response(answer, created_at=self._clock())
        return Outcome(answer=answer, acknowledgement=written)
