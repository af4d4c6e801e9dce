"""
A baby whom the unborn child's plan of its mother covers: rulings 26, 42 to 44; R34, C19.

`A` is the mother, under whose number the plan is on file, `B` the baby, `C` a twin or another number.
"""

import pytest

from tests.spec.conftest import RunMoving
from tests.spec.outcome import Outcome
from tests.spec.table import rows

HEAD = "recorded | fact | about | values\n"
PLAN = f"{HEAD} T-30d | plan | UCP E09 | start=D-10 end=D+60\n"
BORN = "T-1h | birth | b1 | baby=B born=D-1 visit=v1\n"
VISIT = "T | A04 | v1 | number=B family=- given=Baby birth_date=D-1\n"
TOLD = "to | number | about | plans\n"
NEWBORN = """to           | number | about      | plans
             la E09       | B      | birth of B | UCP active (newborn of)
             la E09       | B      | v1         | UCP active (newborn of)
             provider RXX | B      | v1         | UCP active (newborn of)"""
NO_PLAN, NOT_UNDER = "ruling 10: no plan due", "ruling 26: not born under the unborn child's plan"
OWN = "ruling 26: the baby has a plan of its own"
LATE = "(retroactive, newborn of)"


def told(run_moving: RunMoving, table: str, *, stepwise: bool = False) -> list[tuple[str, ...]]:
    """Return the standing alerts: to whom, under which number, about what, with which plans."""
    return run_moving(table, stepwise=stepwise).alerts(TOLD)


def told_of(outcome: Outcome, number: str) -> list[tuple[str, ...]]:
    """Return what stands under a number."""
    return [row for row in outcome.alerts(TOLD) if row[1] == number]


def test_authority_and_provider_are_told_and_the_authority_is_asked(run_moving: RunMoving) -> None:
    """Marked `newborn of`; the authority is asked to open the baby's own plan, visit or no visit (26)."""
    outcome = run_moving(PLAN + BORN + VISIT)

    expected = """to   | about      | plans                   | roles   | notes         | urgency | occasion
    la E09       | birth of B | UCP active (newborn of) | newborn | open own plan | now     | born
    la E09       | v1         | UCP active (newborn of) | newborn | open own plan | now     | attended
    provider RXX | v1         | UCP active (newborn of) | newborn | -             | now     | attended"""
    assert rows(expected) == outcome.alerts(expected)
    assert {"birth of B": "shared", "v1": "shared"} == outcome.whys


def test_a_birth_alone_asks_the_authority_and_nobody_else(run_moving: RunMoving) -> None:
    """A birth notice, and no visit of the baby at all (ruling 26)."""
    table = f"{PLAN} T | birth | b1 | baby=B born=D-1"
    assert rows(NEWBORN)[:1] == told(run_moving, table)


@pytest.mark.parametrize("stepwise", [False, True])
@pytest.mark.parametrize("order", ["plv", "pvl", "lpv", "lvp", "vpl", "vlp"])
def test_any_order_of_arrival_ends_in_the_same(run_moving: RunMoving, order: str, *, stepwise: bool) -> None:
    """Link before plan, plan before link, the visit before or after both (rulings 26, 37)."""
    parts = {"p": PLAN.removeprefix(HEAD), "l": BORN, "v": VISIT}
    table = HEAD + "".join(parts[part] for part in order)
    assert rows(NEWBORN) == told(run_moving, table, stepwise=stepwise)


@pytest.mark.parametrize(
    ("born", "end", "told_of"),
    [
        ("D-10", "D+60", True),  # on the plan's first day
        ("D-11", "D+60", False),  # the day before
        ("D-5", "D-33", True),  # on its last visible day, 28 days after the due date
        ("D-4", "D-33", False),  # the day after: another pregnancy
        ("-", "D+60", True),  # nobody says when
    ],
)
def test_born_under_the_plan(run_moving: RunMoving, born: str, end: str, *, told_of: bool) -> None:
    """From the plan's first day to its last visible day, both included; else nothing is kept of it (26)."""
    start = "D-10" if end == "D+60" else "D-200"
    table = f"""{HEAD} T-90d | plan | UCP E09 | start={start} end={end}
                T-1h | birth | b1 | baby=B born={born}
                {VISIT}"""
    assert ("shared" if told_of else None) == run_moving(table).whys.get("v1")


