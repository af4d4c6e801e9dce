"""Who may collect a subject access; it is on the trail before a record is opened (rulings 48, 49)."""

import asyncio

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_archive import MemoryArchive
from broker.core.desk_errors import CannotDisclose, NotForThisRole
from broker.core.desk_roles import Role
from broker.core.facts import IdentityKind, IdentityNotice, PlanFact
from broker.core.keyed import user_reference
from broker.core.operators import ActionKind
from broker.core.policy import Policy
from broker.core.wording import COULD_NOT_CHECK, NOT_IN_USE
from broker.ports import Topic
from broker.services.desk_log import DeskLog
from broker.services.disclosing import UNTAKEN, Disclosing
from tests.builders.enquiry import BEN, GROUNDS, Desk, Past, worked_off
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import KEY, NOON, PROVIDER, plan
from tests.builders.readers import readers_of
from tests.builders.street import A, B, Street, in_street, superseded

USER = user_reference(KEY, PROVIDER, "staff-1")


def disclosing(
    house: House | Street, *, role: Role = Role.ADMINISTRATOR, archive: Past | None = None
) -> Disclosing:
    """Return the service on a house's cluster, at the desk of a role."""
    codecs = house.codecs
    log = DeskLog(MemoryFactLog(house.kafka), codecs.records, key=KEY, clock=lambda: NOON, role=role)
    return Disclosing(
        archive or MemoryArchive(house.kafka),
        readers_of(codecs),
        log,
        policy=Policy(),
        key=KEY,
        clock=lambda: NOON,
    )


def notice(kind: IdentityKind, user: str | None = None) -> IdentityNotice:
    """Return a notice about Ada."""
    return IdentityNotice(notice_id=kind.value, kind=kind, user=user, recorded_at=NOON, received_at=NOON)


def test_it_is_on_the_trail_and_there() -> None:
    """Who and why first, then what is held; of nobody nothing (ruling 49)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house, number=BEN)

        found = await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)
        nothing = await disclosing(house).collect(BEN, PROVIDER, "staff-1", GROUNDS)

        assert found is not None
        assert 1 == len(found.held["plans"])
        assert nothing is None
        assert [ActionKind.DISCLOSED] * 2 == [action.kind for action in Desk(house).actions()]

    in_house(scenario)


@pytest.mark.parametrize("role", [Role.READER, Role.OPERATOR])
def test_it_is_an_administrators_alone(role: Role) -> None:
    """Nobody else opens all that is held (ruling 49)."""
    house = House()

    with pytest.raises(NotForThisRole):
        asyncio.run(disclosing(house, role=role).collect(ADA, PROVIDER, "staff-1", GROUNDS))
    assert [] == house.kafka.read(Topic.AUDIT)


def test_who_must_not_see_the_person_collects_nothing_and_the_lead_is_told() -> None:
    """In the words of a restricted record (ruling 48)."""

    async def scenario(house: House) -> None:
        house.send(plan(), notice(IdentityKind.EXCLUDED, USER))
        await worked_off(house, number=BEN)

        with pytest.raises(CannotDisclose, match=COULD_NOT_CHECK):
            await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)
        other = await disclosing(house).collect(ADA, PROVIDER, "staff-2", GROUNDS)

        assert other is not None
        async with house.at_work():
            await house.taken()
        assert ["excluded person looked"] == [item.kind.value for item in house.items()]
        assert [] == house.events()

    in_house(scenario)


@pytest.mark.parametrize(
    "fact", [notice(IdentityKind.EXCLUDED, USER), notice(IdentityKind.RESTRICTED), plan()]
)
def test_what_no_matcher_has_taken_yet_keeps_the_record_closed(fact: IdentityNotice | PlanFact) -> None:
    """It may shut the record to who collects, restrict it, or be all that is held (rulings 24, 48, 49)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house, number=BEN)
        house.send(fact)
        house.send(plan(), number=BEN)

        for one in (ADA, BEN):
            with pytest.raises(CannotDisclose, match=UNTAKEN):
                await disclosing(house).collect(one, PROVIDER, "staff-1", GROUNDS)

    in_house(scenario)


def test_of_a_number_that_is_not_in_use_nothing_is_opened() -> None:
    """What is sealed only a reversal opens (ruling 23)."""

    async def scenario(house: House) -> None:
        house.send(plan(), notice(IdentityKind.INVALIDATED))
        await worked_off(house, number=BEN)

        with pytest.raises(CannotDisclose) as caught:
            await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)
        assert NOT_IN_USE == str(caught.value)

    in_house(scenario)


def test_the_survivors_record_is_that_of_the_former_number() -> None:
    """And a person who is on the way is collected later (ruling 22)."""

    async def scenario(street: Street) -> None:
        street.send(A, plan(), superseded(B))
        async with street.at_work():
            await street.settled()
        first = [one for one in street.kafka.read(Topic.PEOPLE) if one.partition == 0 or one.key == b"#p"]
        on_its_way = Past(MemoryArchive(street.kafka), first)

        found = await disclosing(street).collect(A, PROVIDER, "staff-1", GROUNDS)
        with pytest.raises(CannotDisclose):
            await disclosing(street, archive=on_its_way).collect(A, PROVIDER, "staff-1", GROUNDS)

        assert found is not None
        assert 1 == len(found.held["plans"])

    in_street(scenario)
