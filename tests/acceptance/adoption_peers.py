"""
Those whom the broker speaks to about an adopted child, and what each of them was told.

An authority and whoever traces people at the message exchange, the demographic source, a provider's own
engine and FHIR server: each is spoken to over a socket, and keeps what came.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer, StreamRequestHandler, ThreadingTCPServer
from typing import TypeVar

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broker.adapters.mesh import MeshMailbox
from broker.core.demographics import Current, Invalidated
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.core.mailbox import Incoming, Outgoing
from broker.wire.acknowledgement import answer
from broker.wire.batch_trace import COLUMNS, write_row
from broker.wire.mllp import END, START, frame
from tests.builders.matcher import pause
from tests.builders.mesh_sandbox import COUNCILS, OURS, PASSWORD, SHARED_KEY, STRANGER, Sandbox, mesh_sandbox
from tests.builders.pds import APPLICATION, KEY_ID, SimulatorThread, signing_key, simulating
from tests.builders.terminal import PATIENCE_SECONDS, Desk
from tests.builders.upload import Person

COUNCIL, TRACER = COUNCILS[0], STRANGER
"""The mailboxes of the authority, and of somebody who has people traced."""
AS_REGISTERED = "Maud"
"""The given name that the source has before the one in use: by details nobody finds this child."""
ACKNOWLEDGED, TOLD, NOT_IN_USE, TRACED = "LA_UPLOAD_ACK", "LA_ACCESS", "LA_INACTIVE", "PEOPLE_TRACE_ANSWER"
"""The workflows of what is sent over the exchange."""

_LOOK_EVERY_S = 0.2
_T = TypeVar("_T")


@dataclass
class Systems:
    """A provider's own: an engine that takes each message, a FHIR server that takes each transaction."""

    messages: list[bytes] = field(default_factory=list)
    bundles: list[bytes] = field(default_factory=list)
    mllp_port: int = 0
    http_port: int = 0

    @contextmanager
    def open(self) -> Iterator["Systems"]:
        """Listen until the end of the block."""
        systems = self

        class Engine(StreamRequestHandler):
            """Answers message after message."""

            def handle(self) -> None:
                """Keep each and answer it."""
                read = b""
                while got := self.rfile.read1():
                    *whole, read = (read + got).split(END)
                    for one in whole:
                        systems.messages.append(one.removeprefix(START))
                        self.wfile.write(frame(answer(systems.messages[-1])))

        class Server(BaseHTTPRequestHandler):
            """Answers one transaction."""

            def do_POST(self) -> None:
                """Keep it, what stands around it too."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                systems.bundles.append(f"{self.path}\n{self.headers}".encode() + body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                """Say nothing."""

        engine, server = (
            ThreadingTCPServer(("127.0.0.1", 0), Engine),
            ThreadingHTTPServer(("127.0.0.1", 0), Server),
        )
        engine.daemon_threads = True
        self.mllp_port, self.http_port = engine.server_address[1], server.server_address[1]
        with _listening(engine), _listening(server):
            yield self

    @property
    def settings(self) -> str:
        """The lines of a provider's table in the file of senders."""
        return (
            f'mllp = "127.0.0.1:{self.mllp_port}"\nmllp_tls = false\n'
            f'fhir = "http://127.0.0.1:{self.http_port}/R4"\nanswers = true\n'
        )


