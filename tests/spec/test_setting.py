"""
Which attendances alert: rulings 1 to 5 and 47.

RLL has listed CLINIC as scheduled, WALKIN as unscheduled, HAVEN and its site RLLSX as sensitive; RXX nothing.
"""

import pytest

from tests.spec.conftest import Run
from tests.spec.table import messages, rows

PLAN = """
    recorded | fact | about   | values
    T-9d     | plan | CPP E09 |
"""

SETTINGS = rows("""
    provider | values                                        | why
    RXX      | patient_class=E                               | shared
    RXX      | patient_class=I                               | shared
    RXX      | patient_class=B                               | shared
    RXX      | patient_class=X                               | shared
    RXX      |                                               | shared
    RXX      | patient_class=P                               | ruling 3: scheduled setting
    RXX      | patient_class=R                               | ruling 3: scheduled setting
    RXX      | patient_class=W                               | ruling 3: scheduled setting
    RXX      | admission_type=11                             | ruling 3: scheduled setting
    RXX      | admission_type=12                             | ruling 3: scheduled setting
    RXX      | admission_type=13                             | ruling 3: scheduled setting
    RXX      | admission_type=81                             | ruling 3: scheduled setting
    RXX      | admission_type=21                             | shared
    RXX      | admission_type=22                             | shared
    RXX      | admission_type=23                             | shared
    RXX      | admission_type=24                             | shared
    RXX      | admission_type=25                             | shared
    RXX      | admission_type=28                             | shared
    RXX      | admission_type=31                             | shared
    RXX      | admission_type=32                             | shared
    RXX      | admission_type=2A                             | shared
    RXX      | admission_type=2B                             | shared
    RXX      | admission_type=2C                             | shared
    RXX      | admission_type=2D                             | shared
    RXX      | admission_type=99                             | shared
    RXX      | patient_class=P admission_type=99             | ruling 3: scheduled setting
    RXX      | patient_class=I admission_type=11             | ruling 3: scheduled setting
    RXX      | patient_class=E admission_type=11             | shared
    RXX      | patient_class=P admission_type=21             | shared
    RXX      | patient_class=W admission_type=31             | shared
    RXX      | patient_class=O                               | shared
    RXX      | patient_class=O admission_type=11             | ruling 3: scheduled setting
    RXX      | patient_class=O location=CLINIC               | shared
    RLL      | patient_class=O location=CLINIC               | ruling 3: scheduled setting
    RLL      | patient_class=O location=CLINIC admission_type=21 | ruling 3: scheduled setting
    RLL      | patient_class=E location=CLINIC               | shared
    RLL      | location=CLINIC                               | shared
    RLL      | patient_class=O location=WALKIN               | shared
    RLL      | patient_class=P location=WALKIN               | shared
    RLL      | patient_class=O admission_type=11 location=WALKIN | shared
    RLL      | patient_class=O location=OTHER                | shared
    RLL      | patient_class=E location=HAVEN                | ruling 47: sensitive place
    RLL      | patient_class=E site=RLLSX                    | ruling 47: sensitive place
    RLL      | location=HAVEN                                | ruling 47: sensitive place
    RXX      | patient_class=E location=HAVEN                | shared
""")


@pytest.mark.parametrize(("provider", "values", "why"), SETTINGS, ids=[" ".join(row[:2]) for row in SETTINGS])
def test_the_setting_decides_whether_a_visit_is_told(run: Run, provider: str, values: str, why: str) -> None:
    """Doubt falls toward telling: only listed types, classes and places are silent (rulings 2, 4, 47)."""
    outcome = run(f"{PLAN} T | A04 | v1 {provider} | {values}")

    assert {"v1": why} == outcome.whys


NOT_FUNDED = "ruling 49: service not paid for by the NHS"
INDEPENDENT = rows(f"""
    messages                                              | why
    A04 location=URGENT                                   | shared
    A04 site=NIH02                                        | shared
    A04 location=ROOMS site=NIH02                         | shared
    A04 location=ROOMS                                    | {NOT_FUNDED}
    A04 patient_class=E admission_type=21 location=ROOMS  | {NOT_FUNDED}
    A04 site=NIH01                                        | {NOT_FUNDED}
    A04                                                   | {NOT_FUNDED}
    A04 location=ROOMS; A02 location=URGENT               | shared
    A04 location=URGENT; A02 location=ROOMS               | shared
    A04 location=ROOMS; A11                               | {NOT_FUNDED}
    A04 location=CLINIC patient_class=O                   | ruling 3: scheduled setting
    A04 location=ROOMS patient_class=P                    | {NOT_FUNDED}
""")