@pytest.mark.parametrize(
    ("born", "link", "why"),
    [
        ("D-10", "-", "shared"),
        ("D-11", "-", NOT_UNDER),
        ("D-11", "D-1", "shared"),  # the two disagree: the one counts by which the baby is covered
    ],
)
def test_the_demographic_sources_date_of_birth_counts_too(
    run_moving: RunMoving, born: str, link: str, why: str
) -> None:
    """Beside that of the link (rulings 13, 26)."""
    table = f"""{PLAN} T-1h | birth | b1 | baby=B born={link}
                T-1h | notice | n1 date-of-birth | number=B birth_date={born}
                {VISIT}"""
    assert why == run_moving(table).whys["v1"]


def test_a_baby_of_whom_nobody_says_when_it_was_born_is_marked(run_moving: RunMoving) -> None:
    """It may have been born under the plan: doubt tells (rulings 2, 26)."""
    outcome = run_moving(f"{PLAN} T-1h | birth | b1 | baby=B\n {VISIT}")
    expected = """to   | about | plans
    provider RXX | v1    | UCP active (newborn of, details not confirmed)"""
    assert rows(expected)[0] in outcome.alerts(expected)


@pytest.mark.parametrize(
    ("born", "end", "why"),
    [
        ("D-28", "D-40", "shared"),  # 28 days after birth, the plan was last visible 12 days ago
        ("D-29", "D-40", NO_PLAN),  # 29 days after birth
        ("D-60", "D-28", "shared"),  # on the plan's last visible day
        ("D-60", "D-29", NO_PLAN),  # the day after
    ],
)
def test_covered_until_the_later_of_the_last_visible_day_and_28_days_after_birth(
    run_moving: RunMoving, born: str, end: str, why: str
) -> None:
    """The later of the two, its day included (ruling 26)."""
    table = f"""{HEAD} T-90d | plan | UCP E09 | start=D-100 end={end}
                T-20d | birth | b1 | baby=B born={born}
                {VISIT}"""
    assert why == run_moving(table).whys["v1"]


@pytest.mark.parametrize(
    ("recorded", "own", "plans"),
    [
        ("T+14d", "CPP E09 | start=D", "CPP active (retroactive, delayed)"),  # at the cut-off
        ("T+14d+1s", "CPP E09 | start=D", "UCP active (newborn of)"),  # after it
        ("T-1d", "LAC E09 | deleted=D-1", "UCP active (newborn of)"),  # removed
        ("T-1d", "LAC E09 | start=D-900 end=D-800", "UCP active (newborn of)"),  # history
        ("T-1d", "UCP E09 | start=D+5 end=D+9", "UCP active (newborn of)"),  # not the baby's own
        ("T-1d", "LAC E09 | start=D-1", "LAC active"),
    ],
)
def test_until_a_plan_of_the_babys_own_is_recorded_by_the_cut_off(
    run_moving: RunMoving, recorded: str, own: str, plans: str
) -> None:
    """Neither removed nor history (rulings 10, 18, 26)."""
    about, values = own.split(" | ")
    own_row = f"{recorded} | plan | {about} | number=B {values} "
    visit = "T | A04 | v1 | number=B\n"
    outcome = run_moving(f"{PLAN}{BORN}{visit}{own_row} received={recorded}")
    told_to = [(row[1], row[2]) for row in outcome.alerts("to | plans | about") if row[0] == "la E09"]
    assert (plans, "v1") in told_to


def test_a_plan_of_its_own_answers_what_was_asked(run_moving: RunMoving) -> None:
    """Whenever it is recorded; the unborn plan is not ended by the broker (ruling 26)."""
    own = "T+60d | plan | CPP E09 | number=B start=D+60"
    outcome = run_moving(f"{PLAN}{BORN}{VISIT}{own}", stepwise=True)

    assert rows(NEWBORN)[1:] == outcome.alerts(NEWBORN)
    assert OWN == outcome.whys["birth of B"]
    assert [OWN] == [event.why for event in outcome.events if event.why is not None]


@pytest.mark.parametrize("status", [f"0{digit}" for digit in range(1, 9)])
def test_whatever_the_status_of_the_babys_number_and_its_details(run_moving: RunMoving, status: str) -> None:
    """The link is the identity: nothing is compared with the mother's details (rulings 20, 26; R34)."""
    visit = f"T | A04 | v1 | number=B family=Other given=Else birth_date=D-1 number_status={status}\n"
    assert rows(NEWBORN) == told(run_moving, PLAN + BORN + visit)


