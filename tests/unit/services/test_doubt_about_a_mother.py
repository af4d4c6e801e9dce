"""
What waits of a mother, or could not be read, may cover her baby: nobody is told `no plan on file` of it.

Rulings 26, 41; ADR 0047. The mother's record and the baby's lie in two partitions.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from broker.core.answers import Finding, Uncheckable
from broker.core.facts import Fact, IdentityKind
from broker.core.holding import HELD_FOR_MAX
from broker.core.identifiers import NhsNumber
from broker.core.newborn_links import mother_named
from broker.core.person import Person
from broker.core.policy import Policy
from broker.core.restriction import is_restricted
from broker.core.worklist import ItemKind
from broker.ports import Topic, Write
from broker.services.matching_holds import note_of
from tests.builders.enquiry import GROUNDS, Desk
from tests.builders.matcher import KEY, NOON, SALT, birth, fact_write, notice, plan, unborn
from tests.builders.street import A, B, C, Street, arrives, in_street, said, superseded, visit_of
from tests.unit.services.test_holds import HELD, LATER, OVER, word
from tests.unit.services.test_looking import NURSE

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BORN = birth(B, visit=visit_of(B))
JUNK = b"no plan that can be read"
NONE, PLAN = Finding.NO_PLAN, Finding.PLAN


async def finding(street: Street) -> str:
    """Return what is answered about the baby's visit, or why it is not; a look is answered the same."""
    desk = Desk(street)
    asked = await desk.ask()
    held = street.held(B)
    if isinstance(held, Person):
        looked = (await desk.looking().look(B, NURSE, GROUNDS)).answer
        assert looked is not None
        assert (asked.finding, asked.reason) == (looked.finding, looked.reason)
    return asked.finding if asked.reason is None else asked.reason


def unreadable(street: Street, number: NhsNumber, value: bytes) -> None:
    """Append a record of a plan that nobody can read, received at noon."""
    headers = fact_write(street.codecs.facts, plan(received_at=NOON), number).headers
    street.kafka.append([Write(Topic.PLANS, number.key, value, headers)])


async def played(street: Street, *steps: "Step") -> str:
    """Let matchers take facts, and records of plans that nobody can read, each by itself; ask at the end."""
    async with street.at_work():
        await street.settled()
        for number, fact in steps:
            if isinstance(fact, bytes):
                unreadable(street, number, fact)
            else:
                street.send(number, fact)
            await street.settled()
    return await finding(street)


Step = tuple[NhsNumber, Fact | bytes]

HOLD: Step = (A, HELD)
RELEASED: Step = (A, OVER)
LINK: Step = (A, BORN)
VISIT: Step = (B, arrives(B))
SUPERSEDED: Step = (B, superseded(C, at=NOON + HOUR))
AT_ONCE: Step = (C, notice(at=NOON + HOUR))
"""The clock of the mother's partition is ahead of all that comes: everything is at one time by it."""


@pytest.mark.parametrize("ahead", [False, True], ids=["in time", "at one time"])
@pytest.mark.parametrize(
    ("steps", "answered"),
    [
        ([LINK, VISIT], NONE),
        ([LINK, VISIT, HOLD], Uncheckable.SET_ASIDE),
        ([HOLD, LINK, VISIT], Uncheckable.SET_ASIDE),
        ([VISIT, HOLD, LINK], Uncheckable.SET_ASIDE),
        ([LINK, VISIT, HOLD, RELEASED], NONE),
        ([HOLD, LINK, VISIT, RELEASED], NONE),
        ([HOLD, RELEASED, LINK, VISIT], NONE),
        ([LINK, VISIT, HOLD, (A, unborn())], Uncheckable.SET_ASIDE),
        ([LINK, VISIT, HOLD, (A, unborn()), RELEASED], PLAN),
        ([(A, unborn()), LINK, VISIT, HOLD], PLAN),
        ([LINK, VISIT, HOLD, RELEASED, (A, JUNK)], Uncheckable.SET_ASIDE),
        ([LINK, VISIT, (A, JUNK)], Uncheckable.SET_ASIDE),
        ([(A, JUNK), LINK, VISIT], Uncheckable.SET_ASIDE),
        ([LINK, VISIT, (A, JUNK), (A, unborn())], PLAN),
        ([LINK, VISIT, (A, JUNK), (B, plan())], PLAN),
    ],
)
def test_a_baby_whose_mother_is_on_hold_or_whose_plan_nobody_could_read(
    steps: Sequence[Step], answered: str, *, ahead: bool
) -> None:
    """Whichever comes first; what is on file all the same is told (rulings 26, 41)."""

    async def scenario(street: Street) -> None:
        assert answered == await played(street, *[AT_ONCE] * ahead, *steps)

    in_street(scenario)


