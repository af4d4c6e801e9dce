"""What becomes of an event of the national services: rulings 26, 27, 38; R53."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_sealing import MemorySealer
from broker.core.demographics import Current, Invalidated, NotKnown, NumberAnswer, SupersededBy
from broker.core.errors import DemographicsUnavailable, KafkaUnavailable
from broker.core.facts import Birth, Details, IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.number_ranges import takes_for_tests
from broker.core.source_errors import DemographicsUnreadable
from broker.ports import Topic
from broker.runtime.codecs import load_schemas
from broker.services.national_events import FACTS, KEPT, NOBODY_TO_ASK, OF_NO_USE, NationalEvents
from broker.services.rejections import Rejections
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import Door, RecordsCodec
from tests.builders.national_events import birth, cloud_event, history_bundle, message

KEY = IdentityKey(b"k" * 32)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
RECORDED = datetime(2026, 3, 2, 11, tzinfo=UTC)
MOTHER, BABY, OTHER = NhsNumber("9990000018"), NhsNumber("9990000026"), NhsNumber("9990000034")
REAL = "9434765919"


class Post:
    """Where events come in, on a cluster in memory."""

    def __init__(self, source: MemoryDemographics | None = None, *, seconds: float = 2.0) -> None:
        self.kafka = MemoryKafka(partitions=1)
        self.log = MemoryFactLog(self.kafka)
        self.counts = Counter[str]()
        schemas, sealer = load_schemas(), MemorySealer()
        self.codec, self.records = FactCodec(schemas, sealer), RecordsCodec(schemas, sealer)
        self.events = NationalEvents(
            self.log,
            self.codec,
            Rejections(self.records, KEY),
            source=source,
            key=KEY,
            clock=lambda: NOW,
            count=lambda outcome: self.counts.update([outcome]),
            takes=takes_for_tests,
            seconds=seconds,
        )

    def take(self, *events: bytes) -> None:
        """Take events, one after the other."""
        for event in events:
            asyncio.run(self.events.take(event))

    def facts(self) -> list[tuple[NhsNumber, IdentityNotice | Birth]]:
        """Return every fact there is, with its number."""
        found = []
        for topic in (Topic.IDENTITY, Topic.ATTENDANCES):
            for record in self.kafka.read(topic):
                arrival = self.codec.read(topic, record.key or b"", record.value or b"")
                assert isinstance(arrival.fact, IdentityNotice | Birth)
                found.append((arrival.number, arrival.fact))
        return found

    def notices(self) -> list[tuple[NhsNumber, IdentityNotice]]:
        """Return the notices, with their numbers."""
        return [(number, fact) for number, fact in self.facts() if isinstance(fact, IdentityNotice)]

    def said(self) -> set[tuple[NhsNumber, str]]:
        """Return what the notices say, each once."""
        return {(number, fact.kind.value) for number, fact in self.notices()}


def test_a_number_change_is_a_fact_and_the_source_is_asked_later() -> None:
    """A signal that does not say which: it has the event's time, and sent twice it is one (ruling 38)."""
    post = Post()
    post.take(
        cloud_event("nhs-number-change-2", MOTHER.digits),
        history_bundle("nhs-number-change-2", MOTHER.digits),
        message("nhs-number-change-1", MOTHER.digits),
    )
    assert post.counts == {FACTS: 3}
    assert {(MOTHER, IdentityKind.NUMBER_CHANGE.value)} == post.said()
    ids = {fact.notice_id for _, fact in post.facts() if isinstance(fact, IdentityNotice)}
    assert len(ids) == 1


def test_an_event_of_the_future_counts_from_its_receipt() -> None:
    """A record time later than the first receipt is replaced (ruling 37)."""
    post = Post()
    post.take(cloud_event("nhs-number-change-2", MOTHER.digits, time="2027-01-01T00:00:00Z"))
    assert [NOW] == [fact.recorded_at for _, fact in post.facts()]