def test_twins_are_both_covered(run_moving: RunMoving) -> None:
    """Each is told of, and asked about, under its own number (ruling 26)."""
    twin = "T-1h | birth | b2 | baby=C born=D-1 visit=v2\n T | A04 | v2 | number=C\n"
    outcome = told(run_moving, PLAN + BORN + VISIT + twin)
    other = [
        (to, "C", about.replace("B", "C").replace("v1", "v2"), plans) for to, _, about, plans in rows(NEWBORN)
    ]
    assert sorted([*rows(NEWBORN), *other]) == outcome


def test_the_mothers_own_visit_tells_as_little_as_before(run_moving: RunMoving) -> None:
    """Attendance, time, provider and call-back, in the mother's role (ruling 29)."""
    outcome = run_moving(f"{PLAN}{BORN} T | A04 | v2 |")
    expected = """to | number | about      | plans                   | roles
    la E09         | A      | v2         | UCP active              | mother of unborn
    la E09         | B      | birth of B | UCP active (newborn of) | newborn
    provider RXX   | A      | v2         | UCP active              | mother of unborn"""
    assert rows(expected) == outcome.alerts(expected)


NOTED = "T-3h | birth | b1 | baby=B born=D-1 named=one\n"
"""A birth notice that names the mother with the plan."""


TO_ANOTHER, BACK = (
    "T-2h | notice | n1 born-to | number=B mother=another\n",
    "n2 born-to | number=B mother=one",
)


TAKEN_BACK = "T-2h | notice | n1 born-to | number=B\n"
MINUTE = "received=T-2h\n"
"""To which receipts of notices are cut: their own times tell which of two is newer."""
SOON_TAKEN_BACK = f"T-2h+40s | notice | n1 born-to | number=B {MINUTE}"


@pytest.mark.parametrize(
    ("corrected", "why"),
    [
        ("", "shared"),
        (TO_ANOTHER, NO_PLAN),
        (f"T-2h | notice | {BACK}", "shared"),
        ("T-2h | notice | n1 born-to | number=B", NO_PLAN),  # taken back
        ("T+9d | notice | n1 born-to | number=B mother=another", NO_PLAN),  # however late it is found out
        (f"{TO_ANOTHER}T-1h | notice | {BACK}", "shared"),
        (f"{TO_ANOTHER}T-3h | notice | {BACK}", NO_PLAN),
        (f"{TO_ANOTHER}T-2h | notice | {BACK}", "shared"),  # at one stamp: what alerts wins
        (f"{TAKEN_BACK}T-1h | birth | b2 | baby=B born=D-1 named=one", "shared"),  # notified anew
        (f"{TAKEN_BACK}T-2h | birth | b2 | baby=B born=D-1 named=one", "shared"),  # at one stamp
        (f"{TAKEN_BACK}T-3h | birth | b2 | baby=B born=D-1 named=one", NO_PLAN),
        (f"{SOON_TAKEN_BACK}T-2h+41s | birth | b2 | baby=B born=D-1 named=one {MINUTE}", "shared"),
        (f"{SOON_TAKEN_BACK}T-2h+40s | birth | b2 | baby=B born=D-1 named=one {MINUTE}", "shared"),
        (f"{SOON_TAKEN_BACK}T-2h+39s | birth | b2 | baby=B born=D-1 named=one {MINUTE}", NO_PLAN),
        (f"{SOON_TAKEN_BACK}T-2h+41s | notice | {BACK} {MINUTE}", "shared"),
        (f"{SOON_TAKEN_BACK}T-2h+39s | notice | {BACK} {MINUTE}", NO_PLAN),
        (
            f"{TAKEN_BACK}T-1h | birth | b2 | baby=B born=D-1 named=one received=T-2h-1m",
            NO_PLAN,
        ),  # ahead of its receipt
    ],
)
def test_a_birth_notice_that_is_corrected_links_nobody_else(
    run_moving: RunMoving, corrected: str, why: str
) -> None:
    """The newest says whose child it is, a notice or its correction: no other's plan covers it (26, 37)."""
    assert why == run_moving(f"{PLAN}{NOTED}{VISIT}{corrected}").whys["v1"]


def test_what_a_hospital_said_is_not_taken_back_by_a_notice(run_moving: RunMoving) -> None:
    """A visit, or a message about the person, that names the mother stands by itself (ruling 26)."""
    told_again = "T-3h | birth | b2 | baby=B born=D-1\n"
    for said in (BORN, told_again):
        assert "shared" == run_moving(f"{PLAN}{said}{VISIT}{TO_ANOTHER}").whys["v1"]


