"""The FHIR door over a real socket, for as long as a scenario lasts; under TLS where asked for."""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from broker.adapters.http_server import HttpLimits, HttpServer, HttpWatch
from broker.adapters.server_tls import HandshakeFault, ServerTls
from broker.core.senders import Senders
from broker.runtime.codecs import load_schemas
from broker.services.described import described
from broker.services.dialects import dialects
from broker.services.fhir_door import FhirDoor, refused_in_fhir
from broker.wire.fhir_capabilities import capabilities
from broker.wire.http import Operation
from tests.unit.services.test_intake import Desk

HOST = "127.0.0.1"
PATIENCE_SECONDS = 90.0  # alone no test takes a tenth of it


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back on a connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    def reason(self) -> str:
        """Return the reason in an outcome."""
        return str(json.loads(self.body)["issue"][0]["details"]["text"])


@dataclass
class Client:
    """One connection, on which bytes are sent as they are."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes; whoever shuts the connection meanwhile is no fault."""
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> Reply:
        """Return the next reply."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in headers.items()}
        body = await self.reader.readexactly(int(headers["content-length"]))
        return Reply(status=int(head[0].split(" ")[1]), headers=headers, body=body)


@dataclass
class House:
    """A running door, what is behind it, and what is counted."""

    server: HttpServer
    desk: Desk
    counts: Counter[str]
    counted: asyncio.Event
    clients: list[Client] = field(default_factory=list)

    async def connect(self, tls: ssl.SSLContext | None = None, address: str = HOST) -> Client:
        """Open a connection from an address of this machine."""
        streams = await asyncio.open_connection(HOST, self.server.port, ssl=tls, local_addr=(address, 0))
        client = Client(*streams)
        self.clients.append(client)
        return client

    async def ask(self, data: bytes, tls: ssl.SSLContext | None = None) -> Reply:
        """Return the reply to bytes on a connection of their own."""
        client = await self.connect(tls)
        await client.send(data)
        return await client.reply()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on the counts holds."""
        while not condition():
            self.counted.clear()
            await self.counted.wait()


def request(
    body: bytes = b"", *, path: str = "/fhir/R4/$process-message", method: str = "POST", **headers: str
) -> bytes:
    """Return a request; underscores in the names of headers stand for hyphens, an empty one is left out."""
    named = {"host": "cpis", "content-type": "application/fhir+json", "content-length": str(len(body))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items() if value)]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body


def operations(desk: Desk, senders: Senders) -> tuple[Operation, ...]:
    """Return everything that can be asked of a door in front of a desk."""
    door = FhirDoor(
        desk.intake,
        senders,
        admitted=lambda peer, provider, system: senders.admitted(provider, system, peer=peer),
        capabilities=capabilities(),
    )
    return described(door.operations())


def visit(
    scenario: Callable[[House], Awaitable[None]],
    *,
    senders: Senders | None = None,
    limits: HttpLimits | None = None,
    tls: ServerTls | None = None,
    **more: Any,
) -> House:
    """Run a scenario against a door of its own; return what is left."""
    known = senders or Senders()

    async def run() -> House:
        """Start the door, play the scenario, stop the door."""
        counts: Counter[str] = Counter()
        counted = asyncio.Event()

        def count(event: str) -> None:
            """Count one event."""
            counts.update([event])
            counted.set()

        def fault(told: HandshakeFault, peer: str) -> None:
            """Count one failed handshake."""
            assert HOST == peer
            count(told)

        desk = Desk(dialects=dialects(load_schemas(), known), **more)
        server = HttpServer(
            operations(desk, known),
            otherwise=refused_in_fhir,
            host=HOST,
            port=0,
            watch=HttpWatch(
                count=count,
                answered=lambda name, status: count(f"{name} {status}"),
                failed_handshake=fault,
            ),
            limits=limits,
            tls=tls,
        )
        house = House(server, desk, counts, counted)
        await server.start()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await scenario(house)
        finally:
            for client in house.clients:
                client.writer.close()
            await server.stop()
        return house

    return asyncio.run(run())
