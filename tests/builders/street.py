"""
A Kafka of two partitions with a matcher at work on each, as the tests of numbers that move use it.

`A` and `C` lie on the first partition, `B` on the second: every move between them crosses.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from broker.adapters.memory import MemoryKafka, MemoryPartitionLog, MemoryRecord
from broker.core.alerts import AlertEvent, EventKind, RecipientKind
from broker.core.facts import Fact, IdentityKind, IdentityNotice, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.invalidation import Inactive
from broker.core.keyed import visit_reference
from broker.core.partition import Forwarding, PartitionState
from broker.core.person import Person
from broker.core.policy import Policy
from broker.core.worklist import WorklistItem
from broker.ports import INPUTS, PARTITION_STATE_KEY, PartitionLog, Topic
from broker.services.matching import PartitionMatcher, Surroundings
from broker.wire.records_codec import Unprocessable
from tests.builders.house import AUTHORITY_TOPIC, PROVIDER_TOPIC
from tests.builders.matcher import (
    HURRIED,
    KEY,
    NOON,
    PROVIDER,
    SALT,
    Reported,
    attendance,
    events_of,
    fact_write,
    make_codecs,
    numbers,
    until,
)

PARTITIONS = 2
_DEADLINE_S = 90.0
_TAKEN_BACK = frozenset({EventKind.WITHDRAWN, EventKind.RETRACTED})

MakeLog = Callable[[MemoryKafka, int], PartitionLog]


def _on(partition: int) -> list[NhsNumber]:
    """Return some numbers that lie on a partition of the street."""
    kafka = MemoryKafka(partitions=PARTITIONS)
    return [number for number in islice(numbers(), 60) if kafka.partition_of(number.key) == partition]


A, C, *MORE = _on(0)
B = _on(1)[0]


def visit_of(number: NhsNumber, name: str = "V-1") -> str:
    """Return a visit's reference under a number, as intake makes it."""
    return visit_reference(KEY, number, system="ED", provider=PROVIDER, visit_number=name)


def arrives(
    number: NhsNumber, name: str = "V-1", *, at: datetime = NOON, message_id: str | None = None
) -> VisitMessage:
    """Return a message of a visit that the hospital has under this number."""
    return attendance(visit_of(number, name), at=at, message_id=message_id or f"{name} {at.isoformat()}")


def superseded(by: NhsNumber, *, at: datetime = NOON, notice_id: str | None = None) -> IdentityNotice:
    """Return the source's word that a number has a successor."""
    return IdentityNotice(
        notice_id=notice_id or f"superseded {at.isoformat()}",
        kind=IdentityKind.SUPERSEDED,
        successor=by,
        recorded_at=at,
        received_at=at + timedelta(minutes=1),
    )


def said(kind: IdentityKind, *, at: datetime = NOON) -> IdentityNotice:
    """Return another word of the source about a number."""
    return IdentityNotice(
        notice_id=f"{kind} {at.isoformat()}",
        kind=kind,
        recorded_at=at,
        received_at=at + timedelta(minutes=1),
    )


def memory_log(kafka: MemoryKafka, partition: int) -> PartitionLog:
    """Return a log of a partition without any fault."""
    return MemoryPartitionLog(kafka, "street", partition)


