"""
A message exchange of our own making that refuses what the published sandbox lets through.

It takes a token once, for two hours, made with the right key and password; a message from a mailbox that may
send it, under a workflow that is registered for it, to a mailbox that there is. It keeps what it took.
"""

import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from broker.adapters.mesh import MeshAddress
from tests.builders.mesh_sandbox import PASSWORD, SHARED_KEY

FRESH_FOR = timedelta(hours=2)
"""So far may the time of a token be from the exchange's own."""
_SCHEME = "NHSMESH "


def now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


@dataclass
class StrictExchange:
    """
    The exchange; `may_send` are the workflows that each mailbox may send by, `recipients` who is there.

    `ahead` is by how much its clock is before ours. `says` are the words with which it lets nobody in. While
    `broken` is a status it answers everything with that. `taken` are recipient, workflow and content of what
    it took, `refused` why it did not let somebody in.
    """

    may_send: Mapping[str, frozenset[str]]
    recipients: frozenset[str]
    ahead: timedelta = timedelta(0)
    says: bytes = b""
    broken: int = 0
    taken: list[tuple[str, str, bytes]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    url: str = ""
    _used: set[str] = field(default_factory=set)

    def address(self, mailbox: str, *, password: str = PASSWORD) -> MeshAddress:
        """Return where a mailbox is and what opens it."""
        return MeshAddress(url=self.url, mailbox=mailbox, password=password, shared_key=SHARED_KEY)

    def trouble(self, mailbox: str, token: str) -> str:
        """Return what is wrong with a token, empty for nothing; it is used up."""
        try:
            name, nonce, count, minute, digest = token.removeprefix(_SCHEME).split(":")
            made_at = datetime.strptime(minute, "%Y%m%d%H%M").replace(tzinfo=UTC)
        except ValueError:
            return "no token"
        signed = f"{name}:{nonce}:{count}:{PASSWORD}:{minute}".encode("ascii")
        if name != mailbox or not hmac.compare_digest(
            digest, hmac.new(SHARED_KEY.encode(), signed, sha256).hexdigest()
        ):
            return "another's"
        if abs(now() + self.ahead - made_at) > FRESH_FOR:
            return "stale"
        if f"{nonce}:{count}" in self._used:
            return "used"
        self._used.add(f"{nonce}:{count}")
        return ""

    def fault(self, sender: str, recipient: str, workflow: str) -> str:
        """Return the code with which a message is refused, empty for none (dossier 6.1)."""
        if recipient not in self.recipients:
            return "12"
        if sender not in self.may_send:
            return "16"
        return "" if workflow in self.may_send[sender] else "17"

    @contextmanager
    def open(self) -> Iterator["StrictExchange"]:
        """Listen on a port of this machine until the end of the block."""
        server = _Server(self)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    """A server that knows which exchange it is the door of."""

    def __init__(self, exchange: StrictExchange) -> None:
        """Listen on a free port of this machine."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.exchange = exchange


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: _Server

    def do_GET(self) -> None:
        """Say that nothing lies in a mailbox."""
        if self._let_in():
            self._answer(200, {"messages": [], "links": {}})

    def do_POST(self) -> None:
        """Take a message, or say why not."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self._let_in():
            return
        exchange = self.server.exchange
        recipient, workflow = self.headers["Mex-To"], self.headers["Mex-WorkflowID"]
        code = exchange.fault(self._mailbox, recipient, workflow)
        if code:
            words = {"event": "SEND", "code": code, "msg": "said in words of the exchange"}
            self._answer(417, {"message_id": "refused", "detail": [words]})
            return
        exchange.taken.append((recipient, workflow, body))
        self._answer(202, {"message_id": f"{len(exchange.taken):032}"})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        """Say nothing."""

    @property
    def _mailbox(self) -> str:
        """Whose mailbox the address names."""
        return self.path.split("/")[2]

    def _let_in(self) -> bool:
        """Whether a request comes with a token that is good; else it is answered."""
        exchange = self.server.exchange
        if exchange.broken:
            self._answer_bytes(exchange.broken, exchange.says)
            return False
        trouble = exchange.trouble(self._mailbox, self.headers.get("Authorization", ""))
        if trouble:
            exchange.refused.append(trouble)
            self._answer_bytes(403, exchange.says)
        return not trouble

    def _answer(self, status: int, said: Mapping[str, object]) -> None:
        """Answer in JSON."""
        self._answer_bytes(status, json.dumps(said).encode())

    def _answer_bytes(self, status: int, body: bytes) -> None:
        """Answer with these bytes."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
