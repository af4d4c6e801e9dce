"""What a `PartitionLog` promises: one suite over the in-memory twin and the genuine Kafka."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from broker.core.errors import Fenced, KafkaUnavailable
from broker.ports import INPUTS, POLLED, PartitionLog, Record, Topic, Write
from tests.builders.partition_worlds import World

DEADLINE_S = 120  # for what hangs: alone a test takes 2 s, with ten test runs beside it 25
DEADLINE_OF_A_LOSS_S = 180  # every method waits for its own answer; Kafka starts in 3 s alone, in 25 then


Scenario = Callable[[World], Awaitable[None]]


class Play(Protocol):
    """Plays a scenario in a fresh world."""

    def __call__(self, scenario: Scenario, *, deadline_s: float = DEADLINE_S) -> None:
        """Play it within the deadline."""
        ...


@pytest.fixture
def play(make_world: Callable[[], World]) -> Play:
    """Return what plays a scenario in a fresh world, with a deadline."""

    def run(scenario: Scenario, *, deadline_s: float = DEADLINE_S) -> None:
        async def timed() -> None:
            async with asyncio.timeout(deadline_s):
                await scenario(make_world())

        asyncio.run(timed())

    return run


@asynccontextmanager
async def opened(world: World) -> AsyncIterator[PartitionLog]:
    """Lend an open log with its inputs at their beginning."""
    log = world.log()
    await log.open()
    log.seek({})
    try:
        yield log
    finally:
        await log.close()


def attendance(world: World, text: str) -> Write:
    """Return an attendance record of the world's partition."""
    return Write(Topic.ATTENDANCES, b"k", text.encode(), (), world.partition)


def person(world: World, key: bytes, value: bytes | None) -> Write:
    """Return a record of `cpis.people`."""
    return Write(Topic.PEOPLE, key, value, (), world.partition)


async def poll_values(log: PartitionLog, number: int) -> list[bytes | None]:
    """Poll all inputs until `number` records came; return their values."""
    values: list[bytes | None] = []
    while len(values) < number:
        for records in (await log.poll(POLLED, wait_ms=50, records_max=100)).values():
            values += [record.value for record in records]
    return values


def test_what_is_committed_is_read(play: Play) -> None:
    """A committed transaction is readable, on every topic it wrote to."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            await log.commit([person(world, b"a", b"1"), Write(Topic.AUDIT, None, b"x", (), world.partition)])
        assert [b"1"] == [record.value for record in await world.read(Topic.PEOPLE)]
        assert [b"x"] == [record.value for record in await world.read(Topic.AUDIT)]

    play(scenario)


def test_a_log_begins_where_retention_left_it(play: Play) -> None:
    """At 0 while all is there; what lies before the beginning is not read any more."""

    async def scenario(world: World) -> None:
        await world.append([attendance(world, text) for text in "abc"])
        async with opened(world) as log:
            assert dict.fromkeys(INPUTS, 0) == await log.begin_offsets()
            await world.forget(Topic.ATTENDANCES, 2)
            assert {**dict.fromkeys(INPUTS, 0), Topic.ATTENDANCES: 2} == await log.begin_offsets()
            assert [b"c"] == [r.value for r in await log.read_at(Topic.ATTENDANCES, [0, 1, 2])]

    play(scenario)


def test_headers_and_keys_arrive(play: Play) -> None:
    """Key and headers of a write are those of the record."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            headers = (("ce_id", b"1"), ("ce_type", b"t"))
            await log.commit([Write(Topic.AUDIT, b"key", b"x", headers, world.partition)])
        (record,) = await world.read(Topic.AUDIT)
        assert (b"key", headers) == (record.key, tuple(record.headers))

    play(scenario)


def test_people_are_the_newest_value_of_each_key(play: Play) -> None:
    """Loading returns the newest value of every key and nothing of a tombstoned one."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            await log.commit([person(world, b"a", b"1"), person(world, b"b", b"1")])
            await log.commit([person(world, b"a", b"2"), person(world, b"c", b"1")])
            await log.commit([person(world, b"b", None)])
        async with opened(world) as log:
            assert {b"a": b"2", b"c": b"1"} == await log.load_people()

    play(scenario)


def test_nobody_is_loaded_from_an_empty_topic(play: Play) -> None:
    """A partition that was never written holds nobody."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            assert {} == await log.load_people()

    play(scenario)


def test_an_owner_is_fenced_by_its_successor(play: Play) -> None:
    """After another owner has opened the partition the former one cannot commit."""

    async def scenario(world: World) -> None:
        async with opened(world) as former, opened(world) as present:
            with pytest.raises(Fenced):
                await former.commit([person(world, b"a", b"former")])
            await present.commit([person(world, b"a", b"present")])
        assert [b"present"] == [record.value for record in await world.read(Topic.PEOPLE)]

    play(scenario)


def test_a_fenced_owner_stays_out(play: Play) -> None:
    """A fenced log commits nothing more until it is opened again."""

    async def scenario(world: World) -> None:
        async with opened(world) as former, opened(world):
            with pytest.raises(Fenced):
                await former.commit([person(world, b"a", b"1")])
            with pytest.raises(KafkaUnavailable):
                await former.commit([person(world, b"a", b"2")])
        assert [] == await world.read(Topic.PEOPLE)

    play(scenario)


