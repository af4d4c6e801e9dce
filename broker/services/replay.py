"""
A recorded stream through the same doors and the same core as a live one, without Kafka and telling nobody.

Knows the one thing that the matcher and this must agree on: a person has a record from the first plan or
identity notice on, what came before it is folded then, and what is superseded goes to its successor. What the
matcher itself had sent on when the stream was recorded is passed over: the replay sends it on again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from broker.core.alerts import AlertEvent
from broker.core.audit import DecisionEntry
from broker.core.everybody import Everybody
from broker.core.facts import IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.operators import YET_UNWRITTEN, Place
from broker.core.person import Person
from broker.core.policy import AnyPolicy
from broker.core.succession import Came
from broker.core.worklist import WorklistItem
from broker.ports import INPUTS, Topic, Write
from broker.services.intake import Intake
from broker.services.numbers_out_of_use import NumbersOutOfUse
from broker.services.uploads import Uploads
from broker.upload_ports import in_memory
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import RecordsCodec
from broker.wire.stream import Door, StreamLine

_NO_SALT = bytes(16)  # a replay writes no audit trail, so there is nothing to blind


class SteppedClock:
    """A clock that shows the receipt time of the line being played."""

    def __init__(self) -> None:
        """Begin before every recorded time."""
        self.now = datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time shown."""
        return self.now


class Taken:
    """A `FactLog` that hands on what the doors made durable."""

    def __init__(self) -> None:
        """Begin empty."""
        self._writes: list[Write] = []

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """Take the writes, which lie nowhere."""
        self._writes.extend(writes)
        return [Place(topic=write.topic, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN) for write in writes]

    def take(self) -> list[Write]:
        """Return what was written since the last call."""
        writes, self._writes = self._writes, []
        return writes


@dataclass(slots=True)
class Replayed:
    """
    What a stream came to.

    `events` and `decisions` are in the order in which they were made; `worklist` holds the items still
    open, `rejected` door and reason of what was kept unread; `facts` counts what was folded or waits.
    """

    facts: int = 0
    events: list[AlertEvent] = field(default_factory=list)
    decisions: list[DecisionEntry] = field(default_factory=list)
    worklist: dict[str, WorklistItem] = field(default_factory=dict)
    rejected: list[tuple[str, str]] = field(default_factory=list)


class Replay:
    """Plays lines one by one; `outcome` is what they have come to so far."""

    def __init__(  # noqa: PLR0913 - what a use case needs is its arguments
        self,
        *,
        intake: Intake,
        uploads: Uploads,
        taken: Taken,
        clock: SteppedClock,
        facts: FactCodec,
        records: RecordsCodec,
        policy: AnyPolicy,
        key: IdentityKey,
        out_of_use: NumbersOutOfUse,
    ) -> None:
        """Take the doors, which write to `taken` and read `clock` and `out_of_use`, and what decides."""
        self.outcome = Replayed()
        self._intake = intake
        self._uploads = uploads
        self._taken = taken
        self._clock = clock
        self._facts = facts
        self._records = records
        self._out_of_use = out_of_use
        self._everybody = Everybody(policy, key, salt=_NO_SALT)

    @property
    def people(self) -> Mapping[NhsNumber, Person]:
        """Everybody who has a record so far."""
        return self._everybody.people

    @property
    def waiting(self) -> Mapping[NhsNumber, Person]:
        """Everybody else of whom something is known."""
        return self._everybody.waiting

    async def play(self, line: StreamLine) -> None:
        """Let one line in by its door and tell what follows; raise `MalformedMessage` for a bad fact."""
        self._clock.now = max(self._clock.now, line.at)
        match line.door:
            case Door.MLLP:
                await self._intake.receive(line.raw)
            case Door.UPLOAD:
                await self._uploads.load(in_memory(line.raw))
            case _:  # a fact as it stood in an input
                await self._taken.append([Write(line.topic, line.key, line.raw)])
        came: dict[NhsNumber, list[Came]] = {}
        for write in self._taken.take():
            self._sort(write, came)
        for number, facts in came.items():
            self._tell(number, facts)

    def _sort(self, write: Write, came: dict[NhsNumber, list[Came]]) -> None:
        """Note what was kept unread; gather facts by person."""
        value = write.value or b""
        if write.topic == Topic.REJECTED:
            rejected = self._records.decode_rejected(value)
            self.outcome.rejected.append((rejected.door.value, rejected.reason))
        elif write.topic == Topic.WORKLIST:
            item = self._records.decode_item(value)
            self.outcome.worklist[item.item_id] = item
        elif write.topic in INPUTS and write.key is not None:
            arrival = self._facts.read(Topic(write.topic), write.key, value)
            if arrival.passage is None:
                came.setdefault(arrival.number, []).append(Came(arrival.fact))
                if isinstance(arrival.fact, IdentityNotice):
                    self._out_of_use.note(arrival.number, arrival.fact)
                self.outcome.facts += 1

    def _tell(self, number: NhsNumber, came: list[Came]) -> None:
        """Fold what is new of a person, decide, and note what must be said."""
        for advanced in self._everybody.take(number, came):
            self.outcome.events.extend(advanced.events)
            self.outcome.decisions.extend(advanced.entries)
            for item in advanced.opened:
                self.outcome.worklist[item.item_id] = item
            for item in advanced.closed:
                self.outcome.worklist.pop(item.item_id, None)
