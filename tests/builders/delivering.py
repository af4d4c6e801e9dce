"""A destination with its inbox, a clock that a test moves, and receivers that answer as a test says."""

import asyncio
import sqlite3
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.adapters.delivery_store import SqlDeliveries
from broker.adapters.mllp_client import MllpLine, Patience
from broker.adapters.projection import InboxEvent, Projection
from broker.core.alerts import Alert, AlertEvent, Change, EventKind
from broker.core.clinician import Reader
from broker.core.delivery import Delivery, Fault, Outcome, State, delivered
from broker.runtime.codecs import load_schemas
from broker.services.couriers import MllpCourier
from broker.services.delivering import Courier, Deliverer, Destination, Letter, Surroundings
from broker.wire.acknowledgement import answer
from broker.wire.alerts_codec import AlertCodec
from broker.wire.answer_codec import AnswerCodec, Sendable
from broker.wire.hl7v2 import parse
from broker.wire.mllp import END, START, frame
from broker.wire.oru import Address
from tests.unit.core.test_clinician import TO_PROVIDER, event

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HERE = Destination(name="provider.RXX.mllp", recipient="provider.RXX")
READER = Reader(hours={})
ADDRESS = Address(application="EPR", facility="RXX", processing_id="T")
HOST = "127.0.0.1"
PATIENT = Patience(connect_seconds=10.0, answer_seconds=10.0)
"""For a receiver that answers at once, on however busy a machine."""
IMPATIENT = Patience(connect_seconds=1.0, answer_seconds=0.2, close_seconds=0.2)
"""For one that never does."""
CODEC = AlertCodec(load_schemas())
BODIES = AnswerCodec(load_schemas(), CODEC)


class Counter:
    """Answers each letter with the next of its outcomes, taken where it has none left; keeps what came."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = list(outcomes)
        self.letters: list[Letter] = []
        self.told: list[tuple[str, ...]] = []
        self.closed = False

    def write(self, sendable: Sendable, *, at: datetime, told: tuple[str, ...]) -> Letter:
        """Write the event's id and when it is sent."""
        self.told.append(told)
        name = sendable.event_id
        return Letter(body=f"{name} {at}".encode(), letter_id=name, told=(f"EVENT.{name}",))

    async def send(self, letter: Letter) -> Outcome:
        """Keep a letter and answer it."""
        self.letters.append(letter)
        return self._outcomes.pop(0) if self._outcomes else delivered()

    async def looked_for(self, letter_id: str) -> Outcome | None:  # noqa: ARG002
        """Return nothing: it cannot be asked."""
        return None

    async def close(self) -> None:
        """Note that it is closed."""
        self.closed = True

    @property
    def ids(self) -> list[str]:
        """The ids of the letters that came, in order."""
        return [letter.letter_id for letter in self.letters]