class Street:
    """The cluster, its matchers, and what they wrote."""

    def __init__(self) -> None:
        """Declare the topics."""
        self.kafka = MemoryKafka([*Topic, AUTHORITY_TOPIC, PROVIDER_TOPIC], partitions=PARTITIONS)
        self.codecs = make_codecs()
        self.reported = Reported()

    def matcher(self, log: PartitionLog, policy: Policy | None = None) -> PartitionMatcher:
        """Return a matcher of a partition."""
        return PartitionMatcher(
            log,
            self.codecs,
            policy=policy or Policy(),
            key=KEY,
            new_salt=lambda: SALT,
            report=self.reported,
            surroundings=Surroundings(pace=replace(HURRIED, poll_wait_ms=2)),
        )

    @asynccontextmanager
    async def at_work(
        self, *partitions: int, make_log: MakeLog = memory_log, policy: Policy | None = None
    ) -> AsyncIterator[None]:
        """Have matchers at work, all without `partitions`; at the end what they raised is raised."""
        working = {
            partition: self.matcher(make_log(self.kafka, partition), policy)
            for partition in partitions or range(PARTITIONS)
        }
        tasks = [asyncio.ensure_future(matcher.run()) for matcher in working.values()]
        try:
            yield
        finally:
            for matcher in working.values():
                matcher.stop()
            await asyncio.gather(*tasks)

    def send(self, number: NhsNumber, *facts: Fact) -> None:
        """Append facts under one number, all at once."""
        self.kafka.append([fact_write(self.codecs.facts, fact, number) for fact in facts])

    async def settled(self) -> None:
        """Wait until every input of every partition was taken, what moved meanwhile included."""
        await until(self.is_settled, _DEADLINE_S)

    async def settled_alone(self, partition: int) -> None:
        """Wait until every input of one partition was taken."""
        await until(lambda: self._is_taken(partition), _DEADLINE_S)

    def is_settled(self) -> bool:
        """Return whether every `#p` stands behind the last record of every input."""
        return all(self._is_taken(partition) for partition in range(PARTITIONS))

    def _is_taken(self, partition: int) -> bool:
        """Return whether one partition was taken to its end."""
        state = self.state(partition)
        last = {
            topic: record.offset
            for topic in INPUTS
            for record in self.kafka.read(topic)
            if record.partition == partition
        }
        return state is not None and all(
            state.offsets.get(topic, 0) > offset for topic, offset in last.items()
        )

    def state(self, partition: int) -> PartitionState | None:
        """Return the newest `#p` of a partition."""
        values = [
            record.value
            for record in self.kafka.read(Topic.PEOPLE)
            if (record.partition, record.key) == (partition, PARTITION_STATE_KEY)
        ]
        return self.codecs.states.decode_partition(values[-1] or b"") if values else None

    def held(self, number: NhsNumber) -> Person | Forwarding | Inactive | None:
        """Return what is held under a number."""
        values = [record.value for record in self.kafka.read(Topic.PEOPLE) if record.key == number.key]
        if not values or values[-1] is None:
            return None
        held = self.codecs.states.decode_any(number.key, values[-1])
        assert not isinstance(held, PartitionState)
        return held

    def person(self, number: NhsNumber) -> Person:
        """Return the person under a number."""
        held = self.held(number)
        assert isinstance(held, Person)
        return held

    def forwarding(self, number: NhsNumber) -> Forwarding:
        """Return the forwarding record under a number."""
        held = self.held(number)
        assert isinstance(held, Forwarding)
        return held

    def events(self) -> list[AlertEvent]:
        """Return every alert event, in the order in which they lie in the recipients' own topics."""
        topics = (AUTHORITY_TOPIC, PROVIDER_TOPIC)
        return [event for topic in topics for event in self.events_to(topic)]

    def events_to(self, topic: str) -> list[AlertEvent]:
        """Return the events in a recipient's topic, those of one alert by revision."""
        events = events_of(self.codecs.alerts, self.kafka.read(topic))
        return sorted(events, key=lambda event: event.revision)

    def standing(self) -> list[tuple[RecipientKind, str, NhsNumber]]:
        """Return which alerts stand: for whom, about which visit, under which number."""
        newest = {event.alert.alert_id: event for event in self.events()}
        return sorted(
            (event.alert.recipient.kind, event.alert.subject, event.subject)
            for event in newest.values()
            if event.kind not in _TAKEN_BACK
        )

    def inputs(self) -> list[MemoryRecord]:
        """Return every record of every input."""
        return [record for topic in INPUTS for record in self.kafka.read(topic)]

    def items(self) -> Mapping[str, WorklistItem]:
        """Return the open worklist items by id."""
        newest = {record.key: record.value for record in self.kafka.read(Topic.WORKLIST)}
        items = [self.codecs.records.decode_item(value) for value in newest.values() if value]
        return {item.item_id: item for item in items}

    def set_aside(self) -> list[Unprocessable]:
        """Return the records that were set aside for people, opened."""
        opened = [
            self.codecs.records.open_record(record.value)
            for record in self.kafka.read(Topic.WORKLIST)
            if record.value
        ]
        return [record for record in opened if record is not None]


def in_street(scenario: Callable[[Street], Awaitable[None]]) -> None:
    """Play an asynchronous scenario in a fresh street, with a deadline."""

    async def timed() -> None:
        async with asyncio.timeout(2 * _DEADLINE_S):
            await scenario(Street())

    asyncio.run(timed())
