"""What becomes of messages in the mailbox: none is acknowledged before it is durable, none blocks another."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import NoReturn

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_mailbox import MemoryExchange, MemoryMailbox
from broker.core.errors import DemographicsUnavailable, KafkaUnavailable
from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import UploadDoor
from broker.core.mailbox import FAULTS, Incoming, Outgoing, Report, Trouble
from broker.core.mesh_errors import MailboxUnavailable
from broker.ports import Topic, Write
from broker.services.mesh_inbox import NO_HANDLER, Fate, Handler, MeshInbox
from broker.services.mesh_post import MeshPost
from broker.services.mesh_uploads import MeshUploads
from broker.services.rejections import Rejections
from broker.services.upload_queue import WAITING_MAX
from broker.services.uploads import NOT_ITS_OWN
from broker.wire.records_codec import Door
from broker.wire.upload_codes import DEFECT
from tests.builders.sent_messages import MemorySent
from tests.builders.upload import Record, build_upload
from tests.builders.upload_desk import KEY, Desk
from tests.builders.upload_reception import Received

OURS, COUNCIL, OTHER = "OURS", "COUNCIL", "OTHER"
UPLOAD, ANSWER = "LA_UPLOAD", "LA_UPLOAD_ACK"
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
FILE = build_upload([Record()])


class AwayLog(MemoryFactLog):
    """A `FactLog` whose Kafka is away."""

    async def append(self, writes: Sequence[Write]) -> NoReturn:  # noqa: ARG002
        """Take nothing."""
        raise KafkaUnavailable


class House:
    """An exchange, the desk, and the inbox in front of it."""

    def __init__(
        self,
        *,
        away: bool = False,
        handler: Handler | None = None,
        by_heading: bool = False,
        mailbox: type[MemoryMailbox] = MemoryMailbox,
    ) -> None:
        """Open everything; with `away` Kafka takes nothing, with `handler` uploads go to it."""
        kafka = MemoryKafka()
        self.desk = Desk(log=AwayLog(kafka) if away else None)
        self.exchange = MemoryExchange(frozenset({OURS, COUNCIL, OTHER}))
        self.box = mailbox(self.exchange, OURS)
        self.fates: list[Fate] = []
        self.refused: list[tuple[str, str]] = []
        self.sent = MemorySent()
        self.unnoted: list[str] = []
        self.received = Received(self.desk)
        uploads = MeshUploads(
            self.box,
            self.received.reception,
            MeshPost(self.box, self.sent, clock=lambda: NOW, unnoted=self.unnoted.append),
            owner={COUNCIL: OdsCode("Z211")}.get,
            workflow=ANSWER,
            refused=lambda mailbox, fault: self.refused.append((mailbox, fault)),
        )
        self.inbox = MeshInbox(
            self.box,
            {UPLOAD: handler or uploads},
            by_heading=(UPLOAD,) if handler is None or by_heading else (),
            facts=AwayLog(kafka) if away else self.desk.log,
            rejections=Rejections(self.desk.records, KEY),
            clock=lambda: NOW,
            told=self._told,
        )

    def _told(self, _incoming: Incoming, fate: Fate) -> None:
        """Remember what became of a message, but that it waits its turn."""
        if fate is not Fate.UNDER_WAY:
            self.fates.append(fate)

    def post(self, body: bytes, *, workflow: str = UPLOAD, sender: str = COUNCIL) -> str:
        """Have a mailbox send us something."""
        message = Outgoing(mailbox=OURS, workflow=workflow, local_id="", body=body)
        return asyncio.run(MemoryMailbox(self.exchange, sender).send(message))

    def put(self, incoming: Incoming) -> None:
        """Have a message lie in our mailbox."""
        self.exchange.put(incoming, OURS)

    def poll(self) -> bool:
        """Look into the mailbox; where a file was kept, have it taken, and look once more."""
        whole = asyncio.run(self.inbox.poll())
        return asyncio.run(self.received.then(self.inbox.poll)) if self.received.store.every() else whole

    def waiting(self, mailbox: str = OURS) -> list[Incoming]:
        """Return what lies in a mailbox."""
        box = MemoryMailbox(self.exchange, mailbox)

        async def all_of_it() -> list[Incoming]:
            """Read everything."""
            read = [await box.read(message_id) for message_id in await box.waiting()]
            return [one for one in read if one is not None]

        return asyncio.run(all_of_it())


def test_an_upload_is_taken_and_answered_to_its_own_mailbox() -> None:
    """The plan is durable, the acknowledgement lies there, and the exchange may forget the file (R15)."""
    house = House()
    house.post(FILE)

    assert house.poll()
    (answer,) = house.waiting(COUNCIL)
    assert 1 == len(house.desk.plans())
    assert (ANSWER, OURS, True) == (answer.workflow, answer.sender, b"CPF02" in answer.body)
    assert [] == house.waiting()
    assert [Fate.TAKEN] == house.fates


def test_a_file_that_was_answered_before_a_crash_is_not_answered_again() -> None:
    """It lies there once more, since it was not acknowledged; the local id tells (R52)."""
    house = House()
    message_id = house.post(FILE)
    house.poll()
    house.put(Incoming(message_id=message_id, sender=COUNCIL, workflow=UPLOAD, body=FILE))

    assert house.poll()
    assert 1 == len(house.waiting(COUNCIL))
    assert 1 == len(house.desk.plans())


@pytest.mark.parametrize("sender", [OTHER, "UNKNOWN"])
def test_a_file_from_another_mailbox_than_its_authoritys_is_refused_as_a_whole(sender: str) -> None:
    """Nothing of it is loaded; it is kept, and whoever sent it is told (CPF01)."""
    house = House()
    house.post(FILE, sender=sender)

    assert house.poll()
    assert {} == house.desk.plans()
    assert [True] == [NOT_ITS_OWN in one.reason for one in house.desk.kept()]
    assert [("UNKNOWN", "12")] * (sender == "UNKNOWN") == house.refused
    assert [True] * (sender == OTHER) == [b"CPF01" in one.body for one in house.waiting(OTHER)]


@pytest.mark.parametrize("trouble", Trouble)
def test_a_file_whose_content_cannot_be_had_is_answered_as_malformed(trouble: Trouble) -> None:
    """Its sender has it still (CPF01)."""
    house = House()
    house.put(Incoming(message_id="9", sender=COUNCIL, workflow=UPLOAD, trouble=trouble))

    assert house.poll()
    (answer,) = house.waiting(COUNCIL)
    assert b"CPF01" in answer.body
    assert trouble.value.encode() in answer.body


def test_while_kafka_is_away_everything_stays_in_the_mailbox() -> None:
    """Nothing is answered and nothing acknowledged; it is taken again."""
    house = House(away=True)
    house.post(FILE)
    house.post(b"?", workflow="ANOTHER")

    assert not house.poll()
    assert [Fate.POSTPONED, Fate.POSTPONED] == house.fates
    assert 2 == len(house.waiting())
    assert [] == house.waiting(COUNCIL)


def test_a_message_that_nothing_handles_is_kept_and_holds_up_no_other() -> None:
    """Byte for byte, under the exchange's id; what comes behind it is taken."""
    house = House()
    message_id = house.post(b"what is this?", workflow="ANOTHER")
    house.put(Incoming(message_id="9", sender=OTHER, workflow="ANOTHER", trouble=Trouble.TOO_LARGE))
    house.post(FILE)

    assert house.poll()
    assert [Fate.KEPT, Fate.KEPT, Fate.TAKEN] == house.fates
    assert [
        (Door.MESH, NO_HANDLER, message_id, b"what is this?"),
        (Door.MESH, Trouble.TOO_LARGE.value, "9", None),
    ] == [(one.door, one.reason, one.control_id, one.raw) for one in house.desk.kept()]


