"""Reading files aside, in a thread or a process: the same result, and no process that outlives us."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.adapters.worker_process import read_file_aside
from broker.core.errors import ReaderLost
from broker.wire.upload_sent import SentFile
from broker.wire.upload_slices import UnreadableFile, read_file
from tests.builders.upload import Person, Record, build_upload
from tests.waiting import wait_until

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
FILE = build_upload((Record(), Record(child=Person(number="9990000019"))))
IN_A_PROCESS = 0  # bytes: above this, which is always
PATIENCE_SECONDS = 30.0

PARENT = """
import asyncio, sys
from datetime import UTC, datetime
from broker.adapters.worker_process import read_file_aside
from tests.builders.upload import Record, build_upload

async def main():
    file = build_upload([Record()] * 50_000)
    print("reading", flush=True)
    await read_file_aside(file, datetime(2025, 3, 1, 12, tzinfo=UTC))

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize("thread_bytes_max", [len(FILE), IN_A_PROCESS], ids=["thread", "process"])
def test_a_file_is_read_aside_as_it_is_read_here(thread_bytes_max: int) -> None:
    """Where it is read makes no difference."""
    there = asyncio.run(read_file_aside(FILE, NOW, thread_bytes_max=thread_bytes_max))

    assert read_file(FILE, NOW) == there


@pytest.mark.parametrize("thread_bytes_max", [len(FILE), IN_A_PROCESS], ids=["thread", "process"])
def test_a_fault_comes_back_with_its_reason_and_place(thread_bytes_max: int) -> None:
    """What refuses the whole file survives the way between two processes."""
    file = asyncio.run(read_file_aside(b"<File/>", NOW, thread_bytes_max=thread_bytes_max))

    assert file == UnreadableFile("CPF01 not an upload", "/", SentFile())


def test_a_process_that_dies_is_told_apart_from_a_fault_of_the_file() -> None:
    """The file is to be taken again."""
    for earlier in multiprocessing.active_children():
        earlier.join()

    async def read_and_kill() -> None:
        """Kill the process while it reads."""
        reading = asyncio.create_task(read_file_aside(FILE, NOW, thread_bytes_max=IN_A_PROCESS))
        await asyncio.to_thread(
            wait_until,
            lambda: bool(multiprocessing.active_children()),
            PATIENCE_SECONDS,
            "a process that reads",
        )
        for child in multiprocessing.active_children():
            child.kill()
        await reading

    with pytest.raises(ReaderLost):
        asyncio.run(read_and_kill())


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
