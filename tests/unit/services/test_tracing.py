"""A patient without a usable number is looked for at the source, which joins no two numbers: 21, 42."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_sealing import MemorySealer
from broker.core import operators
from broker.core.demographics import Current, Invalidated, SearchAnswer
from broker.core.errors import KafkaUnavailable
from broker.core.facts import Details, IdentityKind, IdentityNotice, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey, visit_reference
from broker.core.number_ranges import Takes, takes_any, takes_for_tests
from broker.core.policy import Policy
from broker.core.policy_keys import Place, Selector
from broker.core.possible import Numbered
from broker.ports import Topic, Write
from broker.runtime.codecs import load_schemas
from broker.services import tracing
from broker.services.attendances import Attendances
from broker.services.intake import Intake
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse
from broker.services.rejections import Rejections
from broker.services.tracing import Tracing, Untraced
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import Door, RecordsCodec
from broker.wire.visit_reading import PROCESSING_IDS, Admits
from tests.builders.adt import Patient
from tests.spec.numbers import numbers_beginning
from tests.unit.services.test_intake import message, verdict

KEY = IdentityKey(b"k" * 32)
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
ROBIN, ALEX = NhsNumber("9990000018"), NhsNumber("9990000026")
DETAILS = Details(family="Sample", given="Robin", birth_date=date(2016, 4, 12))
NOBODY = Patient(number=None)


class SlowSource(MemoryDemographics):
    """A source that never answers."""

    async def search(self, details: Details) -> SearchAnswer:
        """Wait for ever."""
        await asyncio.Event().wait()
        return await super().search(details)


class BrokenSource(MemoryDemographics):
    """A source with a defect."""

    async def search(self, details: Details) -> SearchAnswer:
        """Fail as no source should."""
        raise ZeroDivisionError(details)


class EndingLog(MemoryFactLog):
    """A log of a process that ends behind so many appends; of None it never does."""

    appends_left: int | None = None

    async def append(self, records: Sequence[Write]) -> Sequence[operators.Place]:
        """Append, or be gone as Kafka is for a process that ends."""
        if self.appends_left == 0:
            raise KafkaUnavailable("the process ended")
        if self.appends_left is not None:
            self.appends_left -= 1
        return await super().append(records)


class AskingIntake:
    """An intake that asks a source; its clock stands at `now`."""

    def __init__(
        self,
        source: MemoryDemographics | None = None,
        *,
        policy: Policy | None = None,
        takes: Takes = takes_any,
    ) -> None:
        """Put it together around a source that knows Robin."""
        schemas, sealer = load_schemas(), MemorySealer()
        self.source = source or MemoryDemographics()
        self.source.put(ROBIN, Current(details=DETAILS, recorded_at=NOW))
        self.now = NOW
        self.kafka = MemoryKafka()
        self.counts: Counter[str] = Counter()
        self.facts = FactCodec(schemas, sealer)
        self.details = DetailsCodec(schemas, sealer)
        count = self.counts.update
        self.tracing = Tracing(self.source, count=lambda event: count([event]), seconds=0.05)
        numberless = Numberless(self.details, policy=policy or Policy(), key=KEY, trace=self.tracing.offer)
        self.log = EndingLog(self.kafka)
        self.intake = Intake(
            self.log,
            Attendances(self.facts, numberless, NumbersInUse(KEY, horizon=timedelta(days=23))),
            Rejections(RecordsCodec(schemas, sealer), KEY),
            clock=lambda: self.now,
            count=lambda event: count([event]),
            answer_seconds=5.0,
            admits=Admits(PROCESSING_IDS, takes),
        )

    async def send(self, data: bytes, *, traces: int = 1) -> str:
        """Return the answer to a message, after which so many that wait are traced."""
        answer, _ = verdict(await self.intake.receive(data))
        for _ in range(traces):
            await asyncio.wait_for(self.tracing.trace_next(self.intake.promote), timeout=90)
        return answer

    def attendances(self) -> list[tuple[bytes, VisitMessage]]:
        """Return the attendances that are durable, with their keys."""
        read = [
            (record.key or b"", self.facts.decode(record.topic, record.key or b"", record.value or b""))
            for record in self.kafka.read(Topic.ATTENDANCES)
        ]
        return [(key, fact) for key, fact in read if isinstance(fact, VisitMessage)]

    def marks(self) -> list[tuple[bytes, datetime]]:
        """Return whose records were said to be restricted, and when that was recorded."""
        read = [
            (record.key or b"", self.facts.decode(record.topic, record.key or b"", record.value or b""))
            for record in self.kafka.read(Topic.IDENTITY)
        ]
        return [
            (key, fact.recorded_at)
            for key, fact in read
            if isinstance(fact, IdentityNotice) and fact.kind is IdentityKind.RESTRICTED
        ]

    def ended(self) -> int:
        """Return how many searches were told that their visit has a number."""
        records = self.kafka.read(Topic.DETAILS)
        placed = [self.details.decode_clues(one.key or b"", one.value or b"") for one in records]
        return sum(isinstance(one.clue, Numbered) for clues in placed for one in clues)


def test_one_exact_match_promotes() -> None:
    """The message is a fact under that number, received when it came; the index is told (ruling 21)."""
    door = AskingIntake()

    answer = asyncio.run(door.send(message(NOBODY)))

    [(key, fact)] = door.attendances()
    reference = visit_reference(KEY, ROBIN, system="EDSYS", provider=fact.provider, visit_number="V1")
    assert ("AA", ROBIN.key, NOW, reference) == (answer, key, fact.received_at, fact.visit)
    assert (1, 1) == (door.counts["patient traced"], door.ended())


def test_the_sender_is_answered_before_anybody_is_asked() -> None:
    """And the index by details looks at once (ruling 21)."""
    door = AskingIntake(SlowSource())

    assert "AA" == asyncio.run(door.send(message(NOBODY), traces=0))
    assert 1 == len(door.kafka.read(Topic.DETAILS))


def test_several_or_none_promote_nothing() -> None:
    """Whose it is a person finds out (rulings 21, 46)."""
    door = AskingIntake()
    door.source.put(ALEX, Current(details=DETAILS, recorded_at=NOW))

    asyncio.run(door.send(message(NOBODY)))
    door.source.put(ALEX, Invalidated(recorded_at=NOW))
    door.source.put(ROBIN, Invalidated(recorded_at=NOW))
    asyncio.run(door.send(message(NOBODY, visit="V2", control_id="M2")))

    assert ([], 2, 0) == (door.attendances(), door.counts["patient not traced"], door.ended())


@pytest.mark.parametrize("source", [SlowSource(), BrokenSource()], ids=["slow", "broken"])
def test_a_source_that_fails_costs_the_trace_alone(source: MemoryDemographics) -> None:
    """The visit is left to the index by details (ruling 21)."""
    door = AskingIntake(source)

    assert "AA" == asyncio.run(door.send(message(NOBODY)))
    assert ([], 1, 1) == (
        door.attendances(),
        door.counts["trace unanswered"],
        len(door.kafka.read(Topic.DETAILS)),
    )


def test_a_source_that_is_away_and_a_kafka_that_is_away_cost_the_trace_alone() -> None:
    """What comes after them is traced again (ruling 21)."""
    door = AskingIntake()

    async def scenario() -> None:
        door.source.available = False
        await door.send(message(NOBODY))
        door.source.available = True
        await door.send(message(NOBODY, visit="V2", control_id="M2"), traces=0)
        door.kafka.available = False
        await door.tracing.trace_next(door.intake.promote)
        door.kafka.available = True
        await door.send(message(NOBODY, visit="V3", control_id="M3"))

    asyncio.run(scenario())

    assert ({"trace unanswered": 2, "patient traced": 1}, 1) == (
        {event: door.counts[event] for event in ("trace unanswered", "patient traced")},
        len(door.attendances()),
    )


def test_a_visit_that_has_another_number_by_now_is_joined_with_none() -> None:
    """A trace joins no two numbers (ruling 42); the visit goes on under its own."""
    door = AskingIntake()

    async def scenario() -> None:
        await door.send(message(NOBODY), traces=0)
        await door.send(message(Patient(number=ALEX.digits), control_id="M2", event="A08"))

    asyncio.run(scenario())

    assert ([ALEX.key], 1) == ([key for key, _ in door.attendances()], door.counts["patient not traced"])


def test_every_message_of_a_visit_that_waits_is_promoted_alike() -> None:
    """The second is not taken for one that goes elsewhere; a third then goes on under the number."""
    door = AskingIntake()

    async def scenario() -> None:
        await door.send(message(NOBODY), traces=0)
        await door.send(message(NOBODY, control_id="M2", event="A08", recorded="20250301114000"), traces=2)
        await door.send(message(NOBODY, control_id="M3", event="A03", recorded="20250301115000"), traces=0)

    asyncio.run(scenario())

    assert ([ROBIN.key] * 3, 2) == ([key for key, _ in door.attendances()], door.counts["patient traced"])


def test_who_is_traced_and_protected_is_restricted_before_any_place_is_told() -> None:
    """By the source's mark of now, and by the visit itself, whichever a matcher reads first (ruling 24)."""
    door = AskingIntake()
    door.source.put(ROBIN, Current(details=DETAILS, restricted=True, recorded_at=NOW))

    asyncio.run(door.send(message(NOBODY)))

    assert [(ROBIN.key, NOW)] == door.marks()
    assert [(ROBIN.key, True)] == [(key, visit.restricted) for key, visit in door.attendances()]


