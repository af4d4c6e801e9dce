"""The operators' desk with a door and everything around it in memory."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_archive import MemoryArchive
from broker.adapters.memory_messages import MemoryMessages
from broker.adapters.memory_sealing import MemorySealer
from broker.core.desk_roles import Role
from broker.core.facts import Fact
from broker.core.number_ranges import takes_any
from broker.core.operators import Grounds, OperatorAction
from broker.ports import INPUTS, Demographics, FactLog, Topic, Write
from broker.runtime.doors import doors
from broker.runtime.parts import Parts, assemble
from broker.runtime.settings import Settings
from broker.services.attendances import Attendances
from broker.services.audited_access import AuditedAccess, DeskUser
from broker.services.confirming import Confirming
from broker.services.desk_log import DeskLog
from broker.services.excluding import Excluding
from broker.services.explanations import Explanations
from broker.services.feed_health import FeedLog
from broker.services.intake import Intake
from broker.services.message_desk import MessageDesk
from broker.services.message_index import MessageIndexing
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse
from broker.services.redriving import Redriven, Redriving
from broker.services.rejected_desk import RejectedBoard, RejectedDesk, RejectedItem
from broker.services.rejections import Rejections
from broker.services.replay import SteppedClock
from broker.services.upload_reading import read_here
from broker.services.uploads import Uploads
from broker.services.waiting_records import WaitingRecords
from broker.services.worklist_desk import Worklist, WorklistDesk
from broker.upload_ports import in_memory
from broker.wire.visit_reading import Admits
from tests.builders.adt import Adt, Patient

RECEIVED = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
ACTED = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
GROUNDS = Grounds(by="ops-7", reason="ticket 4711")
CHILD = Patient(number="9990000018", family="Sample", given="Robin")


def attendance(
    *, processing: str = "T", control_id: str = "M1", patient: Patient = CHILD, visit: str = "V1"
) -> bytes:
    """Return an attendance as a hospital sends it; `processing` is MSH-11."""
    pv1 = {"class": "E", "location": "ED", "visit": visit, "arrived": "20250301113000"}
    adt = Adt(
        event="A04",
        control_id=control_id,
        recorded="20250301113500",
        patient=patient,
        pv1=pv1,
        processing=processing,
    )
    return adt.text().encode()


class DeskHouse:
    """
    A cluster in memory with doors that take `P` only, and a desk.

    `processing_ids` is what MSH-11 may be at the desk's doors; `pen` stands between the desk and the cluster;
    `role` is that of whoever sits at it, `archive` what they read the cluster with, `who` who they are;
    `source` is asked whom it protects, `follows` says that intake knows under which number each visit is.
    """

    def __init__(
        self,
        *,
        processing_ids: frozenset[str] = frozenset({"P", "T"}),
        pen: type[MemoryFactLog] = MemoryFactLog,
        role: Role = Role.ADMINISTRATOR,
        archive: type[MemoryArchive] = MemoryArchive,
        who: DeskUser | None = None,
        source: Demographics | None = None,
        follows: bool = False,
    ) -> None:
        """Begin with empty topics."""
        self.sealer = MemorySealer()
        self.kafka = MemoryKafka()
        self.parts: Parts = assemble(Settings(data_dir=Path("nowhere")), sealer=self.sealer)
        self.clock = SteppedClock()
        self.facts: FactLog = MemoryFactLog(self.kafka)
        rejections = Rejections(self.parts.records, self.parts.key)
        self.intake = Intake(
            self.facts,
            Attendances(
                self.parts.facts,
                Numberless(self.parts.details, policy=self.parts.policy, key=self.parts.key),
                NumbersInUse(self.parts.key, horizon=timedelta(days=23)) if follows else None,
            ),
            rejections,
            clock=self.clock,
            count=_uncounted,
            answer_seconds=5.0,
            admits=Admits(frozenset({"P"}), takes_any),
            dialects=self.parts.dialects,
        )
        self.uploads = Uploads(
            self.facts,
            self.parts.facts,
            rejections,
            WaitingRecords(self.parts.details, policy=self.parts.policy, key=self.parts.key),
            feeds=FeedLog(self.parts.feeds, self.parts.key),
            read=read_here,
            key=self.parts.key,
            clock=self.clock,
            count=_uncounted,
        )
        read, written = archive(self.kafka), pen(self.kafka)
        parts = self.parts
        log = DeskLog(written, parts.records, key=parts.key, clock=lambda: ACTED, role=role)
        access = AuditedAccess(
            archive=read,
            readers=parts.readers,
            log=log,
            policy=parts.policy,
            key=parts.key,
            clock=lambda: ACTED,
            who=who,
        )
        excluding = Excluding(access)
        self.rejected = RejectedDesk(read, parts.records, log, excluding)
        self.explanations = Explanations(access, parts.alerts, excluding)
        index = MemoryMessages()
        self.messages = MessageDesk(
            read,
            index,
            MessageIndexing(read, index, facts=parts.facts, records=parts.records, key=parts.key),
            self.rejected,
            self.explanations,
            log,
            excluding=excluding,
            facts=parts.facts,
        )
        own = doors(self.parts, read=read_here, admits=Admits(processing_ids, takes_any))
        self.redriving = Redriving(self.rejected, own, written, self.parts.records, log)
        self.worklist = WorklistDesk(read, self.parts.records, log, excluding)
        self.confirming = Confirming(
            self.rejected,
            own,
            written,
            log,
            codec=self.parts.details,
            notices=self.parts.facts,
            key=self.parts.key,
            clock=lambda: ACTED,
            source=source,
        )

    def send(self, data: bytes, *, at: datetime = RECEIVED) -> None:
        """Send a message by the MLLP door."""
        self.clock.now = at
        asyncio.run(self.intake.receive(data))

    def load(self, data: bytes, *, at: datetime = RECEIVED) -> None:
        """Load an upload file."""
        self.clock.now = at
        asyncio.run(self.uploads.load(in_memory(data)))

    def write(self, *writes: Write) -> None:
        """Write records as any producer may."""
        self.kafka.append(writes)

    def board(self) -> RejectedBoard:
        """Return what is rejected."""
        return asyncio.run(self.rejected.board())

    def only(self) -> RejectedItem:
        """Return the one item that is rejected."""
        [item] = self.board().items
        return item

    def redrive(self, item: RejectedItem, grounds: Grounds = GROUNDS) -> Redriven:
        """Redrive an item."""
        return asyncio.run(self.redriving.redrive(item, grounds))

    def work(self) -> Worklist:
        """Return the work there is."""
        return asyncio.run(self.worklist.worklist())

    def actions(self, topic: Topic) -> list[OperatorAction]:
        """Return what operators did, as a topic has it."""
        records = self.parts.records
        values = [record.value for record in self.kafka.read(topic) if record.value is not None]
        return [records.decode_action(value) for value in values if records.is_action(value)]

    def learned(self) -> list[tuple[bytes, Fact]]:
        """Return the facts of every input, with their keys."""
        return [
            (record.key or b"", self.parts.facts.decode(record.topic, record.key or b"", record.value or b""))
            for topic in INPUTS
            for record in self.kafka.read(topic)
        ]


def _uncounted(_event: str) -> None:
    """Count nothing."""
