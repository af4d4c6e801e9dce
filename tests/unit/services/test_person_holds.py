"""A person is put on hold by a record of theirs, and let go by the item that says so, without a number."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_archive import MemoryArchive
from broker.core.asking import about_hold
from broker.core.desk_errors import CannotHold, NotForThisRole, NotOnHold
from broker.core.desk_roles import Role
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.number_answers import notice_of
from broker.core.operators import ActionKind, Place
from broker.core.partition import Forwarding
from broker.core.worklist import ItemKind
from broker.ports import Topic, Write
from broker.services.desk_log import DeskLog
from broker.services.person_holds import PersonHolds, is_hold, place_to_hold
from broker.services.releasing import GONE, READABLE, RELEASED, Released
from broker.services.worklist_desk import Work, WorklistDesk
from tests.builders.enquiry import GROUNDS, Desk
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import KEY, NOON, attendance, fact_write, numbers, plan
from tests.builders.readers import access_on, excluding_on, readers_of
from tests.builders.street import superseded

BEA, CAL = islice(numbers(), 1, 3)
FIRST_PLAN = Place(topic=Topic.PLANS, partition=0, offset=0)


def holds(house: House, *, role: Role = Role.ADMINISTRATOR, now: datetime = NOON) -> PersonHolds:
    """Return the desk's holds on a house's cluster."""
    log = DeskLog(MemoryFactLog(house.kafka), house.codecs.records, key=KEY, clock=lambda: NOON, role=role)
    return PersonHolds(access_on(house.kafka, readers_of(house.codecs), log, KEY, lambda: now))


async def work_of(house: House, kind: ItemKind) -> Work:
    """Return the only open item of a kind."""
    log = DeskLog(MemoryFactLog(house.kafka), house.codecs.records, key=KEY, clock=lambda: NOON)
    excluding = excluding_on(house.kafka, readers_of(house.codecs), log, KEY, lambda: NOON)
    found = await WorklistDesk(MemoryArchive(house.kafka), house.codecs.records, log, excluding).worklist()
    (work,) = [work for work in found.items if work.item.kind is kind]
    return work


async def on_hold(house: House) -> Work:
    """Put Ada on hold by her plan, send a visit and what nobody can read, and return the item."""
    house.send(plan())
    async with house.at_work():
        await house.taken()
        await holds(house).hold(FIRST_PLAN, GROUNDS)
        await house.taken()
        house.send(attendance())
        await house.taken()
    return await work_of(house, ItemKind.PERSON_ON_HOLD)


def test_a_person_is_held_by_a_record_of_theirs_and_it_is_on_the_trail_first() -> None:
    """Who, why, which record: and never the number."""

    async def scenario(house: House) -> None:
        work = await on_hold(house)
        [action] = Desk(house).actions()

        assert about_hold(ADA, KEY).item_id == work.item.item_id == action.item_id
        assert (ActionKind.HELD, FIRST_PLAN, GROUNDS) == (action.kind, action.place, action.grounds)
        assert is_hold(work)
        assert [] == house.events()
        assert not any(ADA.key in (record.value or b"") for record in house.records(Topic.AUDIT))
        assert not any(ADA.key in (record.value or b"") for record in house.records(Topic.WORKLIST))

    in_house(scenario)


def test_a_rehearsal_says_what_waits_in_its_order_and_writes_nothing() -> None:
    """Record by record, and whether each can be read."""

    async def scenario(house: House) -> None:
        work = await on_hold(house)
        before = len(house.records(Topic.IDENTITY))

        found = await holds(house).rehearse(work)

        place = "cpis.in.attendances-0-0"
        assert [Released(item_id=work.item.item_id, place=place, outcome=READABLE)] == found
        assert (before, 1) == (len(house.records(Topic.IDENTITY)), len(Desk(house).actions()))

    in_house(scenario)


def test_a_release_lets_everything_go_and_settles_the_item() -> None:
    """The alert follows; a second release says that nobody is on hold any more."""

    async def scenario(house: House) -> None:
        work = await on_hold(house)

        assert [RELEASED] == [one.outcome for one in await holds(house).release(work, GROUNDS)]
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            await house.taken()
        assert (ActionKind.RELEASED, "released: 1") == (
            Desk(house).actions()[-1].kind,
            Desk(house).actions()[-1].outcome,
        )
        with pytest.raises(NotOnHold):
            await holds(house).release(work, GROUNDS)
        assert house.records(Topic.WORKLIST)[-1].value is None

    in_house(scenario)


def test_a_release_by_a_clock_that_is_behind_ends_the_hold_all_the_same() -> None:
    """Two desks have two clocks: nobody waits for three days who was said to be let go."""

    async def scenario(house: House) -> None:
        work = await on_hold(house)
        await holds(house, now=NOON - timedelta(minutes=2)).release(work, GROUNDS)
        async with house.at_work():
            await house.taken()
        assert {"visit-1"} == {event.alert.subject for event in house.events()}

    in_house(scenario)


def test_a_hold_by_a_clock_that_is_behind_begins_all_the_same() -> None:
    """Nobody is told of whom an operator was told to be on hold, though the release before it looks newer."""

    async def scenario(house: House) -> None:
        work = await on_hold(house)
        async with house.at_work():
            await holds(house).release(work, GROUNDS)
            await house.taken()
            await holds(house, now=NOON - timedelta(minutes=2)).hold(FIRST_PLAN, GROUNDS)
            await house.taken()
        assert ItemKind.PERSON_ON_HOLD is (await work_of(house, ItemKind.PERSON_ON_HOLD)).item.kind

    in_house(scenario)


def test_who_holds_a_person_need_not_read_their_record() -> None:
    """It may be what is amiss: then the word has the time at which it is said."""

    async def scenario(house: House) -> None:
        house.send(plan())
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, b"nothing of ours", partition=0)])
        await holds(house).hold(FIRST_PLAN, GROUNDS)
        [write] = house.records(Topic.IDENTITY)
        word = house.codecs.facts.decode(Topic.IDENTITY, ADA.key, write.value or b"")
        assert isinstance(word, IdentityNotice)
        assert NOON == word.recorded_at

    in_house(scenario)


def test_what_its_log_has_forgotten_is_said_to_be_gone() -> None:
    """Its sender has to send it again."""

    async def scenario(house: House) -> None:
        work = await on_hold(house)
        del house.kafka.log(Topic.ATTENDANCES, 0).records[0]

        assert [GONE] == [one.outcome for one in await holds(house).release(work, GROUNDS)]

    in_house(scenario)


@pytest.mark.parametrize(
    "place",
    [
        Place(topic=Topic.REJECTED, partition=0, offset=0),
        Place(topic=Topic.PLANS, partition=0, offset=99),
        Place(topic=Topic.PLANS, partition=0, offset=1),
        Place(topic=Topic.PLANS, partition=0, offset=2),
    ],
    ids=["no input", "nothing there", "no number", "no text"],
)
def test_what_is_nobodys_record_holds_nobody(place: Place) -> None:
    """Nothing is written, not even on the trail."""
    house = House()
    house.send(plan())
    house.send_raw(Topic.PLANS, b"9990000000", b"a plan")
    house.send_raw(Topic.PLANS, b"\xff", b"a plan")

    with pytest.raises(CannotHold):
        asyncio.run(holds(house).hold(place, GROUNDS))
    assert [] == house.records(Topic.AUDIT)


def test_a_record_of_a_superseded_number_holds_whoever_it_is_now() -> None:
    """The item that is named is the one that opens, however many numbers were passed (ruling 22)."""

    async def scenario(house: House) -> None:
        house.send(plan(), superseded(BEA))
        house.send(superseded(CAL), number=BEA)
        house.kafka.append([Write(Topic.PEOPLE, b"9990000085", b"nothing of ours", partition=0)])
        async with house.at_work():
            await house.taken()
            item_id = await holds(house).hold(FIRST_PLAN, GROUNDS)
            await house.taken()

        assert about_hold(CAL, KEY).item_id == item_id
        assert item_id == (await work_of(house, ItemKind.PERSON_ON_HOLD)).item.item_id
        assert [] == await holds(house).rehearse(await work_of(house, ItemKind.PERSON_ON_HOLD))

    in_house(scenario)


def test_nobody_is_held_under_a_number_that_is_not_in_use() -> None:
    """No item would ever open, and nothing comes in of it anyway (ruling 23)."""

    async def scenario(house: House) -> None:
        house.send(plan(), notice_of(ADA, IdentityKind.INVALIDATED, NOON, NOON, KEY))
        async with house.at_work():
            await house.taken()
            with pytest.raises(CannotHold):
                await holds(house).hold(FIRST_PLAN, GROUNDS)
        assert [] == Desk(house).actions()

    in_house(scenario)


def test_numbers_that_lead_in_a_ring_hold_nobody() -> None:
    """It is not looked for ever (ruling 22)."""
    house = House()
    house.send(plan())
    house.kafka.append([_forwarding(house, ADA, BEA), _forwarding(house, BEA, ADA)])

    with pytest.raises(CannotHold):
        asyncio.run(holds(house).hold(FIRST_PLAN, GROUNDS))
    assert [] == Desk(house).actions()


def _forwarding(house: House, number: NhsNumber, to: NhsNumber) -> Write:
    """Return a record that sends on from one number to another."""
    forwarding = Forwarding(to=to, stamp=NOON, last_used=NOON)
    return Write(Topic.PEOPLE, number.key, house.codecs.states.encode_forwarding(forwarding), partition=0)


def test_an_operator_puts_nobody_on_hold() -> None:
    """It is an administrator's: whoever holds a person keeps alerts back."""
    house = House()
    house.send(plan())

    with pytest.raises(NotForThisRole):
        asyncio.run(holds(house, role=Role.OPERATOR).hold(FIRST_PLAN, GROUNDS))
    assert 0 == len(house.records(Topic.IDENTITY))


def test_an_item_about_a_record_in_quarantine_names_its_person() -> None:
    """An item of another kind does not; what cannot be read beside it is passed over."""

    async def scenario(house: House) -> None:
        write = fact_write(house.codecs.facts, plan(), ADA)
        house.kafka.append([replace(write, value=b"no plan")])
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)
            work = await work_of(house, ItemKind.UNPROCESSABLE_RECORD)
            assert FIRST_PLAN == place_to_hold(work)
            await holds(house).hold(place_to_hold(work), GROUNDS)
            await house.taken()
        held = await work_of(house, ItemKind.PERSON_ON_HOLD)
        with pytest.raises(CannotHold):
            place_to_hold(held)
        mark = held.item.item_id.encode()
        house.kafka.append([Write(Topic.PEOPLE, b"9990000085", b"nothing of ours " + mark, partition=0)])
        assert [] == await holds(house).rehearse(held)

    in_house(scenario)
