"""What is opened at the desk stays shut to who must not see its person, however it is opened (48; 23)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_sealing import MemorySealer
from broker.core.desk_errors import CannotDisclose, NumberOutOfUse
from broker.core.errors import KeysUnreadable
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import user_reference
from broker.core.messages import Sought
from broker.core.operators import ActionKind, Place
from broker.core.partition import Forwarding
from broker.core.person import lift
from broker.core.succession import Merged, Passage
from broker.core.wording import COULD_NOT_CHECK
from broker.core.worklist import ItemKind, WorklistItem
from broker.ports import Topic, Write
from broker.services.audited_access import DeskUser
from broker.services.desk_log import DeskLog
from broker.services.excluding import Excluding
from broker.wire.records_codec import Unprocessable
from tests.builders.desk import CHILD, GROUNDS, DeskHouse, attendance
from tests.builders.enquiry import BEN, VISIT, came, worked_off
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import AUTHORITY, KEY, NOON, PROVIDER, fact_write, make_codecs, plan
from tests.builders.readers import excluding_on, readers_of
from tests.builders.street import A, B, Street, in_street, superseded
from tests.unit.services.test_explanations import explanations

NUMBER = NhsNumber(CHILD.number or "")


def user(name: str) -> DeskUser:
    """Return a user of the provider, by the provider's own id for them."""
    return DeskUser(organisation=PROVIDER, user=user_reference(KEY, PROVIDER, name))


PARENT, COLLEAGUE = user("staff-1"), user("staff-2")


def excluded(who: DeskUser = PARENT) -> IdentityNotice:
    """Return the word that a user must not see somebody."""
    return IdentityNotice(
        notice_id="exclusion", kind=IdentityKind.EXCLUDED, user=who.user, recorded_at=NOON, received_at=NOON
    )


def invalidated() -> IdentityNotice:
    """Return the source's word that a number is not in use."""
    return IdentityNotice(
        notice_id="invalidated", kind=IdentityKind.INVALIDATED, recorded_at=NOON, received_at=NOON
    )


def guard(place: House | Street, who: DeskUser | None) -> Excluding:
    """Return what stands before whatever a user opens on a house's cluster."""
    log = DeskLog(MemoryFactLog(place.kafka), place.codecs.records, key=KEY, clock=lambda: NOON)
    return excluding_on(place.kafka, readers_of(place.codecs), log, KEY, lambda: NOON, who)


async def is_shut(place: House | Street, who: DeskUser | None, *numbers: NhsNumber) -> bool:
    """Return whether what is kept of somebody stays shut, in the words of a restricted record."""
    try:
        await guard(place, who).require(numbers, "item-1", GROUNDS)
    except CannotDisclose as error:
        return str(error) == COULD_NOT_CHECK
    return False


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken yet"])
@pytest.mark.parametrize(("who", "shut"), [(PARENT, True), (COLLEAGUE, False), (None, True)])
def test_who_must_not_see_a_person_opens_nothing_of_them(
    who: DeskUser | None, *, shut: bool, taken: bool
) -> None:
    """Nor does who has not said who they are: nobody gets round it by keeping silent (ruling 48)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        if taken:
            house.send(excluded())
        async with house.at_work():
            await house.taken()
        if not taken:
            house.send(excluded())

        assert shut is await is_shut(house, who, ADA)

    in_house(scenario)


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken yet"])
@pytest.mark.parametrize(("side", "shut"), [(PROVIDER, False), (AUTHORITY, True)])
def test_an_exclusion_that_its_own_side_has_ended_shuts_nothing(
    side: OdsCode, *, shut: bool, taken: bool
) -> None:
    """From when the end is durable, as the exclusion did; the other side's word changes nothing (48)."""
    at = NOON + timedelta(minutes=1)
    word = replace(excluded(), named_by=PROVIDER)
    end = replace(
        word,
        notice_id="end",
        kind=IdentityKind.EXCLUSION_ENDED,
        named_by=side,
        recorded_at=at,
        received_at=at,
    )

    async def scenario(house: House) -> None:
        house.send(plan(), word, *([end] if taken else []))
        async with house.at_work():
            await house.taken()
        if not taken:
            house.send(end)

        assert [shut, False, shut] == [await is_shut(house, who, ADA) for who in (PARENT, COLLEAGUE, None)]

    in_house(scenario)


