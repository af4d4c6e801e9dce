"""
The MLLP door: TCP connections on which frames come in and answers go out (dossier 6.5).

Knows connections, under TLS or not, their limits and a graceful stop; what stands in a frame, and what is
answered, its handlers know. One message is in flight per connection: a sender's order is kept, and a slow
broker slows it.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from math import inf
from typing import SupportsIndex, cast

from broker.adapters.mllp_limits import InHand, Limits, Shares
from broker.adapters.server_tls import HandshakeFault, ServerTls, fault_of, names_shown
from broker.core.senders import Peer
from broker.wire.mllp import NEED_DATA, START, Frame, Framer, Unreadable, frame

Receive = Callable[[bytes, Peer], Awaitable[bytes]]
"""Takes a message and whose connection it came in on; returns its answer, within that one's own deadline."""
ReceiveUnreadable = Callable[[bytes, str], Awaitable[bytes | None]]
"""Takes bytes that were no frame and why; returns the answer, None where the sender waits for none."""

OnFailedHandshake = Callable[[HandshakeFault, str], None]
"""Told why a sender was not let in, and its IP address."""

_READ_BYTES = 65_536  # one read of a busy socket; longer frames are put together from several


class _Line(asyncio.StreamReader):
    """What a sender sends; after `end` it sends nothing more as far as we hear."""

    def __init__(self) -> None:
        super().__init__(limit=_READ_BYTES)
        self._ended = False

    def end(self) -> None:
        """Wake whoever waits for data."""
        self._ended = True
        self.feed_eof()

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Take what came."""
        if not self._ended:
            super().feed_data(data)


class _Patience:
    """
    How long the silence of a peer is borne; when it is `over` its line is at an end.

    One timer for a whole conversation, put off as often as one likes: one for each message costs more.
    """

    def __init__(self, line: _Line) -> None:
        self.over = False
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._until = inf
        self._timer: asyncio.TimerHandle | None = None

    def give(self, seconds: float) -> None:
        """Bear silence for so long from now on."""
        self._until = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._until:
            self._set()

    def rest(self) -> None:
        """Bear it until more is said: it is not the peer's turn, or nobody listens any more."""
        self._until = inf

    def end(self) -> None:
        """Leave no timer behind."""
        if self._timer is not None:
            self._timer.cancel()

    def _set(self) -> None:
        """Set the timer."""
        self.end()
        self._timer = self._loop.call_at(self._until, self._look)

    def _look(self) -> None:
        """End the line if its time has come, else look again when it would."""
        self._timer = None
        if self._until <= self._loop.time():
            self.over = True
            self._line.end()
        elif self._until < inf:
            self._set()


_Streams = tuple[_Line, asyncio.StreamWriter]


