"""
Who must not see a mother opens nothing of the baby that her plan covers, by whatever way. Rulings 26, 48.

The mother's record and the baby's lie in two partitions; an exclusion counts from when it is durable
(ADR 0056).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.core.answers import Finding, Uncheckable
from broker.core.desk_errors import CannotDisclose
from broker.core.explanation import Explanation
from broker.core.facts import Fact, IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.keyed import user_reference
from broker.core.wording import COULD_NOT_CHECK
from broker.services.audited_access import DeskUser
from broker.services.desk_log import DeskLog
from broker.services.disclosing import UNTAKEN
from broker.services.fact_desk import User
from broker.services.reconciliation import Reconciliation
from tests.builders.enquiry import GROUNDS, VISIT, Desk
from tests.builders.matcher import AUTHORITY, KEY, NOON, PROVIDER, birth, plan, unborn
from tests.builders.readers import access_on, readers_of
from tests.builders.street import A, B, C, Street, arrives, in_street, superseded, visit_of
from tests.unit.services.test_disclosing import disclosing
from tests.unit.services.test_excluding import COLLEAGUE, PARENT, is_shut
from tests.unit.services.test_explanations import explanations
from tests.unit.services.test_looking import NURSE

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
OUT = IdentityNotice(
    notice_id="out",
    kind=IdentityKind.EXCLUDED,
    user=PARENT.user,
    named_by=AUTHORITY,
    recorded_at=NOON,
    received_at=NOON,
)
END = replace(
    OUT,
    notice_id="end",
    kind=IdentityKind.EXCLUSION_ENDED,
    recorded_at=NOON + MINUTE,
    received_at=NOON + MINUTE,
)
AGAIN = replace(OUT, notice_id="again", recorded_at=NOON + 2 * HOUR, received_at=NOON + 2 * HOUR)
BORN = birth(B, visit=visit_of(B))
COVERED: Sequence[tuple[NhsNumber, Fact]] = ((A, unborn()), (A, BORN), (B, arrives(B)))
Step = tuple[NhsNumber, Fact]


async def taken(street: Street, *steps: Step) -> None:
    """Let matchers take facts, each by itself."""
    async with street.at_work():
        await street.settled()
        for number, fact in steps:
            street.send(number, fact)
            await street.settled()


async def collects(street: Street, user_id: str) -> str:
    """Return what somebody hears who collects what is held of the baby; nothing where they get it."""
    try:
        await disclosing(street).collect(B, PROVIDER, user_id, GROUNDS)
    except CannotDisclose as error:
        return str(error)
    return ""


async def asked(street: Street, user_id: str) -> str:
    """Return what somebody is answered about the baby's visit."""
    who = DeskUser(organisation=PROVIDER, user=user_reference(KEY, PROVIDER, user_id))
    answer = await Desk(street, who=who).ask()
    return answer.finding if answer.reason is None else answer.reason


async def looks(street: Street, user_id: str) -> str:
    """Return what somebody is answered who looks the baby up."""
    asking = replace(NURSE, organisation=PROVIDER, user=User(name="A Nurse", own_id=user_id))
    look = await Desk(street).looking().look(B, asking, GROUNDS)
    assert look.answer is not None
    assert (look.opened is not None) == (look.answer.finding is Finding.PLAN)
    return look.answer.finding if look.answer.reason is None else look.answer.reason


async def exported(street: Street, who: DeskUser | None) -> int:
    """Return how many plans an authority's file has that somebody has written out."""
    log = DeskLog(MemoryFactLog(street.kafka), street.codecs.records, key=KEY, clock=lambda: NOON)
    access = access_on(street.kafka, readers_of(street.codecs), log, KEY, lambda: NOON, who)
    found = await Reconciliation(access).of([AUTHORITY], GROUNDS, restricted=True)
    return len([row for row in found.rows if row.number == B])


