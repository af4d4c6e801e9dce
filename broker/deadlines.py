"""
A deadline for each of many, all equally long, with one timer for all of them. Decision 0055.

`asyncio.timeout` sets a timer for each: where every message waits under two, that is a thirtieth of what one
costs. Those who wait stand in the order in which they began, which is that of their deadlines.
"""

import asyncio
from collections import deque
from types import TracebackType


class Deadlines:
    """Deadlines of `seconds` each, of tasks of one event loop at a time; make one for each use."""

    def __init__(self, seconds: float) -> None:
        """Set no timer yet."""
        self._seconds = seconds
        self._waiting: deque[Deadline] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def one(self) -> "Deadline":
        """
        Return what gives the task that enters it so many seconds to leave it; to be entered once.

        Raises `TimeoutError` when it is left later, as `asyncio.timeout` does: what it waited for is
        cancelled.
        """
        return Deadline(self)

    def begin(self, one: "Deadline") -> float:
        """Put somebody behind all others; return their deadline by the loop's clock, in seconds."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the one before has ended, and its timer with it
            self._loop, self._timer = loop, None
            self._waiting.clear()
        until = loop.time() + self._seconds
        self._waiting.append(one)
        if self._timer is None:
            self._timer = loop.call_at(until, self._look, loop)
        return until

    def end(self) -> None:
        """Forget those in front who have left; whoever left out of turn is forgotten later."""
        waiting = self._waiting
        while waiting and waiting[0].has_left:
            waiting.popleft()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel those whose time is over, and look again when the next one's is."""
        self._timer = None
        waiting, now = self._waiting, loop.time()
        while waiting and (waiting[0].has_left or waiting[0].until <= now):
            waiting.popleft().expire()
        if waiting:
            self._timer = loop.call_at(waiting[0].until, self._look, loop)


class Deadline:
    """What `Deadlines.one` lends."""

    __slots__ = ("_cancels", "_deadlines", "_expired", "_task", "has_left", "until")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._expired = self.has_left = False

    def __enter__(self) -> None:
        """Begin; raise `RuntimeError` outside a task."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is a task's")
        self._task = task
        self._cancels = task.cancelling()
        self.until = self._deadlines.begin(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; raise `TimeoutError` where the deadline, and nobody else, cancelled what was waited for."""
        self.has_left = True
        self._deadlines.end()
        if self._expired and self._task.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Cancel what is waited for, unless it is over."""
        if not self.has_left:
            self._expired = True
            self._task.cancel()