class _Arrival(asyncio.Protocol):
    """Holds a new connection, nothing of it read yet, until it is known what is spoken on it."""

    def __init__(self, arrived: Callable[[asyncio.Transport], None]) -> None:
        self._arrived = arrived

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection over."""
        opened = cast("asyncio.Transport", transport)
        opened.pause_reading()
        self._arrived(opened)


class MllpServer:
    """
    Listens on one address; `start` once, then `stop` once. Port 0 takes a free one: see `port`.

    `most_of` says how many connections a peer may have. `count` is told `connection opened`, `closed`,
    `lost`, `refused` (too many), `over share` (too many of one peer), `idle`, `slow` (a frame took too long),
    `deaf` (answers were not read), `held back` (too many messages in hand: they wait, unread), and `message
    cut off` where the peer went away within a frame: never accepted, so the sender has it still.
    With `tls` a connection begins with a handshake; of one that fails only `on_failed_handshake` is told.
    """

    def __init__(  # noqa: PLR0913 - what a door needs is its arguments
        self,
        receive: Receive,
        receive_unreadable: ReceiveUnreadable,
        *,
        host: str,
        port: int,
        count: Callable[[str], None],
        limits: Limits | None = None,
        tls: ServerTls | None = None,
        most_of: Callable[[Peer], int | None] = lambda _peer: None,
        on_failed_handshake: OnFailedHandshake = lambda _fault, _peer: None,
    ) -> None:
        self._receive = receive
        self._receive_unreadable = receive_unreadable
        self._address = (host, port)
        self._count = count
        self._limits = limits or Limits()
        self._tls = tls
        self._shares = Shares(most_of)
        self._in_hand = InHand(self._limits.unacknowledged_max, lambda: self._count("connection held back"))
        self._on_failed_handshake = on_failed_handshake
        self._server: asyncio.Server | None = None
        self._handshakes: dict[asyncio.Task[_Streams], None] = {}  # in the order of their coming
        self._connections: dict[asyncio.Task[None], _Line] = {}
        self._stopping = False

    async def start(self) -> None:
        """Listen; raise `OSError` when the address is taken."""
        host, port = self._address
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Arrival(self._arrived), host, port)

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
        for handshake in self._handshakes:
            handshake.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)
        for line in self._connections.values():
            line.end()  # wakes the connections that wait for data; the others end after their answer
        if self._connections:
            await asyncio.wait(self._connections, timeout=self._limits.stop_seconds)
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def _arrived(self, transport: asyncio.Transport) -> None:
        """Serve a new connection, under TLS after a handshake; of too many of these the oldest gives way."""
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._tls is None:
            self._begin(*_plain(transport))
            return
        under_way = [handshake for handshake in self._handshakes if not handshake.cancelling()]
        if len(under_way) >= self._limits.handshakes_max:
            under_way[0].cancel()
        handshake = asyncio.ensure_future(_secured(transport, self._tls.context, self._limits))
        self._handshakes[handshake] = None
        handshake.add_done_callback(partial(self._shaken, transport))

    def _shaken(self, transport: asyncio.Transport, handshake: "asyncio.Task[_Streams]") -> None:
        """Serve a connection whose handshake is over, or tell why it failed."""
        del self._handshakes[handshake]
        error = None if handshake.cancelled() else handshake.exception()
        if error is None and not handshake.cancelled():
            self._begin(*handshake.result())
            return
        peer = _peer(transport).address
        transport.abort()
        if not self._stopping:
            fault = HandshakeFault.DISPLACED if error is None else fault_of(error)
            self._on_failed_handshake(fault, peer)

    def _begin(self, line: _Line, writer: asyncio.StreamWriter) -> None:
        """Begin a conversation, unless there are too many."""
        peer = _peer(writer.transport)
        if self._stopping or len(self._connections) >= self._limits.connections_max:
            self._count("connection refused")
            writer.close()
            return
        if not self._shares.take(peer):
            self._count("connection over share")
            writer.close()
            return
        task = asyncio.ensure_future(self._serve(line, writer, peer))
        self._connections[task] = line
        self._count("connection opened")
        task.add_done_callback(partial(self._ended, writer, peer))

    def _ended(self, writer: asyncio.StreamWriter, peer: Peer, task: asyncio.Task[None]) -> None:
        """Forget a connection; a defect in serving it costs nobody else anything."""
        del self._connections[task]
        self._shares.give_back(peer)
        writer.transport.abort()
        if not task.cancelled() and task.exception() is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a connection of the MLLP door failed", "exception": task.exception()}
            )

    async def _serve(self, line: _Line, writer: asyncio.StreamWriter, peer: Peer) -> None:
        """Converse to the end, then close; nobody's goodbye is waited for in vain."""
        framer = Framer(frame_bytes_max=self._limits.frame_bytes_max)
        end = await self._end_of_conversation(framer, line, writer, peer)
        if not self._stopping:
            await self._hand_over_rest(framer, peer)
        self._count(end)
        writer.close()
        with contextlib.suppress(OSError):  # a time-out is one
            async with asyncio.timeout(self._limits.close_seconds):
                await writer.wait_closed()

    async def _end_of_conversation(
        self, framer: Framer, line: _Line, writer: asyncio.StreamWriter, peer: Peer
    ) -> str:
        """Converse with the peer and return how it ended."""
        patience = _Patience(line)
        try:
            return await self._converse(framer, line, writer, peer, patience)
        except OSError:
            writer.transport.abort()
            return "connection lost"
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            patience.end()

    async def _converse(
        self, framer: Framer, line: _Line, writer: asyncio.StreamWriter, peer: Peer, patience: _Patience
    ) -> str:
        """Answer one message after the other, and return how that ended; raise `OSError`."""
        limits, within_frame = self._limits, False
        patience.give(limits.idle_seconds)
        while not self._stopping:
            event = framer.next_event()
            if event is NEED_DATA:
                if not within_frame and framer.begun:  # often in the packet that ended the one before
                    within_frame = True
                    patience.give(limits.frame_seconds)
                data = await line.read(_READ_BYTES)
                if not data:
                    return _cut(writer, within_frame=within_frame) if patience.over else "connection closed"
                framer.receive_data(data)
                continue
            patience.rest()
            answer = await self._answer(event, peer)
            if answer is not None:
                writer.write(frame(answer))
                if not await self._is_read(writer):
                    return "connection deaf"
            within_frame = False
            patience.give(limits.idle_seconds)
        return "connection closed"

    async def _is_read(self, writer: asyncio.StreamWriter) -> bool:
        """Wait until there is room for another answer; abort and return False where there is none in time."""
        if not writer.transport.get_write_buffer_size():
            return True  # the kernel has it all, as it has nearly always
        try:
            async with asyncio.timeout(self._limits.write_seconds):
                await writer.drain()
        except TimeoutError:
            writer.transport.abort()
            return False
        return True

    async def _answer(self, event: Frame | Unreadable, peer: Peer) -> bytes | None:
        """Hand one message, or what is none, to its handler."""
        await self._in_hand.take()
        try:
            if isinstance(event, Frame):
                return await self._receive(event.data, peer)
            return await self._receive_unreadable(event.data, event.reason)
        finally:
            self._in_hand.give_back()

    async def _hand_over_rest(self, framer: Framer, peer: Peer) -> None:
        """Hand over what a peer sent and did not end: nobody waits for an answer, but the bytes are kept."""
        framer.receive_data(START)  # whatever stands before a start of frame is finished by it
        event = framer.next_event()
        if event is not NEED_DATA:
            self._count("message cut off")
            await self._answer(event, peer)