def test_while_too_many_wait_a_file_stays_in_the_mailbox_alone() -> None:
    """A disk is finite, and the exchange keeps it; once there is room it is copied."""
    house = House()
    for number in range(WAITING_MAX):
        house.received.queue.add(f"{number:032x}", frozenset(), UploadDoor.MESH)
    house.post(FILE)

    assert not asyncio.run(house.inbox.poll())
    assert [] == house.received.store.every()
    asyncio.run(house.received.work_until(lambda: not house.received.queue.crowded(UploadDoor.MESH)))
    assert not asyncio.run(house.inbox.poll())
    assert [True] == [one.waits for one in house.received.store.every()]


def test_a_folder_full_of_files_keeps_none_in_the_mailbox() -> None:
    """Whoever drops a year's files keeps no other authority's out that come over the exchange."""
    house = House()
    for number in range(WAITING_MAX):
        house.received.queue.add(f"{number:032x}", frozenset(), UploadDoor.FOLDER)
    house.post(FILE)

    assert not asyncio.run(house.inbox.poll())
    assert [True] == [one.waits for one in house.received.store.every()]


@pytest.mark.parametrize("by_heading", [False, True])
def test_a_defect_of_ours_loses_no_message_and_holds_up_no_other(*, by_heading: bool) -> None:
    """It is kept with its bytes, so that it can be found and mended."""

    async def broken(incoming: Incoming) -> None:
        """Fail as only a defect does."""
        raise KeyError(incoming.message_id)

    house = House(handler=broken, by_heading=by_heading)
    house.post(FILE)

    assert house.poll()
    assert [(DEFECT, FILE)] == [(one.reason, one.raw) for one in house.desk.kept()]