@pytest.mark.parametrize("ended", [False, True])
def test_every_way_to_a_baby_is_shut_to_who_must_not_see_its_mother(*, ended: bool) -> None:
    """In the words of a restricted record; until its own side ends it; to nobody else (ruling 48)."""

    async def scenario(street: Street) -> None:
        own = (B, plan(recorded_at=NOON))
        await taken(street, (A, OUT), *COVERED, own, *[(A, END)] * ended)
        shut = not ended
        why = Uncheckable.RESTRICTED if shut else Finding.PLAN

        assert [shut, False, shut] == [await is_shut(street, who, B) for who in (PARENT, COLLEAGUE, None)]
        assert [why, Finding.PLAN] == [await looks(street, name) for name in ("staff-1", "staff-2")]
        assert [why, Finding.PLAN] == [await asked(street, name) for name in ("staff-1", "staff-2")]
        assert [0 if shut else 1, 1] == [await exported(street, who) for who in (PARENT, COLLEAGUE)]
        assert COULD_NOT_CHECK * shut == await collects(street, "staff-1")

    in_street(scenario)


def test_an_explanation_of_the_babys_visit_is_shut_as_well() -> None:
    """It says which plan of the mother's was told, and to whom (ruling 48)."""

    async def scenario(street: Street) -> None:
        await taken(street, *COVERED, (A, OUT))
        with pytest.raises(CannotDisclose, match=COULD_NOT_CHECK):
            await explanations(street, PARENT).explain(VISIT, GROUNDS)
        told = await explanations(street, COLLEAGUE).explain(VISIT, GROUNDS)
        assert isinstance(told, Explanation)

    in_street(scenario)


@pytest.mark.parametrize(
    ("known", "since", "shut"),
    [
        ((), OUT, True),
        ((OUT,), END, False),
        ((OUT,), replace(END, named_by=PROVIDER), True),
        ((OUT, END), AGAIN, True),
    ],
)
def test_what_is_said_under_the_mothers_number_counts_before_it_is_taken(
    known: Sequence[Fact], since: Fact, *, shut: bool
) -> None:
    """From when it is durable, as under the number itself (ruling 48)."""

    async def scenario(street: Street) -> None:
        await taken(street, *COVERED, *[(A, one) for one in known])
        street.send(A, since)

        assert shut is await is_shut(street, PARENT, B)
        assert not await is_shut(street, COLLEAGUE, B)

    in_street(scenario)


def test_what_a_mothers_record_has_told_counts_before_the_babys_matcher_takes_it() -> None:
    """It is durable, and nothing of the baby is held yet (ruling 48)."""

    async def scenario(street: Street) -> None:
        async with street.at_work(0):
            for fact in (OUT, unborn(), BORN):
                street.send(A, fact)
            await street.settled_alone(0)

        assert await is_shut(street, PARENT, B)
        assert not await is_shut(street, COLLEAGUE, B)

    in_street(scenario)


def test_it_counts_while_the_baby_is_on_the_way_to_another_number() -> None:
    """Under the former number and the successor's, whose matcher has not taken it yet (rulings 22, 48)."""

    async def scenario(street: Street) -> None:
        await taken(street, (A, OUT), *COVERED)
        async with street.at_work(1):
            street.send(B, superseded(C, at=NOON + HOUR))
            await street.settled_alone(1)

        assert [True, True] == [await is_shut(street, PARENT, number) for number in (B, C)]
        assert [False, False] == [await is_shut(street, COLLEAGUE, number) for number in (B, C)]

    in_street(scenario)


def test_what_came_of_the_mother_and_is_not_taken_yet_keeps_the_baby_closed() -> None:
    """To who looks it up, or collects what is held: it may restrict, exclude or cover (24, 26, 41, 48)."""

    async def scenario(street: Street) -> None:
        await taken(street, *COVERED)
        assert Finding.PLAN == await looks(street, "staff-2")
        street.send(A, OUT)

        assert Uncheckable.BROKER_BEHIND == await looks(street, "staff-2")
        assert UNTAKEN == await collects(street, "staff-2")

    in_street(scenario)