@pytest.mark.parametrize(
    ("loss", "why"),
    [
        ("T-2h | notice | n1 pregnancy-ended | number=A", "ruling 43: pregnancy ended"),
        ("T+2h | notice | n1 pregnancy-ended | number=A", "shared"),  # after the arrival
        ("T-11d | notice | n1 pregnancy-ended | number=A", "shared"),  # before the plan's first day
        ("T-2h | notice | n1 stillbirth | number=A", "shared"),  # of a twin: this one is here
        ("T-2h | notice | n1 stillbirth | number=B", "ruling 43: pregnancy ended"),
        ("T-2h | A03 | v3 | number=B disposition=5 departed_at=T-2h", "ruling 43: pregnancy ended"),
        (
            "T-2h | A03 | v3 | number=A disposition=5 departed_at=T-2h",
            "shared",
        ),  # of a twin: this one is here
    ],
)
def test_a_loss_stops_the_cover(run_moving: RunMoving, loss: str, why: str) -> None:
    """The authority's word, or a stillbirth in the baby's own record (rulings 26, 43)."""
    assert why == run_moving(f"{PLAN}{BORN}{VISIT}{loss}").whys["v1"]


def test_of_a_stillborn_baby_nothing_is_asked(run_moving: RunMoving) -> None:
    """No plan is to be opened for it (rulings 26, 43)."""
    gone = "T+1h | A03 | v1 | number=B disposition=5 departed_at=T+1h"
    outcome = run_moving(f"{PLAN}{BORN}{VISIT}{gone}")
    assert "ruling 43: pregnancy ended" == outcome.whys["birth of B"]


@pytest.mark.parametrize(
    ("recorded", "why"),
    [("T+14d", "shared"), ("T+14d+1s", NO_PLAN)],
)
def test_the_link_counts_when_it_is_recorded_by_the_cut_off(
    run_moving: RunMoving, recorded: str, why: str
) -> None:
    """As everything that makes a pair due (rulings 10, 26)."""
    link = f"{recorded} | birth | b1 | baby=B born=D-1 received={recorded}"
    assert why == run_moving(f"{PLAN}{VISIT}{link}").whys["v1"]


@pytest.mark.parametrize(
    ("received", "plans"),
    [("T+26h", "UCP active (newborn of)"), ("T+26h+1m", "UCP active (delayed, newborn of)")],
)
def test_a_link_that_comes_late_delays(run_moving: RunMoving, received: str, plans: str) -> None:
    """It is a fact that makes the pair due: 2 h after the visit, 1 h after the stay of 24 h (ruling 11)."""
    link = f"T-1h | birth | b1 | baby=B born=D-1 received={received}"
    outcome = run_moving(f"{PLAN} T | A04 | v1 | number=B received=T departed_at=T+25h\n {link}")
    assert plans in {row[0] for row in outcome.alerts("plans | about")}


@pytest.mark.parametrize(
    ("removed", "plans"),
    [
        ("T-1d | plan | UCP E09 | number=C start=D-10 end=D+60 deleted=D-1", "UCP active (newborn of)"),
        (
            """T+1h | plan | UCP E09 | number=A start=D-10 end=D+60 deleted=D-1
               T+1h | plan | UCP E09 | number=C start=D-10 end=D+60 deleted=D-1""",
            "UCP removed (newborn of)",
        ),
    ],
)
def test_of_two_mothers_plans_the_one_that_stands_is_told(
    run_moving: RunMoving, removed: str, plans: str
) -> None:
    """A plan is of one number: what is said of one mother's removes no other's; told once (10, 14, 26)."""
    other = "T-30d | plan | UCP E09 | number=C start=D-10 end=D+60\n"
    link = "T-1h | birth | b2 | number=C baby=B born=D-1 visit=v1\n"
    outcome = run_moving(PLAN + other + BORN + link + VISIT + removed)
    assert {plans} == {row[0] for row in outcome.alerts("plans | to | number") if row[2] == "B"}


@pytest.mark.parametrize(
    ("first_said", "plans"),
    [("T+2d", f"UCP removed {LATE}; UCP active {LATE}"), ("T+12h", f"UCP active {LATE}")],
)
def test_what_one_mothers_record_says_replaces_no_plan_of_anothers(
    run_moving: RunMoving, first_said: str, plans: str
) -> None:
    """A removed plan is replaced by what was recorded after it under its own mother's number (14, 26)."""
    outcome = run_moving(
        f"""{HEAD}
        T-1h  | birth | b1      | baby=B born=D-1
        T-1h  | birth | b2      | number=C baby=B born=D-1
        T     | A04   | v1      | number=B
        T+1h  | plan  | UCP E09 | number=C start=D-10 end=D+60 deleted=D
        {first_said} | plan | UCP E09 | start=D-10 end=D+60 deleted=D
        T+1d  | plan  | UCP E09 | start=D-5 end=D+60
        T+3d  | A08   | v1      | number=B
        """
    )
    assert {plans} == {row[0] for row in outcome.alerts("plans | to | about") if row[1] == "provider RXX"}