@contextmanager
def _listening(server: BaseServer) -> Iterator[None]:
    """Have a server listen in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, kw_only=True)
class Peers:
    """
    All of them; `asked` is about which number each line of a file to trace is.

    `read` is what was read of the mailboxes, by the exchange's ids: a message never changes.
    """

    sandbox: Sandbox
    source: SimulatorThread
    systems: Systems
    directory: Path
    asked: dict[str, str] = field(default_factory=dict)
    read: dict[str, Incoming] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """The settings by which the broker speaks to exchange and source; secrets are written into files."""
        pem = signing_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for name, secret in (("password", PASSWORD.encode()), ("shared", SHARED_KEY.encode()), ("pds", pem)):
            (self.directory / name).write_bytes(secret)
        simulator = self.source.simulator
        return {
            "CPIS_AUTHORITIES_FILE": "deploy/reference/authorities.csv",
            "CPIS_MESH_URL": self.sandbox.url,
            "CPIS_MESH_MAILBOX": OURS,
            "CPIS_MESH_PASSWORD_FILE": str(self.directory / "password"),
            "CPIS_MESH_SHARED_KEY_FILE": str(self.directory / "shared"),
            "CPIS_MESH_POLL_SECONDS": "1",
            "CPIS_MESH_TRACE_MAILBOXES": TRACER,
            "CPIS_PDS_URL": simulator.url,
            "CPIS_PDS_TOKEN_URL": simulator.token_url,
            "CPIS_PDS_APPLICATION_ID": APPLICATION,
            "CPIS_PDS_KEY_FILE": str(self.directory / "pds"),
            "CPIS_PDS_KEY_ID": KEY_ID,
            "CPIS_PDS_DEADLINE_MS": "10000",
        }

    def registers(self, child: Person) -> None:
        """Have the source know the child under a number."""
        born = datetime.strptime(f"{child.born}+0000", "%Y%m%d%z").date()
        given = f"{AS_REGISTERED} {child.given}"
        details = Details(family=child.family, given=given, birth_date=born)
        self.source.put(NhsNumber(child.number or ""), Current(details=details, recorded_at=_now()))

    def invalidates(self, number: str) -> None:
        """Have the source say that a number is not in use."""
        self.source.put(NhsNumber(number), Invalidated(recorded_at=_now()))

    def uploads(self, file: bytes, local_id: str) -> None:
        """Send an authority's file over the exchange; return once it is acknowledged."""
        before = len(self.mail(COUNCIL, ACKNOWLEDGED))
        self._send(COUNCIL, "LA_UPLOAD", file, local_id)
        self.until(COUNCIL, ACKNOWLEDGED, before + 1)

    def traces(self, name: str, *people: Person) -> None:
        """Have people traced over the exchange, by number and details; return once there is an answer."""
        before = len(self.mail(TRACER, TRACED))
        self._send(TRACER, "PEOPLE_TRACE", self.file_of(name, *people), name)
        self.until(TRACER, TRACED, before + 1)

    def file_of(self, name: str, *people: Person) -> bytes:
        """Return a file of people to trace, whose lines are known by `name` and their place."""
        lines = [write_row(*COLUMNS)]
        for place, one in enumerate(people, start=1):
            self.asked[f"{name}.{place}"] = one.number or ""
            lines.append(write_row(f"{name}.{place}", one.number or "", *_said(one)))
        return b"".join(lines)

    def until(self, mailbox: str, workflow: str, count: int) -> None:
        """Wait until so many messages of a kind lie in a mailbox."""

        async def come(box: MeshMailbox) -> None:
            """Look again and again, over one connection."""
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(await self._read(box, workflow)) < count:
                    await pause(_LOOK_EVERY_S)

        self._at(mailbox, come)

    def mail(self, mailbox: str, workflow: str | None = None) -> list[Incoming]:
        """Return what lies in a mailbox, of one workflow or of all."""
        return self._at(mailbox, lambda box: self._read(box, workflow))

    async def _read(self, box: MeshMailbox, workflow: str | None) -> list[Incoming]:
        """Read what is new there, and return what lies there."""
        waiting = await box.waiting()
        for one in set(waiting) - self.read.keys():
            if (message := await box.read(one)) is not None:
                self.read[one] = message
        there = [self.read[one] for one in waiting if one in self.read]
        return [message for message in there if workflow in {None, message.workflow}]

    def told(self) -> Iterator[tuple[str, bytes, bool]]:
        """Yield what everybody was told: who, what, and whether it is an authority's own (ruling 23)."""
        for one in self.mail(COUNCIL):
            yield f"{one.workflow} to the authority", b"\n".join((repr(one).encode(), one.body)), True
        for one in self.mail(TRACER):
            for line in one.body.splitlines():
                yield one.workflow, self.with_its_question(line), False
        for message in self.systems.messages:
            yield "ORU to the engine", message, False
        for transaction in self.systems.bundles:
            yield "Bundle to the FHIR server", transaction, False
        for question in self.source.simulator.asked:
            yield "an id of a question to the source", question.encode(), False

    def with_its_question(self, line: bytes) -> bytes:
        """Return a line of an answer beside the number that was asked about: who has one has both."""
        return b" ".join((self.asked.get(line.split(b",")[0].decode(), "").encode(), line))

    def _send(self, mailbox: str, workflow: str, body: bytes, local_id: str) -> None:
        """Send something from a mailbox to ours."""
        message = Outgoing(mailbox=OURS, workflow=workflow, local_id=local_id, body=body)
        self._at(mailbox, lambda box: box.send(message))

    def _at(self, name: str, do: Callable[[MeshMailbox], Awaitable[_T]]) -> _T:
        """Do something at a mailbox."""

        async def done() -> _T:
            """Do it."""
            box = self.sandbox.mailbox(name)
            try:
                return await do(box)
            finally:
                await box.close()

        return asyncio.run(done())


@contextmanager
def peers(directory: Path) -> Iterator[Peers]:
    """Lend them all; what the sandbox logs stands beside `directory`, since it is none of ours."""
    log = directory.with_suffix(".sandbox.log")
    with mesh_sandbox(log) as sandbox, simulating(at=None) as source, Systems().open() as systems:
        yield Peers(sandbox=sandbox, source=source, systems=systems, directory=directory)


def traced(desk: Desk, peers: Peers, name: str, *people: Person) -> Iterator[tuple[str, bytes, bool]]:
    """Yield what `cpis trace one` says of each, and `cpis trace batch` of all, beside what was asked."""
    for one in people:
        said = "\n".join((*_said(one), one.number or "", ""))
        done = desk.run("trace", "one", told=said, **peers.settings)
        yield "cpis trace one", f"{one.number} {done.stdout}{done.stderr}".encode(), False
    asked, answers = desk.directory / "asked.csv", desk.directory / "answers.csv"
    asked.write_bytes(peers.file_of(name, *people))
    desk.run("trace", "batch", str(asked), str(answers), **peers.settings)
    for line in answers.read_bytes().splitlines():
        yield "cpis trace batch", peers.with_its_question(line), False
    asked.unlink()
    answers.unlink()


def _said(person: Person) -> tuple[str, str, str]:
    """Return the details of a person, as the source has them, in the order in which a trace is asked."""
    born = datetime.strptime(f"{person.born}+0000", "%Y%m%d%z").date()
    return person.family or "", f"{AS_REGISTERED} {person.given}", born.isoformat()


def _now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)
