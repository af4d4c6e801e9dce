"""How an upload file is read for the use case: surveyed, then its records in turns; here, or aside."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Protocol

from broker.core.kept_uploads import MediaType
from broker.upload_ports import Content
from broker.wire.upload_reading import FileReader, FoundRecord, Surveyed, UnreadableFile


class Reading(Protocol):
    """A file that is read without ever being held; `FileReader` says what it returns."""

    async def survey(self, received_at: datetime) -> Surveyed | UnreadableFile:
        """Look through all of it; `received_at` (aware) is the first receipt of the same bytes."""
        ...

    def records(self) -> AsyncIterator[list[FoundRecord]]:
        """Yield its records, so many as come at once; the next are not read before they are asked for."""
        ...


Read = Callable[[Content, MediaType], AbstractAsyncContextManager[Reading]]
"""Lends what reads a file of that form."""


class _Here:
    """A `Reading` that holds the event loop: for whoever has nobody else to serve."""

    def __init__(self, content: Content, media_type: MediaType) -> None:
        """Read this content."""
        self._content = content
        self._reader = FileReader(media_type)

    async def survey(self, received_at: datetime) -> Surveyed | UnreadableFile:
        """Look through all of it."""
        for piece in self._content():
            if not self._reader.survey(piece):
                break
        return self._reader.surveyed(received_at)

    async def records(self) -> AsyncIterator[list[FoundRecord]]:
        """Yield its records."""
        for piece in self._content():
            yield self._reader.read(piece)
        yield self._reader.rest()


@asynccontextmanager
async def read_here(content: Content, media_type: MediaType) -> AsyncIterator[Reading]:
    """Lend what reads a file in this process, at once."""
    yield _Here(content, media_type)