@pytest.mark.parametrize(
    ("received", "plans"),
    [("T+26h", "UCP active (newborn of)"), ("T+26h+1m", "UCP active (delayed, newborn of)")],
)
def test_a_link_with_one_mother_makes_no_other_mothers_plan_due(
    run_moving: RunMoving, received: str, plans: str
) -> None:
    """Plan and link of one mother make the pair, not the plan of one with the link of another (11, 26)."""
    late = f"T-1h | birth | b1 | baby=B born=D-1 received={received}\n"
    visit = "T | A04 | v1 | number=B received=T departed_at=T+25h\n"
    link = "T-1h | birth | b2 | number=C baby=B born=D-1\n"
    other = "T-30d | plan | UCP E09 | number=C start=D-10 end=D+60 received=T+40h\n"
    outcome = run_moving(PLAN + late + visit + link + other)
    assert {("la E09", "v1", plans), ("provider RXX", "v1", plans)} <= set(
        outcome.alerts("to | about | plans")
    )


@pytest.mark.parametrize(
    ("received", "plans"),
    [("T+26h", "UCP active (newborn of)"), ("T+26h+1m", "UCP active (delayed, newborn of)")],
)
def test_a_removal_of_its_own_plan_that_comes_late_delays(
    run_moving: RunMoving, received: str, plans: str
) -> None:
    """Until it came the baby had a plan of its own, and its mother's did not cover it (rulings 11, 26)."""
    own = "T-5d | plan | CPP E09 | number=B start=D-20 received=T-5d\n"
    removed = f"T-1h | plan | CPP E09 | number=B start=D-20 deleted=D-1 received={received}\n"
    visit = "T | A04 | v1 | number=B received=T departed_at=T+25h\n"
    outcome = run_moving(PLAN + BORN + own + visit + removed)
    assert {("la E09", "v1", plans), ("provider RXX", "v1", plans)} <= set(
        outcome.alerts("to | about | plans")
    )


NAMES = "T | A04 | v1 | number=B family=- given=Baby birth_date=D-1 mothers=A\n"


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ("T+1h | A08 | v1 | number=B mothers=C", NO_PLAN),  # another mother
        ("T+1h | A08 | v1 | number=B mothers=A+C", "shared"),  # both
        ("T+1h | A08 | v1 | number=B", "shared"),  # a message that names nobody leaves it alone
        ("T-1m | A08 | v1 | number=B mothers=C received=T+1h", "shared"),  # older, whenever it comes
        ("T | A08 | v1 | number=B mothers=C control_id=z", "shared"),  # of two at once the one that alerts
        ("T+1s | A08 | v1 | number=B mothers=C", NO_PLAN),
        (
            """T+1h | A08 | v1 | number=B mothers=C
               T+2h | A08 | v1 | number=B mothers=A""",
            "shared",
        ),  # corrected back
    ],
)
@pytest.mark.parametrize("stepwise", [False, True])
def test_a_visit_that_names_another_mother_links_with_the_first_no_more(
    run_moving: RunMoving, messages: str, why: str, *, stepwise: bool
) -> None:
    """By the sources' stamps, in any order; her plan is told of this baby no more (rulings 26, 37)."""
    outcome = run_moving(f"{PLAN}{BORN}{NAMES}{messages}", stepwise=stepwise)

    assert why == outcome.whys["v1"]
    assert (why == "shared") == bool(outcome.standing)


def test_a_corrected_mothers_plan_covers_and_who_was_told_hears_of_it(run_moving: RunMoving) -> None:
    """The right mother's plan is told, and the wrong one's authority that it stands no more (26)."""
    other = "T-30d | plan | LAC E08 | number=C\n T-30d | plan | UCP E08 | number=C start=D-10 end=D+60\n"
    link = "T+1h | birth | b2 | number=C baby=B born=D-1 visit=v1\n"
    corrected = "T+1h | A08 | v1 | number=B family=- given=Baby birth_date=D-1 mothers=C\n"
    outcome = run_moving(PLAN + other + BORN + NAMES + link + corrected, stepwise=True)

    assert rows(NEWBORN.replace("E09", "E08")) == told_of(outcome, "B")
    taken_back = {
        (event.alert.recipient.code.code, event.kind.value)
        for event in outcome.events
        if event.kind.value == "withdrawn"
    }
    assert {("E09", "withdrawn")} == taken_back


