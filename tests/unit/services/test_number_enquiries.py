"""The source is asked by itself what became of a number that changed, and its answer is a fact: ruling 38."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_sealing import MemorySealer
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.demographics import Current, Invalidated, NumberAnswer, SupersededBy
from broker.core.errors import KafkaUnavailable
from broker.core.facts import Details, IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.number_answers import notice_of
from broker.core.source_errors import DemographicsUnreadable
from broker.core.succession import Passage
from broker.ports import Topic, Write
from broker.runtime.codecs import load_schemas
from broker.services.fact_writes import fact_write
from broker.services.number_enquiries import ASKED_AGAIN_AFTER, NumberEnquiries
from broker.wire.cloudevents import read_headers
from broker.wire.facts_codec import FactCodec

KEY = IdentityKey(b"k" * 32)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CHANGED = NOW - timedelta(hours=1)
ROBIN, ALEX = NhsNumber("9990000018"), NhsNumber("9990000026")
DETAILS = Details(family="Sample", given="Robin", birth_date=date(2014, 4, 12))
IN_USE = Current(details=Details(), recorded_at=NOW)


class SlowSource(MemoryDemographics):
    """A source that never answers."""

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Wait for ever."""
        await asyncio.Event().wait()
        return await super().get(number)


class CountingSource(MemoryDemographics):
    """A source that remembers what it was asked."""

    def __init__(self) -> None:
        """Begin unasked."""
        super().__init__()
        self.asked: list[NhsNumber] = []

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Remember, and answer."""
        self.asked.append(number)
        return await super().get(number)


class Office:
    """Who asks, on a cluster in memory; `now` is the present."""

    def __init__(self, source: MemoryDemographics | None = None) -> None:
        """Put it together."""
        self.now = NOW
        self.kafka = MemoryKafka()
        self.source = source or CountingSource()
        self.codec = FactCodec(load_schemas(), MemorySealer())
        self.counts: Counter[str] = Counter()
        self.enquiries = self.another()

    def another(self) -> NumberEnquiries:
        """Return one more who asks, that knows nothing yet."""
        return NumberEnquiries(
            self.source,
            MemoryInputTail(self.kafka, Topic.IDENTITY),
            MemoryFactLog(self.kafka),
            codec=self.codec,
            key=KEY,
            clock=lambda: self.now,
            count=lambda event: self.counts.update([event]),
            seconds=0.05,
        )

    def say(self, kind: IdentityKind, number: NhsNumber = ROBIN, *, at: datetime = CHANGED) -> IdentityNotice:
        """Write a notice, as somebody who puts it in by hand does."""
        notice = notice_of(number, kind, at, at, KEY)
        self.kafka.append([fact_write(self.codec, notice, number, notice.notice_id, "test")])
        return notice

    def go_round(self, rounds: int = 1) -> None:
        """Go round so often."""
        for _ in range(rounds):
            asyncio.run(self.enquiries.go_round())

    def told(self, number: NhsNumber = ROBIN) -> list[tuple[IdentityKind, datetime]]:
        """Return what `cpis.in.identity` says of a number beside that it changed."""
        found: list[tuple[IdentityKind, datetime]] = []
        for record in self.kafka.read(Topic.IDENTITY):
            arrival = self.codec.read(record.topic, record.key or b"", record.value or b"")
            notice = arrival.fact
            assert isinstance(notice, IdentityNotice)
            if arrival.number == number and notice.kind is not IdentityKind.NUMBER_CHANGE:
                found.append((notice.kind, notice.recorded_at))
        return found


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (IN_USE, [IdentityKind.IN_USE]),
        (Current(details=DETAILS, recorded_at=NOW), [IdentityKind.IN_USE, IdentityKind.BIRTH_DATE]),
        (
            Current(details=Details(), restricted=True, lifted_at=NOW, recorded_at=NOW),
            [IdentityKind.IN_USE, IdentityKind.RESTRICTED],
        ),
        (
            Current(details=Details(), lifted_at=NOW, recorded_at=NOW),
            [IdentityKind.IN_USE, IdentityKind.RESTRICTION_LIFTED],
        ),
        (SupersededBy(successor=ALEX, recorded_at=NOW), [IdentityKind.SUPERSEDED]),
        (Invalidated(recorded_at=NOW), [IdentityKind.INVALIDATED]),
    ],
    ids=["in use", "date of birth", "restricted", "restriction lifted", "superseded", "invalidated"],
)
def test_the_answer_is_a_fact_with_the_sources_own_stamp(
    answer: NumberAnswer, kinds: list[IdentityKind]
) -> None:
    """It settles the enquiry, so that nobody is asked again (rulings 13, 22 to 24, 38)."""
    office = Office()
    office.source.put(ROBIN, answer)
    office.say(IdentityKind.NUMBER_CHANGE)

    office.go_round(3)

    assert [(kind, NOW) for kind in kinds] == office.told()
    assert {"number change asked about": 1} == office.counts


def test_a_number_that_nobody_notified_is_not_asked_about() -> None:
    """Nor one whose notice was settled by hand meanwhile (ruling 38)."""
    source = CountingSource()
    office = Office(source)
    office.say(IdentityKind.IN_USE, ALEX)
    office.say(IdentityKind.RESTRICTED, ALEX)
    office.say(IdentityKind.NUMBER_CHANGE)
    office.say(IdentityKind.RESTRICTED)
    office.say(IdentityKind.IN_USE)

    office.go_round()

    assert [] == source.asked


def test_a_change_after_an_answer_is_asked_about() -> None:
    """An answer settles what was notified by its time (ruling 38)."""
    office = Office()
    office.source.put(ROBIN, IN_USE)
    office.say(IdentityKind.NUMBER_CHANGE)
    office.go_round(2)
    office.now = NOW + timedelta(hours=3)
    later = NOW + timedelta(hours=2)
    office.say(IdentityKind.NUMBER_CHANGE, at=later)
    office.source.put(ROBIN, Invalidated(recorded_at=later))

    office.go_round(2)

    assert [(IdentityKind.IN_USE, NOW), (IdentityKind.INVALIDATED, later)] == office.told()


@pytest.mark.parametrize("answer", [None, Current(details=DETAILS, recorded_at=CHANGED - timedelta(days=9))])
def test_an_answer_that_settles_nothing_is_written_once_and_asked_for_again(answer: Current | None) -> None:
    """Older than the notice, or of a number never given out; each time a minute later (ruling 38)."""
    source = CountingSource()
    office = Office(source)
    if answer is not None:
        source.put(ROBIN, answer)
    office.say(IdentityKind.NUMBER_CHANGE)

    office.go_round(2)
    asked_at_first = len(source.asked)
    office.now += ASKED_AGAIN_AFTER
    office.go_round()

    assert (1, 2) == (asked_at_first, len(source.asked))
    kinds = [] if answer is None else [IdentityKind.IN_USE, IdentityKind.BIRTH_DATE]
    assert kinds == [kind for kind, _ in office.told()]
    source.put(ROBIN, IN_USE)
    office.now += ASKED_AGAIN_AFTER
    office.go_round(2)
    assert (IdentityKind.IN_USE, NOW) == office.told()[-1]


def test_a_source_that_is_away_is_asked_again_and_the_others_wait() -> None:
    """Silence settles nothing (ruling 38): until it answers the number stays under enquiry."""
    office = Office()
    office.source.available = False
    office.source.put(ROBIN, IN_USE)
    office.source.put(ALEX, IN_USE)
    office.say(IdentityKind.NUMBER_CHANGE)
    office.say(IdentityKind.NUMBER_CHANGE, ALEX)

    office.go_round()
    assert ({"number change unanswered": 1}, []) == (office.counts, office.told())
    office.source.available = True
    office.now += ASKED_AGAIN_AFTER
    office.go_round()

    assert [[(IdentityKind.IN_USE, NOW)]] * 2 == [office.told(), office.told(ALEX)]


class PuzzlingSource(MemoryDemographics):
    """A source whose answer about one person cannot be read."""

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Answer about everybody else."""
        if number == ROBIN:
            raise DemographicsUnreadable
        return await super().get(number)


