"""
Who may be who: visits without a usable number and people on file, met by their details. Rulings 21, 46.

`A04?` is a message whose number is missing, has a wrong check digit or is a placeholder. What is found is an
item for a person, and never an alert.
"""

import pytest

from broker.core.worklist import ItemKind
from tests.spec.conftest import RunNearby
from tests.spec.outcome import Outcome

ASKED = [(ItemKind.POSSIBLE_MATCH, True, "MSG-1")]
HEAD = "recorded | fact | about | values"
PLAN = "T-30d | plan | CPP E09 |"
VISIT = "T | A04? | v1 RXX | control_id=MSG-1"
FIRST = pytest.mark.parametrize("first", ["plan", "visit"])


def table(*rows: str, first: str = "plan") -> str:
    """Return a table of these rows, as they stand or the other way round."""
    return "\n".join([HEAD, *(rows if first == "plan" else reversed(rows))])


def asked_alone(outcome: Outcome) -> list[tuple[ItemKind, bool, str | None]]:
    """Return the open items, having seen that nobody is alerted."""
    assert () == outcome.events
    return outcome.asked


@FIRST
@pytest.mark.parametrize(
    "said",
    [
        pytest.param("", id="all three"),
        pytest.param("given=Alex", id="birth and family"),
        pytest.param("family=Other", id="birth and given"),
        pytest.param("birth_date=2014-09-30", id="names and year"),
        pytest.param("birth_date=2014-12-04", id="day and month swapped"),
        pytest.param("given=-", id="birth and family alone"),
        pytest.param("family=UNKNOWN", id="a family name that says nothing"),
        pytest.param("given=BABY", id="a given name that says nothing"),
        pytest.param("restricted=yes", id="restricted by the hospital"),
    ],
)
def test_two_details_that_agree_ask_a_person_to_confirm(run_nearby: RunNearby, said: str, first: str) -> None:
    """Whichever side comes first, the provider is asked urgently and once (rulings 21 and 46)."""
    outcome = run_nearby(table(PLAN, f"{VISIT} {said}", first=first), stepwise=True)

    assert ASKED == asked_alone(outcome)


@FIRST
@pytest.mark.parametrize(
    "said",
    [
        pytest.param("family=Other given=Alex", id="birth alone"),
        pytest.param("given=Alex birth_date=2013-04-12", id="family alone"),
        pytest.param("birth_date=2013-04-12", id="names of another year"),
        pytest.param("birth_date=-", id="names without a date of birth"),
        pytest.param("birth_date_reliability=estimated", id="an estimated date of birth"),
        pytest.param("family=UNKNOWN given=BABY", id="names that say nothing"),
    ],
)
def test_less_than_two_details_ask_nobody(run_nearby: RunNearby, said: str, first: str) -> None:
    """What is missing, UNKNOWN, BABY or estimated makes no key, and one detail alone none (ruling 21)."""
    outcome = run_nearby(table(PLAN, f"{VISIT} {said}", first=first), stepwise=True)

    assert [] == asked_alone(outcome)


@FIRST
@pytest.mark.parametrize(
    ("dates", "asked"),
    [
        ("start=D+1", ASKED),
        ("start=D+2", []),
        ("end=D-365", ASKED),
        ("end=D-366", []),
        ("deleted=D-1", []),
    ],
)
def test_only_a_plan_of_those_days_is_met(
    run_nearby: RunNearby, dates: str, asked: list[object], first: str
) -> None:
    """The stay, here to the day after, must overlap the days of a visible plan (rulings 9, 10 and 21)."""
    outcome = run_nearby(table(f"{PLAN} {dates}", VISIT, first=first), stepwise=True)

    assert asked == asked_alone(outcome)


@FIRST
@pytest.mark.parametrize(
    ("plan", "born", "source", "asked"),
    [
        ("CPP", "2008-01-10", None, []),  # 18 on the day of arrival
        ("CPP", "2008-01-11", None, ASKED),  # on the day after it: the stay runs to its end
        ("CPP", "2008-01-10", "2008-01-11", ASKED),  # the two disagree: the plan stands
        ("CPP", "2008-01-10", "2008-01-09", []),
        ("CPP", "2008-01-11", "2008-01-09", ASKED),
        ("CPP", "2008-02-29", None, ASKED),
        ("UCP", "2008-01-10 end=D+30", None, ASKED),  # a woman of any age
    ],
)
def test_a_plan_that_is_over_by_age_is_met_no_more(
    run_nearby: RunNearby, plan: str, born: str, source: str | None, asked: list[object], first: str
) -> None:
    """As for a visit with a number: no arrival on or after the 18th birthday (rulings 13 and 21)."""
    notice = [f"T-1d | notice | n1 | kind='date of birth' birth_date={source}"] * (source is not None)
    visit = f"{VISIT} birth_date={born.split(maxsplit=1)[0]}"
    plans = f"T-9d | plan | {plan} E09 | birth_date={born}"
    outcome = run_nearby(table(plans, *notice, visit, first=first), stepwise=True)

    assert asked == asked_alone(outcome)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        pytest.param("RXX | control_id=MSG-1 patient_class=E", ASKED, id="an emergency"),
        pytest.param("RXX | control_id=MSG-1 admission_type=11", [], id="scheduled"),
        pytest.param("RLL | control_id=MSG-1 location=HAVEN", [], id="a sensitive place"),
        pytest.param("NIH | control_id=MSG-1 location=ROOMS", [], id="a service not paid for by the NHS"),
    ],
)
def test_a_visit_that_would_tell_nobody_asks_nobody(
    run_nearby: RunNearby, kind: str, asked: list[object]
) -> None:
    """A scheduled setting, a sensitive place and an unlisted service tell nobody (rulings 3, 21, 47, 49)."""
    outcome = run_nearby(table(PLAN, f"T | A04? | v1 {kind}"))

    assert asked == asked_alone(outcome)