def test_a_birth_notice_or_another_visit_links_still(run_moving: RunMoving) -> None:
    """What one visit corrects, it corrects of itself (ruling 26)."""
    other = "T-2h | birth | b3 | baby=B born=D-1 visit=v2\n"
    corrected = "T+1h | A08 | v1 | number=B mothers=C\n"
    for still in (other, "T-2h | birth | b4 | baby=B born=D-1\n"):
        assert "shared" == run_moving(f"{PLAN}{BORN}{still}{NAMES}{corrected}").whys["v1"]


def test_a_babys_own_unborn_plan_and_its_mothers_are_two(run_moving: RunMoving) -> None:
    """Of one authority and one first day, each is a line; its own is no plan for the baby (ruling 26)."""
    own = "T-1d | plan | UCP E09 | number=B start=D-10 end=D+60\n"
    outcome = run_moving(f"{PLAN}{BORN}{own} T | A04 | v1 | number=B")
    told = {("la E09", "mother of unborn; newborn"), ("provider RXX", "mother of unborn; newborn")}
    assert told <= {row[:2] for row in outcome.alerts("to | roles | about")}


@pytest.mark.parametrize(
    ("mark", "kind"),
    [
        ("T-2h | notice | n1 | number=A", "mother"),
        ("T-2h | notice | n1 | number=B", "baby"),
    ],
)
def test_a_mark_of_either_restricts_both(run_moving: RunMoving, mark: str, kind: str) -> None:
    """Where one is, the other is: no place is told of mother or baby (rulings 24, 26)."""
    outcome = run_moving(f"{PLAN}{BORN}{VISIT} T | A04 | v2 |\n {mark}", stepwise=True)
    places = {row[:2]: row[2] for row in outcome.alerts("to | number | provider") if row[0] == "la E09"}
    notes = [row[1] for row in outcome.alerts("to | notes") if row[0] == "la E09"]

    assert {"-"} == set(places.values()), kind
    assert all("restricted" in note for note in notes)


def test_a_visit_that_leaves_takes_its_link_with_it(run_recorded: RunMoving) -> None:
    """Recorded under the wrong person, it links the one whose it is alone (rulings 26, 44)."""
    table = f"""{PLAN} T-1h | birth | b1 | baby=B born=D-1 visit=v1
                T | A04 | v1 | number=B
                T+1h | birth | b2 | baby=C born=D-1 visit=v1
                T+1h | A08 | v1 | number=C"""
    outcome = run_recorded(table)
    assert {"C"} == {row[0] for row in outcome.alerts("number | to")}


def test_nobody_is_a_child_of_their_own(run_moving: RunMoving) -> None:
    """What says so would join two numbers of one person, or a person with themselves (ruling 42)."""
    assert [] == told(run_moving, f"{PLAN} T-1h | birth | b1 | number=A baby=A born=D-1")


@pytest.mark.parametrize("stepwise", [False, True])
@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_mother_with_a_new_number_still_covers_her_baby(
    run_moving: RunMoving, place: int, *, stepwise: bool
) -> None:
    """Whenever her number is superseded, and what her authority says later under the new one (22, 26)."""
    parts = [PLAN, BORN, VISIT, "T+1h | plan | UCP E09 | number=C start=D-10 end=D+61\n"]
    parts.insert(place, "T-20m | notice | n1 superseded | number=A by=C\n")
    outcome = run_moving("".join(parts), stepwise=stepwise)
    assert {("B", "2026-03-12")} == {row[:2] for row in outcome.alerts("number | ends | to")}


@pytest.mark.parametrize("stepwise", [False, True])
@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_baby_with_a_new_number_is_still_covered(
    run_moving: RunMoving, place: int, *, stepwise: bool
) -> None:
    """Link and cover follow, and what is said to the old number later (22, 26)."""
    parts = [PLAN, BORN, VISIT, "T+1h | plan | UCP E09 | number=A start=D-10 end=D+61\n"]
    parts.insert(place, "T-20m | notice | n1 superseded | number=B by=C\n")
    outcome = run_moving("".join(parts), stepwise=stepwise)
    assert {("C", "2026-03-12")} == {row[:2] for row in outcome.alerts("number | ends | about")}
    assert "shared" == outcome.whys["v1"]


