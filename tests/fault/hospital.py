"""
Hospitals' engines that send over MLLP: one message after the other, each until it is answered `AA`.

Knows what was sent, when it was first sent, and when it was answered what. Nobody here reads Kafka.
"""

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey
from broker.wire.adt import read_adt
from broker.wire.mllp import END, frame
from broker.wire.visit_reading import Context
from tests.builders.adt import Adt, Patient
from tests.builders.hl7 import wall_time
from tests.builders.matcher import DETAILS, pause

HOST = "127.0.0.1"
SILENCE_SECONDS = 10.0  # an engine's own deadline; then it connects anew and sends again
_RESEND_SECONDS = 0.1  # as short as engines are set to at all


@dataclass(frozen=True, slots=True)
class Message:
    """One ADT message: whose, its bytes, and by what it is known on Kafka."""

    number: NhsNumber
    data: bytes
    message_id: str
    visit: str


@dataclass(slots=True)
class Accepted:
    """An accepted message: when it was first sent, last sent, and answered, by the monotonic clock (s)."""

    message: Message
    first_sent: float
    last_sent: float
    accepted: float


@dataclass(slots=True)
class Hospital:
    """
    Sends its messages in their order, a new one each `every` seconds at most, until `enough` is set.

    `refused` holds when each `AR` came, `slowest` the longest wait for any answer in seconds, `lost` how
    often the connection was.
    """

    port: int
    messages: Sequence[Message]
    every: float
    accepted: list[Accepted] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    slowest: float = 0.0
    lost: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    def refused_since(self, moment: float) -> list[float]:
        """Return when each `AR` came after a moment."""
        return [refused for refused in self.refused if refused > moment]

    async def send_all(self) -> None:
        """Return when the message in hand is accepted and there is enough, or no message is left."""
        waiting = itertools.takewhile(lambda _: not self.enough.is_set(), self.messages)
        message = next(waiting, None)
        first_sent = time.monotonic()
        while message is not None:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    reader, writer = await asyncio.open_connection(HOST, self.port)
            except OSError:
                await pause(_RESEND_SECONDS)
                continue
            try:
                while message is not None:
                    await self._until_accepted(reader, writer, message, first_sent)
                    await pause(self.every)
                    message, first_sent = next(waiting, None), time.monotonic()
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                self.lost += 1
            finally:
                writer.close()

    async def _until_accepted(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        message: Message,
        first_sent: float,
    ) -> None:
        """Send a message until it is answered `AA`; raise when the connection is lost or nobody answers."""
        while True:
            begun = time.monotonic()
            writer.write(frame(message.data))
            async with asyncio.timeout(SILENCE_SECONDS):
                answer = await reader.readuntil(END)
            now = time.monotonic()
            self.slowest = max(self.slowest, now - begun)
            verdict = _verdict(answer)
            if verdict == "AA":
                self.accepted.append(Accepted(message, first_sent, begun, now))
                return
            assert verdict == "AR", verdict
            self.refused.append(now)
            await pause(_RESEND_SECONDS)


def visit_messages(
    people: Iterable[NhsNumber], providers: Sequence[OdsCode], *, key: IdentityKey, now: datetime
) -> Iterator[Message]:
    """Yield an attendance at an emergency department for each of these people, at the providers in turn."""
    for serial, number in enumerate(people):
        at = now - timedelta(minutes=30) + timedelta(seconds=serial % 600)
        adt = Adt(
            event="A04",
            control_id=f"M{serial}",
            recorded=wall_time(at),
            provider=providers[serial % len(providers)].code,
            patient=Patient(
                number=number.digits,
                family=DETAILS.family or "",
                given=DETAILS.given or "",
                born=f"{DETAILS.birth_date:%Y%m%d}",
            ),
            pv1={"class": "E", "location": "ED", "visit": f"V{serial}", "arrived": wall_time(at)},
        )
        data = adt.text().encode()
        fact = read_adt(data, Context(key=key, received_at=now)).message
        assert fact is not None
        yield Message(number, data, fact.message_id, fact.visit)


def longest_gap(moments: Iterable[float]) -> float:
    """Return the longest time between two neighbours, 0 for fewer than two."""
    ordered = sorted(moments)
    return max((after - before for before, after in itertools.pairwise(ordered)), default=0.0)


def _verdict(answer: bytes) -> str:
    """Return MSA-1."""
    [segment] = [part for part in answer.split(b"\r") if part.startswith(b"MSA")]
    return segment.split(b"|")[1].decode("ascii")