def test_of_who_is_not_protected_nothing_is_said() -> None:
    """That a record is ordinary lifts no mark and sets none (ruling 24)."""
    door = AskingIntake()

    asyncio.run(door.send(message(NOBODY)))

    assert ([], [None]) == (door.marks(), [visit.restricted for _, visit in door.attendances()])


@pytest.mark.parametrize(("written", "marks", "visits"), [(0, 0, 0), (1, 1, 0), (2, 1, 1)])
def test_a_process_that_ends_between_mark_and_visit_has_told_no_place(
    written: int, marks: int, visits: int
) -> None:
    """The mark is durable first: there is never a visit whose mark is still to come (ruling 24)."""
    door = AskingIntake()
    door.source.put(ROBIN, Current(details=DETAILS, restricted=True, recorded_at=NOW))

    async def scenario() -> None:
        await door.send(message(NOBODY), traces=0)
        door.log.appends_left = written
        await door.tracing.trace_next(door.intake.promote)

    asyncio.run(scenario())

    assert (marks, visits) == (len(door.marks()), len(door.attendances()))


def test_a_number_that_has_no_place_here_promotes_nothing() -> None:
    """A deployment for tests does not take it from a source either (ruling 27)."""
    door = AskingIntake(takes=takes_for_tests)
    door.source.put(ROBIN, Invalidated(recorded_at=NOW))
    door.source.put(next(numbers_beginning("4000")), Current(details=DETAILS, recorded_at=NOW))

    asyncio.run(door.send(message(NOBODY)))

    assert ([], 1) == (door.attendances(), door.counts["patient not traced"])


