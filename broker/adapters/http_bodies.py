"""
The bodies of requests over HTTP, bounded before and after decompression, and in time.

A small one is collected; one that may be large is handed on as it comes, and never lies in memory whole.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from aiohttp import ClientError, web

from broker.core.door_errors import RequestRefused
from broker.core.errors import MalformedMessage
from broker.wire.gunzip import Gunzip
from broker.wire.http import Operation, accepted

_ANYTHING = frozenset({"*/*", "application/*"})
_NO_GZIP = "no gzip"
_TOO_LARGE = "body too large"


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """What a body may take; times are seconds."""

    bytes_max: int = 524_288  # before decompression and after it: what is refused is kept in one record
    seconds: float = 30.0  # half a megabyte over a bad line; of a large one, until the next of it comes
    streamed_seconds: float = 600.0  # 64 MB at 1 Mbit/s


async def collected(
    request: web.BaseRequest, operation: Operation, limits: BodyLimits
) -> tuple[bytes, RequestRefused | None]:
    """Return a body as it was before compression; as far as it came, and why, where that cannot be had."""
    came, refused = await _come(request, limits)
    refused = unlike(request, operation) or refused
    if refused is not None:
        return came, refused
    return _unpacked(came, _encoding(request), limits)


async def streamed(request: web.BaseRequest, bytes_max: int, limits: BodyLimits) -> AsyncIterator[bytes]:
    """
    Yield a body as it comes, decompressed.

    Raises `RequestRefused` where it is too large, too slow or broken off, or is not what it says it is.
    """
    loop = asyncio.get_running_loop()
    encoding, end = _encoding(request), loop.time() + limits.streamed_seconds
    if encoding not in {"", "identity", "gzip"}:
        raise RequestRefused(415, "content encoding not taken")
    unpacking = Gunzip() if encoding == "gzip" else None
    came = unpacked = 0
    await _go_on(request)
    while True:
        data = await _next(request, min(end, loop.time() + limits.seconds))
        if not data:
            break
        came += len(data)
        if came > bytes_max:
            raise RequestRefused(413, _TOO_LARGE)
        for piece in (data,) if unpacking is None else _pieces(unpacking, data):
            unpacked += len(piece)
            if unpacked > bytes_max:
                raise RequestRefused(413, _TOO_LARGE)
            yield piece
    if unpacking is not None and not unpacking.whole:
        raise RequestRefused(400, _NO_GZIP)


def unlike(request: web.BaseRequest, operation: Operation) -> RequestRefused | None:
    """Return why an operation does not take or give what a request has, or asks for; None where it does."""
    kind = request.content_type.lower()
    if operation.takes and (kind not in operation.takes or (request.charset or "utf-8").lower() != "utf-8"):
        return RequestRefused(415, "content type not taken")
    wanted = accepted(request.headers.get("Accept", ""))
    if not wanted & (_ANYTHING | {*operation.gives, "application/json"}):
        return RequestRefused(406, "answer not to be had so")
    return None


def _encoding(request: web.BaseRequest) -> str:
    """Return how a body is compressed, in small letters."""
    return request.headers.get("Content-Encoding", "").strip().lower()


async def _go_on(request: web.BaseRequest) -> None:
    """Tell whoever waits for it that the body may come."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # it is no part of the answer


async def _next(request: web.BaseRequest, until: float) -> bytes:
    """Return what comes next of a body by a time of the loop's clock, empty at its end."""
    try:
        async with asyncio.timeout_at(until):
            return await request.content.readany()
    except TimeoutError:
        raise RequestRefused(408, "body too slow") from None
    except (ClientError, web.RequestPayloadError, ValueError):
        raise RequestRefused(400, "body broken off") from None


async def _come(request: web.BaseRequest, limits: BodyLimits) -> tuple[bytes, RequestRefused | None]:
    """Return what came of a body, up to the limit, and why it is not all."""
    came = bytearray()
    until = asyncio.get_running_loop().time() + limits.seconds
    await _go_on(request)
    try:
        while len(came) <= limits.bytes_max and (data := await _next(request, until)):
            came += data
    except RequestRefused as refused:
        return bytes(came), refused
    if len(came) > limits.bytes_max:
        return bytes(came[: limits.bytes_max]), RequestRefused(413, _TOO_LARGE)
    return bytes(came), None


def _pieces(unpacking: Gunzip, data: bytes) -> Iterator[bytes]:
    """Yield what some bytes are before compression; raise `RequestRefused`."""
    try:
        yield from unpacking.pieces(data)
    except MalformedMessage as error:
        raise RequestRefused(400, error.reason) from None


def _unpacked(came: bytes, encoding: str, limits: BodyLimits) -> tuple[bytes, RequestRefused | None]:
    """Return a body as it was before compression; as it came, and why, where that cannot be had."""
    if encoding in {"", "identity"}:
        return came, None
    if encoding != "gzip":
        return came, RequestRefused(415, "content encoding not taken")
    unpacking, body = Gunzip(), bytearray()
    try:
        for piece in _pieces(unpacking, came):
            body += piece
            if len(body) > limits.bytes_max:
                return came, RequestRefused(413, "body too large when decompressed")
    except RequestRefused as refused:
        return came, refused
    return (bytes(body), None) if unpacking.whole else (came, RequestRefused(400, _NO_GZIP))