def test_nothing_of_an_invalidated_baby_is_told(run_moving: RunMoving) -> None:
    """Adoption at birth: what stood is forgotten, and nothing of the mother's plan is told of it (23, 26)."""
    gone = "T+1h | notice | n1 invalidated | number=B\n T+2h | birth | b1 | baby=B born=D-1 visit=v2\n"
    again = "T+2h | A04 | v2 | number=B\n T+3h | plan | UCP E09 | number=A start=D-10 end=D+61\n"
    outcome = run_moving(f"{PLAN}{BORN}{VISIT}{gone}{again}", stepwise=True)
    after = [event for event in outcome.events if event.alert.plans and event.alert.plans[0].end is not None]

    assert {1} == {event.revision for event in after}
    assert "v2" not in outcome.whys


def test_a_baby_stays_covered_when_its_mothers_number_is_taken_out_of_use(run_moving: RunMoving) -> None:
    """By what is known of the plan: it is as much at risk; later words do not reach it (23, 26)."""
    gone = "T-20m | notice | n1 invalidated | number=A\n"
    later = "T+3h | plan | UCP E09 | number=A start=D-10 end=D+61\n"
    outcome = run_moving(f"{PLAN}{BORN}{gone}{VISIT}{later}", stepwise=True)
    assert {("B", "2026-03-11")} == {
        row[:2] for row in outcome.alerts("number | ends | about") if row[1] != "-"
    }


@pytest.mark.parametrize(
    ("earlier", "later", "why"),
    [
        ("", "", "shared"),
        ("T-30m | A08 | v1 | number=B mothers=C\n", "", NO_PLAN),  # settled while her name could be compared
        ("", "T+1h | A08 | v1 | number=B mothers=C\n", "shared"),  # nobody can tell any more whom it named
        ("", "T+1h | A08 | v1 | number=B mothers=A\n", "shared"),
    ],
)
def test_whether_a_visit_still_names_a_mother_is_settled_when_her_number_goes_out_of_use(
    run_moving: RunMoving, earlier: str, later: str, why: str
) -> None:
    """What is derived from her number goes with it, and a link that stood then stands (rulings 23, 26)."""
    came = "T-1h | A04 | v1 | number=B family=- given=Baby birth_date=D-1 mothers=A\n"
    gone = "T-20m | notice | n1 invalidated | number=A\n"
    assert why == run_moving(f"{PLAN}{BORN}{came}{earlier}{gone}{later}", stepwise=True).whys["v1"]


@pytest.mark.parametrize("first", ["mother", "baby"])
def test_a_number_that_is_in_use_again_takes_the_cover_up_again(run_moving: RunMoving, first: str) -> None:
    """The source's reversal opens what was sealed, and each record hears of the other again (23, 26)."""
    number = "A" if first == "mother" else "B"
    gone = f"T-20m | notice | n1 invalidated | number={number}\n"
    gone += f"T-10m | notice | n2 in-use | number={number}\n"
    later = "T+3h | plan | UCP E09 | number=A start=D-10 end=D+61\n"
    outcome = run_moving(f"{PLAN}{BORN}{gone}{VISIT}{later}", stepwise=True)
    assert {("B", "2026-03-12")} == {row[:2] for row in outcome.alerts("number | ends | about")}


CAME = "T-1h | A04 | v1 | number=B family=- given=Baby birth_date=D-1 mothers=A\n"
GONE, BACK_IN_USE = (
    "T-20m | notice | n1 invalidated | number=A\n",
    "T-10m | notice | n2 in-use | number=A\n",
)
PROLONGED = "T+3h | plan | UCP E09 | number=A start=D-10 end=D+61\n"


@pytest.mark.parametrize(
    ("earlier", "meanwhile", "later", "ends"),
    [
        ("", "", "", "2026-03-12"),
        ("T-30m | A08 | v1 | number=B mothers=C\n", "", "", None),  # another was named before
        ("T-30m | A08 | v1 | number=B mothers=A+C\n", "", "", "2026-03-12"),  # so was another
        ("", "T-15m | A08 | v1 | number=B mothers=C\n", "", None),  # and while it was out of use
        ("", "T-15m | A08 | v1 | number=B mothers=A\n", "", "2026-03-12"),
        ("", "", "T+1h | A08 | v1 | number=B mothers=C\n", None),  # and since
        (
            "T-30m | A08 | v1 | number=B mothers=C\n",
            "",
            "T+1h | A08 | v1 | number=B mothers=A\n",
            "2026-03-12",
        ),
    ],
)
def test_a_mother_who_was_named_is_named_again_when_her_number_is_in_use_again(
    run_moving: RunMoving, earlier: str, meanwhile: str, later: str, ends: str | None
) -> None:
    """Whoever was named last when it went out of use is, as if it never had; no message says it (23, 26)."""
    said = f"{earlier}{GONE}{meanwhile}{BACK_IN_USE}{VISIT.replace('v1', 'v2')}{later}{PROLONGED}"
    outcome = run_moving(f"{PLAN}{BORN}{CAME}{said}", stepwise=True)

    told = {row[0] for row in outcome.alerts("ends | number | about") if row[1] == "B"}
    assert (set() if ends is None else {ends}) == told