SILENT = Policy(overrides={Selector(provider=OdsCode("RXX"), location="HAVEN"): {"listed": Place.SENSITIVE}})


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(message(Patient(number=None, given="")), id="a detail missing"),
        pytest.param(message(NOBODY, location="HAVEN"), id="a sensitive place"),
        pytest.param(message(NOBODY, **{"class": "P"}), id="a scheduled setting"),
    ],
)
def test_of_whom_nobody_would_hear_or_too_little_is_known_the_source_is_not_asked(data: bytes) -> None:
    """No source learns of a visit to a sensitive place (rulings 3, 21, 47)."""
    door = AskingIntake(policy=SILENT)

    async def scenario() -> None:
        await door.send(data, traces=0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(door.tracing.trace_next(door.intake.promote), timeout=0.05)

    asyncio.run(scenario())

    assert [] == door.attendances()


def test_what_waits_is_bounded() -> None:
    """The next ones are left to the index."""
    counts: Counter[str] = Counter()
    waiting = Tracing(MemoryDemographics(), count=lambda event: counts.update([event]))

    for _ in range(tracing.WAITING_MAX + 2):
        waiting.offer(Untraced(data=b"", received_at=NOW, details=DETAILS, door=Door.MLLP))

    assert {"trace passed over": 2} == counts


def test_a_message_that_waits_shows_nothing_of_its_patient() -> None:
    """Neither bytes nor details."""
    shown = repr(Untraced(data=b"Sample", received_at=NOW, details=DETAILS, door=Door.MLLP))

    assert "Sample" not in shown