def test_a_closed_log_refuses(play: Play) -> None:
    """After `close`, which may be called twice, nothing can be committed or polled."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            await log.close()
            await log.close()
            with pytest.raises(KafkaUnavailable):
                await log.commit([person(world, b"a", b"1")])
            with pytest.raises(KafkaUnavailable):
                await log.poll(POLLED, wait_ms=1, records_max=1)

    play(scenario)


def test_a_log_is_opened_again(play: Play) -> None:
    """An open log may be opened again, and then commits."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            await log.open()
            await log.commit([person(world, b"a", b"1")])
        assert [b"1"] == [record.value for record in await world.read(Topic.PEOPLE)]

    play(scenario)


def test_inputs_are_polled_from_their_beginning(play: Play) -> None:
    """Without a stored offset an input is read from its first record, in order."""

    async def scenario(world: World) -> None:
        await world.append([attendance(world, text) for text in ("1", "2", "3")])
        async with opened(world) as log:
            assert [b"1", b"2", b"3"] == await poll_values(log, 3)

    play(scenario)


def test_inputs_are_polled_from_where_they_were_placed(play: Play) -> None:
    """A placed input goes on at its offset, the others at their beginning."""

    async def scenario(world: World) -> None:
        await world.append([attendance(world, text) for text in ("1", "2", "3")])
        await world.append([Write(Topic.PLANS, b"k", b"plan", (), world.partition)])
        async with opened(world) as log:
            log.seek({Topic.ATTENDANCES: 2})
            assert {b"3", b"plan"} == set(await poll_values(log, 2))

    play(scenario)


def test_only_the_inputs_asked_for_are_polled(play: Play) -> None:
    """An input that is not asked for waits, and is there when it is."""

    async def scenario(world: World) -> None:
        await world.append([attendance(world, "1")])
        await world.append([Write(Topic.PLANS, b"k", b"plan", (), world.partition)])
        async with opened(world) as log:
            found = await log.poll([Topic.PLANS, Topic.IDENTITY], wait_ms=50, records_max=9)
            while not found:
                found = await log.poll([Topic.PLANS, Topic.IDENTITY], wait_ms=50, records_max=9)
            assert [Topic.PLANS] == list(found)
            assert {} == await log.poll([Topic.PLANS, Topic.IDENTITY], wait_ms=200, records_max=9)
            assert [b"1"] == await poll_values(log, 1)

    play(scenario)


def test_no_more_is_polled_than_asked_for(play: Play) -> None:
    """A poll returns at most `records_max`, and the next one goes on behind them."""

    async def scenario(world: World) -> None:
        await world.append([attendance(world, str(number)) for number in range(5)])
        async with opened(world) as log:
            sizes: list[int] = []
            while sum(sizes) < 5:
                found = await log.poll(POLLED, wait_ms=50, records_max=2)
                sizes += [len(records) for records in found.values()]
            assert max(sizes) == 2

    play(scenario)


def test_a_poll_sees_what_comes_while_it_waits(play: Play) -> None:
    """A waiting poll returns when a record arrives, before its time is over."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            assert {} == await log.poll(POLLED, wait_ms=10, records_max=9)
            waiting = asyncio.ensure_future(log.poll(POLLED, wait_ms=DEADLINE_S * 1000, records_max=9))
            await world.append([attendance(world, "1")])
            assert [b"1"] == [record.value for record in (await waiting)[Topic.ATTENDANCES]]

    play(scenario)


def test_records_tell_their_place(play: Play) -> None:
    """A polled record has topic, partition, offset and time."""

    async def scenario(world: World) -> None:
        await world.append([attendance(world, "1"), attendance(world, "2")])
        async with opened(world) as log:
            records: list[Record] = []
            while len(records) < 2:
                records += (await log.poll(POLLED, wait_ms=50, records_max=9)).get(Topic.ATTENDANCES, [])
        places = [(record.topic, record.partition, record.offset) for record in records]
        assert [(Topic.ATTENDANCES, world.partition, 0), (Topic.ATTENDANCES, world.partition, 1)] == places
        assert records[0].timestamp > 0

    play(scenario)


def test_the_end_is_reached_behind_markers(play: Play) -> None:
    """With everything polled the end is reached, though a marker stands behind the last record."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            await log.commit([attendance(world, "forwarded")])
            await world.read(Topic.ATTENDANCES)  # the marker comes after the answer
            ends = await log.end_offsets()
            assert not await log.reached(ends)
            assert [b"forwarded"] == await poll_values(log, 1)
            while not await log.reached(ends):
                await log.poll(POLLED, wait_ms=50, records_max=9)
        assert 2 == ends[Topic.ATTENDANCES]

    play(scenario)