@pytest.mark.parametrize("event_type", ["pds-record-change-2", "pds-death-notification-2"])
def test_whatever_else_changed_the_source_is_asked_what(event_type: str) -> None:
    """Its answer is the fact, never the event (R53)."""
    source = MemoryDemographics()
    source.put(MOTHER, SupersededBy(successor=OTHER, recorded_at=RECORDED))
    details = Details(family="Sample", given="Robin", birth_date=date(2014, 4, 12))
    source.put(BABY, Current(details=details, restricted=True, recorded_at=RECORDED))
    post = Post(source)
    post.take(cloud_event(event_type, MOTHER.digits), message(event_type, BABY.digits))

    assert post.counts == {FACTS: 2}
    assert post.said() == {
        (MOTHER, "superseded"),
        (BABY, "in use"),
        (BABY, "restricted"),
        (BABY, "date of birth"),
    }


def test_an_event_is_not_taken_before_the_source_has_answered() -> None:
    """Then its service sends it again; so it does while Kafka is away."""
    source = MemoryDemographics()
    source.available = False
    post = Post(source)
    with pytest.raises(DemographicsUnavailable):
        post.take(cloud_event("pds-record-change-2", MOTHER.digits))
    post.kafka.available = False
    with pytest.raises(KafkaUnavailable):
        post.take(cloud_event("nhs-number-change-2", MOTHER.digits))
    post.kafka.available = True
    assert (post.counts, post.facts()) == ({}, [])


class Silent(MemoryDemographics):
    """A source that never answers."""

    async def get(self, number: NhsNumber) -> Current:
        """Wait for ever."""
        await asyncio.Event().wait()
        raise AssertionError(number)


def test_a_source_that_says_nothing_is_away() -> None:
    """Silence is never an answer."""
    post = Post(Silent(), seconds=0.01)
    with pytest.raises(DemographicsUnavailable):
        post.take(cloud_event("pds-record-change-2", MOTHER.digits))


