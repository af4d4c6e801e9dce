"""
The MLLP door: TCP connections on which frames come in and answers go out (dossier 6.5).

Knows connections, their limits and a graceful stop; what stands in a frame, and what is answered, its
handlers know. One message is in flight per connection: a sender's order is kept, and a slow broker slows it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from broker.wire.mllp import FRAME_BYTES_MAX, NEED_DATA, START, Frame, Framer, Unreadable, frame

Receive = Callable[[bytes], Awaitable[bytes]]
"""Takes one message and returns its answer, within the answer's own deadline."""
ReceiveUnreadable = Callable[[bytes, str], Awaitable[bytes | None]]
"""Takes bytes that were no frame and why; returns the answer, None where the sender waits for none."""

_READ_BYTES = 65_536  # one read of a busy socket; longer frames are put together from several
_LINE_ENDS = b"\r\n"  # some senders add them behind a frame: they begin no new one


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sender may take from the others; times are seconds."""

    connections_max: int = 200  # a trust has some dozen feeds; more is a sender that leaks connections
    frame_bytes_max: int = FRAME_BYTES_MAX
    frame_seconds: float = 30.0  # a peer that began a frame and went away holds a connection
    idle_seconds: float = 3_600.0  # quiet feeds keep theirs; half-open ones end at last
    write_seconds: float = 10.0  # a peer that does not read its answers holds one too
    stop_seconds: float = 5.0  # longer than the answer's own deadline


class MllpServer:
    """
    Listens on one address; `start` once, then `stop` once. Port 0 takes a free one: see `port`.

    `count` is told `connection opened`, `refused` (limit reached), `timed out`, `lost`, `closed`, and
    `message cut off` where the peer went away within a frame: never accepted, so the sender has it still.
    """

    def __init__(
        self,
        receive: Receive,
        receive_unreadable: ReceiveUnreadable,
        *,
        host: str,
        port: int,
        count: Callable[[str], None],
        limits: Limits | None = None,
    ) -> None:
        self._receive = receive
        self._receive_unreadable = receive_unreadable
        self._address = (host, port)
        self._count = count
        self._limits = limits or Limits()
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamReader] = {}
        self._stopping = False

    async def start(self) -> None:
        """Listen; raise `OSError` when the address is taken."""
        host, port = self._address
        self._server = await asyncio.start_server(self._serve, host, port, limit=_READ_BYTES)

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        if self._server is None:
            return self._address[1]
        return cast("int", self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def stop(self) -> None:
        """Take no new connection, finish the message in hand on each, and close them all."""
        if self._server is None:
            return
        self._stopping = True
        self._server.close()
        for reader in self._connections.values():
            reader.feed_eof()  # wakes the connections that wait for data; the others end after their answer
        if self._connections:
            await asyncio.wait(self._connections, timeout=self._limits.stop_seconds)
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Keep one connection from its opening to its close."""
        if self._stopping or len(self._connections) >= self._limits.connections_max:
            self._count("connection refused")
            writer.close()
            return
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._connections[task] = reader
        self._count("connection opened")
        framer = Framer(frame_bytes_max=self._limits.frame_bytes_max)
        try:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            end = await self._end_of_conversation(framer, reader, writer)
            if not self._stopping:
                await self._hand_over_rest(framer)
            self._count(end)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            del self._connections[task]

    async def _end_of_conversation(
        self, framer: Framer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str:
        """Converse with the peer and return how it ended."""
        try:
            await self._converse(framer, reader, writer)
        except TimeoutError:
            writer.transport.abort()
            return "connection timed out"
        except OSError:
            writer.transport.abort()
            return "connection lost"
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        return "connection closed"

    async def _converse(
        self, framer: Framer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one message after the other until the peer closes; raise `TimeoutError` or `OSError`."""
        limits = self._limits
        clock = asyncio.get_running_loop().time
        deadline, within_frame = clock() + limits.idle_seconds, False
        while not self._stopping:
            event = framer.next_event()
            if event is NEED_DATA:
                async with asyncio.timeout_at(deadline):
                    data = await reader.read(_READ_BYTES)
                if not data:
                    return
                framer.receive_data(data)
                if not within_frame and data.strip(_LINE_ENDS):
                    deadline, within_frame = clock() + limits.frame_seconds, True
                continue
            answer = await self._answer(event)
            if answer is not None:
                writer.write(frame(answer))
                async with asyncio.timeout(limits.write_seconds):
                    await writer.drain()
            deadline, within_frame = clock() + limits.idle_seconds, False

    async def _answer(self, event: Frame | Unreadable) -> bytes | None:
        """Hand one message, or what is none, to its handler."""
        if isinstance(event, Frame):
            return await self._receive(event.data)
        return await self._receive_unreadable(event.data, event.reason)

    async def _hand_over_rest(self, framer: Framer) -> None:
        """Hand over what a peer sent and did not end: nobody waits for an answer, but the bytes are kept."""
        framer.receive_data(START)  # whatever stands before a start of frame is finished by it
        event = framer.next_event()
        if event is not NEED_DATA:
            self._count("message cut off")
            await self._answer(event)
