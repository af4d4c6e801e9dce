"""The use case of uploads with everything around it in memory; every answer it gives is checked."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from broker.adapters.kept_files import KeptFiles
from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_archive import MemoryArchive
from broker.adapters.memory_sealing import MemorySealer
from broker.core.facts import PlanFact
from broker.core.kept_uploads import MediaType
from broker.core.keyed import IdentityKey
from broker.core.number_ranges import Takes, takes_any
from broker.core.operators import Place
from broker.core.policy import Policy
from broker.core.senders import Senders
from broker.ports import Demographics, FactLog, Topic, Write
from broker.runtime.codecs import load_schemas
from broker.services.feed_health import FeedLog
from broker.services.la_door import LaDoor
from broker.services.plans_held import PlansHeld
from broker.services.rejections import Rejections
from broker.services.upload_desk import Told, UploadDesk
from broker.services.upload_queue import UploadQueue
from broker.services.upload_reading import Read, read_here
from broker.services.uploads import Uploads
from broker.services.verifying import Verifying
from broker.services.waiting_records import WaitingRecords
from broker.upload_ports import in_memory
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from broker.wire.feed_codec import FeedCodec
from broker.wire.file_response import write_file_response
from broker.wire.records_codec import RecordsCodec, Rejected
from broker.wire.state_codec import StateCodec
from broker.wire.upload_answer import FileAnswer
from tests.official_schemas import faults_of

KEY = IdentityKey(b"k" * 32)
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


class CountingLog(MemoryFactLog):
    """A `FactLog` that remembers how many records each append had."""

    def __init__(self, kafka: MemoryKafka) -> None:
        super().__init__(kafka)
        self.sizes: list[int] = []

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """Remember, then append."""
        self.sizes.append(len(writes))
        return await super().append(writes)


class Desk:
    """The use case with everything around it in memory."""

    def __init__(
        self,
        log: FactLog | None = None,
        codec: type[FactCodec] = FactCodec,
        read: Read = read_here,
        takes: Takes = takes_any,
        source: Demographics | None = None,
        policy: Policy | None = None,
        *,
        at_once: int = 1,
        lend: bool = False,
        most: int = 10_000,
    ) -> None:
        policy = policy or Policy()
        schemas, sealer = load_schemas(), MemorySealer()
        self.kafka = MemoryKafka()
        self.log = CountingLog(self.kafka)
        self.counts: Counter[str] = Counter()
        self.sealer = sealer
        self.facts = FactCodec(schemas, sealer)
        self.records = RecordsCodec(schemas, sealer)
        self.details = DetailsCodec(schemas, sealer)
        self.uploads = Uploads(
            log or self.log,
            codec(schemas, sealer),
            Rejections(self.records, KEY),
            WaitingRecords(
                self.details,
                policy=policy,
                key=KEY,
                takes=takes,
                verifying=None
                if source is None
                else Verifying(source, policy=policy, key=KEY, seconds=0.05, at_once=at_once),
            ),
            feeds=FeedLog(FeedCodec(schemas), KEY),
            read=read,
            key=KEY,
            clock=lambda: NOW,
            count=lambda event: self.counts.update([event]),
            held=PlansHeld(
                lend=lambda: nullcontext(MemoryArchive(self.kafka)),
                facts=self.facts,
                states=StateCodec(schemas),
                policy=policy,
                most=most,
            )
            if lend
            else None,
        )

    def load(self, data: bytes, media_type: MediaType = MediaType.XML) -> FileAnswer:
        """Return what became of a file, having seen that its sender can be answered."""
        answer = asyncio.run(self.uploads.load(in_memory(data), media_type=media_type))
        assert [] == faults_of(write_file_response(answer, created_at=NOW))
        return answer

    def plans(self) -> dict[bytes, PlanFact]:
        """Return the plans that are durable, by key."""
        plans: dict[bytes, PlanFact] = {}
        for record in self.kafka.read(Topic.PLANS):
            fact = self.facts.decode(Topic.PLANS, record.key or b"", record.value or b"")
            assert isinstance(fact, PlanFact)
            plans[record.key or b""] = fact
        return plans

    def waiting(self) -> set[str]:
        """Return the keys under which records wait."""
        return {
            placed.place
            for record in self.kafka.read(Topic.DETAILS)
            for placed in self.details.decode_clues(record.key or b"", record.value or b"")
        }

    def kept(self) -> list[Rejected]:
        """Return what was kept."""
        return [self.records.decode_rejected(r.value or b"") for r in self.kafka.read(Topic.REJECTED)]


def door_of(
    desk: Desk, directory: Path, senders: Senders, told: Told = lambda _door, _answer: None
) -> tuple[LaDoor, UploadDesk, KeptFiles, UploadQueue]:
    """Return an authorities' door in front of a desk, and what is behind it."""
    store = KeptFiles(directory / "kept", desk.sealer)
    taking = UploadDesk(desk.uploads, store, clock=lambda: NOW, told=told)
    queue = UploadQueue(taking, store, clock=lambda: NOW, count=lambda _event: None)
    return LaDoor(senders, store, queue, key=KEY, clock=lambda: NOW), taking, store, queue
