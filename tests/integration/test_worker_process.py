"""Reading files aside, in a thread or a process: the same result, and no process that outlives us."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker.adapters.worker_process import ReadAside
from broker.core.errors import ReaderLost
from broker.upload_ports import in_memory
from broker.wire.upload_reading import FileReader, FoundRecord, UnreadableFile
from tests.builders.upload import Person, Record, build_upload
from tests.builders.upload_reading import ReadFile, read_file
from tests.waiting import wait_until

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
FILE = build_upload((Record(), Record(child=Person(number="9990000019"))))
IN_A_PROCESS = 0  # bytes: above this, which is always
PATIENCE_SECONDS = 120.0

PARENT = """
import asyncio, sys
from datetime import UTC, datetime
from broker.adapters.worker_process import ReadAside
from tests.builders.upload import Record, build_upload

async def main():
    file = build_upload([Record()] * 5_000)

    def pieces():
        while True:
            yield file

    async with ReadAside()(pieces) as reading:
        print("reading", flush=True)
        await reading.survey(datetime(2025, 3, 1, 12, tzinfo=UTC))

if __name__ == "__main__":
    asyncio.run(main())
"""


def read_aside(data: bytes, thread_bytes_max: int) -> ReadFile | UnreadableFile:
    """Return what is read of a file in a thread or a process."""

    async def read() -> ReadFile | UnreadableFile:
        """Survey it, then read its records."""
        async with ReadAside(thread_bytes_max=thread_bytes_max)(in_memory(data)) as reading:
            surveyed = await reading.survey(NOW)
            if isinstance(surveyed, UnreadableFile):
                return surveyed
            return ReadFile(surveyed, [one async for found in reading.records() for one in found])

    return asyncio.run(read())


@pytest.mark.parametrize("thread_bytes_max", [len(FILE), IN_A_PROCESS], ids=["thread", "process"])
def test_a_file_is_read_aside_as_it_is_read_here(thread_bytes_max: int) -> None:
    """Where it is read makes no difference."""
    assert read_file(FILE, NOW) == read_aside(FILE, thread_bytes_max)


@pytest.mark.parametrize("thread_bytes_max", [len(FILE), IN_A_PROCESS], ids=["thread", "process"])
def test_a_fault_comes_back_with_its_reason_and_place(thread_bytes_max: int) -> None:
    """What refuses the whole file survives the way between two processes."""
    assert UnreadableFile("CPF01 not an upload", "/") == read_aside(b"<File/>", thread_bytes_max)


def test_each_file_is_read_by_a_thread_of_its_own_from_its_beginning_to_its_end() -> None:
    """The parser's tables are the thread's: two threads in one file end the process."""
    threads: list[set[int]] = []

    class Watched(FileReader):
        """A reader that notes by which thread it is called."""

        def __init__(self, *words: Any) -> None:
            super().__init__(*words)
            self.threads: set[int] = set()
            threads.append(self.threads)

        def survey(self, piece: bytes) -> bool:
            """Note it."""
            self.threads.add(threading.get_ident())
            return super().survey(piece)

        def read(self, piece: bytes) -> list[FoundRecord]:
            """Note it."""
            self.threads.add(threading.get_ident())
            return super().read(piece)

    def pieces() -> Iterator[bytes]:
        """Yield the file in pieces of a few bytes."""
        for start in range(0, len(FILE), 100):
            yield FILE[start : start + 100]

    async def read() -> int:
        """Read one file."""
        async with ReadAside(reader=Watched)(pieces) as reading:
            await reading.survey(NOW)
            return sum([len(found) async for found in reading.records()])

    async def all_at_once() -> list[int]:
        """Read several."""
        return await asyncio.gather(*(read() for _ in range(8)))

    assert [2] * 8 == asyncio.run(all_at_once())
    assert [1] * 8 == [len(one) for one in threads]


def test_a_process_that_dies_is_told_apart_from_a_fault_of_the_file() -> None:
    """The file is to be taken again."""
    for earlier in multiprocessing.active_children():
        earlier.join()

    async def read_and_kill() -> None:
        """Kill the process between the survey and the records."""
        async with ReadAside(thread_bytes_max=IN_A_PROCESS)(in_memory(FILE)) as reading:
            await reading.survey(NOW)
            for child in multiprocessing.active_children():
                child.kill()
            async for _ in reading.records():
                continue

    with pytest.raises(ReaderLost):
        asyncio.run(read_and_kill())


async def process_of(aside: ReadAside) -> int:
    """Return the process that has read a file whole."""
    async with aside(in_memory(FILE)) as reading:
        await reading.survey(NOW)
        assert 2 == len([one async for found in reading.records() for one in found])
        return newest_child()


def newest_child() -> int:
    """Return the process that was started last."""
    newest = max(multiprocessing.active_children(), key=lambda child: int(child.name.rpartition("-")[2]))
    return newest.pid or 0  # not the highest: these begin again from the lowest one day


def test_the_next_file_is_read_by_the_same_process() -> None:
    """A reload of the country has 153 of them, and each start takes as much as a thousand records."""

    async def read_twice() -> list[int]:
        """Return the processes of two files."""
        aside = ReadAside(thread_bytes_max=IN_A_PROCESS)
        return [await process_of(aside) for _ in range(2)]

    [first, second] = asyncio.run(read_twice())

    assert first == second


def test_who_reads_files_leaves_the_processor_to_hospitals() -> None:
    """Several large ones at once are more than a small machine has cores; the doors come first."""

    async def urgency() -> int:
        """Return how urgent a process for files is."""
        return os.getpriority(os.PRIO_PROCESS, await process_of(ReadAside(thread_bytes_max=IN_A_PROCESS)))

    assert os.getpriority(os.PRIO_PROCESS, 0) < asyncio.run(urgency())


def test_files_at_the_same_time_have_processes_of_their_own() -> None:
    """One of them is kept."""

    async def read_together() -> tuple[int, int, int]:
        """Return the processes of a file, of another in the midst of it, and of the next."""
        aside = ReadAside(thread_bytes_max=IN_A_PROCESS)
        async with aside(in_memory(FILE)) as reading:
            await reading.survey(NOW)
            outer = newest_child()
            inner = await process_of(aside)
        return outer, inner, await process_of(aside)

    outer, inner, later = asyncio.run(read_together())

    assert outer != inner == later


def test_a_process_without_a_file_ends() -> None:
    """What it holds is given back after a while, and another file starts another."""

    async def read_and_wait() -> list[int]:
        """Return the processes of two files with a pause between them."""
        aside = ReadAside(thread_bytes_max=IN_A_PROCESS, idle_seconds=0)
        first = await process_of(aside)
        await asyncio.to_thread(
            wait_until, lambda: not _alive(first), PATIENCE_SECONDS, "the end of the process"
        )
        return [first, await process_of(aside)]

    [first, second] = asyncio.run(read_and_wait())

    assert first != second


def test_a_process_is_not_kept_after_a_failure() -> None:
    """It may be in the midst of a piece."""

    async def fail_between() -> list[int]:
        """Return the processes of two files, of which the first is left in the midst of its records."""
        aside = ReadAside(thread_bytes_max=IN_A_PROCESS)
        first = 0
        with suppress(ZeroDivisionError):
            async with aside(in_memory(FILE)) as reading:
                await reading.survey(NOW)
                first = newest_child()
                async for _ in reading.records():
                    raise ZeroDivisionError
        return [first, await process_of(aside)]

    [first, second] = asyncio.run(fail_between())

    assert first != second


PEAK = """
import asyncio, multiprocessing, re, resource, sys
from datetime import UTC, datetime
from broker.adapters.worker_process import ReadAside
from broker.services.uploads import Uploads
from tests.builders.upload_desk import Desk