@pytest.mark.parametrize(("events", "why"), INDEPENDENT, ids=[row[0] for row in INDEPENDENT])
def test_of_an_independent_hospital_the_listed_services_are_shared_alone(
    run: Run, events: str, why: str
) -> None:
    """Those that the NHS pays for; a place that is not said is on no list (ruling 49)."""
    hourly = "; ".join(f"T+{hour}h {event}" for hour, event in enumerate(events.split("; ")))
    outcome = run(PLAN + messages(hourly, about="v1 NIH"))

    assert {"v1": why} == outcome.whys
    assert ((why == "shared") * 2) == len(outcome.alerts("to"))


VIEWED_THERE = rows(f"""
    visit                        | unscheduled | visit of         | view of          | told
    T/A04/v1 NIH/location=ROOMS  | yes | {NOT_FUNDED} | shared           | viewed
    T/A04/v1 NIH/location=ROOMS  | no  | {NOT_FUNDED} | R23: silent view | -
    T/A04/v1 NIH/location=URGENT | yes | shared       | shared           | attended
    T/A04/v1 RXX/                | yes | shared       | shared           | attended, viewed
    -                            | yes | -            | shared           | viewed
""")


@pytest.mark.parametrize(("visit", "unscheduled", "visit_why", "view_why", "told"), VIEWED_THERE)
def test_a_view_at_an_independent_hospital_is_told_since_it_says_no_place(
    run: Run, visit: str, unscheduled: str, visit_why: str, view_why: str, told: str
) -> None:
    """The list is of places: only a visit can be off it, and doubt falls toward telling (2, 49, R23)."""
    came = "" if visit == "-" else visit.replace("/", "|")
    outcome = run(f"{PLAN} {came}\n T+1h | view | a1 NIH | unscheduled={unscheduled}")

    expected = {"a1": view_why} | ({} if visit == "-" else {"v1": visit_why})
    occasions = sorted(row[1] for row in outcome.alerts("to | occasion") if row[0].startswith("la "))
    assert (expected, [one for one in told.split(", ") if one != "-"]) == (outcome.whys, occasions)


def test_a_visit_that_is_not_shared_is_no_earlier_visit_and_is_decided_with_a_row(run: Run) -> None:
    """Neither counted nor told, but the decision cites the row of what nobody is told of (8, 49)."""
    outcome = run(f"""{PLAN}
        T-1d | A04 | v0 NIH | location=ROOMS
        T    | A04 | v1     |
    """)

    assert {"v0": NOT_FUNDED, "v1": "shared"} == outcome.whys
    assert [("0",)] * 2 == outcome.alerts("earlier_visits")


@pytest.mark.parametrize("event", ["A01", "A02", "A03", "A04", "A08", "A12", "A13"])
def test_any_message_makes_an_unscheduled_visit_known(run: Run, event: str) -> None:
    """A visit whose A04 was lost alerts by whatever message of it comes (ruling 1)."""
    outcome = run(f"{PLAN} T | {event} | v1 |")

    assert rows("""
        to           | about
        la E09       | v1
        provider RXX | v1
    """) == outcome.alerts("to | about")


def test_unscheduled_once_is_unscheduled_for_the_whole_visit(run: Run) -> None:
    """A later message of a planned class takes nothing back (ruling 4)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 | patient_class=E
        T+2h | A08 | v1 | patient_class=P
    """)

    assert {"v1": "shared"} == outcome.whys


def test_a_scheduled_visit_that_turns_into_an_emergency_alerts(run: Run) -> None:
    """The later message makes the visit known (rulings 1, 4)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 | patient_class=P
        T+2h | A08 | v1 | patient_class=E
    """)

    assert {"v1": "shared"} == outcome.whys