@pytest.mark.parametrize("who", [PARENT, None])
def test_what_is_of_nobody_whom_anybody_must_not_see_is_opened(who: DeskUser | None) -> None:
    """An exclusion is about one person (ruling 48); what names nobody is nobody's."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house)
        house.send(excluded(), number=BEN)

        assert not await is_shut(house, who, ADA)
        assert not await is_shut(house, who)

    in_house(scenario)


def test_the_safeguarding_lead_is_told_of_the_attempt() -> None:
    """As of a silent look: nobody else hears of it (ruling 48)."""

    async def scenario(house: House) -> None:
        house.send(plan(), excluded())
        async with house.at_work():
            await house.taken()
        assert await is_shut(house, PARENT, ADA)
        async with house.at_work():
            await house.taken()

        assert ["excluded person looked"] == [item.kind.value for item in house.items()]
        assert [] == house.events()

    in_house(scenario)


@pytest.mark.parametrize("under", [A, B], ids=["said of the former number", "said of the survivor"])
@pytest.mark.parametrize("opened", [A, B], ids=["opened by the former", "opened by the survivor"])
def test_an_exclusion_holds_under_every_number_of_the_person(under: NhsNumber, opened: NhsNumber) -> None:
    """Once one number has succeeded the other (rulings 22, 48)."""

    async def scenario(street: Street) -> None:
        street.send(A, plan())
        async with street.at_work():
            await street.settled()
            street.send(under, excluded())
            street.send(A, superseded(B))
            await street.settled()

        assert await is_shut(street, PARENT, opened)
        assert not await is_shut(street, COLLEAGUE, opened)

    in_street(scenario)


def on_the_way(house: House) -> None:
    """Have Ada gone to Ben's number, her record for its matcher to take: nowhere else is who is excluded."""
    facts, states = house.codecs.facts, house.codecs.states
    merged = Merged(stamp=NOON, received_at=NOON, known=lift(excluded()))
    sent = facts.wrap(facts.encode_merged(merged, ADA), Passage(numbers=(ADA,), stamp=NOON), BEN)
    behind = states.encode_forwarding(Forwarding(to=BEN, stamp=NOON, last_used=NOON))
    house.kafka.append([Write(Topic.PEOPLE, ADA.key, behind), Write(Topic.IDENTITY, BEN.key, sent)])


@pytest.mark.parametrize("opened", [ADA, BEN], ids=["opened by the former", "opened by the survivor"])
def test_an_exclusion_holds_while_the_person_is_on_the_way_to_the_survivor(opened: NhsNumber) -> None:
    """Whether or not the survivor's matcher has taken it yet (rulings 22, 48)."""

    async def scenario(house: House) -> None:
        on_the_way(house)
        assert await is_shut(house, PARENT, opened)
        assert not await is_shut(house, COLLEAGUE, opened)

    in_house(scenario)


def test_while_an_exclusion_may_not_be_readable_nothing_is_opened() -> None:
    """A disk that fails for a moment lets in nobody who is shut out (ruling 48)."""
    sealer = MemorySealer()

    async def scenario(house: House) -> None:
        house.codecs = make_codecs(sealer)
        on_the_way(house)
        sealer.readable = False
        with pytest.raises(KeysUnreadable):
            await is_shut(house, PARENT, BEN)

    in_house(scenario)


def test_of_a_number_that_is_not_in_use_nobody_opens_anything() -> None:
    """Only a reversal does; who must not see the person reads no more than before (rulings 23, 48)."""

    async def scenario(house: House) -> None:
        house.send(plan(), invalidated())
        async with house.at_work():
            await house.taken()

        with pytest.raises(NumberOutOfUse):
            await is_shut(house, COLLEAGUE, ADA)
        house.send(excluded())
        assert await is_shut(house, PARENT, ADA)

    in_house(scenario)


