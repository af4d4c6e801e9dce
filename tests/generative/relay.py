"""
Three numbers, each on a partition of its own, and their inputs, delivered in whatever order chance chooses.

The matcher's own folding, on the bytes that it reads and writes, without Kafka and without an event loop.
"""

from collections.abc import Iterator, Sequence
from itertools import count

from broker.adapters.memory import MemoryRecord
from broker.core.alerts import AlertEvent
from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber
from broker.core.invalidation import Inactive
from broker.core.partition import NEW, Forwarding, PartitionState
from broker.core.person import Person
from broker.core.policy import AnyPolicy
from broker.ports import INPUTS, Topic, Write
from broker.services.matching_details import DetailsTable
from broker.services.matching_output import Poison, Scribe
from broker.services.matching_rules import Rules
from broker.services.matching_table import PartitionTable
from broker.wire.facts_codec import Arrival
from tests.builders.matcher import SALT, fact_write, make_codecs
from tests.spec.settled import KEY

_APPENDED_MS = 4_000_000_000_000  # later than every receipt

Queue = tuple[NhsNumber, Topic]


class Relay:
    """Inputs and tables; `events` and `poison` are what came of the facts delivered so far."""

    def __init__(self, numbers: Sequence[NhsNumber], policy: AnyPolicy) -> None:
        """Begin with empty inputs."""
        self.events: list[AlertEvent] = []
        self.poison: list[Poison] = []
        self.codecs = make_codecs()
        self._logs: dict[Queue, list[MemoryRecord]] = {(n, t): [] for n in numbers for t in INPUTS}
        self._taken = dict.fromkeys(self._logs, 0)
        self._partitions = {number: place for place, number in enumerate(numbers)}
        self._appended = count(_APPENDED_MS)
        self._tables = {number: self._table(place, policy) for number, place in self._partitions.items()}

    def _table(self, partition: int, policy: AnyPolicy) -> PartitionTable:
        """Return the table of a partition where nothing is held yet."""
        codecs = self.codecs
        scribe = Scribe(
            people=codecs.states,
            alerts=codecs.alerts,
            records=codecs.records,
            key=KEY,
            partition=partition,
        )
        return PartitionTable(
            {},
            facts=codecs.facts,
            states=codecs.states,
            scribe=scribe,
            details=DetailsTable({}, codec=codecs.details, scribe=scribe, policy=policy, key=KEY),
            rules=Rules(policy=policy, key=KEY),
            new_salt=lambda: SALT,
            state=NEW,
        )

    def send(self, number: NhsNumber, fact: Fact) -> None:
        """Append a fact as intake does."""
        self._append(fact_write(self.codecs.facts, fact, number))

    def waiting(self) -> list[Queue]:
        """Return the inputs that hold something not delivered yet."""
        return [queue for queue, log in self._logs.items() if self._taken[queue] < len(log)]

    def deliver(self, queue: Queue, most: int) -> None:
        """Deliver some records of an input, and write what follows."""
        number, topic = queue
        table, log, start = self._tables[number], self._logs[queue], self._taken[queue]
        batch = table.sort({topic: log[start : start + most]})
        self._taken[queue] = batch.offsets[topic]
        waited = [
            self._logs[number, indexed][offset]
            for indexed, offsets in table.waiting(batch).items()
            for offset in sorted(offsets)
        ]
        for key, records in batch.touched.items():
            folded = table.fold(key, records, waited)
            self.poison += folded.poison
            for write in folded.writes:
                self._append(write)

    def held(self, number: NhsNumber) -> Person | Forwarding | Inactive | None:
        """Return what is held under a number."""
        value = self._tables[number].people.get(number.key)
        if value is None:
            return None
        held = self.codecs.states.decode_any(number.key, value)
        assert not isinstance(held, PartitionState)
        return held

    def arrivals(self) -> Iterator[Arrival]:
        """Yield everything that the inputs hold."""
        for (number, topic), log in self._logs.items():
            for record in log:
                yield self.codecs.facts.read(topic, number.key, record.value or b"")

    def _append(self, write: Write) -> None:
        """Append to an input, or note what was said."""
        if write.topic == Topic.ALERTS:
            self.events.append(self.codecs.alerts.decode_event(write.value or b""))
        if write.topic not in INPUTS or write.key is None:
            return
        number = NhsNumber(write.key.decode("ascii"))
        if number not in self._partitions:  # a mother or a baby, of a partition that is not played
            return
        log = self._logs[number, Topic(write.topic)]
        log.append(
            MemoryRecord(
                topic=write.topic,
                partition=self._partitions[number],
                offset=len(log),
                timestamp=next(self._appended),
                key=write.key,
                value=write.value,
                headers=write.headers,
            )
        )
