"""
What one sender may take from the others at the MLLP door: each limit with its reason, and who has taken what.

Knows numbers and counts; what happens where a limit is reached the server knows.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from broker.core.senders import Peer
from broker.wire.mllp import FRAME_BYTES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sender may take from the others; times are seconds."""

    connections_max: int = 200  # a trust has some dozen feeds; more is a sender that leaks connections
    frame_bytes_max: int = FRAME_BYTES_MAX
    frame_seconds: float = 30.0  # a peer that began a frame and went away holds a connection
    idle_seconds: float = 3_600.0  # quiet feeds keep theirs; half-open ones end at last
    write_seconds: float = 10.0  # a peer that does not read its answers holds one too
    stop_seconds: float = 5.0  # longer than the answer's own deadline
    handshake_seconds: float = (
        10.0  # five round trips over a bad line; who needs longer wants to hold a place
    )
    handshakes_max: int = 200  # under way at once: all senders may come back together; the oldest gives way
    close_seconds: float = 1.0  # TLS waits for the other's goodbye; who went away says none
    unacknowledged_max: int = 100  # in hand at once: more would only wait for each other in memory


class Shares:
    """How many connections each sender has; `most` says how many one may have, None for any number."""

    def __init__(self, most: Callable[[Peer], int | None]) -> None:
        self._most = most
        self._taken: Counter[object] = Counter()

    def take(self, peer: Peer) -> bool:
        """Take a place for a connection; return whether there is one."""
        most = self._most(peer)
        if most is not None and self._taken[peer.key] >= most:
            return False
        self._taken[peer.key] += 1
        return True

    def give_back(self, peer: Peer) -> None:
        """Take in that a connection is over."""
        self._taken[peer.key] -= 1
        self._taken += Counter()  # forgets who has none


class InHand:
    """
    The messages that are being made durable, `most` at once: every other waits, and nothing of its sender is
    read meanwhile. `on_full` is told each time that one has to wait and none did before.
    """

    def __init__(self, most: int, on_full: Callable[[], None]) -> None:
        self._places = asyncio.Semaphore(most)
        self._on_full = on_full
        self._waiting = 0

    async def take(self) -> None:
        """Take a place for a message that is in hand now, once there is one."""
        if self._places.locked() and self._waiting == 0:
            self._on_full()
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        """Take in that a message is in hand no more."""
        self._places.release()
