"""
`cpis` as a process of its own that has imported everything before it begins.

A second of each command goes into imports. Here one process imports them once, and every command is a fork of
it, with its own words, environment, directory, input and output. Commands that are started from nothing are
those of pages (`tests/docs`) and of processes that serve.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NoReturn

from tests.tools.stale_docs import REPOSITORY

_BYTES_MAX = 1 << 20  # of one request: words and an environment
_STREAMS = 3
_ENDED = b"\n"


class WarmCommand:
    """Runs one command after the other, each forked from a process that waits; `close` ends that."""

    def __init__(self) -> None:
        """Start the process that is forked from."""
        self._ours, theirs = socket.socketpair()
        with theirs:
            program = f"from {__name__} import serve; serve({theirs.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", program], cwd=REPOSITORY, pass_fds=[theirs.fileno()]
            )
        self._turn = threading.Lock()

    def close(self) -> None:
        """End the process that is forked from."""
        self._ours.close()
        self._process.wait()

    def run(
        self, words: Sequence[str], *, environment: Mapping[str, str], told: str, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run `cpis` to its end; `told` is its input. Raise `TimeoutExpired` after so many seconds."""
        with TemporaryFile("w+") as asked, TemporaryFile("w+") as said, TemporaryFile("w+") as complained:
            asked.write(told)
            asked.seek(0)
            with self._turn:
                code = self._run(words, environment, (asked, said, complained), seconds)
            said.seek(0)
            complained.seek(0)
            return subprocess.CompletedProcess(words, code, said.read(), complained.read())

    def _run(
        self, words: Sequence[str], environment: Mapping[str, str], streams: Sequence[IO[str]], seconds: float
    ) -> int:
        """Have a process forked for a command; return its exit code."""
        request = json.dumps([list(words), dict(environment), str(Path.cwd())]).encode()
        socket.send_fds(self._ours, [request], [stream.fileno() for stream in streams])
        pid = int(self._line())
        self._ours.settimeout(seconds)
        try:
            return int(self._line())
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._ours.settimeout(None)
            self._line()
            raise subprocess.TimeoutExpired(list(words), seconds) from None
        finally:
            self._ours.settimeout(None)

    def _line(self) -> bytes:
        """Return one line that the process says."""
        line = b""
        while not line.endswith(_ENDED):
            got = self._ours.recv(1)
            if not got:
                raise ChildProcessError("what commands are forked from has ended")
            line += got
        return line


def serve(descriptor: int) -> None:
    """Import every command, then fork one for each request, until there is nobody who asks."""
    from broker.__main__ import main
    from broker.cli import COMMANDS

    for command in COMMANDS.values():
        importlib.import_module(command.target.partition(":")[0])
    gc.collect()
    gc.freeze()  # a fork that collected what was imported would copy every page of it
    with socket.socket(fileno=descriptor) as asking:
        while True:
            request, streams, _, _ = socket.recv_fds(asking, _BYTES_MAX, _STREAMS)
            if not request:
                return
            pid = os.fork()
            if not pid:
                break
            for stream in streams:
                os.close(stream)
            asking.sendall(b"%d\n" % pid)
            asking.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    words, environment, directory = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.argv = ["cpis", *words]
    end_with(main)


def end_with(command: Callable[[], None]) -> NoReturn:
    """
    Run a command and end this process as Python would, but for taking apart what was imported.

    Its threads are waited for, what it registered with `atexit` is called, what it wrote is written; its exit
    code is that of its `SystemExit`, 0 without one. Taking thousands of modules apart, which nobody needs,
    took longer than most commands.
    """
    code = 1
    try:
        command()
        code = 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            code = end.code or 0
        else:
            sys.stderr.write(f"{end.code}\n")
    except BaseException:  # noqa: BLE001 – what Python itself does with whatever nobody catches
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # typeshed has none of it
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 0xFF)


@cache
def warm_command() -> WarmCommand:
    """Return the one of this process, which ends with it."""
    command = WarmCommand()
    atexit.register(command.close)
    return command