def test_one_visit_is_one_item_however_many_people_it_could_be(run_nearby: RunNearby) -> None:
    """Twins are met under one key, a namesake under another: the item is one (ruling 46)."""
    outcome = run_nearby(
        table(
            PLAN,
            f"{PLAN} number=B given=Alex",
            f"{PLAN} number=C family=Other",
            VISIT,
            "T+1h | A08? | v1 RXX | given=Alex",
        ),
        stepwise=True,
    )

    assert ASKED == asked_alone(outcome)


def test_the_message_that_brings_the_number_settles_the_item_and_alerts(run_nearby: RunNearby) -> None:
    """The visit joins up by itself: the item goes, and the alert is made as for any visit (ruling 21)."""
    outcome = run_nearby(table(PLAN, VISIT, "T+1h | A08 | v1 RXX |"), stepwise=True)

    assert [] == outcome.asked
    assert [("la E09",), ("provider RXX",)] == outcome.alerts("to")


def test_a_number_that_is_somebody_elses_settles_the_item_and_alerts_nobody(run_nearby: RunNearby) -> None:
    """Whoever was met was somebody else: a person without a plan, of whom nothing is told (ruling 21)."""
    outcome = run_nearby(table(PLAN, VISIT, "T+1h | A08 | v1 RXX | number=B"), stepwise=True)

    assert [] == asked_alone(outcome)


@pytest.mark.parametrize(
    ("plan", "newer", "asked"),
    [
        ("", "T+1h | plan | CPP E09 | deleted=D", ASKED),
        ("", "T | plan | CPP E09 | deleted=D", ASKED),
        ("", "T-1d | plan | CPP E09 | deleted=D-1", []),
        ("", "T+1h | plan | CPP E09 | end=D-366", ASKED),
        ("", "T-1d | plan | CPP E09 | end=D-366", []),
        ("", "T-1d | plan | CPP E09 | end=D-365", ASKED),
        ("start=D+1", "T+1h | plan | CPP E09 | start=D+1 deleted=D", ASKED),
        ("start=D+2", "T+1h | plan | CPP E09 | start=D+2 deleted=D", []),
    ],
)
def test_a_plan_that_is_removed_or_ended_back_since_the_arrival_is_met(
    run_nearby: RunNearby, plan: str, newer: str, asked: list[object]
) -> None:
    """Under its number the visit would be told, `removed` or `no longer in force` (rulings 14, 15 and 21)."""
    outcome = run_nearby(table(f"{PLAN} {plan}", VISIT, newer), stepwise=True)

    assert asked == asked_alone(outcome)


def test_the_item_stays_while_somebody_else_is_met(run_nearby: RunNearby) -> None:
    """One of two is taken off the file; the other may still be the patient (rulings 21, 23 and 46)."""
    outcome = run_nearby(
        table(PLAN, f"{PLAN} number=B", VISIT, "T+1h | notice | n1 invalidated |"), stepwise=True
    )

    assert (ItemKind.POSSIBLE_MATCH, True, "MSG-1") in outcome.asked


def test_the_item_goes_with_the_last_who_could_be_met(run_nearby: RunNearby) -> None:
    """Of a number out of use nobody is on file (rulings 21 and 23)."""
    outcome = run_nearby(table(PLAN, VISIT, "T+1h | notice | n1 invalidated |"), stepwise=True)

    assert [] == outcome.asked


def test_a_number_that_is_superseded_is_met_once_more_under_its_successor(run_nearby: RunNearby) -> None:
    """What the former number was found by goes with the person to the successor (rulings 21 and 22)."""
    outcome = run_nearby(table(PLAN, VISIT, "T+1h | notice | n1 superseded | by=B"), stepwise=True)

    assert ASKED == asked_alone(outcome)


def test_an_unborn_childs_plan_is_met_by_the_mother(run_nearby: RunNearby) -> None:
    """Its registered details are hers (ruling 21, R34)."""
    outcome = run_nearby(table("T-30d | plan | UCP E09 | end=D+60", VISIT))

    assert ASKED == asked_alone(outcome)