def test_a_plan_that_is_taken_after_all_leaves_nobody_in_doubt() -> None:
    """It is put back as it was: then the baby is covered by it (rulings 26, 41)."""

    async def scenario(street: Street) -> None:
        record = fact_write(street.codecs.facts, unborn(), A)
        aside = Person(number=A, salt=SALT, set_aside={note_of(KEY, Topic.PLANS, record.value): NOON})
        state = street.codecs.states.encode_person(aside)
        street.kafka.append([Write(Topic.PEOPLE, A.key, state, partition=0)])
        assert Uncheckable.SET_ASIDE == await played(street, LINK, VISIT)
        street.kafka.append([record])
        assert PLAN == await played(street)

    in_street(scenario)


def test_a_hold_that_lapses_leaves_nobody_in_doubt() -> None:
    """By the clock of the mother's partition; what waited covers the baby then (ADR 0036)."""

    async def scenario(street: Street) -> None:
        before: list[Step] = [LINK, VISIT, HOLD, (A, unborn())]
        assert Uncheckable.SET_ASIDE == await played(street, *before)
        assert PLAN == await played(street, (C, notice(at=NOON + HELD_FOR_MAX + 2 * HOUR)))

    in_street(scenario)


def test_a_visit_that_names_another_mother_leaves_the_first_ones_doubt() -> None:
    """Who is the mother's no more is not in doubt because of her (rulings 26, 37)."""

    async def scenario(street: Street) -> None:
        named = [mother_named(KEY, visit_of(B), mother) for mother in (A, C)]
        first = replace(arrives(B), mothers=(named[0],))
        linked = replace(BORN, named=named[0])
        assert Uncheckable.SET_ASIDE == await played(street, HOLD, (A, linked), (B, first))
        then = replace(arrives(B, at=LATER), mothers=(named[1],))
        assert NONE == await played(street, (B, then))

    in_street(scenario)


def test_a_mother_with_a_new_number_is_in_doubt_until_the_hold_of_that_one_ends() -> None:
    """The hold goes with her (ruling 22); the baby hears of the new number, and of the old no more."""

    async def scenario(street: Street) -> None:
        moved: list[Step] = [LINK, VISIT, HOLD, (A, superseded(C, at=NOON + HOUR))]
        assert Uncheckable.SET_ASIDE == await played(street, *moved)
        assert {C} == set(street.person(B).known.covers)
        assert NONE == await played(street, (C, OVER))

    in_street(scenario)


def test_what_comes_of_a_mother_for_her_former_number_and_cannot_be_read_is_the_babys_too() -> None:
    """Its note goes to the successor, who tells her baby (rulings 22, 26, 41)."""

    async def scenario(street: Street) -> None:
        steps: list[Step] = [LINK, VISIT, HOLD, (A, superseded(C, at=NOON + HOUR)), (C, OVER), (A, JUNK)]
        assert Uncheckable.SET_ASIDE == await played(street, *steps)

    in_street(scenario)


def test_a_baby_with_a_new_number_is_in_doubt_and_hears_that_it_is_over() -> None:
    """What covers it goes along, and the mother knows the new number (ruling 22)."""

    async def scenario(street: Street) -> None:
        moved: list[Step] = [LINK, VISIT, HOLD, (B, superseded(C, at=NOON + HOUR))]
        assert Uncheckable.SET_ASIDE == await played(street, *moved)
        assert NONE == await played(street, RELEASED)

    in_street(scenario)


@pytest.mark.parametrize("doubt", [HELD, JUNK], ids=["on hold", "unreadable"])
def test_a_baby_stays_in_doubt_when_its_mothers_number_goes_out_of_use(doubt: Fact | bytes) -> None:
    """Nobody will say any more that it is over, and the baby is as much at risk (rulings 23, 26)."""

    async def scenario(street: Street) -> None:
        gone: Step = (A, said(IdentityKind.INVALIDATED, at=NOON + HOUR))
        assert Uncheckable.SET_ASIDE == await played(street, LINK, VISIT, (A, doubt), gone)
        assert {None} == set(street.person(B).known.covers)
        assert Uncheckable.SET_ASIDE == await played(street, (A, word(IdentityKind.HOLD_ENDED, LATER + HOUR)))

    in_street(scenario)


def test_a_number_in_use_again_says_of_its_doubt_when_the_baby_is_linked_again() -> None:
    """The note was kept while the number was out of use (rulings 23, 26, 41)."""

    async def scenario(street: Street) -> None:
        out = (A, said(IdentityKind.INVALIDATED, at=NOON + HOUR))
        back = (A, said(IdentityKind.IN_USE, at=NOON + 2 * HOUR))
        assert Uncheckable.SET_ASIDE == await played(street, (A, JUNK), out, back, LINK, VISIT)

    in_street(scenario)


