"""One authority's plans, opened on grounds and written as CSV; everybody's counted (C8, C10)."""

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.core.desk_errors import NotForThisRole
from broker.core.desk_roles import Role
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import OdsCode
from broker.core.operators import Grounds
from broker.core.partition import Forwarding
from broker.core.possible import Shelf
from broker.core.reconciling import PlanStanding
from broker.ports import Topic
from broker.services.audited_access import DeskUser
from broker.services.desk_log import DeskLog
from broker.services.reconciliation import Reconciliation
from broker.wire.reconciliation import COLUMNS, write_reconciliation
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import AUTHORITY, KEY, NOON, numbers, plan
from tests.builders.readers import access_on, readers_of

GROUNDS = Grounds(by="ops-7", reason="asked for by the authority")
BOB, EVE = [number for number, _ in zip(numbers(), range(3), strict=False)][1:]
OTHER = OdsCode("E08")


def desk(house: House, role: Role = Role.ADMINISTRATOR, who: DeskUser | None = None) -> Reconciliation:
    """Return the use case on a house, at a user's desk."""
    log = DeskLog(MemoryFactLog(house.kafka), house.codecs.records, key=KEY, clock=lambda: NOON, role=role)
    return Reconciliation(access_on(house.kafka, readers_of(house.codecs), log, KEY, lambda: NOON, who))


def said(kind: IdentityKind, user: str | None = None) -> IdentityNotice:
    """Return a word of the demographic source, or of a side about a user."""
    return IdentityNotice(notice_id=kind, kind=kind, user=user, recorded_at=NOON, received_at=NOON)


async def settled(house: House) -> None:
    """Have children's plans worked off: one restricted, one on a number not in use, one of another's too."""
    house.send(plan(), plan(authority=OTHER))
    house.send(plan(), said(IdentityKind.RESTRICTED), number=BOB)
    house.send(plan(), said(IdentityKind.INVALIDATED), number=EVE)
    async with house.at_work():
        await house.taken()


def test_an_authoritys_own_plans_are_written_and_nobody_elses() -> None:
    """Restricted ones are counted and left out (24); of a number not in use no id and no number (23)."""

    async def scenario(house: House) -> None:
        await settled(house)
        found = await desk(house).of([AUTHORITY], GROUNDS, restricted=False)

        lines = write_reconciliation(found.rows).splitlines()
        inactive, own = lines[1:]
        assert (",".join(COLUMNS), 1, 0) == (lines[0], found.withheld, found.unreadable)
        assert own.startswith(f"C-1,{ADA.digits},")
        assert own.endswith(f"has a plan in force too: agree with it who answers,{AUTHORITY.code}")
        assert inactive.startswith(",,,,,number not in use,")
        assert not [number.digits for number in (BOB, EVE) if number.digits in "".join(lines)]

    in_house(scenario)


def test_restricted_records_are_written_for_those_who_may_read_them() -> None:
    """On the same grounds, when somebody asks for them (24)."""

    async def scenario(house: House) -> None:
        await settled(house)
        found = await desk(house).of([AUTHORITY], GROUNDS, restricted=True)

        assert 0 == found.withheld
        assert f"C-1,{BOB.digits}," in write_reconciliation(found.rows)

    in_house(scenario)


@pytest.mark.parametrize(
    ("user", "restricted", "written"),
    [
        ("u2", True, True),
        ("u2", False, False),
        ("u1", True, False),
        ("u1", False, False),
        (None, True, False),
        (None, False, False),
    ],
)
def test_a_child_whom_the_reader_must_not_see_is_left_out_whatever_is_asked_for(
    user: str | None, *, restricted: bool, written: bool
) -> None:
    """Nor is it written at a desk that does not say whose it is; the others are (ruling 48)."""

    async def scenario(house: House) -> None:
        await settled(house)
        house.send(said(IdentityKind.EXCLUDED, "u1"))
        async with house.at_work():
            await house.taken()
        who = None if user is None else DeskUser(organisation=OTHER, user=user)
        found = await desk(house, who=who).of([AUTHORITY], GROUNDS, restricted=restricted)

        text = write_reconciliation(found.rows)
        assert (written, restricted) == (ADA.digits in text, BOB.digits in text)

    in_house(scenario)


def test_who_had_plans_written_out_is_in_the_audit_trail_first() -> None:
    """With whose plans and why; a reader may not, and then nothing is read (C13)."""

    async def scenario(house: House) -> None:
        await settled(house)
        before = len(house.kafka.read(Topic.AUDIT))
        with pytest.raises(NotForThisRole):
            await desk(house, Role.READER).of([AUTHORITY], GROUNDS, restricted=False)
        assert before == len(house.kafka.read(Topic.AUDIT))

        await desk(house).of([AUTHORITY], GROUNDS, restricted=True)
        values = [record.value or b"" for record in house.kafka.read(Topic.AUDIT)]
        [action] = [
            house.codecs.records.decode_action(one) for one in values if house.codecs.records.is_action(one)
        ]
        assert ("reconciliation", f"plans of {AUTHORITY}, restricted records too") == (
            action.item_id,
            action.outcome,
        )

    in_house(scenario)


def test_plans_are_counted_without_opening_anything_to_anybody() -> None:
    """By authority and standing; what cannot be read, and what is no person, counts for nobody."""

    async def scenario(house: House) -> None:
        await settled(house)
        gone = Forwarding(to=ADA, stamp=NOON, last_used=NOON)
        house.send_raw(Topic.PEOPLE, b"9990000123", house.codecs.states.encode_forwarding(gone))
        house.send_raw(Topic.PEOPLE, b"shelf", house.codecs.details.encode_shelf(Shelf()))
        house.send_raw(Topic.PEOPLE, b"damaged", b"x")
        counts = await desk(house).counts()

        assert {AUTHORITY, OTHER} == counts.keys()
        assert {PlanStanding.IN_FORCE: 2, PlanStanding.NUMBER_NOT_IN_USE: 1} == counts[AUTHORITY]
        assert 1 == (await desk(house).of([OTHER], GROUNDS, restricted=False)).unreadable

    in_house(scenario)
