"""
A controller's signed stop is the one thing that ends sharing. Rulings 41, 45.

`RSS` stops from D until further notice, `RSE` for two days that end before D; `E40`, which succeeds `E42`,
for March 2027; `E43` from 2040 on.
"""

import pytest

from broker.core.worklist import ItemKind
from tests.spec.conftest import RunMoving, RunNearby
from tests.spec.table import rows

HEAD = "recorded | fact | about | values"
PLAN = "T-9d | plan | CPP E09 |"
STOPPED = "could not check: sharing stopped"
WHY = "ruling 45: sharing stopped by a controller"


def table(*facts: str) -> str:
    """Return a table of these rows, without those that are empty."""
    return "\n".join([HEAD, *filter(None, facts)])


ARRIVALS = rows("""
    arrival | plan | alerts              | answer
    T-10h   | yes  | -                   | could not check: sharing stopped
    T-10h   | no   | -                   | could not check: sharing stopped
    T+900d  | yes  | -                   | could not check: sharing stopped
    T-10h-1m | yes | la E09, provider RSS | plan on file
    T-10h-1m | no  | -                   | no plan on file
""")


@pytest.mark.parametrize(("arrival", "plan", "alerts", "answer"), ARRIVALS)
def test_nothing_goes_from_a_provider_that_has_stopped_nor_to_it(
    run_moving: RunMoving, arrival: str, plan: str, alerts: str, answer: str
) -> None:
    """From midnight in London of the first day; with a plan and without the words are the same (41, 45)."""
    outcome = run_moving(table(PLAN if plan == "yes" else "", f"{arrival} | A04 | v1 RSS |"))

    told = [] if alerts == "-" else [(one,) for one in alerts.split(", ")]
    assert told == outcome.alerts("to")
    assert answer == outcome.answer(provider="RSS")
    why = WHY if answer == STOPPED else "shared"
    assert ({"v1": why} if plan == "yes" else {}) == outcome.whys


def test_a_visit_begun_before_the_stop_goes_on_as_it_began(run_moving: RunMoving) -> None:
    """Whoever was told hears how it ended: a visit is judged by its day of arrival (rulings 7, 45)."""
    outcome = run_moving(
        table(PLAN, "T-10h-1m | A04 | v1 RSS |", "T+1h | A03 | v1 RSS | departed_at=T+1h disposition=2")
    )

    assert [("la E09", "discharged"), ("provider RSS", "discharged")] == outcome.alerts("to | state")


ADMITTED = rows("""
    admitted | why           | alerts                  | answer
    T-10h-1m | None          | -                       | could not check: sharing stopped
    T-10h    | shared        | v2 admitted             | plan on file
""")


@pytest.mark.parametrize(("admitted", "why", "alerts", "answer"), ADMITTED)
def test_an_admission_after_a_stop_joins_no_visit_of_which_nothing_is_told(
    run_moving: RunMoving, admitted: str, why: str, alerts: str, answer: str
) -> None:
    """It is told as a visit of its own, by its own day: the stop is over (rulings 7, 45)."""
    emergency = "T-11h | A04 | v1 RSE | patient_class=E"
    outcome = run_moving(
        table(PLAN, emergency, f"{admitted} | A01 | v2 RSE | patient_class=I admission_type=21")
    )

    assert ([] if alerts == "-" else [tuple(alerts.split())] * 2) == outcome.alerts("about | state")
    assert WHY == outcome.whys["v1"]
    assert why == str(outcome.whys.get("v2"))
    assert answer == outcome.answer("v2", provider="RSE")


ADMITTED_LATER = rows("""
    emergency        | admitted         | alerts
    2027-03-31T22:00 | 2027-03-31T22:59 | -
    2027-03-31T22:00 | 2027-03-31T23:00 | v2 admitted
    2027-02-28T23:00 | 2027-03-01T01:00 | v1 admitted
""")


@pytest.mark.parametrize(("emergency", "admitted", "alerts"), ADMITTED_LATER)
def test_nor_one_of_which_an_authority_that_had_stopped_is_not_told(
    run_moving: RunMoving, emergency: str, admitted: str, alerts: str
) -> None:
    """Midnight in London ends the stop; a visit begun before it goes on with its admission (7, 45)."""
    outcome = run_moving(
        table(
            "2027-01-01 | plan | CPP E40 | start=2027-01-01",
            f"{emergency} | A04 | v1 | patient_class=E",
            f"{admitted} | A01 | v2 | patient_class=I admission_type=21",
        )
    )

    assert ([] if alerts == "-" else [tuple(alerts.split())] * 2) == outcome.alerts("about | state")


