"""What time alone brings about is said once it is due, once, and then those are told who are to be."""

from datetime import datetime, timedelta

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.core.alerts import Note
from broker.core.desk_errors import NotForThisRole
from broker.core.desk_roles import Role
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.operators import Grounds
from broker.core.partition import Forwarding
from broker.core.possible import Shelf
from broker.ports import Topic
from broker.services.desk_log import DeskLog
from broker.services.timer_desk import TimerDesk
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import KEY, NOON, attendance, numbers, plan
from tests.builders.readers import access_on, readers_of

GROUNDS = Grounds(by="scheduler", reason="every five minutes")
NO_OUTCOME, PASSED = IdentityKind.NO_OUTCOME.value, IdentityKind.TIME_PASSED.value
BOB, EVE = [number for number, _ in zip(numbers(), range(3), strict=False)][1:]
HOUR = timedelta(hours=1)


def desk(house: House, now: datetime, *, role: Role = Role.ADMINISTRATOR) -> TimerDesk:
    """Return a desk of a house, at a time."""
    pen = MemoryFactLog(house.kafka)
    log = DeskLog(pen, house.codecs.records, key=KEY, clock=lambda: now, role=role)
    return TimerDesk(access_on(house.kafka, readers_of(house.codecs), log, KEY, lambda: now), pen)


def out_of_use() -> IdentityNotice:
    """Return that a number is not in use."""
    return IdentityNotice(notice_id="out", kind=IdentityKind.INVALIDATED, recorded_at=NOON, received_at=NOON)


def test_what_is_due_is_said_and_told_and_due_no_more() -> None:
    """Twelve hours after an arrival without an outcome, and a day after a number went out of use (7, 23)."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        house.send(plan(), out_of_use(), number=BOB)
        async with house.at_work():
            await house.taken()
            early = await desk(house, NOON + 12 * HOUR - timedelta(milliseconds=1)).due()
            later = desk(house, NOON + 25 * HOUR)
            found = await later.due()
            before = len(house.events())
            await later.say(found, GROUNDS)
            await house.taken()
            again = await later.due()

        assert {} == early.counts
        assert {NO_OUTCOME: 1, PASSED: 1} == found.counts
        assert {} == again.counts
        told = house.events()[before:]
        assert {(1, Note.NUMBER_INACTIVE), (0, Note.NO_OUTCOME)} == {
            (event.alert.asked_again, event.alert.notes[0]) for event in told
        }
        [action] = [
            house.codecs.records.decode_action(record.value or b"")
            for record in house.kafka.read(Topic.AUDIT)
            if house.codecs.records.is_action(record.value or b"")
        ]
        assert ("timers", f"1 {NO_OUTCOME}, 1 {PASSED}") == (action.item_id, action.outcome)

    in_house(scenario)


def test_of_days_that_nobody_said_the_authority_is_told_once() -> None:
    """It says that it is so late now, not each day that passed (ruling 23)."""

    async def scenario(house: House) -> None:
        house.send(plan(), out_of_use())
        async with house.at_work():
            await house.taken()
            before = len(house.events())
            late = desk(house, NOON + 99 * HOUR)
            await late.say(await late.due(), GROUNDS)
            await house.taken()
        assert [4] == [event.alert.asked_again for event in house.events()[before:]]

    in_house(scenario)


def test_where_nothing_is_due_nothing_is_written_and_what_cannot_be_read_is_counted() -> None:
    """A damaged record, one that went, one that moved and a shelf of details wait for nothing."""

    async def scenario(house: House) -> None:
        house.send(plan(), number=EVE)
        async with house.at_work():
            await house.taken()
        gone = Forwarding(to=ADA, stamp=NOON, last_used=NOON)
        house.send_raw(Topic.PEOPLE, BOB.key, house.codecs.states.encode_forwarding(gone))
        house.send_raw(Topic.PEOPLE, b"shelf", house.codecs.details.encode_shelf(Shelf()))
        house.send_raw(Topic.PEOPLE, b"damaged", b"x")
        house.send_raw(Topic.PEOPLE, ADA.key, b"y")
        house.send_raw(Topic.PEOPLE, ADA.key, None)
        at_desk = desk(house, NOON)
        found = await at_desk.due()
        before = len(house.kafka.read(Topic.AUDIT)) + len(house.kafka.read(Topic.IDENTITY))
        await at_desk.say(found, GROUNDS)
        assert ((), 1) == (found.words, found.unreadable)
        assert before == len(house.kafka.read(Topic.AUDIT)) + len(house.kafka.read(Topic.IDENTITY))

    in_house(scenario)


def test_who_may_not_add_facts_says_nothing() -> None:
    """And nothing is written."""

    async def scenario(house: House) -> None:
        house.send(plan(), out_of_use())
        async with house.at_work():
            await house.taken()
        reader = desk(house, NOON + 25 * HOUR, role=Role.READER)
        before = len(house.kafka.read(Topic.IDENTITY))
        with pytest.raises(NotForThisRole):
            await reader.say(await reader.due(), GROUNDS)
        assert before == len(house.kafka.read(Topic.IDENTITY))

    in_house(scenario)
