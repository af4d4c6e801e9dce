"""What intake knows of visits and numbers is what the log says; what was left unsaid is said. Ruling 44."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_sealing import MemorySealer
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.errors import KafkaUnavailable
from broker.core.facts import IdentityKind, IdentityNotice, VisitLeft, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.keyed import unnumbered_reference, visit_named
from broker.core.policy import Policy
from broker.core.succession import Passage
from broker.ports import InputTail, Record, Topic, Write, nothing_known
from broker.runtime.codecs import load_schemas
from broker.services.also_followed import AlsoFollowed, kept_heard_by, notices_heard_by
from broker.services.attendances import Attendances
from broker.services.following import Following
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse
from broker.services.numbers_out_of_use import NumbersOutOfUse
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from tests.builders.desk import DeskHouse
from tests.builders.matcher import fact_write
from tests.unit.services.test_numberless import message as numberless_message
from tests.unit.services.test_numbers_in_use import HORIZON, KEY, MINUTE, RXX, A, B, T, message

VISIT = visit_named(KEY, system="EDSYS", provider=RXX, visit_number="V1")
NOW = datetime(2026, 1, 11, 10, 0, 30, tzinfo=UTC)
INVALIDATED = IdentityNotice(notice_id="n1", kind=IdentityKind.INVALIDATED, recorded_at=T, received_at=T)
BORN = replace(INVALIDATED, kind=IdentityKind.BIRTH_DATE, birth_date=T.date())


class SlowTail:
    """A tail that answers only once it is let go."""

    def __init__(self, tail: InputTail) -> None:
        self.looks = 0
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()
        self._tail = tail

    async def news(
        self, known: Callable[[int, int], bool] = nothing_known
    ) -> AsyncIterator[Sequence[Record]]:
        """Wait, then yield."""
        self.looks += 1
        self.asked.set()
        await self.let_go.wait()
        async for records in self._tail.news(known):
            yield records

    async def close(self) -> None:
        """Give nothing back."""


class CountedTail(SlowTail):
    """A slow tail that counts how often its connection was given back."""

    closed = 0

    async def close(self) -> None:
        """Count."""
        self.closed += 1


class Log:
    """A log with what follows it."""

    def __init__(self) -> None:
        self.kafka = MemoryKafka()
        sealer = MemorySealer()
        self.codec = FactCodec(load_schemas(), sealer)
        self.numbers = NumbersInUse(KEY, horizon=HORIZON)
        self.attendances = Attendances(
            self.codec, Numberless(DetailsCodec(load_schemas(), sealer), policy=Policy(), key=KEY)
        )
        self.following = self.follow(MemoryInputTail(self.kafka, Topic.ATTENDANCES))

    def follow(self, tail: InputTail, *others: AlsoFollowed) -> Following:
        """Return what follows a tail of the log, and of other logs."""
        return Following(
            self.numbers,
            tail,
            MemoryFactLog(self.kafka),
            codec=self.codec,
            attendances=self.attendances,
            clock=lambda: NOW,
            others=others,
        )

    def append(self, number: NhsNumber, told: VisitMessage) -> None:
        """Write a message as another intake does."""
        self.kafka.append([self.attendances.visit(told, number)])

    def lefts(self) -> list[tuple[bytes, VisitLeft]]:
        """Return what the log says of visits that left a number, with the key."""
        read = [
            (record.key or b"", self.codec.decode(record.topic, record.key or b"", record.value or b""))
            for record in self.kafka.read(Topic.ATTENDANCES)
        ]
        return [(key, fact) for key, fact in read if isinstance(fact, VisitLeft)]


def test_what_another_intake_took_is_known_before_the_next_message() -> None:
    """A sender that has just connected may have sent to another before (architecture, section 3)."""
    log = Log()

    async def scenario() -> None:
        await log.following.catch_up()
        log.append(A, message(A))
        await log.following.ready()
        assert None is log.numbers.of_visit(VISIT)
        log.following.suspect()
        await log.following.ready()

    asyncio.run(scenario())
    assert A == log.numbers.of_visit(VISIT)


async def caught_up_and_held(log: Log) -> tuple[SlowTail, Following]:
    """Return a tail that holds whoever asks it from now on, and what follows by it, at the end so far."""
    tail = SlowTail(MemoryInputTail(log.kafka, Topic.ATTENDANCES))
    following = log.follow(tail)
    tail.let_go.set()
    await following.catch_up()
    tail.let_go.clear()
    tail.asked.clear()
    return tail, following


def test_whoever_comes_while_the_log_is_read_waits_for_it() -> None:
    """Nobody is let through on what was known before."""
    log = Log()

    async def scenario() -> None:
        tail, following = await caught_up_and_held(log)
        following.suspect()
        waiting = [asyncio.ensure_future(following.ready()) for _ in range(2)]
        await tail.asked.wait()
        assert not any(one.done() for one in waiting)
        tail.let_go.set()
        await asyncio.gather(*waiting)

    asyncio.run(scenario())


def test_many_who_come_at_once_wait_for_one_look_after_the_one_that_is_under_way() -> None:
    """Not one after the other, each for a look of its own, until the last is told that Kafka is away."""
    log = Log()

    async def scenario() -> int:
        tail, following = await caught_up_and_held(log)
        before = tail.looks
        following.suspect()
        waiting = [asyncio.ensure_future(following.ready())]
        await tail.asked.wait()
        for _ in range(19):
            following.suspect()
            waiting.append(asyncio.ensure_future(following.ready()))
        tail.let_go.set()
        await asyncio.gather(*waiting)
        return tail.looks - before

    assert 2 == asyncio.run(scenario())


def test_whoever_gives_up_does_not_stop_the_reading() -> None:
    """It goes on for the next; closing stops it."""
    log = Log()

    async def scenario() -> None:
        tail, following = await caught_up_and_held(log)
        log.append(A, message(A))
        following.suspect()
        waiting = asyncio.ensure_future(following.ready())
        await tail.asked.wait()
        waiting.cancel()
        await asyncio.wait({waiting})
        tail.let_go.set()
        await following.ready()
        assert A == log.numbers.of_visit(VISIT)
        tail.let_go.clear()
        tail.asked.clear()
        following.suspect()
        left = asyncio.ensure_future(following.ready())
        await tail.asked.wait()
        await following.close()
        await asyncio.wait({left})
        assert left.cancelled()

    asyncio.run(scenario())


def test_while_kafka_is_away_nothing_is_taken() -> None:
    """Refused at once, until the log could be read again."""
    log = Log()

    async def scenario() -> None:
        with pytest.raises(KafkaUnavailable):
            await log.following.ready()
        log.kafka.available = False
        with pytest.raises(KafkaUnavailable):
            await log.following.catch_up()
        log.kafka.available = True
        with pytest.raises(KafkaUnavailable):
            await log.following.ready()
        away = [log.following.away]
        await log.following.catch_up()
        away.append(log.following.away)
        await log.following.ready()
        log.kafka.available = False
        log.following.suspect()
        with pytest.raises(KafkaUnavailable):
            await log.following.ready()
        assert [True, False, True] == [*away, log.following.away]

    asyncio.run(scenario())


def test_what_another_intake_kept_without_a_number_is_known_before_the_next_message() -> None:
    """Its mark is borne by the message that brings the number, whichever intake takes it (ruling 24)."""
    log, house = Log(), DeskHouse()
    tail = CountedTail(MemoryInputTail(house.kafka, Topic.REJECTED))
    tail.let_go.set()
    numberless = log.attendances.numberless
    following = log.follow(
        MemoryInputTail(log.kafka, Topic.ATTENDANCES),
        AlsoFollowed(tail, kept_heard_by(numberless, house.parts.records)),
    )
    asyncio.run(following.catch_up())

    house.send(numberless_message(restricted="S"))
    following.suspect()
    asyncio.run(following.ready())
    asyncio.run(following.close())

    unnumbered = unnumbered_reference(house.parts.key, system="EDSYS", provider=RXX, visit_number="V1")
    assert numberless.marked(message(A), unnumbered).restricted
    assert 1 == tail.closed


@pytest.mark.parametrize("restricts", [True, False])
def test_a_mark_that_another_intake_has_borne_is_not_borne_again(*, restricts: bool) -> None:
    """Nor after a restart: both logs say so, and the source may have lifted it by then (ruling 24)."""
    log, house = Log(), DeskHouse()
    house.send(numberless_message(restricted="S"), at=T)
    log.append(A, replace(message(A, T + MINUTE), restricted=restricts or None))
    numberless = log.attendances.numberless
    tail = MemoryInputTail(house.kafka, Topic.REJECTED)
    kept = AlsoFollowed(tail, kept_heard_by(numberless, house.parts.records))
    asyncio.run(log.follow(MemoryInputTail(log.kafka, Topic.ATTENDANCES), kept).catch_up())

    later = message(A, T + 2 * MINUTE)
    unnumbered = unnumbered_reference(house.parts.key, system="EDSYS", provider=RXX, visit_number="V1")
    borne_at = log.numbers.borne_at(A, later)

    assert (T + MINUTE if restricts else None) == borne_at
    assert restricts is not numberless.marked(later, unnumbered, borne_at=borne_at).restricted


@pytest.mark.parametrize(
    ("write", "known"),
    [
        (lambda log: fact_write(log.codec, INVALIDATED, A), True),
        (lambda _log: Write(Topic.IDENTITY, A.key, b"none of ours"), False),
        (lambda _log: fact_write(FactCodec(load_schemas(), MemorySealer()), BORN, A), False),
        (lambda log: Write(Topic.IDENTITY, A.key, _sent_on(log)), False),
    ],
    ids=["said", "unreadable", "its key is gone", "sent on from another number"],
)
def test_that_a_number_is_not_in_use_is_known_before_the_visits(
    write: Callable[[Log], Write], *, known: bool
) -> None:
    """So that a visit which has left it by then is known to have begun anew (rulings 23, 44)."""
    log, out_of_use = Log(), NumbersOutOfUse()
    others = AlsoFollowed(MemoryInputTail(log.kafka, Topic.IDENTITY), notices_heard_by(out_of_use, log.codec))
    log.kafka.append([write(log)])

    asyncio.run(log.follow(MemoryInputTail(log.kafka, Topic.ATTENDANCES), others).catch_up())

    assert known is (A.key in out_of_use)


def _sent_on(log: Log) -> bytes:
    """Return a notice as it is sent on from another number (ruling 22)."""
    return log.codec.wrap(log.codec.encode(INVALIDATED, B), Passage(numbers=(B,), stamp=T), A)


def test_nothing_connects_again_once_it_is_closed() -> None:
    """A pass that is under way gives back what it connected, and none begins any more."""
    log = Log()

    async def scenario() -> None:
        slow = CountedTail(MemoryInputTail(log.kafka, Topic.ATTENDANCES))
        following = log.follow(slow)
        reading = asyncio.ensure_future(following.catch_up())
        await slow.asked.wait()
        await following.close()
        slow.let_go.set()
        await reading
        assert 2 == slow.closed
        with pytest.raises(KafkaUnavailable):
            await following.catch_up()

    asyncio.run(scenario())


def test_what_a_process_left_unsaid_is_said_at_the_second_look() -> None:
    """Another intake may be about to say it: what is still owed then is said, once (ruling 44)."""
    log = Log()
    first, second = message(A), message(B, T + MINUTE)
    log.append(A, first)
    log.append(B, second)

    async def scenario() -> None:
        await log.following.catch_up()
        assert [] == log.lefts()
        for _ in range(3):
            await log.following.catch_up()

    asyncio.run(scenario())
    [(key, left)] = log.lefts()
    assert (A.key, first.message_id) == (key, left.message_id)
    assert NOW.replace(second=0) == left.received_at


def test_what_another_said_in_the_meantime_is_not_said_again() -> None:
    """One fact is enough."""
    log = Log()
    log.append(A, message(A))
    log.append(B, message(B, T + MINUTE))

    async def scenario() -> None:
        await log.following.catch_up()
        [owed] = log.numbers.owed(NOW - timedelta(hours=1))
        log.kafka.append([log.attendances.left(owed)])
        await log.following.catch_up()

    asyncio.run(scenario())
    assert 1 == len(log.lefts())


def test_what_intake_did_not_write_is_passed_over() -> None:
    """Records of nobody, unreadable ones, what a superseded number sent on: the matcher's (ruling 22)."""
    log = Log()
    good = log.attendances.visit(message(A), A)
    log.kafka.append(
        [
            Write(Topic.ATTENDANCES, b"nobody", good.value),
            Write(Topic.ATTENDANCES, None, good.value),
            Write(Topic.ATTENDANCES, A.key, b"junk"),
            Write(Topic.ATTENDANCES, A.key, None),
            Write(Topic.ATTENDANCES, B.key, forwarded(log.codec, good.value or b"")),
        ]
    )

    async def scenario() -> None:
        await log.following.catch_up()
        await log.following.close()

    asyncio.run(scenario())
    assert 0 == len(log.numbers)


def forwarded(codec: FactCodec, value: bytes) -> bytes:
    """Return a record as a superseded number sends it on."""
    return codec.wrap(value, Passage(numbers=(A,), stamp=T), B)