def test_a_visit_to_a_provider_that_has_stopped_is_in_no_other_visits_count(run_moving: RunMoving) -> None:
    """Nothing of it goes to anybody, nor that it was (rulings 8, 45)."""
    outcome = run_moving(table(PLAN, "T-1d | A04 | v1 RXX |", "T | A04 | v2 RSS |", "T+1d | A04 | v3 RXX |"))

    assert [("v1", "0"), ("v1", "0"), ("v3", "1"), ("v3", "1")] == sorted(
        outcome.alerts("about | earlier_visits")
    )
    assert "plan on file" == outcome.answer("v3")


VIEWS = rows("""
    at       | why
    T-10h-1m | shared
    T-10h    | ruling 45: sharing stopped by a controller
""")


@pytest.mark.parametrize(("at", "why"), VIEWS)
def test_a_view_by_an_organisation_that_has_stopped_tells_nobody(
    run_moving: RunMoving, at: str, why: str
) -> None:
    """It is judged by its own day (rulings 1, 45)."""
    outcome = run_moving(table(PLAN, f"{at} | view | a1 RSS |"))

    assert {"a1": why} == outcome.whys
    assert (why == "shared") == bool(outcome.standing)


@pytest.mark.parametrize(("at", "lines"), [("T-10h-1m", "a1"), ("T-10h", "-")])
def test_a_view_amid_a_visit_is_a_line_unless_its_organisation_has_stopped_by_its_day(
    run_moving: RunMoving, at: str, lines: str
) -> None:
    """The visit began before the stop and is told; the view is judged by its own day (rulings 1, 45)."""
    outcome = run_moving(table(PLAN, "T-11h | A04 | v1 RSS |", f"{at} | view | a1 RSS |"))

    assert [("la E09", lines), ("provider RSS", "-")] == outcome.alerts("to | views")


@pytest.mark.parametrize(
    ("arrival", "asked", "answer"),
    [
        ("T-10h-1m", [ItemKind.POSSIBLE_MATCH], "could not check: possible match"),
        ("T-10h", [], "could not check: no number"),
    ],
)
def test_a_patient_of_a_provider_that_has_stopped_is_not_looked_for(
    run_nearby: RunNearby, arrival: str, asked: list[ItemKind], answer: str
) -> None:
    """Without a number nobody is asked who it may be; the answer is none of the other two (21, 45)."""
    outcome = run_nearby(table(PLAN, f"{arrival} | A04? | v1 RSS |"))

    assert asked == [item.kind for item in outcome.items]
    assert answer == outcome.answer(provider="RSS")


DAYS = rows("""
    arrival          | plan | alerts                | answer
    2027-02-28 23:59 | E40  | la E40, provider RXX  | plan on file
    2027-03-01 00:00 | E40  | -                     | could not check: sharing stopped
    2027-03-31 22:59 | E40  | -                     | could not check: sharing stopped
    2027-03-31 23:00 | E40  | la E40, provider RXX  | plan on file
    2027-03-01 00:00 | E42  | -                     | could not check: sharing stopped
    2027-03-31 23:00 | E42  | la E40, provider RXX  | plan on file
    2027-03-01 00:00 | E09  | la E09, provider RXX  | plan on file
    2027-02-28 23:59 | -    | -                     | no plan on file
    2027-03-01 00:00 | -    | -                     | could not check: sharing stopped
    2027-03-31 23:00 | -    | -                     | no plan on file
    2040-01-01 00:00 | E43  | -                     | could not check: sharing stopped
    2039-12-31 23:59 | E43  | la E43, provider RXX  | plan on file
""")