class Puzzling(MemoryDemographics):
    """A source whose answer about one person cannot be read."""

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Answer about everybody else."""
        if number == MOTHER:
            raise DemographicsUnreadable
        return await super().get(number)


def test_an_answer_that_cannot_be_read_holds_up_no_event() -> None:
    """Sent again it would come for ever: the number is under enquiry until the source can be read (38)."""
    post = Post(Puzzling())
    post.take(cloud_event("pds-record-change-2", MOTHER.digits))

    assert (post.counts, post.said()) == ({FACTS: 1}, {(MOTHER, "number change")})
    assert [NOW] == [fact.recorded_at for _, fact in post.facts()]


def test_without_a_source_nobody_can_say_what_changed() -> None:
    """It is counted: matching goes on by what authorities and hospitals say."""
    post = Post()
    post.take(cloud_event("pds-record-change-2", MOTHER.digits))
    assert (post.counts, post.facts()) == ({NOBODY_TO_ASK: 1}, [])


def test_a_birth_links_mother_and_baby() -> None:
    """Under the mother's number, at the event's time; sent twice it is one (ruling 26; R34)."""
    post = Post()
    post.take(birth(BABY.digits, MOTHER.digits), birth(BABY.digits, MOTHER.digits))

    births = {
        (number, fact.baby, fact.born, fact.recorded_at)
        for number, fact in post.facts()
        if isinstance(fact, Birth)
    }
    assert births == {(MOTHER, BABY, date(2026, 3, 1), RECORDED)}
    assert len({fact.birth_id for _, fact in post.facts() if isinstance(fact, Birth)}) == 1


def test_a_stillbirth_is_told_of_the_mother() -> None:
    """Once however often it comes, with a number of the baby or none: her plan alerts no more (43)."""
    post = Post()
    post.take(*[birth(baby, MOTHER.digits, stillborn="2") for baby in (BABY.digits, "")])

    notices = post.notices()
    said = {(number, fact.kind, fact.recorded_at) for number, fact in notices}
    assert {(MOTHER, IdentityKind.STILLBIRTH, RECORDED)} == said
    assert 1 == len({fact.notice_id for _, fact in notices})


@pytest.mark.parametrize(
    ("born", "at"),
    [
        ("2026-01-20", RECORDED),
        ("2026-01-19", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2025-06-30", datetime(2025, 8, 10, 23, tzinfo=UTC)),  # summer time
        ("9999-12-31", RECORDED),
        ("2026-01", RECORDED),  # no day
    ],
)
def test_what_is_said_late_of_a_stillbirth_stops_no_alerts_of_a_later_pregnancy(
    born: str, at: datetime
) -> None:
    """A notice that comes, or is corrected, months later has the time by which it is registered (43)."""
    post = Post()
    post.take(birth(BABY.digits, MOTHER.digits, born=born, stillborn="2"))

    assert [at] == [fact.recorded_at for _, fact in post.facts()]


def test_a_birth_that_is_corrected_tells_the_baby_who_its_mother_is() -> None:
    """By the name that the link of the second has, and the first has not (ruling 26)."""
    post = Post()
    post.take(birth(BABY.digits, MOTHER.digits), birth(BABY.digits, OTHER.digits, kind="update"))

    named = {number: fact.named for number, fact in post.facts() if isinstance(fact, Birth)}
    [(baby, said)] = [(number, fact) for number, fact in post.notices() if number == BABY]
    assert (BABY, IdentityKind.BORN_TO, RECORDED) == (baby, said.kind, said.recorded_at)
    assert named[MOTHER] != said.mother == named[OTHER]
    assert 0 == said.received_at.second


BACK, BORN_TO = IdentityKind.STILLBIRTH_TAKEN_BACK.value, IdentityKind.BORN_TO.value


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            birth(BABY.digits, MOTHER.digits, kind="update", recorded="2026-03-02T11:00:30Z"),
            {(MOTHER, BACK), (BABY, BORN_TO)},
        ),
        (birth(BABY.digits, MOTHER.digits, kind="delete"), {(MOTHER, BACK), (BABY, BORN_TO)}),
        (birth("", MOTHER.digits, kind="delete", stillborn="2"), {(MOTHER, BACK)}),
        (birth(BABY.digits, MOTHER.digits), set()),  # of a twin it says nothing
    ],
)
def test_an_event_that_corrects_takes_back_what_was_said_of_a_stillbirth(
    event: bytes, said: set[tuple[NhsNumber, str]]
) -> None:
    """Or the mother's plan would alert no more; to the minute, so that no record shares a time (42, 43)."""
    post = Post()
    post.take(event)

    assert said == post.said()
    stamps = {(fact.recorded_at, fact.received_at) for number, fact in post.notices() if number == MOTHER}
    assert stamps <= {(RECORDED, NOW)}


def test_a_birth_that_turns_out_a_stillbirth_leaves_the_baby_nobodys() -> None:
    """Nobody is asked to open its plan (rulings 26, 43)."""
    post = Post()
    post.take(
        birth(BABY.digits, MOTHER.digits), birth(BABY.digits, MOTHER.digits, kind="update", stillborn="2")
    )

    assert {(MOTHER, IdentityKind.STILLBIRTH.value), (BABY, BORN_TO)} == post.said()
    assert [None] == [fact.mother for number, fact in post.notices() if number == BABY]


def test_a_birth_that_is_notified_anew_is_another() -> None:
    """At its own time, or what was taken back between the two would outweigh both (ruling 26)."""
    post = Post()
    post.take(
        birth(BABY.digits, MOTHER.digits),
        birth(BABY.digits, None, kind="delete"),
        birth(BABY.digits, MOTHER.digits, recorded="2026-03-02T11:30:00+00:00"),
    )
    births = {fact.birth_id: fact.recorded_at for _, fact in post.facts() if isinstance(fact, Birth)}
    assert sorted(births.values()) == [RECORDED, RECORDED + timedelta(minutes=30)]


def test_a_birth_that_is_taken_back_leaves_the_baby_nobodys() -> None:
    """Also where the event does not say whose it was; nobody is linked anew (ruling 26)."""
    post = Post()
    post.take(birth(BABY.digits, None, kind="delete"))

    [(baby, said)] = post.facts()
    assert isinstance(said, IdentityNotice)
    assert (BABY, IdentityKind.BORN_TO, None) == (baby, said.kind, said.mother)


