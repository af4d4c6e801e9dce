"""
Reads upload files without holding the event loop: small ones in a thread, large ones in a process.

A thread shares the interpreter with the loop, which does no harm for a small file; a large one takes seconds,
in which the loop would get every second slice only. The process is handed its file in pieces, and reads one
piece ahead of what is made durable, so that neither it nor we ever hold the file. It is kept for the next
file, since to start it takes as much as to read a thousand records; not for long, nor after a failure.
"""

import asyncio
import multiprocessing
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from multiprocessing.connection import wait
from typing import Any
from weakref import ref

from broker.core.errors import ReaderLost
from broker.core.kept_uploads import MediaType
from broker.upload_ports import Content
from broker.wire.upload_reading import RECORDS_MAX, FileReader, FoundRecord, Surveyed, UnreadableFile

THREAD_BYTES_MAX = 262_144  # some 100 records: 20 ms in a thread, where a process takes 0.5 s to start
READ_BYTES = 131_072
"""How much is read at once: some 50 records, which are then made durable before the next."""

_BEGIN = "begin"
_LESS_URGENT = 5  # steps of the system's scheduler: three files side by side are more than two cores
_IDLE_SECONDS = 60.0  # files of a reload come one after the other; what a process holds is then given back

_Call = Callable[..., Any]  # a function and its arguments, aside


class FileAside:
    """A `Reading` whose work is done elsewhere: `aside` calls a method of its `FileReader` there."""

    def __init__(self, content: Content, aside: _Call) -> None:
        """Read this content."""
        self._content = content
        self._aside = aside

    async def survey(self, received_at: datetime) -> Surveyed | UnreadableFile:
        """Look through all of the file; raise `ReaderLost` where the process ended early."""
        pieces = self._content()
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            if not await self._aside("survey", piece):
                break
        surveyed: Surveyed | UnreadableFile = await self._aside("surveyed", received_at)
        return surveyed

    async def records(self) -> AsyncIterator[list[FoundRecord]]:
        """Yield the records of a file that was surveyed; raise likewise."""
        pieces = _small(self._content())
        ahead = asyncio.ensure_future(self._next(pieces))
        try:
            while (found := await ahead) is not None:
                ahead = asyncio.ensure_future(self._next(pieces))
                yield found
        finally:
            ahead.cancel()
            await asyncio.wait({ahead})
            if not ahead.cancelled():
                ahead.exception()  # heard already, or of no more interest
        yield await self._aside("rest")

    async def _next(self, pieces: Iterator[bytes]) -> list[FoundRecord] | None:
        """Return the records of the next piece, None where there is no other."""
        piece = await asyncio.to_thread(next, pieces, None)
        found: list[FoundRecord] | None = None if piece is None else await self._aside("read", piece)
        return found


class ReadAside:
    """Lends what reads a file that may have so many records, in a thread, or in a process if it is large."""

    def __init__(
        self,
        records_max: int = RECORDS_MAX,
        *,
        thread_bytes_max: int = THREAD_BYTES_MAX,
        idle_seconds: float = _IDLE_SECONDS,
        reader: type[FileReader] = FileReader,
    ) -> None:
        """
        Start nothing yet; a process that was started is kept for so many seconds without a file.

        `reader` is what reads in a thread.
        """
        self._reader = reader
        self._records_max = records_max
        self._thread_bytes_max = thread_bytes_max
        self._idle_seconds = idle_seconds
        self._idle: ProcessPoolExecutor | None = None
        self._ending: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def __call__(
        self, content: Content, media_type: MediaType = MediaType.XML
    ) -> AsyncIterator[FileAside]:
        """Lend what reads one file."""
        if not await asyncio.to_thread(_is_larger, content, self._thread_bytes_max):
            reader = self._reader(media_type, self._records_max)
            # One thread for all of a file: lxml keeps the names of a document in a table of the thread that
            # began it, which two threads at once would destroy.
            thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="upload")

            async def in_thread(name: str, *words: Any) -> Any:
                """Call a method of the reader."""
                call = partial(getattr(reader, name), *words)
                return await asyncio.get_running_loop().run_in_executor(thread, call)

            try:
                yield FileAside(content, in_thread)
            finally:
                thread.shutdown(wait=False, cancel_futures=True)
            return
        pool, self._idle = self._idle or _started(), None
        if self._ending is not None:
            self._ending.cancel()

        async def in_process(name: str, *words: Any) -> Any:
            """Call a method of the process's reader."""
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, _call, name, *words)
            except BrokenExecutor as error:
                raise ReaderLost from error

        try:
            await in_process(_BEGIN, media_type, self._records_max)
            yield FileAside(content, in_process)
        except BaseException:
            _end(pool)  # it may be in the midst of a piece
            raise
        self._keep(pool)

    def _keep(self, pool: ProcessPoolExecutor) -> None:
        """Keep a process for the next file for a while; one is enough."""
        if self._idle is not None:
            _end(pool)
            return
        self._idle = pool
        loop = asyncio.get_running_loop()
        self._ending = loop.call_later(self._idle_seconds, _close, ref(self))

    def close(self) -> None:
        """End the process that is kept, if there is one; another file starts another."""
        pool, self._idle = self._idle, None
        if pool is not None:
            _end(pool)


def _close(kept: "ref[ReadAside]") -> None:
    """End what is kept by whoever is there still: whoever is not has ended it."""
    aside = kept()
    if aside is not None:
        aside.close()


def _started() -> ProcessPoolExecutor:
    """Start a process for files."""
    return ProcessPoolExecutor(
        max_workers=1, mp_context=multiprocessing.get_context("spawn"), initializer=_serve_parent
    )


def _end(pool: ProcessPoolExecutor) -> None:
    """End a process; nobody waits for it."""
    pool.shutdown(wait=False, cancel_futures=True)


def _small(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of which few records come at once."""
    for piece in pieces:
        for start in range(0, len(piece), READ_BYTES):
            yield piece[start : start + READ_BYTES]


def _is_larger(content: Content, size: int) -> bool:
    """Tell whether a content has more than so many bytes."""
    for piece in content():
        size -= len(piece)
        if size < 0:
            return True
    return False


_readers: list[FileReader] = []  # the one of this process, where it was started to read files


def _call(name: str, *words: Any) -> Any:
    """Begin a file in this process, or call a method of its reader."""
    if name == _BEGIN:
        _readers[:] = [FileReader(*words)]
        return None
    return getattr(_readers[0], name)(*words)


def _serve_parent() -> None:
    """
    Let hospitals' doors in the parent come first, and have this process end with it.

    When the parent is killed the pool's own pipes would keep it for ever.
    """
    os.nice(_LESS_URGENT)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_await_end, args=(parent.sentinel,), daemon=True).start()


def _await_end(sentinel: int) -> None:
    """Wait for the parent's end, then end at once: there is nobody left to tell."""
    wait([sentinel])
    os._exit(1)