@pytest.mark.parametrize(("arrival", "plan", "alerts", "answer"), DAYS)
def test_nothing_goes_from_an_authority_that_has_stopped_nor_to_it(
    run_moving: RunMoving, arrival: str, plan: str, alerts: str, answer: str
) -> None:
    """
    Whole days in London, the last included; what the authority that succeeds it stopped is stopped too (19).

    Whose plan is not shared is answered like everybody without one on that day (rulings 41, 45).
    """
    held = "" if plan == "-" else f"2027-01-01 | plan | CPP {plan} | birth_date=2025-04-12"
    outcome = run_moving(table(held, f"{arrival} | A04 | v1 | birth_date=2025-04-12"))

    told = [] if alerts == "-" else [(one,) for one in alerts.split(", ")]
    assert told == outcome.alerts("to")
    assert answer == outcome.answer()
    why = WHY if answer == STOPPED else "shared"
    assert ({} if plan == "-" else {"v1": why}) == outcome.whys


def test_the_plan_of_another_authority_is_told_alone(run_moving: RunMoving) -> None:
    """No word of the authority that stopped, neither to the other one nor to the provider (19, 45)."""
    outcome = run_moving(
        table(
            "2027-01-01 | plan | CPP E40 |",
            "2027-01-01 | plan | LAC E09 |",
            "2027-03-01 12:00 | A04 | v1 |",
        )
    )

    assert [("la E09", "LAC active", "-"), ("provider RXX", "LAC active", "-")] == outcome.alerts(
        "to | plans | others"
    )
    assert "plan on file" == outcome.answer()


def test_details_that_disagree_with_a_plan_that_is_not_shared_ask_nobody(run_moving: RunMoving) -> None:
    """An item would say that there is one (rulings 20, 45, 46)."""
    outcome = run_moving(
        table("2027-01-01 | plan | CPP E40 |", "2027-03-01 12:00 | A04 | v1 | family=Other given=Alex")
    )

    assert () == outcome.items
    assert STOPPED == outcome.answer()


@pytest.mark.parametrize(
    ("day", "why", "to"),
    [
        ("2027-02-28", "shared", [("la E40",)]),
        ("2027-03-02", WHY, []),
    ],
)
def test_a_number_taken_out_of_use_is_not_told_to_an_authority_that_has_stopped(
    run_moving: RunMoving, day: str, why: str, to: list[tuple[str]]
) -> None:
    """A plan of it may be open on the number all the same (rulings 23, 45)."""
    outcome = run_moving(table("2027-01-01 | plan | CPP E40 |", f"{day} 12:00 | notice | n1 invalidated |"))

    assert to == outcome.alerts("to")
    assert {"A": why} == outcome.whys


@pytest.mark.parametrize(
    ("day", "kind", "asked", "answer"),
    [
        ("2039-12-31", "plan", [ItemKind.POSSIBLE_MATCH], "could not check: possible match"),
        ("2040-01-01", "plan", [], "could not check: no number"),
        ("2039-12-31", "plan?", [ItemKind.POSSIBLE_MATCH], "could not check: possible match"),
        ("2040-01-01", "plan?", [], "could not check: no number"),
        ("2039-12-31", "plan~", [ItemKind.POSSIBLE_MATCH], "could not check: possible match"),
        ("2040-01-01", "plan~", [], "could not check: no number"),
    ],
)
def test_nobody_is_met_by_a_plan_once_its_authority_has_stopped_until_further_notice(
    run_nearby: RunNearby, day: str, kind: str, asked: list[ItemKind], answer: str
) -> None:
    """That somebody is met would say that there is one; records that wait are no other thing (21, 45)."""
    outcome = run_nearby(
        table(
            "T-30d | plan | CPP E09 | number=A family=Other given=Alex birth_date=2010-01-01",
            f"2039-12-30 | {kind} | CPP E43 | number=B birth_date=2035-04-12",
            f"{day} 10:00 | A04? | v1 | birth_date=2035-04-12 departed_at={day}T11:00",
        )
    )

    assert asked == [item.kind for item in outcome.items]
    assert answer == outcome.answer()


def test_a_plan_that_begins_while_its_authority_has_stopped_puts_nobody_on_file(
    run_nearby: RunNearby,
) -> None:
    """Its first day is later than the last on which anybody may be found (rulings 21, 45)."""
    outcome = run_nearby(
        table(
            "T-30d | plan | CPP E09 | number=A family=Other given=Alex birth_date=2010-01-01",
            "2040-02-01 | plan | CPP E43 | number=B start=2040-01-01 birth_date=2035-04-12",
            "2040-02-01 | plan? | CPP E43 | number=B start=2040-01-01 birth_date=2035-04-12",
            "2040-02-02 10:00 | A04? | v1 | birth_date=2035-04-12",
        )
    )

    assert () == outcome.items