IN_USE, PROTECTED = (
    Current(details=Details(), restricted=restricted, recorded_at=NOW) for restricted in (False, True)
)


@pytest.mark.parametrize(
    ("mother", "baby", "restricted", "marked"),
    [
        (IN_USE, IN_USE, False, []),
        (PROTECTED, IN_USE, False, [MOTHER]),
        (IN_USE, PROTECTED, True, [BABY]),
        (IN_USE, SupersededBy(successor=OTHER, restricted=True, recorded_at=NOW), True, [BABY]),
        (PROTECTED, PROTECTED, True, [MOTHER, BABY]),
        (NotKnown(), Invalidated(recorded_at=NOW), False, []),
    ],
)
def test_whom_of_mother_and_baby_the_source_protects_is_said_before_they_are_linked(
    mother: NumberAnswer,
    baby: NumberAnswer,
    restricted: bool,  # noqa: FBT001
    marked: list[NhsNumber],
) -> None:
    """The link tells whose place is whose: no mark comes behind it (rulings 24, 26)."""
    source = MemoryDemographics()
    source.put(MOTHER, mother)
    source.put(BABY, baby)
    post = Post(source)
    post.take(birth(BABY.digits, MOTHER.digits))

    facts = post.facts()
    assert [restricted] == [fact.restricted for _, fact in facts if isinstance(fact, Birth)]
    notices = [number for number, fact in facts if isinstance(fact, IdentityNotice)]
    assert set(notices) == set(marked)
    assert post.said() == {(number, IdentityKind.RESTRICTED.value) for number in marked}


def test_a_birth_waits_for_the_source_and_one_that_cannot_be_read_does_not() -> None:
    """Away: the event is to come again. Not to be read: it is asked about until it can be (24, 38)."""
    away = MemoryDemographics()
    away.available = False
    waiting, puzzled = Post(away), Post(Puzzling())
    with pytest.raises(DemographicsUnavailable):
        waiting.take(birth(BABY.digits, MOTHER.digits))
    puzzled.take(birth(BABY.digits, MOTHER.digits))

    assert [] == waiting.facts()
    assert {(MOTHER, IdentityKind.NUMBER_CHANGE.value)} == puzzled.said()
    assert 1 == sum(isinstance(fact, Birth) for _, fact in puzzled.facts())


@pytest.mark.parametrize(
    "event",
    [
        birth(BABY.digits, BABY.digits),
        birth(BABY.digits, MOTHER.digits, born="2025-02-28"),
        cloud_event("pds-change-of-gp-2", MOTHER.digits),
        cloud_event("nhs-number-change-2", REAL),
        birth(REAL, MOTHER.digits),
        birth(REAL, None),
    ],
)
def test_an_event_of_no_use_is_counted(event: bytes) -> None:
    """Nobody's own child, no baby, another kind, somebody who has no place here (26, 27)."""
    post = Post()
    post.take(event)
    assert (post.counts, post.facts()) == ({OF_NO_USE: 1}, [])
    assert not post.kafka.read(Topic.REJECTED)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (birth(BABY.digits, None), "birth without the mother's number"),
        (birth("", None, stillborn="2"), "birth without the mother's number"),
        (birth("", None, kind="delete", stillborn="2"), "birth without the mother's number"),
        (birth("", MOTHER.digits), "NHS number wrong or missing"),
        (b"{}", "no event"),
    ],
)
def test_what_says_too_little_is_kept(event: bytes, reason: str) -> None:
    """Byte for byte, with the reason: nothing disappears silently."""
    post = Post()
    post.take(event)

    (record,) = post.kafka.read(Topic.REJECTED)
    kept = post.records.decode_rejected(record.value or b"")
    assert (kept.door, kept.reason, kept.raw) == (Door.NOTICE, reason, event)
    assert post.counts == {KEPT: 1}