def test_a_scan_ends_where_it_was_told(play: Play) -> None:
    """A scan yields the records from its start to before its end, and leaves the inputs where they were."""

    async def scenario(world: World) -> None:
        await world.append([attendance(world, str(number)) for number in range(6)])
        async with opened(world) as log:
            found = [
                record.value async for records in log.scan(Topic.ATTENDANCES, 1, 4) for record in records
            ]
            assert [b"1", b"2", b"3"] == found
            assert [] == [records async for records in log.scan(Topic.ATTENDANCES, 4, 4)]
            assert [b"0"] == (await poll_values(log, 1))[:1]

    play(scenario)


def test_records_are_read_again_by_their_offsets(play: Play) -> None:
    """Single records are read again, near and far ones, each once and in order."""

    async def scenario(world: World) -> None:
        await world.append([attendance(world, str(number)) for number in range(1_500)])
        async with opened(world) as log:
            found = await log.read_at(Topic.ATTENDANCES, [1_400, 3, 1, 3])
            assert [b"1", b"3", b"1400"] == [record.value for record in found]
            assert [] == list(await log.read_at(Topic.ATTENDANCES, []))

    play(scenario)


def test_a_time_is_found_by_its_offset(play: Play) -> None:
    """The offset of a time is that of the first record appended then or later, else the end."""

    async def scenario(world: World) -> None:
        await world.append([attendance(world, "1"), attendance(world, "2")])
        async with opened(world) as log:
            records: list[Record] = []
            while len(records) < 2:
                records += (await log.poll(POLLED, wait_ms=50, records_max=9)).get(Topic.ATTENDANCES, [])
            assert 0 == await log.start_offset(Topic.ATTENDANCES, records[0].timestamp)
            assert 0 == await log.start_offset(Topic.ATTENDANCES, 0)
            assert 2 == await log.start_offset(Topic.ATTENDANCES, records[1].timestamp + 1)

    play(scenario)


def test_topics_are_listed(play: Play) -> None:
    """The declared topics are known, and no others."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            topics = await log.declared_topics()
        assert frozenset(Topic) <= topics
        assert "cpis.alerts.la.NONE" not in topics

    play(scenario)


def test_large_transactions_are_whole(play: Play) -> None:
    """A transaction of thousands of records, and one of a large record, are committed whole."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            await log.commit([person(world, str(number).encode(), b"1") for number in range(3_000)])
            await log.commit([person(world, b"large", bytes(2_000_000))])
        async with opened(world) as log:
            assert 3_001 == len(await log.load_people())

    play(scenario)


async def exhaust(batches: AsyncIterator[Sequence[Record]]) -> None:
    """Read a scan to its end."""
    async for _ in batches:
        pass


def test_an_absent_cluster_is_told_by_whatever_asks_it(play: Play) -> None:
    """While Kafka is away nothing pretends to know: each method says so, within its deadline."""

    async def scenario(world: World) -> None:
        await world.append([attendance(world, "1"), attendance(world, "2")])
        async with opened(world) as log:
            await world.go_away()
            try:
                asked: Mapping[str, Callable[[], Awaitable[object]]] = {
                    "load_people": log.load_people,
                    "start_offset": lambda: log.start_offset(Topic.ATTENDANCES, 0),
                    "end_offsets": log.end_offsets,
                    "scan": lambda: exhaust(log.scan(Topic.ATTENDANCES, 0, 2)),
                    "read_at": lambda: log.read_at(Topic.ATTENDANCES, [1]),
                    "declared_topics": log.declared_topics,
                    "commit": lambda: log.commit([person(world, b"a", b"lost")]),
                    "open": log.open,
                }
                answered = [name for name, ask in asked.items() if not await refuses(ask)]
            finally:
                await world.come_back()
        assert [] == answered

    play(scenario, deadline_s=DEADLINE_OF_A_LOSS_S)


async def refuses(ask: Callable[[], Awaitable[object]]) -> bool:
    """Return whether what is asked raises `KafkaUnavailable`."""
    try:
        await ask()
    except KafkaUnavailable:
        return True
    return False


def test_after_a_loss_only_opening_helps(play: Play) -> None:
    """A commit of doubtful outcome closes the log; opened anew it works, on what was committed."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            await log.commit([person(world, b"a", b"before")])
            await world.go_away()
            try:
                with pytest.raises(KafkaUnavailable):
                    await log.commit([person(world, b"a", b"lost")])
            finally:
                await world.come_back()
            with pytest.raises(KafkaUnavailable):
                await log.commit([person(world, b"a", b"not opened")])
            await log.open()
            log.seek({})
            assert {b"a": b"before"} == await log.load_people()
            await log.commit([person(world, b"a", b"after")])
        assert [b"before", b"after"] == [record.value for record in await world.read(Topic.PEOPLE)]

    play(scenario, deadline_s=DEADLINE_OF_A_LOSS_S)


def test_a_topic_that_is_not_there_takes_no_transaction(play: Play) -> None:
    """A transaction with a record for a topic nobody declared writes nothing at all."""

    async def scenario(world: World) -> None:
        async with opened(world) as log:
            with pytest.raises(KafkaUnavailable):
                await log.commit(
                    [person(world, b"a", b"lost"), Write("cpis.nobody.declared.this", b"k", b"lost")]
                )
        async with opened(world) as log:
            assert {} == await log.load_people()

    play(scenario)
