"""
Reads upload files without holding the event loop: small ones in a thread, large ones in a process.

A thread shares the interpreter with the loop, which does no harm for a small file; a large one takes seconds,
in which the loop would get every second slice only. The process lives as long as its file.
"""

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from datetime import datetime
from multiprocessing.connection import wait
from typing import Any, TypeVar

from broker.core.errors import ReaderLost
from broker.wire.upload_csv import Table, read_table
from broker.wire.upload_slices import ReadFile, UnreadableFile, read_file

T = TypeVar("T")

THREAD_BYTES_MAX = 262_144  # some 100 records: 20 ms in a thread, where a process takes 0.5 s to start


async def read_file_aside(
    data: bytes, received_at: datetime, *, thread_bytes_max: int = THREAD_BYTES_MAX
) -> ReadFile | UnreadableFile:
    """
    Do as `read_file` does, in a thread or, above `thread_bytes_max`, in a process.

    Raises `ReaderLost` where the process ended early.
    """
    return await _aside(len(data) <= thread_bytes_max, read_file, data, received_at)


async def read_table_aside(data: bytes, *, thread_bytes_max: int = THREAD_BYTES_MAX) -> Table:
    """Do as `read_table` does, likewise; raises `ReaderLost` and what that raises."""
    return await _aside(len(data) <= thread_bytes_max, read_table, data)


async def _aside(small: bool, read: Callable[..., T], *words: Any) -> T:  # noqa: FBT001 - of this module alone
    """Return what a function returns of a small file, in a thread, or of a large one, in a process."""
    if small:
        return await asyncio.to_thread(read, *words)
    pool = ProcessPoolExecutor(
        max_workers=1, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
    )
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, read, *words)
    except BrokenExecutor as error:
        raise ReaderLost from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """Have this process end when its parent is killed: the pool's own pipes would keep it for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_await_end, args=(parent.sentinel,), daemon=True).start()


def _await_end(sentinel: int) -> None:
    """Wait for the parent's end, then end at once: there is nobody left to tell."""
    wait([sentinel])
    os._exit(1)
