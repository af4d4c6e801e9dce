"""The line to an integration engine and the post to an endpoint, over real sockets."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from broker.adapters.http_poster import HttpPoster
from broker.adapters.mllp_client import MllpLine
from broker.core.delivery import Fault
from broker.delivery_ports import Posted
from broker.wire.acknowledgement import answer
from tests.builders.delivering import HOST, PATIENT, Engine

MESSAGE = b"MSH|^~\\&|CPIS|CPIS|EPR|RXX|20261130120000||ORU^R01|m1|T|2.4\r"


def test_messages_go_over_one_connection() -> None:
    """One after the other, each with its own answer."""
    engine = Engine()

    async def play() -> list[bytes | Fault]:
        """Send two."""
        async with engine.open():
            line = MllpLine(HOST, engine.port, patience=PATIENT)
            answers = [await line.exchange(MESSAGE) for _ in range(2)]
            await line.drop()
            await line.drop()  # nothing is open any more
        return answers

    assert [answer(MESSAGE)] * 2 == asyncio.run(play())
    assert 1 == engine.connections


def test_a_connection_that_the_receiver_closed_is_made_anew() -> None:
    """An engine that was restarted while nothing was sent costs no attempt."""
    engine = Engine()

    async def play() -> bytes | Fault:
        """Send, restart the engine on its port, send."""
        async with engine.open():
            line = MllpLine(HOST, engine.port, patience=PATIENT)
            await line.exchange(MESSAGE)
        async with engine.open(engine.port):
            again = await line.exchange(MESSAGE)
            await line.drop()
        return again

    assert answer(MESSAGE) == asyncio.run(play())


def test_an_answer_that_is_no_frame_is_none() -> None:
    """Bytes without marks: nobody knows what they belong to."""

    async def play() -> bytes | Fault:
        """Ask somebody who does not speak MLLP."""

        async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Say something else."""
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n\x0b")
            writer.close()

        async with await asyncio.start_server(talk, HOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await MllpLine(HOST, port, patience=PATIENT).exchange(MESSAGE)

    assert Fault.ANSWER_UNREADABLE is asyncio.run(play())


def test_a_line_is_spoken_under_tls_with_a_certificate_of_ours() -> None:
    """Both sides prove who they are."""
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert(HOST).configure_cert(theirs)
    authority.configure_trust(theirs)
    theirs.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(ours)
    authority.issue_cert("broker.test").configure_cert(ours)

    async def play() -> bytes | Fault:
        """Send one message."""
        engine = Engine(tls=theirs)
        async with engine.open():
            line = MllpLine(HOST, engine.port, tls=ours, patience=PATIENT)
            said = await line.exchange(MESSAGE)
            await line.drop()
        return said

    assert answer(MESSAGE) == asyncio.run(play())


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_receiver_that_wants_a_certificate_of_ours_is_said_not_to_trust_us(newest: ssl.TLSVersion) -> None:
    """In TLS 1.3 it says so behind the handshake only: that looked like a line that breaks, with no cause."""
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert(HOST).configure_cert(theirs)
    authority.configure_trust(theirs)
    theirs.verify_mode = ssl.CERT_REQUIRED
    theirs.maximum_version = newest
    authority.configure_trust(ours)

    def refuse(listening: socket.socket) -> None:
        """Say that a certificate is missing, as a receiver does that is not made of asyncio."""
        line, _ = listening.accept()
        with theirs.wrap_socket(line, server_side=True, do_handshake_on_connect=False) as refusing:
            with suppress(ssl.SSLError):
                refusing.do_handshake()
            with suppress(OSError):
                while os.read(refusing.fileno(), 4_096):  # closed on what is unread, it would be reset
                    pass

    async def play() -> bytes | Fault:
        """Send one message without one."""
        with socket.create_server((HOST, 0)) as listening:
            port = listening.getsockname()[1]
            refusing = asyncio.create_task(asyncio.to_thread(refuse, listening))
            said = await MllpLine(HOST, port, tls=ours, patience=PATIENT).exchange(MESSAGE)
            await refusing
        return said

    assert Fault.UNTRUSTED is asyncio.run(play())


def status_of(said: Posted | Fault) -> int | Fault:
    """Return the status of an answer, or why there is none."""
    return said.status if isinstance(said, Posted) else said


def posted(
    handler: Callable[[web.Request], Awaitable[web.Response]], *, token_file: Path | None = None
) -> Posted | Fault:
    """Return what a post to a handler comes to."""

    async def play() -> Posted | Fault:
        """Serve one post."""
        app = web.Application()
        app.router.add_post("/fhir", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            poster = HttpPoster(
                f"http://{HOST}:{port}/fhir", content_type="application/fhir+json", token_file=token_file
            )
            said = await poster.post(b"{}", request_id="r1")
            await poster.close()
            return said
        finally:
            await runner.cleanup()

    return asyncio.run(play())


def test_a_document_is_posted_with_its_type_its_id_and_the_token(tmp_path: Path) -> None:
    """The token is read at each post; the id says that it is the same when it is sent again."""
    token = tmp_path / "token"
    token.write_text("secret\n")
    seen: list[tuple[str, str, str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        """Keep what came."""
        headers = request.headers
        kept = (headers["Content-Type"], headers["X-Request-ID"], headers["Authorization"])
        seen.append((*kept, await request.read()))
        return web.Response(status=201)

    assert Posted(status=201) == posted(take, token_file=token)
    assert [("application/fhir+json", "r1", "Bearer secret", b"{}")] == seen


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7.0), ("9" * 400, 3_600.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)
def test_a_receiver_may_say_when_to_come_again(said: str, seconds: float | None) -> None:
    """In seconds, whatever number stands there; a date is as good as none."""

    async def busy(_request: web.Request) -> web.Response:
        """Have no time."""
        return web.Response(status=503, headers={"Retry-After": said})

    assert Posted(status=503, retry_after_s=seconds) == posted(busy)


class Receiver:
    """An endpoint that counts its connections, and the posts on each; `hangs_up` after one without a word."""

    def __init__(self, answer: bytes, *, hangs_up: bool = False, silent_first: bool = False) -> None:
        """Say this to each post."""
        self.answer = answer
        self.hangs_up = hangs_up
        self.silent_first = silent_first
        self.posts: list[int] = []
        self.over = asyncio.Semaphore(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take post after post on one connection."""
        self.posts.append(0)
        try:
            while not (self.silent_first and len(self.posts) == 1):
                await reader.readuntil(b"\r\n\r\n{}")
                self.posts[-1] += 1
                writer.write(self.answer)
                await writer.drain()
                if self.hangs_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self.over.release()

    async def posted(self, times: int, *, life_seconds: float = 300.0) -> list[Posted | Fault]:
        """Return what as many posts come to, one after the other, each after the receiver had its time."""
        server = await asyncio.start_server(self.serve, HOST, 0)
        port = server.sockets[0].getsockname()[1]
        poster = HttpPoster(f"http://{HOST}:{port}/", content_type="text/plain", life_seconds=life_seconds)
        try:
            return [await poster.post(b"{}", request_id=f"r{number}") for number in range(times)]
        finally:
            await poster.close()
            await poster.close()
            server.close()
            async with asyncio.timeout(10):
                for _ in self.posts:
                    await self.over.acquire()


TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
YES = Posted(status=200, body=b"{}")


def test_a_connection_serves_many_posts() -> None:
    """To agree on TLS anew for every alert costs more than the alert."""
    receiver = Receiver(TAKEN)

    assert [YES] * 3 == asyncio.run(receiver.posted(3))
    assert [3] == receiver.posts


def test_a_connection_that_is_old_serves_no_more() -> None:
    """Certificates are renewed, and names move to other addresses."""
    receiver = Receiver(TAKEN)

    assert [YES] * 3 == asyncio.run(receiver.posted(3, life_seconds=0.0))
    assert [1, 1, 1] == receiver.posts


def test_a_connection_that_the_receiver_closed_meanwhile_is_no_failure() -> None:
    """The document goes once more by a new one, with the same id: nothing waits for its next attempt."""
    receiver = Receiver(TAKEN, hangs_up=True)

    assert [YES] * 3 == asyncio.run(receiver.posted(3))
    assert [1, 1, 1] == receiver.posts


def test_a_new_connection_that_is_cut_off_is_a_failure() -> None:
    """Once: who cuts off everybody is not asked without end."""
    receiver = Receiver(TAKEN, silent_first=True)

    assert [Fault.CUT_OFF, YES] == asyncio.run(receiver.posted(2))
    assert [0, 1] == receiver.posts


def test_an_answer_that_does_not_end_is_an_answer() -> None:
    """Its status says what became of the post; the connection serves no more."""
    receiver = Receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}")

    assert [YES] * 2 == asyncio.run(receiver.posted(2))
    assert [1, 1] == receiver.posts


def test_a_long_answer_is_not_read_to_its_end() -> None:
    """The rest is dropped with its connection."""
    receiver = Receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1_000_000))

    assert [Posted(status=200, body=bytes(65_536))] * 2 == asyncio.run(receiver.posted(2))
    assert [1, 1] == receiver.posts


def test_a_redirect_is_not_followed() -> None:
    """An alert goes where the settings say, and nowhere else (peers.md 8.1)."""

    async def elsewhere(_request: web.Request) -> web.Response:
        """Point to another address."""
        raise web.HTTPFound("http://elsewhere.test/")

    assert 302 == status_of(posted(elsewhere))


def test_without_its_token_nothing_is_posted(tmp_path: Path) -> None:
    """A file that is away is told as a refusal that can be mended."""

    async def take(_request: web.Request) -> web.Response:
        """Take everything."""
        return web.Response()

    assert Fault.NOT_ADMITTED is posted(take, token_file=tmp_path / "missing")


def test_an_endpoint_that_is_away_is_called_so() -> None:
    """Nobody listens there."""
    poster = HttpPoster(f"http://{HOST}:1/", content_type="text/plain")

    assert Fault.AWAY is asyncio.run(poster.post(b"", request_id="r1"))


def test_an_endpoint_that_we_do_not_trust_gets_nothing() -> None:
    """Its certificate is nobody's that we know."""
    authority = trustme.CA()
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST).configure_cert(theirs)

    async def play() -> Posted | Fault:
        """Post to it."""
        engine = Engine(tls=theirs)
        async with engine.open():
            poster = HttpPoster(f"https://{HOST}:{engine.port}/", content_type="text/plain")
            return await poster.post(b"", request_id="r1")

    assert Fault.UNTRUSTED is asyncio.run(play())
