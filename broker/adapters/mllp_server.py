"""
The MLLP door: TCP connections on which frames come in and answers go out (dossier 6.5).

Knows connections, their limits and a graceful stop; what stands in a frame, and what is answered, its handlers
know. One message is in flight per connection: a sender's order is kept, and a slow broker slows the sender.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from broker.wire.mllp import NEED_DATA, Frame, Framer, Unreadable, frame

Receive = Callable[[bytes], Awaitable[bytes]]
"""Takes one message and returns its answer, within the answer's own deadline."""
ReceiveUnreadable = Callable[[bytes, str], Awaitable[bytes | None]]
"""Takes bytes that were no frame and why; returns the answer, None where the sender waits for none."""

_READ_BYTES = 65_536  # one read of a busy socket; longer frames are put together from several


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sender may take from the others; times are seconds."""

    connections_max: int = 200  # a trust has some dozen feeds; more is a sender that leaks connections
    frame_bytes_max: int = 1_048_576  # a frame that never ends would fill the memory
    frame_seconds: float = 30.0  # a peer that began a frame and went away holds a connection
    idle_seconds: float = 3_600.0  # quiet feeds keep theirs; half-open ones end at last
    write_seconds: float = 10.0  # a peer that does not read its answers holds one too
    stop_seconds: float = 5.0  # longer than the answer's own deadline


class MllpServer:
    """
    Listens on one address; `start` once, then `stop` once. Port 0 takes a free one: see `port`.

    `count` is told `connection opened`, `refused` (limit reached), `timed out`, `lost`, `closed` and
    `message cut off` (the peer closed within a frame: it was never accepted, so the sender has it still).
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
        end = "connection lost"
        try:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            end = await self._converse(reader, writer)
        except TimeoutError:
            end = "connection timed out"
            writer.transport.abort()
        except OSError:
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            del self._connections[task]
            self._count(end)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Answer one message after the other; return how it ended. Raise `TimeoutError` or `OSError`."""
        limits = self._limits
        framer = Framer(frame_bytes_max=limits.frame_bytes_max)
        clock = asyncio.get_running_loop().time
        deadline, within_frame = clock() + limits.idle_seconds, False
        while not self._stopping:
            event = framer.next_event()
            if event is NEED_DATA:
                async with asyncio.timeout_at(deadline):
                    data = await reader.read(_READ_BYTES)
                if not data:
                    break
                framer.receive_data(data)
                if not within_frame:
                    deadline, within_frame = clock() + limits.frame_seconds, True
                continue
            match event:
                case Frame(data):
                    answer: bytes | None = await self._receive(data)
                case Unreadable(data, reason):
                    answer = await self._receive_unreadable(data, reason)
            if answer is not None:
                writer.write(frame(answer))
                async with asyncio.timeout(limits.write_seconds):
                    await writer.drain()
            deadline, within_frame = clock() + limits.idle_seconds, False
        return "message cut off" if within_frame and not self._stopping else "connection closed"
