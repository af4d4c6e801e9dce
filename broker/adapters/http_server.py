"""
The HTTP door: connections, requests and their limits; what is asked and answered its operations know.

Heads, connections, requests under way and their time are bounded, bodies in `http_bodies`.
Nothing of a request is logged: an address may hold whatever a stranger typed.
"""

import asyncio
import hashlib
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web

from broker.adapters.http_bodies import BodyLimits, collected, streamed, unlike
from broker.adapters.server_tls import HandshakeFault, ServerTls, fault_of, names_shown
from broker.core.door_errors import RequestRefused
from broker.core.senders import Peer
from broker.wire.http import HttpAnswer, HttpRequest, Operation, Routes

Otherwise = Callable[[HttpRequest, RequestRefused], Awaitable[HttpAnswer]]
"""Answers a request for which there is no operation."""

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "cpis"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """What one sender may take from the others; times are seconds."""

    connections_max: int = 400  # a trust has some dozen systems
    connections_of_one_max: int = 100  # of one address: more is a system that leaks connections
    requests_max: int = 64  # under way at once, each waiting for Kafka: more would only wait longer
    requests_of_one_max: int = 16  # of one address: a slow sender keeps no other out
    head_bytes_max: int = 8_190  # a line of the head; there may be as many as `headers_max`
    headers_max: int = 64
    head_seconds: float = 10.0  # who needs longer wants to hold a place
    bodies: BodyLimits = field(default_factory=BodyLimits)
    idle_seconds: float = 60.0  # between two requests
    handshake_seconds: float = 10.0
    stop_seconds: float = 5.0  # longer than the answer's own deadline
    close_seconds: float = 1.0  # TLS waits for the other's goodbye; who went away says none


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpWatch:
    """
    Who is told what.

    `count` is told of connections: `opened`, `closed`, `refused` (limit reached), `timed out`, `not http`
    (bytes that are no request); `answered` of
    each answer, the operation's name, empty where there is none, and the status; `failed_handshake` why
    somebody was not let in, and their address.
    """

    count: Callable[[str], None] = lambda _event: None
    answered: Callable[[str, int], None] = lambda _operation, _status: None
    failed_handshake: Callable[[HandshakeFault, str], None] = lambda _fault, _peer: None


class _Line(asyncio.Protocol):
    """One connection: it is shut where nothing comes in time, before a request and within one."""

    def __init__(self, server: "HttpServer", inner: asyncio.Protocol) -> None:
        self.address = ""
        self._server = server
        self._inner = inner
        self._begun = False
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._handshake: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, under TLS after a handshake; one connection too many is shut at once."""
        opened = cast("asyncio.Transport", transport)
        self._transport, self.address = opened, _address(opened)
        if not self._server.opened(self):
            opened.abort()
        elif (tls := self._server.tls) is None:
            self._begin(opened)
        else:
            opened.pause_reading()
            self._handshake = asyncio.ensure_future(self._secure(opened, tls.context))

    def _begin(self, transport: asyncio.Transport) -> None:
        """Take requests."""
        self._transport, self._begun = transport, True
        self._inner.connection_made(transport)
        self.wait(self._server.limits.head_seconds)

    async def _secure(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        """Shake hands, then take requests; tell why where it fails."""
        limits = self._server.limits
        try:
            async with asyncio.timeout(limits.handshake_seconds):
                spoken = await asyncio.get_running_loop().start_tls(
                    transport, self, context, server_side=True, ssl_shutdown_timeout=limits.close_seconds
                )
        except OSError as error:
            self._server.closed(self)
            transport.abort()
            self._server.watch.failed_handshake(fault_of(error), self.address)
        else:
            if spoken is not None and not spoken.is_closing():
                self._begin(spoken)

    def wait(self, seconds: float) -> None:
        """Shut the connection unless something comes within so many seconds; 0 waits without end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds and self._transport is not None and not self._transport.is_closing():
            self._timer = asyncio.get_running_loop().call_later(seconds, self._shut)

    def _shut(self) -> None:
        """Shut the connection: nothing came."""
        if self._transport is not None:
            self._server.watch.count("timed out")
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on that nothing more comes."""
        return self._inner.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand on that the connection has ended."""
        self.wait(0)
        self._server.closed(self)
        if self._begun:
            self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        """Hand on that the other side does not read."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that it does again."""
        self._inner.resume_writing()

    async def end(self) -> None:
        """Give up a handshake that is under way."""
        if self._handshake is not None:
            self._handshake.cancel()
            await asyncio.gather(self._handshake, return_exceptions=True)


