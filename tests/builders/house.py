"""One partition of the in-memory Kafka with a matcher at work on it, as the tests of matching use it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from broker.adapters.memory import MemoryKafka, MemoryPartitionLog, MemoryRecord
from broker.core.alerts import AlertEvent
from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.partition import PartitionState
from broker.core.person import Person
from broker.core.policy import RULES_VERSION, AnyPolicy, Policy
from broker.core.worklist import WorklistItem
from broker.ports import PARTITION_STATE_KEY, POLLED, PartitionLog, Topic, Write
from broker.services.matching import PartitionMatcher, Surroundings
from broker.services.matching_turns import Pace
from tests.builders.matcher import (
    AUTHORITY,
    HURRIED,
    KEY,
    PROVIDER,
    SALT,
    Reported,
    events_of,
    fact_write,
    make_codecs,
    numbers,
    until,
)

_DEADLINE_S = 60.0
NUMBER_BYTES = 10

ADA = next(numbers())
AUTHORITY_TOPIC = f"cpis.alerts.la.{AUTHORITY}"
PROVIDER_TOPIC = f"cpis.alerts.provider.{PROVIDER}"


class House:
    """A cluster of one partition, with topics for one authority and one provider."""

    def __init__(self, *recipients: str) -> None:
        """Declare the topics; without `recipients` those of the builders' authority and provider."""
        own = recipients or (AUTHORITY_TOPIC, PROVIDER_TOPIC)
        self.kafka = MemoryKafka([*Topic, *own], partitions=1)
        self.codecs = make_codecs()
        self.reported = Reported()

    def log(self) -> MemoryPartitionLog:
        """Return a log of the partition, not yet open."""
        return MemoryPartitionLog(self.kafka, "house", 0)

    def matcher(
        self,
        *,
        log: PartitionLog | None = None,
        policy: AnyPolicy | None = None,
        key: IdentityKey = KEY,
        pace: Pace = HURRIED,
        surroundings: Surroundings | None = None,
        rules_version: int = RULES_VERSION,
        salt: bytes = SALT,
    ) -> PartitionMatcher:
        """Return a matcher of the partition."""
        return PartitionMatcher(
            log or self.log(),
            self.codecs,
            policy=policy or Policy(),
            key=key,
            new_salt=lambda: salt,
            report=self.reported,
            surroundings=surroundings or Surroundings(pace=pace),
            rules_version=rules_version,
        )

    @asynccontextmanager
    async def at_work(self, matcher: PartitionMatcher | None = None) -> AsyncIterator[None]:
        """Have a matcher at work; at the end it is stopped, and what it raised is raised."""
        matcher = matcher or self.matcher()
        task = asyncio.ensure_future(matcher.run())
        try:
            yield
        finally:
            matcher.stop()
            await task

    def send(self, *facts: Fact, number: NhsNumber = ADA) -> None:
        """Append facts under one number, all at once."""
        self.kafka.append([fact_write(self.codecs.facts, fact, number) for fact in facts])

    def send_all(self, sent: Iterable[tuple[NhsNumber, Fact]]) -> None:
        """Append facts of several people, all at once."""
        self.kafka.append([fact_write(self.codecs.facts, fact, number) for number, fact in sent])

    def send_raw(self, topic: Topic, key: bytes | None, value: bytes | None) -> None:
        """Append what is no fact."""
        self.kafka.append([Write(topic, key, value)])

    async def taken(self) -> None:
        """Wait until every input has been taken to its end, and noted."""
        await until(self._is_taken)

    def _is_taken(self) -> bool:
        """Return whether `#p` stands behind the last record of every input; what is behind are markers."""
        state = self.state()
        ends = {topic: max([-1, *(r.offset for r in self.kafka.read(topic))]) + 1 for topic in POLLED}
        return state is not None and all(state.offsets.get(topic, 0) == end for topic, end in ends.items())

    async def told(self, topic: str, number: int) -> None:
        """Wait until a topic holds this many records."""
        await until(lambda: len(self.kafka.read(topic)) >= number)

    def state(self) -> PartitionState | None:
        """Return the newest `#p`."""
        values = [r.value for r in self.kafka.read(Topic.PEOPLE) if r.key == PARTITION_STATE_KEY]
        return self.codecs.states.decode_partition(values[-1] or b"") if values else None

    def people(self) -> dict[bytes, list[bytes | None]]:
        """Return what was written of each person, in order; shelves and searches are none."""
        people: dict[bytes, list[bytes | None]] = {}
        for record in self.kafka.read(Topic.PEOPLE):
            if record.key is not None and len(record.key) == NUMBER_BYTES:
                people.setdefault(record.key, []).append(record.value)
        return people

    def person(self, number: NhsNumber = ADA) -> Person:
        """Return a person as last written."""
        value = self.people()[number.key][-1]
        return self.codecs.states.decode_person(number, value or b"")

    def events(self, topic: str = Topic.ALERTS) -> list[AlertEvent]:
        """Return the alert events in a topic, without what the authority alone is told."""
        return events_of(self.codecs.alerts, self.kafka.read(topic))

    def items(self) -> list[WorklistItem]:
        """Return the worklist items that were opened."""
        return [
            self.codecs.records.decode_item(record.value)
            for record in self.kafka.read(Topic.WORKLIST)
            if record.value is not None
        ]

    def records(self, topic: str) -> list[MemoryRecord]:
        """Return the records of a topic."""
        return self.kafka.read(topic)


def in_house(scenario: Callable[[House], Awaitable[None]]) -> None:
    """Play an asynchronous scenario in a fresh house, with a deadline."""

    async def timed() -> None:
        async with asyncio.timeout(_DEADLINE_S):
            await scenario(House())

    asyncio.run(timed())
