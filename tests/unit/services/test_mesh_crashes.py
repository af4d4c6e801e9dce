"""
A process that dies at every step of taking a file over the exchange, and of notifying an authority.

A step is what is asked of the exchange or of Kafka: the process dies before it has an effect, and after, when
nobody has heard of it yet. Whatever its successor finds, nothing is lost and nothing is said twice.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_mailbox import MemoryExchange, MemoryMailbox
from broker.adapters.sent_messages import SqlSentMessages
from broker.core.delivery import State
from broker.core.identifiers import OdsCode
from broker.core.mailbox import Incoming, Outgoing
from broker.core.operators import Place
from broker.ports import Topic, Write
from broker.services.delivering import OWNED_FOR
from broker.services.mesh_courier import MeshCourier, Office
from broker.services.mesh_inbox import MeshInbox
from broker.services.mesh_post import MeshPost
from broker.services.mesh_uploads import MeshUploads
from broker.services.rejections import Rejections
from tests.builders.delivering import HERE, Desk, database, work_off
from tests.builders.sent_messages import MemorySent
from tests.builders.upload import Record, build_upload
from tests.builders.upload_desk import KEY, NOW
from tests.builders.upload_desk import Desk as Uploading
from tests.builders.upload_reception import Received
from tests.builders.upload_store import MemoryUploads
from tests.unit.wire.test_notifications import BETWEEN, alert

OURS, COUNCIL = "OURS", "COUNCIL"
STEPS_OF_A_FILE = 20
"""List, read, copy, list; append; list, ask, send, acknowledge, list again: each before and after."""
STEPS_OF_A_NOTIFICATION = 2


class Killed(BaseException):
    """The process is no more."""


class Doom:
    """Lets a process live for so many steps."""

    def __init__(self, steps: int) -> None:
        """Die at the next step behind these."""
        self.left = steps

    def step(self) -> None:
        """Live on, or not."""
        if self.left == 0:
            raise Killed
        self.left -= 1


class MortalMailbox(MemoryMailbox):
    """Our mailbox, as a process asks for it that dies."""

    def __init__(self, exchange: MemoryExchange, doom: Doom) -> None:
        """Take the exchange and when to die."""
        super().__init__(exchange, OURS)
        self._doom = doom

    async def waiting(self) -> Sequence[str]:
        """List, in two steps."""
        self._doom.step()
        found = await super().waiting()
        self._doom.step()
        return found

    async def read(self, message_id: str, *, heading_of: Collection[str] = ()) -> Incoming | None:
        """Read, in two steps."""
        self._doom.step()
        found = await super().read(message_id, heading_of=heading_of)
        self._doom.step()
        return found

    async def copy(self, message_id: str, write: Callable[[bytes], None]) -> None:
        """Copy, in two steps."""
        self._doom.step()
        await super().copy(message_id, write)
        self._doom.step()

    async def acknowledge(self, message_id: str) -> None:
        """Acknowledge, in two steps."""
        self._doom.step()
        await super().acknowledge(message_id)
        self._doom.step()

    async def send(self, message: Outgoing) -> str:
        """Send, in two steps."""
        self._doom.step()
        message_id = await super().send(message)
        self._doom.step()
        return message_id

    async def sent(self, local_id: str) -> str | None:
        """Ask for what was sent, in two steps."""
        self._doom.step()
        found = await super().sent(local_id)
        self._doom.step()
        return found


class MortalLog(MemoryFactLog):
    """Kafka, as a process asks for it that dies."""

    def __init__(self, kafka: MemoryKafka, doom: Doom) -> None:
        """Take what is kept and when to die."""
        super().__init__(kafka)
        self._doom = doom

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """Append, in two steps."""
        self._doom.step()
        places = await super().append(writes)
        self._doom.step()
        return places


@dataclass
class World:
    """What outlives a process: the exchange, Kafka, its disk, and what it noted of what it sent."""

    exchange: MemoryExchange = field(default_factory=lambda: MemoryExchange(frozenset({OURS, COUNCIL})))
    kafka: MemoryKafka = field(default_factory=MemoryKafka)
    store: MemoryUploads = field(default_factory=MemoryUploads)
    sent: MemorySent = field(default_factory=MemorySent)

    def __post_init__(self) -> None:
        """Have the council send a file."""
        file = Outgoing(mailbox=OURS, workflow="UPLOAD", local_id="", body=build_upload([Record()]))
        asyncio.run(MemoryMailbox(self.exchange, COUNCIL).send(file))


def take(world: World, doom: Doom, store: MemoryUploads | None = None) -> None:
    """Look into the mailbox twice, as a process does that begins, takes what it kept, and perhaps dies."""
    exchange, kafka, sent = world.exchange, world.kafka, world.sent
    box, log = MortalMailbox(exchange, doom), MortalLog(kafka, doom)
    house = Uploading(log=log)
    received = Received(house, store or world.store)
    uploads = MeshUploads(
        box,
        received.reception,
        MeshPost(box, sent, clock=lambda: NOW, unnoted=lambda _: None),
        owner={COUNCIL: OdsCode("Z211")}.get,
        workflow="ANSWER",
        refused=lambda _mailbox, _fault: None,
    )
    inbox = MeshInbox(
        box,
        {"UPLOAD": uploads},
        by_heading=["UPLOAD"],
        facts=log,
        rejections=Rejections(house.records, KEY),
        clock=lambda: NOW,
        told=lambda _incoming, _fate: None,
    )

    async def live() -> None:
        """Take up what is left, look, take what was kept, look again."""
        await received.queue.take_up()
        await inbox.poll()
        await received.then(inbox.poll)

    try:
        asyncio.run(live())
    except BaseExceptionGroup as error:  # of the queue's own task
        raise Killed from error


@pytest.mark.parametrize("steps", range(STEPS_OF_A_FILE))
@pytest.mark.parametrize("disk", ["kept", "lost"])
def test_a_file_is_forgotten_by_the_exchange_once_it_is_durable_and_answered(steps: int, disk: str) -> None:
    """Never before; and its sender has one answer, which is followed, be the disk there still or not."""
    world = World()
    ours, council = (MemoryMailbox(world.exchange, name) for name in (OURS, COUNCIL))

    with pytest.raises(Killed):
        take(world, Doom(steps))
    if not asyncio.run(ours.waiting()):
        assert [1, 1] == [len(world.kafka.read(Topic.PLANS)), len(asyncio.run(council.waiting()))]
    take(world, Doom(-1), world.store if disk == "kept" else MemoryUploads())

    assert [] == asyncio.run(ours.waiting())
    assert len(world.kafka.read(Topic.PLANS)) in (1, 2)  # merging twice is merging once
    assert [] == world.kafka.read(Topic.REJECTED)
    assert 1 == len(asyncio.run(council.waiting()))
    assert ["la.Z211.answers"] == [one.destination for one in world.sent.uncollected()]


def test_a_file_takes_no_more_steps_than_are_tried() -> None:
    """Else some of them would not be."""
    doom = Doom(STEPS_OF_A_FILE)
    take(World(), doom)

    assert 0 == doom.left


@pytest.mark.parametrize("steps", range(STEPS_OF_A_NOTIFICATION))
def test_an_authority_is_notified_once_though_the_outbox_dies(tmp_path: Path, steps: int) -> None:
    """Before it was sent, or when nobody here had heard that it was."""
    url = database(tmp_path)
    desk, sent = Desk(url), SqlSentMessages(url)
    exchange = MemoryExchange(frozenset({OURS, COUNCIL}))
    office = Office(destination=HERE.name, mailbox=COUNCIL, access="ACCESS", inactive="INACTIVE")
    desk.arrive("e1", alert=replace(alert()))

    def deliver(doom: Doom, owner: str) -> None:
        """Deliver as a process of this name."""
        courier = MeshCourier(
            MortalMailbox(exchange, doom), office, BETWEEN, sent=sent, clock=lambda: desk.now
        )
        asyncio.run(work_off(desk.deliverer(courier, owner)))

    with pytest.raises(Killed):
        deliver(Doom(steps), "first")
    desk.now += OWNED_FOR + timedelta(seconds=1)
    deliver(Doom(-1), "second")

    assert 1 == len(exchange.held())
    assert State.DELIVERED is desk.found("e1").state
    assert [HERE.name] == [one.destination for one in sent.uncollected()]
    sent.close()
    desk.close()