@dataclass
class Desk:
    """One destination's inbox and deliveries in a database of its own."""

    url: str
    now: datetime = NOON
    here: Destination = HERE
    reports: list[tuple[str, State, Fault | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inbox = Projection(self.url)
        self.store = SqlDeliveries(self.url)
        self._offset = 0

    def close(self) -> None:
        """Close the database."""
        self.inbox.close()
        self.store.close()

    def arrive(
        self,
        event_id: str,
        alert_id: str = "a1",
        *,
        alert: Alert = TO_PROVIDER,
        kind: EventKind = EventKind.RAISED,
        changes: tuple[Change, ...] = (),
        received_at: datetime | None = NOON,
        body: bytes | None = None,
        own: bool = False,
    ) -> AlertEvent:
        """Put an event into the inbox as the outbox does; `own` comes from the recipient's own topic."""
        one = event(alert, kind, changes)
        one = AlertEvent(
            event_id=event_id,
            subject=one.subject,
            alert=_named(alert, alert_id),
            revision=self._offset + 1,
            kind=kind,
            changes=changes,
        )
        if body is None:
            body = CODEC.encode_event(
                one,
                with_own_ids=own,
                caused_received_at=received_at,
                rules_version=1,
                policy_version="p",
            )
        arrived = InboxEvent(
            recipient=HERE.recipient,
            event_id=event_id,
            alert_id=alert_id,
            revision=one.revision,
            kind=kind.value,
            loud=one.loud,
            body=body,
        )
        supersedes = Change.RESTRICTED in changes
        still = (lambda body: CODEC.decode_event(body).event_id == event_id) if own else None
        topic = "cpis.alerts.la.E09" if own else "cpis.alerts"
        self.inbox.store(topic, 0, self._offset, arrived, supersedes=supersedes, still=still)
        self._offset += 1
        return one

    def repeat_the_first(self, count: int) -> None:
        """Fill the inbox up to so many events, each of an alert of its own, that say what the first says."""
        with closing(sqlite3.connect(self._path)) as opened:
            opened.executemany(
                "INSERT INTO inbox SELECT recipient, ?, ?, ?, revision, kind, loud, body, own FROM inbox "
                "WHERE number = 1",
                [(number, f"e{number}", f"a{number}") for number in range(2, count + 1)],
            )
            opened.commit()

    def lose(self, number: int) -> None:
        """Let a delivery vanish, as a defect would."""
        with closing(sqlite3.connect(self._path)) as opened:
            opened.execute("DELETE FROM deliveries WHERE number = ?", (number,))
            opened.commit()

    def rename(self, before: str, now: str) -> None:
        """Rename a table: it is away, or back."""
        with closing(sqlite3.connect(self._path)) as opened:
            opened.execute(f"ALTER TABLE {before} RENAME TO {now}")

    def damage(self, event_id: str) -> None:
        """Let an event's bytes be none of ours."""
        with closing(sqlite3.connect(self._path)) as opened:
            opened.execute("UPDATE inbox SET body = x'00' WHERE event_id = ?", (event_id,))
            opened.commit()

    @property
    def _path(self) -> str:
        """The file of the database."""
        return self.url.removeprefix("sqlite:///")

    def erase(self, *alerts: str) -> None:
        """Let nothing be left of alerts but that there were some (ruling 23)."""
        self.inbox.store("cpis.alerts", 0, self._offset, None, erased=alerts)
        self._offset += 1

    def deliverer(
        self,
        courier: Courier,
        owner: str = "one",
        *,
        configured: bool = True,
        destination: Destination | None = None,
    ) -> Deliverer:
        """Return what delivers, in a process of this name."""
        around = Surroundings(
            store=self.store,
            bodies=BODIES,
            clock=lambda: self.now,
            chance=lambda: 1.0,
            owner=owner,
            report=self._report,
        )
        return Deliverer(replace(destination or self.here, configured=configured), courier, around)

    def found(self, event_id: str) -> Delivery:
        """Return the delivery of an event."""
        (one,) = self.store.find(destination=HERE.name, event_id=event_id)
        return one

    def states(self) -> dict[str, State]:
        """Return where every event stands."""
        return {one.event_id: one.state for one in reversed(self.store.find())}

    def _report(self, delivery: Delivery, fault: Fault | None) -> None:
        """Keep a report."""
        self.reports.append((delivery.event_id, delivery.state, fault))


async def work_off(deliverer: Deliverer) -> timedelta:
    """Take turns until nothing is to be done now; return how long."""
    while not (idle := await deliverer.turn()):
        pass
    return idle


def work(desk: Desk, courier: Courier, *, owner: str = "one") -> timedelta:
    """Have a deliverer of its own do what there is to do now."""
    return asyncio.run(work_off(desk.deliverer(courier, owner)))


def _named(alert: Alert, alert_id: str) -> Alert:
    """Return an alert under another id."""
    return Alert(**{name: getattr(alert, name) for name in Alert.__slots__} | {"alert_id": alert_id})


@dataclass
class Engine:
    """
    An integration engine of our own making: `reply` makes its answer of each message, None for none.

    While it is `silent` it takes messages and answers none.
    """

    reply: Callable[[bytes], bytes | None] = answer
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    got: asyncio.Event = field(default_factory=asyncio.Event)
    tls: ssl.SSLContext | None = None
    silent: bool = False

    @property
    def control_ids(self) -> list[str]:
        """MSH-10 of what came, in order."""
        return [str(parse(message).header.field(10)) for message in self.messages]

    async def until(self, count: int) -> None:
        """Wait until so many messages have come."""
        while len(self.messages) < count:
            self.got.clear()
            await self.got.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer message after message."""
        self.connections += 1
        try:
            while True:
                framed = await reader.readuntil(END)
                message = framed[len(START) : -len(END)]
                self.messages.append(message)
                self.got.set()
                if not self.silent and (answered := self.reply(message)) is not None:
                    writer.write(frame(answered))
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    @asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator["Engine"]:
        """Listen, at the end close every connection."""
        serving: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Serve one connection until it or the engine ends."""
            task = asyncio.ensure_future(self._serve(reader, writer))
            serving.add(task)
            task.add_done_callback(serving.discard)

        server = await asyncio.start_server(serve, HOST, port, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            await server.wait_closed()


def by_mllp(port: int, *, patience: Patience = PATIENT) -> MllpCourier:
    """Return what sends to an engine on this machine."""
    return MllpCourier(MllpLine(HOST, port, patience=patience), READER, ADDRESS)


def database(directory: Path) -> str:
    """Return the URL of a database in a directory."""
    return f"sqlite:///{directory / 'broker.sqlite'}"