@pytest.mark.parametrize(
    ("provider", "values", "notes"),
    rows("""
        provider | values                          | notes
        RXX      | patient_class=O                 | site unlisted
        RLL      | patient_class=O location=OTHER  | site unlisted
        RLL      | patient_class=O location=WALKIN | -
        RXX      | patient_class=E                 | -
    """),
)
def test_an_unlisted_outpatient_location_asks_the_site_to_list_it(
    run: Run, provider: str, values: str, notes: str
) -> None:
    """The alert says so to both sides (ruling 4)."""
    outcome = run(f"{PLAN} T | A04 | v1 {provider} | {values}")

    assert [(notes,), (notes,)] == outcome.alerts("notes")


@pytest.mark.parametrize(
    ("then", "notes"),
    rows("""
        then            | notes
        patient_class=O | site unlisted
        patient_class=E | -
        patient_class=P | site unlisted
    """),
)
def test_a_location_need_not_be_listed_for_what_is_unscheduled_without_it(
    run: Run, then: str, notes: str
) -> None:
    """Once something else makes the visit unscheduled, nothing hangs on the location (ruling 4)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 | patient_class=O
        T+1h | A08 | v1 | {then}
    """)

    assert [(notes,), (notes,)] == outcome.alerts("notes")


def test_what_a_sensitive_place_recorded_is_not_told_with_the_rest(run: Run) -> None:
    """Of a visit that touched a sensitive place only the other messages are read (ruling 47)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 RLL | patient_class=E location=ED acuity=2
        T+1h | A08 | v1 RLL | location=HAVEN reason=fall
        T+2h | A08 | v1 RLL | acuity=3
        T+3h | A08 | v1 RLL | location=WARD
    """)

    assert rows("""
        to           | location | reason | acuity
        la E09       | WARD     | -      | 2
        provider RLL | WARD     | -      | 2
    """) == outcome.alerts("to | location | reason | acuity")


def test_a_sensitive_place_of_one_visit_silences_no_other(run: Run) -> None:
    """A message without a location was recorded where its own visit last was (ruling 47)."""
    outcome = run(f"""{PLAN}
        T     | A04 | v1 RLL | patient_class=E location=ED
        T+1h  | A01 | v2 RLL | patient_class=I admission_type=21 location=HAVEN
        T+2h  | A08 | v1 RLL | acuity=2
    """)

    assert {"v1": "shared", "v2": "ruling 47: sensitive place"} == outcome.whys
    assert [("2",), ("2",)] == outcome.alerts("acuity")


@pytest.mark.parametrize(
    ("earlier", "count"),
    rows("""
        values          | earlier_visits
        patient_class=E | 1
        patient_class=P | 0
    """),
)
def test_a_silent_visit_makes_no_history(run: Run, earlier: str, count: str) -> None:
    """A scheduled visit is not among the earlier ones (ruling 3)."""
    outcome = run(f"""{PLAN}
        T-1d | A04 | v1 | {earlier}
        T    | A04 | v2 |
    """)

    assert (count,) in outcome.alerts("earlier_visits")


def test_a_sensitive_visit_makes_no_history(run: Run) -> None:
    """A visit at a sensitive place is not counted (ruling 47)."""
    outcome = run(f"""{PLAN}
        T-1d | A04 | v1 RLL | location=HAVEN
        T    | A04 | v2 RXX |
    """)

    assert [("0",), ("0",)] == outcome.alerts("earlier_visits")


@pytest.mark.parametrize(
    ("plan", "born"),
    rows("""
        plan             | born
        UCP E09 end=D+30 | 1984-05-01
        UCP E09 end=D+30 | 2012-05-01
        CPP E09          | 2026-01-10
        LAC E09          | 2008-01-11
    """),
)
def test_nobody_is_too_old_or_too_young(run: Run, plan: str, born: str) -> None:
    """Whoever has a visible plan alerts, in whichever role: a grown mother, a child of a day (ruling 5)."""
    about, values = f"{plan} ".split(" E09 ")
    outcome = run(f"""
        recorded | fact | about       | values
        T-9d     | plan | {about} E09 | birth_date={born} {values}
        T        | A04  | v1          | birth_date={born}
    """)

    assert {"v1": "shared"} == outcome.whys
