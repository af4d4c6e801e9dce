"""Where a newborn is looked for by its mother's number, and what leads from there. Rulings 21, 22, 23, 26."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from broker.core.alerts import RecipientKind
from broker.core.facts import Details, PlanContent, PlanFact, PlanType
from broker.core.identifiers import OdsCode
from broker.core.person import NOTHING, lift
from broker.core.policy import Policy
from broker.core.possible import NOWHERE, Leads, OnFile, Shelf, Sought, shelved
from broker.core.possible_keys import Window
from broker.core.possible_newborns import (
    Leading,
    found_by_newborns,
    leads,
    mother_key,
    on_file_for_newborns,
    sought_by_mothers,
)
from broker.core.stops import Stop
from broker.core.waiting import waiting_number_key
from tests.builders.matcher import KEY, numbers

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FORMER, PRESENT = (number for number, _ in zip(numbers(), range(2), strict=False))
UNDER, NEXT = mother_key(KEY, FORMER), mother_key(KEY, PRESENT)
VISIT = Sought(
    visit="f" * 32,
    provider=OdsCode("RXX"),
    control_id="MSG-1",
    arrived_at=AT,
    there_until=AT + timedelta(days=1),
    heard_at=AT,
)
PLAN = PlanFact(
    content=PlanContent(
        authority=OdsCode("E09"),
        plan_type=PlanType.UNBORN,
        start=date(2026, 1, 1),
        end=date(2026, 3, 1),
        authority_name="Exton",
        phone_emergency="02070000000",
        details=Details(),
    ),
    recorded_at=AT,
    received_at=AT,
    file_id="F1",
)


def test_each_number_has_a_shelf_of_its_own_in_one_bucket() -> None:
    """It is that of no record that waits, and says nothing of the number in clear (ruling 23)."""
    assert 3 == len({UNDER, NEXT, waiting_number_key(KEY, FORMER)})
    assert {"00"} == {UNDER[:2], NEXT[:2]}


def test_a_mother_who_is_named_twice_is_looked_for_once() -> None:
    """Each of several has the visit, with the date of birth where it is stated (ruling 26)."""
    born = date(2026, 3, 9)
    placed = sought_by_mothers(KEY, VISIT, born, [FORMER, PRESENT, FORMER])

    assert sorted([UNDER, NEXT]) == sorted(one.place for one in placed)
    assert {replace(VISIT, births=(born,))} == {one.clue for one in placed}
    assert {VISIT} == {one.clue for one in sought_by_mothers(KEY, VISIT, None, [FORMER])}


@pytest.mark.parametrize(
    ("since", "days"), [(date(2026, 4, 30), 28), (date(2026, 4, 8), 9), (date(2026, 3, 20), 0)]
)
def test_while_an_authority_shares_nothing_no_newborn_of_its_plans_is_found(since: date, days: int) -> None:
    """A stop from a day on ends the days after birth as well (rulings 26, 45)."""
    stop = Stop(
        controller=RecipientKind.AUTHORITY, code=OdsCode("E09"), first=since, signed_by="A", signed_on=since
    )
    policy = Policy(stops=(stop,))

    [window] = found_by_newborns(NOTHING, lift(PLAN), policy).values()

    last = min(date(2026, 3, 29), since - timedelta(days=1))
    assert Window(first=date(2026, 1, 1), last=last, after_birth=days) == window


def test_a_plan_that_goes_is_taken_back() -> None:
    """Under the references under which it was put (rulings 21, 23)."""
    known = lift(PLAN)
    put, taken = (
        on_file_for_newborns(KEY, FORMER, found_by_newborns(*both, Policy()))
        for both in ((NOTHING, known), (known, NOTHING))
    )

    shelf = Shelf()
    for one in (*put, *taken):
        assert isinstance(one.clue, OnFile)
        shelf = shelf.put(one.clue)
    assert shelf.empty
    assert put
    assert {} == found_by_newborns(known, known, Policy())


def test_what_messages_state_of_a_birth_is_joined_in_any_order() -> None:
    """Each date of birth that was stated counts (ruling 26)."""
    first, other = date(2026, 3, 1), date(2026, 3, 2)
    said = [replace(VISIT, births=(other,)), replace(VISIT, births=(first,)), VISIT]

    assert {(first, other)} == {
        one.joined(two).joined(three).births for one, two, three in permutations(said)
    }


def test_a_shelf_that_leads_on_sends_what_lies_there_and_what_comes() -> None:
    """To the successor's, and keeps nothing of it (ruling 22)."""
    clue = leads(KEY, FORMER, Leading(to=PRESENT)).clue
    later = replace(VISIT, visit="e" * 32)
    assert isinstance(clue, Leads)

    shelf, found, sent_on = shelved(Shelf(), [VISIT, clue, later], UNDER)

    assert (Shelf(leads=NEXT), ()) == (shelf, found)
    assert [(NEXT, VISIT.visit), (NEXT, later.visit)] == [
        (one.place, one.clue.visit) for one in sent_on if isinstance(one.clue, Sought)
    ]


def test_a_shelf_that_leads_nowhere_forgets_visits_and_who_was_met_hears_of_it() -> None:
    """A number that is not in use: nothing of a visit stands under it (ruling 23)."""
    on_file = OnFile(reference="0", window=Window(first=date(2026, 1, 1), last=date(2026, 4, 1)))
    baby = replace(VISIT, births=(date(2026, 3, 9),))
    before, [met], _ = shelved(Shelf(), [on_file, baby], UNDER)

    shelf, [parted], sent_on = shelved(before, [Leads(to=NOWHERE), VISIT], UNDER)

    assert (True, False) == (met.met, parted.met)
    assert {VISIT} == {met.sought, parted.sought}  # when the baby was born they need not know
    assert ({}, []) == (shelf.sought, sent_on)
    assert not shelf.empty
    assert before == shelved(shelf, [Leads(to=None), baby], UNDER).shelf


def test_in_a_circle_of_numbers_a_visit_does_not_go_on_for_ever() -> None:
    """While two sources contradict each other it passes eight numbers and no more (ruling 22)."""
    shelves = {UNDER: Shelf(leads=NEXT), NEXT: Shelf(leads=UNDER)}
    place, clue, passed = UNDER, VISIT, 0
    while True:
        _, _, sent_on = shelved(shelves[place], [clue], place)
        if not sent_on:
            break
        [one] = sent_on
        assert isinstance(one.clue, Sought)
        place, clue, passed = one.place, one.clue, passed + 1

    assert 8 == passed


def test_a_newborn_is_found_for_days_after_its_birth_and_the_plan_stays_on_its_shelf_so_long() -> None:
    """Beyond the last visible day, where the newest version stands (ruling 26)."""
    window = Window(first=date(2026, 1, 1), last=date(2026, 2, 20), after_birth=28)
    births = (date(2026, 2, 10), date(2026, 2, 9))

    assert [True, False] == [replace(VISIT, births=(born,)).during(window) for born in births]
    assert not VISIT.during(window)
    shelf = Shelf(on_file={"0": window})
    assert [shelf, Shelf()] == [shelf.since(datetime(2026, 3, day, 12, tzinfo=UTC)) for day in (20, 21)]