DUE = "T+62d | notice | n9 time-passed | number=A\n"
"""Past the due date the authority is asked how the pregnancy ended, unless a birth has told it (43)."""
ANOTHERS = f"{BORN}{NAMES}T+1h | A08 | v1 | number=B mothers=C\n"


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        (BORN + NAMES, False),
        (ANOTHERS, True),
        (f"{ANOTHERS}T+2h | A08 | v1 | number=B mothers=A\n", False),
        (f"{NOTED}{VISIT}", False),
        (f"{NOTED}{VISIT}{TO_ANOTHER}", True),
        (f"{NOTED}{VISIT}{TO_ANOTHER}T-1h | notice | {BACK}\n", False),
        (f"{NOTED}{VISIT}{TO_ANOTHER}T-1h | birth | b2 | baby=C born=D-1\n", False),  # a twin's
    ],
)
def test_a_birth_that_is_corrected_to_another_mother_is_no_outcome(
    run_moving: RunMoving, said: str, *, asked: bool
) -> None:
    """The baby's record tells the first mother's, and that it links again, whose authority is asked (43)."""
    outcome = run_moving(f"{PLAN}{said}{DUE}", stepwise=True)
    about = {row[1] for row in outcome.alerts("number | occasion | about") if row[0] == "A"}
    assert ({"outcome awaited"} if asked else set()) == about


def test_a_view_of_a_newborn_tells_the_authority(run_moving: RunMoving) -> None:
    """As a view of any child with a plan (rulings 1, 26)."""
    outcome = run_moving(f"{PLAN}{BORN} T | view | a1 RXX | number=B")
    expected = """to   | about      | plans                   | occasion
    la E09       | a1         | UCP active (newborn of) | viewed
    la E09       | birth of B | UCP active (newborn of) | born"""
    assert rows(expected) == outcome.alerts(expected)


def test_the_child_id_is_the_authoritys_and_no_number_of_the_mother_is_told(run_moving: RunMoving) -> None:
    """It finds its plan by its own id; the mother's number goes nowhere (rulings 26, 28 to 31)."""
    outcome = run_moving(PLAN + BORN + VISIT)
    ids = {(str(alert.recipient.kind), alert.child_id) for alert in outcome.standing}
    assert {("la", "C-1"), ("provider", None)} == ids
    assert {"B"} == {row[0] for row in outcome.alerts("number | to")}


def test_the_answer_about_a_newborn_is_plan_on_file(run_moving: RunMoving) -> None:
    """As for any child with one (rulings 26, 41)."""
    assert run_moving(PLAN + BORN + VISIT).answer().startswith("plan on file")


@pytest.mark.parametrize("plan", [PLAN, HEAD], ids=["plan", "none"])
@pytest.mark.parametrize(
    ("begun", "ended"), [("T-2h", "T-2h"), ("T-2h", "T-30m"), ("T-30m", "T+1h"), ("-", "T-30m")]
)
def test_a_hold_of_the_mother_that_is_over_changes_no_answer_about_the_baby(
    run_moving: RunMoving, begun: str, ended: str, plan: str
) -> None:
    """Before the link and after it: while it lasts `tests/unit/services` asks (rulings 26, 41; ADR 0047)."""
    hold = f"{begun} | notice | n1 on-hold |\n" if begun != "-" else ""
    outcome = run_moving(f"{plan}{hold}{BORN}{VISIT}{ended} | notice | n2 hold-ended |")

    assert ("plan on file" if plan == PLAN else "no plan on file") == outcome.answer()


def test_under_the_policy_national_nothing_of_a_restricted_birth_is_shared(run_moving: RunMoving) -> None:
    """Not even that the baby was born (rulings 24, 26)."""
    outcome = run_moving(
        f"""{HEAD} 2031-05-10T10:00 | plan | UCP E09 | start=2031-05-01 end=2031-07-01
            2031-06-02T08:00 | notice | n1 | number=B
            2031-06-02T09:00 | birth | b1 | baby=B born=2031-06-01"""
    )
    assert {"birth of B": "ruling 24: restricted, nothing is shared"} == outcome.whys
    assert [] == outcome.standing
