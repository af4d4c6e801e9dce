"""Who may collect a subject access; it is on the trail before a record is opened (rulings 48, 49)."""

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_archive import MemoryArchive
from broker.adapters.memory_sealing import MemorySealer
from broker.core.desk_errors import CannotDisclose, NotForThisRole
from broker.core.desk_roles import Role
from broker.core.errors import KeysUnreadable
from broker.core.facts import IdentityKind, IdentityNotice, PlanFact
from broker.core.keyed import user_reference
from broker.core.looking import Way
from broker.core.operators import ActionKind
from broker.core.policy import Policy
from broker.core.policy_keys import Place as Listed
from broker.core.policy_keys import Selector
from broker.core.possible import Shelf
from broker.core.possible_keys import Window
from broker.core.waiting import waiting_number_key
from broker.core.wording import COULD_NOT_CHECK, NOT_IN_USE
from broker.ports import Topic
from broker.services.audited_access import AuditedAccess
from broker.services.desk_log import DeskLog
from broker.services.disclosing import UNTAKEN, Disclosing
from broker.services.fact_desk import User
from broker.services.looking import Asking
from tests.builders.enquiry import BEN, GROUNDS, Desk, Past, came, worked_off
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import KEY, NOON, PROVIDER, attendance, fact_write, make_codecs, plan
from tests.builders.readers import readers_of
from tests.builders.street import A, B, Street, in_street, superseded

USER = user_reference(KEY, PROVIDER, "staff-1")


def disclosing(
    house: House | Street,
    *,
    role: Role = Role.ADMINISTRATOR,
    archive: Past | None = None,
    policy: Policy = Policy(),  # noqa: B008 - it is frozen
) -> Disclosing:
    """Return the service on a house's cluster, at the desk of a role."""
    codecs = house.codecs
    log = DeskLog(MemoryFactLog(house.kafka), codecs.records, key=KEY, clock=lambda: NOON, role=role)
    access = AuditedAccess(
        archive=archive or MemoryArchive(house.kafka),
        readers=readers_of(codecs),
        log=log,
        policy=policy,
        key=KEY,
        clock=lambda: NOON,
    )
    return Disclosing(access)


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


def test_of_somebody_without_a_plan_it_is_what_their_visits_said() -> None:
    """For as long as that is kept, with names where they open (ruling 49); of nobody else's."""

    async def scenario(house: House) -> None:
        house.send(came(), replace(came(visit="V-2"), family="Sample"))
        house.send(came(visit="V-3"), number=BEN)
        house.send_raw(Topic.ATTENDANCES, ADA.key, b"none of ours")
        await worked_off(house)

        found = await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)

        assert found is not None
        assert {"Testcase", "Sample"} == {row["family"] for row in found.held["visits"]}
        assert [0, 0] == [len(found.held[kind]) for kind in ("plans", "told")]

    in_house(scenario)


def test_names_whose_key_is_destroyed_are_not_there_and_the_visit_is() -> None:
    """Nothing is opened that is sealed (rulings 23, 49)."""

    async def scenario(house: House) -> None:
        sealed = make_codecs(MemorySealer())
        house.kafka.append([fact_write(sealed.facts, replace(came(), family="Sample"), ADA)])
        await worked_off(house)

        found = await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)

        assert found is not None
        assert [None] == [row["family"] for row in found.held["visits"]]

    in_house(scenario)


def test_names_that_can_be_opened_later_are_not_left_out() -> None:
    """While a key may be there and cannot be read, nothing is collected (ruling 49)."""
    sealer = MemorySealer()

    async def scenario(house: House) -> None:
        house.codecs = make_codecs(sealer)
        await worked_off(house, replace(came(), family="Sample"))
        sealer.readable = False
        with pytest.raises(KeysUnreadable):
            await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)

    in_house(scenario)


def test_that_a_record_waits_for_the_number_is_there() -> None:
    """Though nothing else is held (rulings 21, 49)."""

    async def scenario(house: House) -> None:
        window = Window(first=date(2026, 1, 1), last=date(2026, 2, 28))
        shelf = Shelf(on_file={"a" * 16: window})
        under = waiting_number_key(KEY, ADA).encode()
        await worked_off(house)
        house.send_raw(Topic.PEOPLE, under, house.codecs.details.encode_shelf(shelf))

        found = await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)

        assert found is not None
        assert ({"until": window.last},) == found.held["waiting"]

    in_house(scenario)


SILENTLY = Asking(
    organisation=PROVIDER,
    organisation_name="Exton Hospital",
    role="B0107",
    user=User(name="A Nurse", own_id="staff-9"),
    unscheduled=False,
)
HERE = replace(attendance("v", at=NOON), patient_class="P")
SENSITIVE = Policy(overrides={Selector(provider=PROVIDER, location="HAVEN"): {"listed": Listed.SENSITIVE}})


@pytest.mark.parametrize("on_file", [True, False])
def test_a_silent_look_is_there_though_the_trail_alone_has_it(*, on_file: bool) -> None:
    """With a plan on file and without: no fact tells of it, and the person may know (R23, ruling 49)."""

    async def scenario(house: House) -> None:
        house.send(*([plan()] if on_file else []))
        await worked_off(house, HERE)
        looked = await Desk(house).looking().look(ADA, SILENTLY, GROUNDS)
        await Desk(house).looking().look(BEN, SILENTLY, GROUNDS)
        async with house.at_work():
            await house.taken()

        found = await disclosing(house).collect(ADA, PROVIDER, "staff-1", GROUNDS)

        assert found is not None
        assert (Way.SILENT, None) == (looked.way, looked.fact)
        assert [("B0107", "silent")] == [(row["role"], row["way"]) for row in found.held["looks"]]
        assert ((), on_file) == (found.held["views"], bool(found.held["plans"]))

    in_house(scenario)


def test_of_nobody_but_who_was_looked_up_it_is_the_look() -> None:
    """Somebody wanted to know of a person of whom nothing is held (R54, ruling 49)."""

    async def scenario(house: House) -> None:
        async with house.at_work(house.matcher(policy=SENSITIVE)):
            await house.taken()
        silent_place = replace(SILENTLY, place="HAVEN")
        await Desk(house, policy=SENSITIVE).looking().look(ADA, silent_place, GROUNDS)

        found = await disclosing(house, policy=SENSITIVE).collect(ADA, PROVIDER, "staff-1", GROUNDS)
        nothing = await disclosing(house, policy=SENSITIVE).collect(BEN, PROVIDER, "staff-1", GROUNDS)

        assert found is not None
        assert [Way.SILENT] == [row["way"] for row in found.held["looks"]]
        assert nothing is None

    in_house(scenario)