def test_a_record_that_cannot_be_read_keeps_nothing_shut() -> None:
    """Whoever mends it has to see it; what the input says still counts."""

    async def scenario(house: House) -> None:
        house.send_raw(Topic.PEOPLE, ADA.key, b"none of ours")
        house.send_raw(Topic.IDENTITY, ADA.key, b"none of ours")
        assert not await is_shut(house, None, ADA)
        house.send(excluded())
        assert await is_shut(house, None, ADA)

    in_house(scenario)


def in_desk_house(who: DeskUser | None) -> DeskHouse:
    """Return a desk with a message taken and one refused of somebody whom a user must not see."""
    house = DeskHouse(who=who)
    house.send(attendance(processing="P", control_id="TAKEN"))
    house.send(attendance(processing="T", control_id="REFUSED"))
    house.write(fact_write(house.parts.facts, excluded(_at(house, "staff-1")), NUMBER))
    return house


def _at(house: DeskHouse, name: str) -> DeskUser:
    """Return a user as the desk's own identity key knows them."""
    return DeskUser(organisation=PROVIDER, user=user_reference(house.parts.key, PROVIDER, name))


Way = Callable[[DeskHouse], Awaitable[object]]


async def open_taken(house: DeskHouse) -> object:
    """Open the message that was taken (break-glass)."""
    await house.messages.show((await _places(house))["taken"])
    return await house.messages.unmask((await _places(house))["taken"], GROUNDS)


async def open_refused(house: DeskHouse) -> object:
    """Open the message that was refused, by the messages."""
    return await house.messages.unmask((await _places(house))["refused"], GROUNDS)


async def open_rejected(house: DeskHouse) -> object:
    """Open the message that was refused, by what was rejected."""
    return await house.rejected.unmask((await house.rejected.board()).items[0], GROUNDS)


async def explain_taken(house: DeskHouse) -> object:
    """Have it said why the visit led to what it did."""
    return await house.messages.decision((await _places(house))["taken"], GROUNDS)


async def _places(house: DeskHouse) -> dict[str, Place]:
    """Return where messages lie, by outcome."""
    return {one.outcome.value: one.place for one in await house.messages.search(Sought())}


async def open_work(house: DeskHouse) -> object:
    """Open the record that could not be processed, which an item of the worklist is about."""
    place = (await _places(house))["taken"]
    value = b"bytes without a number"
    record = Unprocessable(
        topic=place.topic, partition=place.partition, offset=place.offset, cause="CPIS-201", value=value
    )
    item = WorklistItem(item_id="b" * 32, kind=ItemKind.UNPROCESSABLE_RECORD, urgent=True)
    encoded = house.parts.records.encode_item(item, record)
    house.write(Write(Topic.WORKLIST, item.item_id.encode(), encoded))
    return await house.worklist.unmask((await house.worklist.worklist()).find(item.item_id), GROUNDS)


WAYS = [open_taken, open_refused, open_rejected, explain_taken, open_work]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_the_desk_to_what_is_kept_asks_first(way: Way) -> None:
    """It is on the trail, and shut; to whom nobody has excluded it opens (rulings 48, 49)."""
    for name, shut in (("staff-1", True), ("staff-2", False), (None, True)):
        probe = DeskHouse()
        house = in_desk_house(None if name is None else _at(probe, name))
        if shut:
            with pytest.raises(CannotDisclose, match=COULD_NOT_CHECK):
                asyncio.run(_awaited(way(house)))
        else:
            asyncio.run(_awaited(way(house)))
        [action] = house.actions(Topic.AUDIT)
        assert action.kind in {ActionKind.UNMASKED, ActionKind.EXPLAINED}


async def _awaited(work: Awaitable[object]) -> object:
    """Return what comes of some work."""
    return await work


def test_an_explanation_of_a_visit_is_shut_as_well() -> None:
    """It tells of the plans; in the words of a restricted record it tells nothing (ruling 48)."""

    async def scenario(house: House) -> None:
        house.send(plan(), came(), excluded())
        async with house.at_work():
            await house.taken()

        for who in (PARENT, None):
            with pytest.raises(CannotDisclose, match=COULD_NOT_CHECK):
                await explanations(house, who).explain(VISIT, GROUNDS)
        await explanations(house, COLLEAGUE).explain(VISIT, GROUNDS)

    in_house(scenario)