COUNT = int(sys.argv[1])

class Nowhere:
    "Kafka that takes everything and keeps nothing."
    async def append(self, writes):
        return ()

async def main():
    from tests.builders.upload import Record, build_upload
    head, record, end = re.split(rb"(<record>.*</record>)", build_upload([Record()]), flags=re.DOTALL)

    def pieces():
        yield head
        for _ in range(COUNT // 200):
            yield record * 200
        yield end

    aside = ReadAside()
    answer = await Desk(Nowhere(), read=aside).uploads.load(pieces)
    assert answer.loaded == COUNT, answer
    aside.close()

if __name__ == "__main__":
    asyncio.run(main())
    for child in multiprocessing.active_children():
        child.join()
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        print(resource.getrusage(who).ru_maxrss)
"""
"""Loads a file of so many records that is made as it is read; prints the peaks of both processes in kB."""
FEW, MANY = 600, 6_000
"""Records: both are read by a process; read whole, the many take some 50 MB more."""
MORE_MAX = 12_288
"""kB that the many may take beyond the few: packed answers, and what an allocator keeps."""


def test_memory_does_not_grow_with_the_file() -> None:
    """Neither of the process that reads nor of the one that loads: 20,000 records may be 50 MB."""
    few, many = peaks(FEW), peaks(MANY)

    assert [True, True] == [more - less < MORE_MAX for less, more in zip(few, many, strict=True)], (few, many)


def peaks(count: int) -> list[int]:
    """Return the peaks of both processes for a file of so many records, in kB."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", PEAK, str(count)], env=environment, capture_output=True, check=True, text=True
    )
    both = [int(line) for line in ran.stdout.splitlines()]
    assert all(both), both
    return both


def test_the_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """A broker killed in the middle of a file leaves no process behind."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, env=environment, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        wait_until(lambda: bool(_children(parent.pid)), PATIENCE_SECONDS, "a process that reads")
        children = _children(parent.pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()

    wait_until(lambda: not any(map(_alive, children)), PATIENCE_SECONDS, "the end of the process")


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started and that are alive."""
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in tasks.read_text(encoding="ascii").split()]


def _alive(pid: int) -> bool:
    """Whether a process runs, a zombie not counted."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
