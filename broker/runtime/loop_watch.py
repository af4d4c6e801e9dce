"""
Watches how long the event loop keeps its tasks waiting: its lag.

A loop that does not turn answers nobody: no sender, no heartbeat, no probe.
"""

import asyncio
from collections.abc import Callable
from time import monotonic

LAG_SECONDS_MAX = 5.0
"""Beyond this `/livez` says no: longer than any answer's deadline, and than the group's patience."""
EVERY_SECONDS = 0.1
"""How often the loop is asked."""


class LoopWatch:
    """Wakes up regularly and notes how late; `observe` hears each lag in seconds."""

    def __init__(
        self,
        observe: Callable[[float], None],
        *,
        every_seconds: float = EVERY_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Start nothing yet; `clock` returns seconds that never go back."""
        self._observe = observe
        self._every_seconds = every_seconds
        self._clock = clock
        self._due = clock() + every_seconds
        self._last = 0.0

    @property
    def lag_seconds(self) -> float:
        """The lag of the last waking, or of the one that is due, whichever is longer."""
        return max(self._last, self._clock() - self._due, 0.0)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._due = self._clock() + self._every_seconds
            await asyncio.sleep(self._every_seconds)
            self.woken()

    def woken(self) -> None:
        """Note how late this waking is."""
        self._last = max(self._clock() - self._due, 0.0)
        self._observe(self._last)