def test_an_answer_that_cannot_be_read_holds_up_no_other_number() -> None:
    """It is asked for again; who comes behind it is asked about in the same round (ruling 38)."""
    office = Office(PuzzlingSource())
    office.source.put(ALEX, IN_USE)
    office.say(IdentityKind.NUMBER_CHANGE)
    office.say(IdentityKind.NUMBER_CHANGE, ALEX)

    office.go_round()

    assert ([], [(IdentityKind.IN_USE, NOW)]) == (office.told(), office.told(ALEX))
    assert {"number change unanswered": 1, "number change asked about": 1} == office.counts


def test_a_source_that_is_slow_is_not_waited_for() -> None:
    """Nor does it hold up what is read."""
    office = Office(SlowSource())
    office.say(IdentityKind.NUMBER_CHANGE)

    office.go_round()

    assert {"number change unanswered": 1} == office.counts


def test_two_who_ask_make_one_fact() -> None:
    """Each intake asks; the answer has the same id, and after a restart nothing is asked again."""
    office = Office()
    office.source.put(ROBIN, IN_USE)
    office.say(IdentityKind.NUMBER_CHANGE)
    other = office.another()

    async def both() -> None:
        """Ask at both."""

        async def read_only() -> None:
            """Let the other know the notice alone."""
            office.source.available = False
            await other.go_round()  # knows the notice, and has no answer yet
            office.source.available = True

        await read_only()
        await office.enquiries.go_round()
        office.now += ASKED_AGAIN_AFTER
        await other.go_round()
        await office.another().go_round()

    asyncio.run(both())

    written = office.kafka.read(Topic.IDENTITY)
    assert {IdentityKind.IN_USE} == {kind for kind, _ in office.told()}
    assert 2 == len({read_headers(record.headers).event_id for record in written})
    assert {"number change asked about": 1, "number change unanswered": 1} == office.counts


def test_what_cannot_be_read_and_what_was_sent_on_is_passed_over() -> None:
    """The matcher sets aside the one; the other speaks of a former number, which has its answer (22)."""
    source = CountingSource()
    office = Office(source)
    notice = notice_of(ROBIN, IdentityKind.NUMBER_CHANGE, CHANGED, CHANGED, KEY)
    value = office.codec.encode(notice, ROBIN)
    wrapped = office.codec.wrap(value, Passage(numbers=(ROBIN,), stamp=CHANGED), ALEX)
    office.kafka.append(
        [
            Write(Topic.IDENTITY, ROBIN.key, b"no notice"),
            Write(Topic.IDENTITY, b"no number", value),
            Write(Topic.IDENTITY, None, None),
            Write(Topic.IDENTITY, ALEX.key, wrapped),
        ]
    )

    office.go_round()

    assert [] == source.asked


def test_while_kafka_is_away_nothing_is_lost() -> None:
    """The next round goes on where this one was."""
    office = Office()
    office.source.put(ROBIN, IN_USE)
    office.say(IdentityKind.NUMBER_CHANGE)

    office.kafka.available = False
    with pytest.raises(KafkaUnavailable):
        office.go_round()
    office.kafka.available = True
    office.go_round(2)
    asyncio.run(office.enquiries.close())

    assert [(IdentityKind.IN_USE, NOW)] == office.told()