def test_one_file_that_must_be_taken_again_holds_up_no_other() -> None:
    """The demographic source does not answer for one; the other is taken, and the first stays (R16)."""
    taken: list[bytes] = []

    async def picky(incoming: Incoming) -> None:
        """Take all but the first."""
        if incoming.body == b"first":
            raise DemographicsUnavailable
        taken.append(incoming.body)

    house = House(handler=picky)
    house.post(b"first")
    house.post(b"second")

    assert not house.poll()
    assert [b"second"] == taken
    assert [b"first"] == [one.body for one in house.waiting()]


def test_an_error_report_is_told_and_acknowledged() -> None:
    """There is nothing to keep of it."""
    house = House()
    house.put(Incoming(message_id="9", sender="", workflow="X", report=Report(code="14", local_id="ours")))

    assert house.poll()
    assert [Fate.REPORT] == house.fates
    assert [] == house.waiting()
    assert [] == house.desk.kept()


def test_an_exchange_that_goes_away_in_the_middle_ends_the_look() -> None:
    """What was not acknowledged is there at the next."""

    async def cut(_incoming: Incoming) -> None:
        """Find the exchange gone."""
        house.exchange.available = False
        raise MailboxUnavailable

    house = House(handler=cut)
    house.post(FILE)
    with pytest.raises(MailboxUnavailable):
        house.poll()
    house.exchange.available = True

    assert 1 == len(house.waiting())


@pytest.mark.parametrize("step", ["read", "copy", "send"])
def test_a_message_that_the_exchange_cannot_hand_over_or_answer_holds_up_no_other(step: str) -> None:
    """The exchange fails for this one alone, again and again; what lies behind it is taken."""

    class Failing(MemoryMailbox):
        """Fails for the first message, or for the answer to it."""

        async def read(self, message_id: str, *, heading_of: Collection[str] = ()) -> Incoming | None:
            """Read any but the first."""
            if step == "read" and message_id == first:
                raise MailboxUnavailable
            return await super().read(message_id, heading_of=heading_of)

        async def copy(self, message_id: str, write: Callable[[bytes], None]) -> None:
            """Copy any but the first."""
            if step == "copy" and message_id == first:
                raise MailboxUnavailable
            await super().copy(message_id, write)

        async def send(self, message: Outgoing) -> str:
            """Send any answer but that to the first."""
            if step == "send" and message.local_id.endswith(first):
                raise MailboxUnavailable
            return await super().send(message)

    house = House(mailbox=Failing)
    first = house.post(FILE)
    house.post(build_upload([Record()], file_id="SECOND"))

    assert not house.poll()
    assert Fate.TAKEN in house.fates
    assert Fate.POSTPONED in house.fates
    assert [first] == [one.message_id for one in house.waiting()]
    assert 1 == len(house.waiting(COUNCIL))


