"""
A hospital's engine that stores and forwards over MLLP: one message in flight, again until it is accepted.

It sends from outside the containers, and goes on through refusals and lost connections.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from broker.wire.mllp import END, frame
from tests.builders.matcher import pause
from tests.scrape import HOST

_AGAIN_SECONDS = 0.1
_ANSWER_SECONDS = 5.0  # longer than the answer's own deadline


@dataclass(frozen=True, slots=True)
class Message:
    """One message by its control id."""

    control_id: str
    data: bytes = field(repr=False)


@dataclass
class Hospital:
    """Sends to a port; knows what was accepted, how often each message was sent, and the longest silence."""

    port: int
    accepted: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    longest_gap_s: float = 0.0

    async def send_all(self, messages: Sequence[Message], *, every_s: float) -> None:
        """Send messages in their order, one every so many seconds or as fast as they are accepted."""
        clock = asyncio.get_running_loop().time
        waiting = list(reversed(messages))
        accepted_at = clock()
        while waiting:
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with _connected(self.port) as (reader, writer):
                    while waiting:
                        code = await self._exchange(waiting[-1], reader, writer)
                        if code == "AA":
                            self.accepted.append(waiting.pop().control_id)
                            self.longest_gap_s = max(self.longest_gap_s, clock() - accepted_at)
                            accepted_at = clock()
                        await pause(every_s if code == "AA" else _AGAIN_SECONDS)
            await pause(_AGAIN_SECONDS)

    async def _exchange(
        self, message: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str:
        """Send one message; return MSA-1 of its answer."""
        self.sent[message.control_id] += 1
        writer.write(frame(message.data))
        async with asyncio.timeout(_ANSWER_SECONDS):
            answer = await reader.readuntil(END)
        [segment] = [part for part in answer.decode().split("\r") if part.startswith("MSA")]
        _, code, control_id, *_ = segment.split("|")
        assert control_id == message.control_id
        self.answers[code] += 1
        return code


@asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield a connection; it is closed at the end, whatever its peer did."""
    async with asyncio.timeout(_ANSWER_SECONDS):
        reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