def test_a_doubt_keeps_a_link_that_would_be_destroyed_by_now() -> None:
    """Both records keep it while it lasts, as long ago as it was said, and let go then (rulings 10, 41)."""

    async def scenario(street: Street) -> None:
        said_at = [NOON + day * DAY for day in (30, 38, 39, 68, 69)]
        day_30, *later = (word(IdentityKind.HOLD_ENDED, at) for at in said_at)
        lasting: list[Step] = [(number, one) for one in later[:2] for number in (B, C)]
        asked: Step = (B, arrives(B, at=NOON + 39 * DAY))
        steps: list[Step] = [(A, birth(B)), (C, day_30), (A, JUNK), *lasting, asked]
        assert Uncheckable.SET_ASIDE == await played(street, *steps)
        assert NONE == await played(street, *((number, one) for one in later[2:] for number in (C, B)))
        assert street.held(A) is None

    in_street(scenario)


@pytest.mark.parametrize("linked_at", [NOON, NOON + 20 * DAY], ids=["link as old", "link newer"])
def test_a_note_that_its_log_forgets_leaves_nobody_in_doubt(linked_at: datetime) -> None:
    """After L the mother's record goes, or the note alone does: the baby is told (ruling 10; ADR 0036)."""

    async def scenario(street: Street) -> None:
        link, visit = birth(B, at=linked_at), arrives(B, at=NOON + 20 * DAY)
        before: list[Step] = [(A, JUNK), (A, link), (B, visit)]
        assert Uncheckable.SET_ASIDE == await played(street, *before)
        later: list[Step] = [(C, notice(f"n{day}", at=NOON + day * DAY)) for day in (36, 37)]
        assert NONE == await played(street, *later)
        assert (linked_at == NOON) == (street.held(A) is None)

    in_street(scenario)


def test_a_doubt_restricts_no_baby_that_is_told_of_with_nobody() -> None:
    """Where no plan of hers covers it, nothing of the mother is told with it (rulings 24, 26)."""

    async def scenario(street: Street) -> None:
        marked = (A, replace(notice(at=NOON), notice_id="marked"))
        steps: list[Step] = [marked, LINK, VISIT, (B, plan()), HOLD]
        assert PLAN == await played(street, *steps)
        assert street.person(B).known.covers[A].restricted is not None
        assert not is_restricted(street.person(B).known)
        told = len(street.events())
        async with street.at_work():
            street.send(A, unborn(), OVER)
            await street.settled()
        assert is_restricted(street.person(B).known)
        assert told < len(street.events())

    in_street(scenario)


def test_a_doubt_tells_nobody_anything_and_names_only_those_who_were_linked() -> None:
    """No alert, no question to an authority, no work, and no record of a baby that nobody linked (26)."""

    async def scenario(street: Street) -> None:
        await played(street, LINK, VISIT, HOLD)
        assert [] == street.events()
        assert [ItemKind.PERSON_ON_HOLD] == [item.kind for item in street.items().values()]
        assert street.held(C) is None
        [cover] = street.person(B).known.covers.values()
        assert ((), (), True) == (cover.plans, cover.losses, cover.in_doubt)

    in_street(scenario)


def test_a_mother_who_was_in_doubt_once_tells_a_later_baby_nothing() -> None:
    """Only who heard of a doubt hears that it is over (ruling 26)."""

    async def scenario(street: Street) -> None:
        await played(street, LINK, VISIT, HOLD, RELEASED, (A, birth(C)), (C, arrives(C, "V-2")))
        assert street.held(C) is None
        assert not street.person(B).known.covers[A].in_doubt

    in_street(scenario)


@pytest.mark.parametrize(
    "steps",
    [[SUPERSEDED, (B, JUNK)], [(B, JUNK), SUPERSEDED], [SUPERSEDED, (B, plan())], [SUPERSEDED]],
    ids=["broken plan after", "broken plan before", "plan", "nothing"],
)
def test_nobody_is_told_no_plan_of_a_number_whose_succession_is_taken_back(steps: Sequence[Step]) -> None:
    """What came for it went to the successor and stays there: until L has passed it is not known (22, 41)."""

    async def scenario(street: Street) -> None:
        back: Step = (B, said(IdentityKind.IN_USE, at=NOON + 2 * HOUR))
        again: Step = (B, arrives(B, at=NOON + 3 * HOUR))
        assert Uncheckable.SET_ASIDE == await played(street, *steps, back, again)

    in_street(scenario)


def test_newer_rules_change_no_doubt() -> None:
    """Deciding anew says once more what stands, and no more (ADR 0016)."""
    newer = Policy(newborn_covered=timedelta(days=29))

    async def scenario(street: Street) -> None:
        await played(street, LINK, VISIT, HOLD)
        async with street.at_work(policy=newer):
            await street.settled()
            street.send(C, notice(at=LATER))
            await street.settled()
        assert [1] == [cover.doubt for cover in street.person(B).known.covers.values()]

    in_street(scenario)