def test_a_file_that_cannot_be_answered_is_kept_once_however_often_it_is_taken() -> None:
    """While the exchange takes no answer the disk does not fill; two files are two, though they are equal."""

    class Deaf(MemoryMailbox):
        """Takes no answer."""

        async def send(self, message: Outgoing) -> str:
            """Be away."""
            raise MailboxUnavailable(message.workflow)

    house = House(mailbox=Deaf)
    house.post(FILE)
    house.post(FILE)

    assert [False] * 3 == [house.poll() for _ in range(3)]
    assert 2 == len(house.received.store.every())
    assert {"CPF02"} == {one.result.code for one in house.received.store.every() if one.result}


def test_a_message_that_is_gone_before_it_is_read_is_nobodys_matter() -> None:
    """Somebody else acknowledged it, or the exchange removed it."""

    class Forgetful(MemoryMailbox):
        """Lists what cannot be read any more."""

        async def waiting(self) -> Sequence[str]:
            """Return one that is gone."""
            return ["gone"]

    house = House()
    inbox = MeshInbox(
        Forgetful(house.exchange, OURS),
        {},
        facts=house.desk.log,
        rejections=Rejections(house.desk.records, KEY),
        clock=lambda: NOW,
        told=lambda _incoming, fate: house.fates.append(fate),
    )

    assert asyncio.run(inbox.poll())
    assert [] == house.fates
    assert [] == house.desk.kafka.read(Topic.REJECTED)


@pytest.mark.parametrize(("code", "counted"), [*((code, code) for code in FAULTS), ("EPL-151", "other")])
def test_what_a_report_says_is_told_in_words_of_ours(code: str, counted: str) -> None:
    """Each code of the dossier has its own; any other is counted as one (6.1)."""
    report = Report(code=code)

    assert counted == report.counted_as
    assert (report.meaning in FAULTS.values()) == (code in FAULTS)


def test_what_was_postponed_before_comes_after_what_was_not_looked_at_yet() -> None:
    """However much waits for the demographic source, a new file is not kept waiting by it."""
    looked_at: list[bytes] = []

    async def moody(incoming: Incoming) -> None:
        """Take what is new and postpone what is old."""
        looked_at.append(incoming.body)
        if incoming.body.startswith(b"old"):
            raise DemographicsUnavailable

    house = House(handler=moody)
    for number in range(3):
        house.post(b"old %d" % number)
    assert not house.poll()
    looked_at.clear()
    house.post(b"new")

    assert not house.poll()
    assert [b"new", b"old 0", b"old 1", b"old 2"] == looked_at


def test_an_answer_is_followed_whoever_sent_it() -> None:
    """Sent before a crash, it was not noted then; it is when the file is taken once more."""
    house = House()
    message_id = house.post(FILE)
    answer = Outgoing(mailbox=COUNCIL, workflow=ANSWER, local_id=f"ack-{message_id}", body=b"<Answer/>")
    asyncio.run(house.box.send(answer))
    house.poll()

    assert ["la.Z211.answers"] == [one.destination for one in house.sent.uncollected()]
    assert 1 == len(house.waiting(COUNCIL))


def test_an_answer_to_a_mailbox_on_no_list_is_followed_as_a_strangers() -> None:
    """Whoever it is, it is not collected by itself."""
    house = House()
    house.post(FILE, sender=OTHER)
    house.poll()

    assert ["la.stranger.answers"] == [one.destination for one in house.sent.uncollected()]


def test_of_two_answers_to_one_file_neither_is_followed() -> None:
    """Two processes with one mailbox: which of them is read, the exchange does not say."""
    house = House()
    message_id = house.post(FILE)
    answer = Outgoing(mailbox=COUNCIL, workflow=ANSWER, local_id=f"ack-{message_id}", body=b"<Answer/>")
    for _ in range(2):
        asyncio.run(house.box.send(answer))

    assert house.poll()
    assert [] == list(house.sent.uncollected())


def test_an_answer_that_is_refused_is_listed_as_lost() -> None:
    """Somebody must have it reach its sender by another way: the gauge shows it until it is forgotten."""
    house = House()
    message_id = house.post(FILE, sender="UNKNOWN")
    house.poll()

    assert [(f"ack-{message_id}", True)] == [(one.local_id, one.lost) for one in house.sent.uncollected()]
