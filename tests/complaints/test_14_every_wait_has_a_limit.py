"""Complaint 14 of integration teams: a client waited for ever after an acknowledgement was lost."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trustme

from broker.adapters.http_poster import HttpPoster
from broker.adapters.mllp_client import MllpLine, Patience
from broker.core.delivery import Fault
from tests.builders.delivering import HOST

SHORT_S = 0.3
LONG_S = 15.0
FAR_LONGER_S = 20.0
Opened = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def against(serve: Opened, ask: Callable[[int], Awaitable[object]]) -> object:
    """Return what a client makes of a server that ends only with the test."""
    tasks: set[asyncio.Task[None]] = set()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the end."""
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(hold, HOST, 0)
    try:
        async with asyncio.timeout(FAR_LONGER_S):
            return await ask(server.sockets[0].getsockname()[1])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.close()


async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take everything and say nothing."""
    await asyncio.Event().wait()


async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin an answer and never end it."""
    writer.write(b"\x0bMSH|")
    await asyncio.Event().wait()


async def gone(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take the message and go away."""
    await reader.read(10)


def context() -> ssl.SSLContext:
    """Return TLS that trusts nobody it will meet."""
    made = ssl.create_default_context()
    trustme.CA().configure_trust(made)
    return made


@pytest.mark.parametrize(
    ("serve", "tls", "patience", "fault"),
    [
        (silent, False, Patience(answer_seconds=SHORT_S), Fault.NO_ANSWER),
        (endless, False, Patience(answer_seconds=SHORT_S), Fault.NO_ANSWER),
        (gone, False, Patience(answer_seconds=LONG_S), Fault.CUT_OFF),
        (silent, True, Patience(connect_seconds=SHORT_S), Fault.AWAY),  # it never answers the handshake
        (endless, True, Patience(connect_seconds=LONG_S), Fault.UNTRUSTED),  # it does not speak TLS
    ],
)
def test_a_lost_acknowledgement_is_waited_for_within_a_limit(
    serve: Opened, patience: Patience, fault: Fault, *, tls: bool
) -> None:
    """Complaint 14: every wait of the MLLP line has a limit, under TLS too; then it is dropped."""

    async def ask(port: int) -> object:
        """Send one message."""
        return await MllpLine(HOST, port, tls=context() if tls else None, patience=patience).exchange(b"MSH|")

    assert fault is asyncio.run(against(serve, ask))


@pytest.mark.parametrize(
    ("serve", "seconds", "fault"), [(silent, SHORT_S, Fault.NO_ANSWER), (gone, LONG_S, Fault.CUT_OFF)]
)
def test_an_endpoint_is_waited_for_within_a_limit(serve: Opened, seconds: float, fault: Fault) -> None:
    """Complaint 14: so has every wait of a post."""

    async def post(port: int) -> object:
        """Post to the server; what failed leaves no connection open."""
        poster = HttpPoster(f"http://{HOST}:{port}/", content_type="text/plain", total_seconds=seconds)
        return await poster.post(b"{}", request_id="r1")

    assert fault is asyncio.run(against(serve, post))
