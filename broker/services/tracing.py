"""
Asks the demographic source whose a visit without a usable number is: one exact match promotes. Ruling 21.

The sender has its answer before anybody is asked, and the index by details looks as well: a source that is
slow, silent or wrong costs nothing but the trace. What waits is bounded and lost with the process.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from broker.core.demographics import OneMatch
from broker.core.facts import Details
from broker.ports import Demographics
from broker.wire.records_codec import Door

WAITING_MAX = 1_000
"""How many messages may wait to be traced; the next ones are left to the index."""
ANSWER_SECONDS = 2.0
"""How long a source may take for one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untraced:
    """A message without a usable number that is kept: bytes, door, first receipt, its patient's details."""

    data: bytes = field(repr=False)
    received_at: datetime
    details: Details
    door: Door


Promote = Callable[[Untraced, OneMatch], Awaitable[bool]]
"""
Makes a message a fact under the number that was found, whose mark comes first (ruling 24).

Returns whether it may be one, and raises `KafkaUnavailable`.
"""


class Tracing:
    """
    The messages that wait to be traced.

    `count` is told of each `patient traced`, `patient not traced` (nobody has the details, or several people,
    or the visit has another number by now), `trace unanswered` (the source, or Kafka, was away or failed) or
    `trace passed over` (too many wait already).
    """

    def __init__(
        self, source: Demographics, *, count: Callable[[str], None], seconds: float = ANSWER_SECONDS
    ) -> None:
        """Ask this source, and wait so many seconds for each answer."""
        self._source = source
        self._count = count
        self._seconds = seconds
        self._waiting: asyncio.Queue[Untraced] = asyncio.Queue(WAITING_MAX)

    def offer(self, untraced: Untraced) -> None:
        """Let a message wait its turn; one that lacks a detail is none to ask with."""
        if None in {untraced.details.family, untraced.details.given, untraced.details.birth_date}:
            return
        try:
            self._waiting.put_nowait(untraced)
        except asyncio.QueueFull:
            self._count("trace passed over")

    async def trace_next(self, promote: Promote) -> None:
        """Wait for a message, ask whose it is, and promote it where that is certain."""
        untraced = await self._waiting.get()
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._source.search(untraced.details)
            traced = isinstance(answer, OneMatch) and await promote(untraced, answer)
        except Exception:  # noqa: BLE001 - away, or a defect: it costs this trace and nothing else
            self._count("trace unanswered")
            return
        self._count("patient traced" if traced else "patient not traced")