def _cut(writer: asyncio.StreamWriter, *, within_frame: bool) -> str:
    """Cut off a peer that said nothing for too long, and return how it ended."""
    writer.transport.abort()
    if within_frame:
        return "connection slow"
    return "connection idle"


def _peer(transport: asyncio.BaseTransport) -> Peer:
    """Return who is at the other end, and what its certificate is called where one was shown."""
    address = str((transport.get_extra_info("peername") or ("",))[0])
    spoken: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    return Peer(address, frozenset() if spoken is None else names_shown(spoken))


def _plain(transport: asyncio.Transport) -> _Streams:
    """Return what a connection is read from and written to."""
    line = _Line()
    protocol = asyncio.StreamReaderProtocol(line)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    transport.resume_reading()
    return line, asyncio.StreamWriter(transport, protocol, line, asyncio.get_running_loop())


async def _secured(transport: asyncio.Transport, tls: ssl.SSLContext, limits: Limits) -> _Streams:
    """Return the same of a connection after its handshake; raise `OSError` where that fails."""
    loop = asyncio.get_running_loop()
    line = _Line()
    protocol = asyncio.StreamReaderProtocol(line)
    async with asyncio.timeout(limits.handshake_seconds):
        spoken = await loop.start_tls(
            transport, protocol, tls, server_side=True, ssl_shutdown_timeout=limits.close_seconds
        )
    if spoken is None:
        raise ConnectionResetError  # gone in the moment in which the handshake succeeded
    protocol.connection_made(spoken)
    return line, asyncio.StreamWriter(spoken, protocol, line, loop)
