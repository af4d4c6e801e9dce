"""Ruling 49: every recorded decision cites the rows of the lawful-basis table that it rests on."""

import pytest

from tests.spec.conftest import Run
from tests.spec.table import rows

HEAD = """
    recorded | fact | about   | values
"""


@pytest.mark.parametrize(
    ("plan", "happening", "basis"),
    rows("""
        plan             | happening | basis
        CPP E09          | A04 v1    | plan-of-child visit-of-child
        UCP E09 end=D+90 | A04 v1    | plan-of-mother visit-of-mother
        CPP E09          | view v1   | view-of-child
        UCP E09 end=D+90 | view v1   | view-of-mother
        CPP E09 end=D-900 | A04 v1   | nothing-shared
        CPP E09 end=D-900 | view v1  | nothing-shared
    """),
)
def test_a_decision_cites_the_rows_of_what_it_shared(run: Run, plan: str, happening: str, basis: str) -> None:
    """What was told to whom about whom; what led to nobody cites that (ruling 49, R49)."""
    kind, authority, *values = plan.split()
    fact, about = happening.split()

    outcome = run(f"""{HEAD}
        T-9d | plan   | {kind} {authority} | {" ".join(values)}
        T    | {fact} | {about}            |
    """)

    assert basis == " ".join(outcome.decisions["v1"].basis)


def test_a_person_in_both_roles_is_shared_on_both_rows(run: Run) -> None:
    """Child on one plan and mother on another: a row for each (ruling 49)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 |
        T-9d | plan | UCP E08 | end=D+90
        T    | A04  | v1      |
    """)

    basis = ("plan-of-child", "plan-of-mother", "visit-of-child", "visit-of-mother")
    assert basis == outcome.decisions["v1"].basis


def test_a_view_in_a_thread_rests_on_what_its_thread_tells(run: Run) -> None:
    """A line in the authority's thread (rulings 1, 49)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 |
        T    | A04  | v1      |
        T+1h | view | w1      |
    """)

    assert ("visit-of-child",) == outcome.decisions["w1"].basis


def test_a_possible_attendance_rests_on_a_row_of_its_own(run: Run) -> None:
    """Provider and time of somebody of whom nobody knows who it is (rulings 46, 49)."""
    outcome = run(f"""{HEAD}
        T-9d  | plan   | CPP E09           |
        T     | A04    | v1                | family=Other given=Alex
        T+12h | notice | n1 item-unsettled | visit=v1
    """)

    assert ("possible-visit",) == outcome.decisions["v1"].basis