class _Speaker(web.RequestHandler):
    """
    Speaks HTTP on one connection; what is none is counted, and answered without a word of what came.

    No byte of it is kept: only a request says whose it is, and whoever finds the port could fill a topic.
    """

    def __init__(self, handlers: web.Server, tell: Callable[[str], None], **settings: Any) -> None:
        self._tell = tell
        super().__init__(handlers, **settings)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to bytes that are no request, or where we failed; the connection ends with it."""
        answer = super().handle_error(request, status, exc, message)
        if status == HTTPStatus.BAD_REQUEST:
            self._tell("not http")
        answer = web.Response(status=answer.status, text=HTTPStatus(answer.status).phrase, headers=_HEADERS)
        answer.force_close()
        return answer


class HttpServer:
    """
    Listens on one address; `start` once, then `stop` once. Port 0 takes a free one: see `port`.

    `otherwise` answers what no operation does. With `tls` a connection begins with a handshake.
    """

    def __init__(
        self,
        operations: Iterable[Operation],
        *,
        otherwise: Otherwise,
        host: str,
        port: int,
        watch: HttpWatch | None = None,
        limits: HttpLimits | None = None,
        tls: ServerTls | None = None,
    ) -> None:
        self.limits = limits or HttpLimits()
        self.watch = watch or HttpWatch()
        self.tls = tls
        self._routes = Routes(operations)
        self._otherwise = otherwise
        self._address = (host, port)
        self._server: asyncio.Server | None = None
        self._web: web.Server | None = None
        self._lines: set[_Line] = set()
        self._by_handler: dict[int, _Line] = {}
        self._under_way = Counter[str]()

    async def start(self) -> None:
        """Listen; raise `OSError` when the address is taken."""
        limits, loop = self.limits, asyncio.get_running_loop()
        handlers = self._web = web.Server(self._handle)
        settings: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,  # bounded here
            "keepalive_timeout": limits.idle_seconds,
            "max_line_size": limits.head_bytes_max,
            "max_field_size": limits.head_bytes_max,
            "max_headers": limits.headers_max,
            "lingering_time": 0,
        }

        def line() -> _Line:
            """Return what a new connection is spoken to by."""
            handler = _Speaker(handlers, self.watch.count, loop=loop, **settings)
            made = _Line(self, handler)
            self._by_handler[id(handler)] = made
            return made

        host, port = self._address
        self._server = await loop.create_server(line, host, port)

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        if self._server is None:
            return self._address[1]
        return cast("int", self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._lines)

    def opened(self, line: _Line) -> bool:
        """Take in a new connection; return whether there is room for it."""
        of_one = sum(1 for one in self._lines if one.address == line.address)
        room = len(self._lines) < self.limits.connections_max and of_one < self.limits.connections_of_one_max
        if room:
            self._lines.add(line)
        self.watch.count("opened" if room else "refused")
        return room

    def closed(self, line: _Line) -> None:
        """Forget a connection."""
        if line in self._lines:
            self._lines.discard(line)
            self.watch.count("closed")
        self._by_handler = {key: one for key, one in self._by_handler.items() if one is not line}

    async def stop(self) -> None:
        """Take no new connection, finish the requests in hand, and close; safe to call twice."""
        if self._server is None or self._web is None:
            return
        self._server.close()
        for line in tuple(self._lines):
            await line.end()
        await self._web.shutdown(self.limits.stop_seconds)
        await self._server.wait_closed()
        self._server = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; the connection has as long for the next as it may be idle."""
        line = self._by_handler.get(id(request.protocol))
        if line is not None:
            line.wait(0)
        address = "" if request.transport is None else _address(request.transport)
        self._under_way[address] += 1
        try:
            name, answer = await self._answer(request, crowded=self._crowded(address))
        finally:
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]
            if line is not None:
                line.wait(self.limits.idle_seconds)
        self.watch.answered(name, answer.status)
        headers = {**answer.headers, **_HEADERS, "Content-Type": answer.content_type}
        response = web.Response(status=answer.status, body=answer.body, headers=headers)
        if not request.content.is_eof():
            response.force_close()  # the rest of a body that was refused is not read
        return response

    def _crowded(self, address: str) -> bool:
        """Tell whether too many requests are under way, of all or of one address."""
        limits = self.limits
        of_one, of_all = self._under_way[address], self._under_way.total()
        return of_all > limits.requests_max or of_one > limits.requests_of_one_max

    async def _answer(self, request: web.BaseRequest, *, crowded: bool) -> tuple[str, HttpAnswer]:
        """Return the operation's name and the answer."""
        operation, named, methods = self._routes.find(request.path, request.method)
        asked = HttpRequest(
            peer=_peer(request),
            headers={name.lower(): value for name, value in request.headers.items()},
            query={name: tuple(request.query.getall(name)) for name in request.query},
            named=named,
        )
        if operation is None:
            if not methods:
                return "", await self._otherwise(asked, RequestRefused(404, "no such path"))
            answer = await self._otherwise(asked, RequestRefused(405, "method not allowed"))
            return "", replace(answer, headers={**answer.headers, "Allow": ", ".join(methods)})
        if crowded:
            return operation.name, await operation.refuse(asked, RequestRefused(429, "too many requests"))
        if operation.streamed:
            return operation.name, await self._stream(request, operation, asked)
        body, refused = await collected(request, operation, self.limits.bodies)
        asked = replace(asked, body=body)
        if refused is not None:
            return operation.name, await operation.refuse(asked, refused)
        return operation.name, await operation.handle(asked)

    async def _stream(self, request: web.BaseRequest, operation: Operation, asked: HttpRequest) -> HttpAnswer:
        """Return the answer of an operation that takes the body as it comes."""
        refused = unlike(request, operation)
        if refused is not None:
            return await operation.refuse(asked, refused)
        try:
            pieces = streamed(request, operation.streamed, self.limits.bodies)
            return await operation.handle(replace(asked, pieces=pieces))
        except RequestRefused as fault:
            return await operation.refuse(asked, fault)


def _peer(request: web.BaseRequest) -> Peer:
    """Return who asks: address, certificate, token."""
    transport: Any = request.transport
    spoken = transport.get_extra_info("ssl_object") if transport is not None else None
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    shown = scheme.lower() == "bearer" and token.strip()
    return Peer(
        address=_address(transport) if transport is not None else "",
        certificates=frozenset() if spoken is None else names_shown(spoken),
        tokens=frozenset({f"sha256:{hashlib.sha256(token.strip().encode()).hexdigest()}"} if shown else ()),
    )


def _address(transport: asyncio.BaseTransport) -> str:
    """Return the address of the other side."""
    return str((transport.get_extra_info("peername") or ("",))[0])
