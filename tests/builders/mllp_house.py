"""An MLLP server with a door behind it, for as long as a scenario lasts; under TLS where asked for."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from broker.adapters.mllp_limits import Limits
from broker.adapters.mllp_server import MllpServer
from broker.adapters.server_tls import HandshakeFault, ServerTls
from broker.core.senders import Peer
from broker.wire.mllp import END, START, TOO_LONG

HOST = "127.0.0.1"
PATIENCE_SECONDS = 90.0  # alone no test takes a tenth of it


@dataclass
class EchoingDoor:
    """Answers every message with `re:` and itself, and remembers what came in which order."""

    messages: list[bytes] = field(default_factory=list)
    junk: list[tuple[bytes, str]] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)

    async def receive(self, data: bytes, peer: Peer) -> bytes:
        """Remember and answer."""
        self.messages.append(data)
        self.peers.append(peer)
        return b"re:" + data

    async def receive_unreadable(self, data: bytes, reason: str) -> bytes | None:
        """Remember; answer where the sender waits."""
        self.junk.append((data, reason))
        return b"what?" if reason == TOO_LONG else None


class HoldingDoor(EchoingDoor):
    """Answers only once it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = asyncio.Event()
        self.let_go = asyncio.Event()

    async def receive(self, data: bytes, peer: Peer) -> bytes:
        """Wait, then answer."""
        self.entered.set()
        await self.let_go.wait()
        return await super().receive(data, peer)


@dataclass
class Client:
    """A sender of frames."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> bytes:
        """Return the next answer without its marks."""
        return (await self.reader.readuntil(END))[len(START) : -len(END)]

    async def rest(self) -> bytes:
        """Return everything up to the server's close."""
        return await self.reader.read()


@dataclass
class House:
    """A running server, its door and its counts."""

    server: MllpServer
    door: EchoingDoor
    counts: Counter[str]
    faults: Counter[HandshakeFault]
    counted: asyncio.Event
    clients: list[Client] = field(default_factory=list)

    async def connect(self, tls: ssl.SSLContext | None = None) -> Client:
        """Open a connection, as `tls` says if it is given."""
        client = Client(*await asyncio.open_connection(HOST, self.server.port, ssl=tls))
        self.clients.append(client)
        return client

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on the counts holds."""
        while not condition():
            self.counted.clear()
            await self.counted.wait()


async def deaf(port: int) -> None:
    """Wait until nobody listens on a port."""
    try:
        while True:
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            await writer.wait_closed()
    except ConnectionError:  # refused, or reset in the moment of closing
        return


def visit(
    scenario: Callable[[House], Awaitable[None]],
    *,
    door: Callable[[], EchoingDoor] = EchoingDoor,
    limits: Limits | None = None,
    tls: ServerTls | None = None,
    most: int | None = None,
) -> House:
    """Run a scenario against a server of its own, on which a peer has `most` connections; return the rest."""

    async def run() -> House:
        """Start the server, play the scenario, stop the server."""
        counts: Counter[str] = Counter()
        counted = asyncio.Event()
        faults: Counter[HandshakeFault] = Counter()
        behind = door()

        def count(event: str) -> None:
            """Count one event."""
            counts.update([event])
            counted.set()

        def count_fault(fault: HandshakeFault, peer: str) -> None:
            """Count one failed handshake."""
            assert HOST == peer
            faults.update([fault])
            counted.set()

        server = MllpServer(
            behind.receive,
            behind.receive_unreadable,
            host=HOST,
            port=0,
            limits=limits,
            count=count,
            tls=tls,
            most_of=lambda _peer: most,
            on_failed_handshake=count_fault,
        )
        house = House(server, behind, counts, faults, counted)
        await server.start()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await scenario(house)
        finally:
            await server.stop()
            for client in house.clients:
                client.writer.close()
        return house

    return asyncio.run(run())
