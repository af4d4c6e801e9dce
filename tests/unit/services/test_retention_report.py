"""The report counts what is held, says how old it is and why, and repeats nothing of a person."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.adapters.memory_archive import MemoryArchive
from broker.core.errors import TopicMissing
from broker.core.partition import Forwarding
from broker.core.person import Person, lift
from broker.core.policy import Policy
from broker.core.retention import Reason
from broker.ports import PARTITION_STATE_KEY, Topic, Write
from broker.services.matching_turns import Notice
from broker.services.retention_report import Held, RetentionReport, State
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import NOON, SALT, attendance, numbers, plan, until

BOB, EVE, ZOE = [number for number, _ in zip(numbers(), range(4), strict=False)][1:]


def report(house: House) -> RetentionReport:
    """Return a report of a house."""
    return RetentionReport(MemoryArchive(house.kafka), house.codecs.states, Policy())


def test_topics_are_counted_with_their_bytes_and_ages() -> None:
    """One that is not there is left out; an empty one has no age."""

    async def scenario(house: House) -> None:
        house.send(attendance(at=NOON), attendance("visit-2", at=NOON + timedelta(hours=1)))
        house.kafka.append([Write(Topic.WORKLIST, b"item", None), Write(Topic.WORKLIST, b"item", b"value")])
        attendances, worklist, late = await report(house).topics(
            [Topic.ATTENDANCES, "cpis.elsewhere", Topic.WORKLIST, Topic.LATE]
        )
        sizes = [
            len(record.key or b"")
            + len(record.value or b"")
            + sum(len(n) + len(v) for n, v in record.headers)
            for record in house.kafka.read(Topic.ATTENDANCES)
        ]
        assert (
            Held(
                topic=Topic.ATTENDANCES,
                records=2,
                size=sum(sizes),
                oldest=NOON + timedelta(seconds=1),
                newest=NOON + timedelta(hours=1, seconds=1),
            )
            == attendances
        )
        assert (2, 1, 13) == (worklist.records, worklist.tombstones, worklist.size)
        assert (0, None, None) == (late.records, late.oldest, late.newest)

    in_house(scenario)


def test_people_are_counted_by_why_they_are_kept_and_how_old_they_are() -> None:
    """By the clock of their partition; a forwarding record by its last use."""

    async def scenario(house: House) -> None:
        past = plan(recorded_at=NOON - timedelta(days=400))
        past = replace(past, content=replace(past.content, end=(NOON - timedelta(days=399)).date()))
        house.send(plan(), attendance())
        house.send(plan(recorded_at=NOON - timedelta(days=900)), number=BOB)
        async with house.at_work():
            await house.taken()
        due = house.codecs.states.encode_person(Person(number=EVE, salt=SALT).learn(lift(past)))
        house.kafka.append([Write(Topic.PEOPLE, EVE.key, due)])
        house.kafka.append([_forwarding(house), Write(Topic.PEOPLE, b"damaged", b"x")])
        state = await report(house).people()
        assert {Reason.OPEN: 1, Reason.VISIBLE: 1, Reason.DUE: 1} == state.reasons
        assert {"up to 35 days": 1, "up to 5 years": 2} == state.ages
        assert {"up to 1 day": 1} == state.forwardings
        assert {"digests of details": 3} == state.details
        assert ({}, 1) == (state.destroyed, state.unreadable)

    in_house(scenario)


def _forwarding(house: House) -> Write:
    """Return the forwarding record of a number that was succeeded."""
    forwarding = Forwarding(to=ADA, stamp=NOON, last_used=NOON)
    return Write(Topic.PEOPLE, ZOE.key, house.codecs.states.encode_forwarding(forwarding))


def test_a_tombstoned_record_is_not_held() -> None:
    """And what the logs have forgotten is counted by input."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.taken()
        house.kafka.delete_before(Topic.ATTENDANCES, 0, 1)
        async with house.at_work():
            await until(lambda: Notice.DESTROYED in house.reported.kinds())
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, None)])
        state = await report(house).people()
        assert State(destroyed=state.destroyed, details=state.details) == state
        assert {Topic.ATTENDANCES: 1} == state.destroyed

    in_house(scenario)


@pytest.mark.parametrize("own", [None, b"damaged"])
def test_without_a_clock_nobody_can_be_judged(own: bytes | None) -> None:
    """People and forwarding records count as unreadable, and so does a damaged record of the partition."""

    async def scenario(house: House) -> None:
        person = house.codecs.states.encode_person(Person(number=ADA, salt=SALT))
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, person), _forwarding(house)])
        if own is not None:
            house.kafka.append([Write(Topic.PEOPLE, PARTITION_STATE_KEY, own)])
        assert State(unreadable=2 + (own is not None)) == await report(house).people()

    in_house(scenario)


def test_a_record_without_a_fact_is_new() -> None:
    """It has nothing that could be old."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), number=BOB)
            await house.taken()
        person = house.codecs.states.encode_person(Person(number=ADA, salt=SALT))
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, person)])
        assert {"up to 1 day": 2} == (await report(house).people()).ages

    in_house(scenario)


def test_a_cluster_without_our_topics_says_so() -> None:
    """There is nothing to report."""
    house = House()
    archive = MemoryArchive(type(house.kafka)(["other"]))

    with pytest.raises(TopicMissing):
        asyncio.run(RetentionReport(archive, house.codecs.states, Policy()).people())
