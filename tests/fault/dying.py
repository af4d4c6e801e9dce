"""
Processes that are killed at their n-th step: what a step is, how they die, and where each of them was.

A **step** is a suspension that reaches the event loop: a task gives the loop back because something that it
awaits, however deep in our code or in the client's, is not there yet. An await that has its result at once
suspends nothing and is no step: between two steps a process only computes and hands bytes to the kernel.
For a door that works with files a step is also each operation on a file below `folder`, counted just before
it happens.

The death is real: the process sends itself SIGKILL. No `finally`, no flush, no abort of a transaction and no
goodbye to a group runs after it, and Kafka sees the connections break.
"""

import asyncio
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

import aiokafka

import broker
from broker.runtime.logs import configure_logs

_LIFE_S = 240  # a process that hangs is ended by its own alarm, and the test fails
_FILE_MODE = 0o600
_OURS = str(Path(broker.__file__).parent)
_CLIENT = str(Path(aiokafka.__file__).parent)
_SENDER = str(Path(_CLIENT) / "producer" / "sender.py")
_FILE_EVENTS = {"open": 0, "os.rename": 0, "os.remove": 0, "os.link": 0, "os.mkdir": 0, "os.scandir": 0}

Result = TypeVar("Result")


class Breadth(StrEnum):
    """Whose suspensions are steps."""

    OWN = "own"
    """Of tasks that stand in code of ours, and of the sender of aiokafka's producer, who writes for them."""
    ALL = "all"
    """Of every task of the process: the client's readers of sockets, heartbeats and timers as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """
    At which step a process dies: the one that is `last`, counted from 1, or the first `within` a function.

    With neither it lives. `folder`: see above.
    """

    last: int | None = None
    within: str | None = None
    breadth: Breadth = Breadth.OWN
    folder: Path | None = None


class Steps:
    """Counts the steps of this process, writes each to a journal, and kills the process at the last one."""

    def __init__(self, death: Death, journal: Path) -> None:
        """Count nothing before `begin`."""
        self._death = death
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, _FILE_MODE)
        self._taken = 0
        self._lock = threading.Lock()
        self._counting = False
        if death.folder is not None:
            sys.addaudithook(self._audited)

    def begin(self) -> None:
        """Count from here on."""
        self._counting = True

    def end(self) -> None:
        """Count no more."""
        self._counting = False

    def task_factory(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> "asyncio.Task[Any]":
        """Make a task whose suspensions are seen."""
        return asyncio.Task(Watched(coroutine, self), loop=loop, **options)

    def suspended(self, coroutine: Any) -> None:
        """Hear that a task has given the event loop back."""
        if not self._counting:
            return
        path = _path_of(coroutine)
        ours = [frame for frame in path if frame.f_code.co_filename.startswith(_OURS)]
        theirs = [frame for frame in path if frame.f_code.co_filename.startswith(_CLIENT)]
        sending = any(frame.f_code.co_filename == _SENDER for frame in theirs)
        if ours or sending or self._death.breadth is Breadth.ALL:
            innermost = [*ours[-1:], *theirs[-1:]] or path[-1:]
            self._step(" > ".join(_place(frame) for frame in innermost))

    def _audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Hear that something is about to be done, and count it when it concerns a file of the folder."""
        if self._counting and event in _FILE_EVENTS:
            path = arguments[_FILE_EVENTS[event]]
            if isinstance(path, str | os.PathLike) and Path(path).is_relative_to(self._death.folder or ""):
                self._step(f"{event} {Path(path).name}")

    def _step(self, place: str) -> None:
        """Take one step, the last one maybe."""
        with self._lock:  # files are worked with in threads
            self._taken += 1
            os.write(self._journal, f"{place}\n".encode())
            if self._taken == self._death.last or self._death.within in functions_of(place):
                os.kill(os.getpid(), signal.SIGKILL)


class Watched(Coroutine[Any, Any, Result]):
    """A coroutine as it is, but each of its suspensions is told."""

    def __init__(self, coroutine: Coroutine[Any, Any, Result], steps: Steps) -> None:
        """Drive `coroutine`."""
        self._coroutine = coroutine
        self._steps = steps

    def send(self, value: Any) -> Any:
        """Go on to the next suspension, and tell it."""
        yielded = self._coroutine.send(value)
        self._steps.suspended(self._coroutine)
        return yielded

    def throw(self, *error: Any) -> Any:
        """Raise inside, go on to the next suspension, and tell it."""
        yielded = self._coroutine.throw(*error)
        self._steps.suspended(self._coroutine)
        return yielded

    def close(self) -> None:
        """End the coroutine."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Result]:
        """Await it without being told of anything: a task never does."""
        return self._coroutine.__await__()


def functions_of(place: str) -> set[str]:
    """Return the functions that the place of a step names; of a step on a file, what is done with which."""
    if place.split(" ", maxsplit=1)[0] in _FILE_EVENTS:
        return {place}
    return {part.split(" ")[-1] for part in place.split(" > ")}


def _path_of(coroutine: Any) -> list[FrameType]:
    """Return the frames of a suspended coroutine from its outermost await to its innermost."""
    path: list[FrameType] = []
    while coroutine is not None:
        for kind, inner in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
            if hasattr(coroutine, inner):
                frame = getattr(coroutine, f"{kind}_frame")
                path += [frame] if frame is not None else []
                coroutine = getattr(coroutine, inner)
                break
        else:
            break
    return path


def _place(frame: FrameType) -> str:
    """Return where a frame stands: module, line and function."""
    return f"{Path(frame.f_code.co_filename).stem}:{frame.f_lineno} {frame.f_code.co_name}"


@dataclass(frozen=True, slots=True)
class Life:
    """How a process lived: whether it was killed at its last step, and where each of its steps was."""

    died: bool
    steps: Sequence[str]


class Mortal:
    """
    A process that does `live` and ends, or dies as `death` says.

    What it logs goes to `lives.log` in the directory. It is forked: its parent may have no other thread.
    """

    def __init__(self, live: Callable[[Steps], None], death: Death, directory: Path, name: str) -> None:
        """Start it; `name` is that of its journal."""
        self._death = death
        self._journal = directory / f"{name}.steps"
        self.pid = os.fork()
        if self.pid == 0:
            _be_born(lambda: live(Steps(death, self._journal)), directory / "lives.log")

    def has_ended(self) -> bool:
        """Return whether it is over, without waiting for it."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def stop(self) -> None:
        """Tell it to end in good order."""
        os.kill(self.pid, signal.SIGTERM)

    def life(self) -> Life:
        """Wait for its end and return how it lived; it may have ended in good order or by its death alone."""
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        steps = self._journal.read_text("utf-8").splitlines()
        killed, fated = -signal.SIGKILL, self._death.last or self._death.within
        assert code in ({0, killed} if fated else {0}), f"{self._death}: exit code {code}"
        if code == killed:
            there = len(steps) == self._death.last or self._death.within in functions_of(steps[-1])
            assert there, f"{self._death}: {len(steps)} steps"
        return Life(code == killed, steps)


def _be_born(live: Callable[[], None], log: Path) -> NoReturn:
    """Be the new process."""
    code = 1
    try:
        signal.alarm(_LIFE_S)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _FILE_MODE)
        for stream in (1, 2):
            os.dup2(output, stream)
        configure_logs("warning", sys.__stderr__)
        live()
        code = 0
    except BaseException:  # noqa: BLE001 – whatever it is, this process never returns to its parent's code
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)
