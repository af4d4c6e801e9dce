"""Views: told for themselves, in a visit's thread, or not at all: rulings 1, 3, 11, 14, R23, R54."""

import pytest

from broker.core.alerts import Occasion
from tests.spec.conftest import Run
from tests.spec.outcome import recipient_text
from tests.spec.table import T, rows

HEAD = """
    recorded | fact | about   | values
"""
PLAN = f"""{HEAD}
    T-9d     | plan | CPP E09 |
"""


VIEWS = rows("""
    at       | by    | values         | why              | viewed
    T+1h     | RYY   |                | shared           | la E09
    T+1h     | RYY   | unscheduled=no | R23: silent view | -
    T+1h     | RXX   | unscheduled=no | R23: silent view | -
    T-1m     | RXX   |                | shared           | la E09
    T        | RXX   |                | shared           | -
    T+1h     | RXX   |                | shared           | -
    T+1h     | RXX01 |                | shared           | -
    T+1h     | RXX02 |                | shared           | la E09
    T+24h    | RXX   |                | shared           | -
    T+24h+1m | RXX   |                | shared           | la E09
""")


@pytest.mark.parametrize(
    ("at", "by", "values", "why", "viewed"), VIEWS, ids=[" ".join(row[:3]) for row in VIEWS]
)
def test_a_view_is_told_for_itself_unless_it_is_part_of_a_visit(
    run: Run, at: str, by: str, values: str, why: str, viewed: str
) -> None:
    """During the stay, by the same provider, it is a line in the visit's thread (rulings 1, 3, R23)."""
    outcome = run(f"""{PLAN}
        T    | A04  | v1 RXX  | site=RXX01
        {at} | view | a1 {by} | {values}
    """)

    told = [row[0] for row in outcome.alerts("to | occasion") if row[1] == Occasion.VIEWED]
    assert (why, [viewed] * (viewed != "-")) == (outcome.whys["a1"], told)


def test_a_view_during_the_stay_is_a_line_in_the_authoritys_thread(run: Run) -> None:
    """The lines come in the order of the views (ruling 1)."""
    outcome = run(f"""{PLAN}
        T    | A04  | v1 |
        T+2h | view | a1 |
        T+1h | view | a2 |
        T+1h | view | a3 | unscheduled=no
    """)

    assert rows("""
        to           | about | views
        la E09       | v1    | a2; a1
        provider RXX | v1    | -
    """) == outcome.alerts("to | about | views")


LOOKED = rows("""
    view                            | by
    at T+1h as nurse                | RXX nurse T+1h
    at T+1h as doctor               | RXX doctor T+1h
    at T+2h as nurse                | RXX nurse T+2h
    at T+1h as nurse unscheduled=no | -
""")


@pytest.mark.parametrize(("view", "by"), LOOKED)
def test_who_looked_is_told_with_role_and_time(run: Run, view: str, by: str) -> None:
    """Organisation, role and moment go with each view that is told, a silent one is not told (R23, R54)."""
    _, at, _, role, *values = view.split()
    outcome = run(f"""{PLAN}
        T    | A04  | v1 |
        {at} | view | a1 | role={role} {" ".join(values)}
    """)

    told = [
        f"{line.organisation} {line.role} {line.user_name} T+{(line.accessed_at - T).seconds // 3600}h"
        for line in outcome.standing[0].views
    ]
    assert ([] if by == "-" else [by.replace(f" {role} ", f" {role} A Nurse ")]) == told


def test_the_decision_about_a_view_names_who_was_told(run: Run) -> None:
    """The authority, not the provider that looked (ruling 1)."""
    outcome = run(f"""{PLAN}
        T    | A04  | v1 |
        T+1h | view | a1 |
    """)

    decision = outcome.decisions["a1"]
    assert (["la E09"], ("views",)) == ([recipient_text(one) for one in decision.recipients], decision.fields)


def test_a_view_of_a_person_whose_visit_is_not_told_is_told_for_itself(run: Run) -> None:
    """A thread that nobody sees holds no line (rulings 1, 3)."""
    outcome = run(f"""{PLAN}
        T    | A04  | v1 | patient_class=P
        T+1h | view | a1 |
    """)

    assert [("la E09", "viewed", "a1")] == outcome.alerts("to | occasion | about")


VIEW_CUTOFFS = rows("""
    view recorded | plan recorded | plans
    T             | T             | CPP active
    T             | T+1m          | CPP active (retroactive)
    T             | T+14d         | CPP active (retroactive, delayed)
    T             | T+14d+1m      | -
    T+9d          | T+21d         | CPP active (retroactive, delayed)
    T+9d          | T+21d+1m      | -
    T+30d         | T+30d         | CPP active (retroactive)
    T+30d         | T+30d+1m      | -
""")


@pytest.mark.parametrize(("viewed", "recorded", "plans"), VIEW_CUTOFFS)
def test_a_view_has_a_cut_off_as_a_visit_has(run: Run, viewed: str, recorded: str, plans: str) -> None:
    """A view is a stay that ends at once (rulings 1, 10, 11)."""
    outcome = run(f"""{HEAD}
        {viewed}   | view | a1 RYY  | accessed_at=T
        {recorded} | plan | CPP E09 |
    """)

    assert [(plans,)] * (plans != "-") == outcome.alerts("plans")


@pytest.mark.parametrize(
    ("received", "urgency"),
    rows("""
        received | urgency
        T+2h     | now
        T+2h+1m  | summary
    """),
)
def test_a_view_that_comes_late_pages_nobody(run: Run, received: str, urgency: str) -> None:
    """What is over and came too late goes into the summary (ruling 11)."""
    outcome = run(f"{PLAN}T | view | a1 RYY | received={received}")

    assert [("la E09", urgency)] == outcome.alerts("to | urgency")


@pytest.mark.parametrize(
    ("received", "urgency"),
    rows("""
        received | urgency
        T+2h     | now
        T+2h+1m  | summary
    """),
)
def test_a_date_of_birth_may_be_what_made_a_view_late(run: Run, received: str, urgency: str) -> None:
    """Of age by the authority's record until the source says otherwise (rulings 11, 13)."""
    outcome = run(f"""{HEAD}
        T-9d | plan   | CPP E09 | birth_date=2008-01-10
        T    | view   | a1 RYY  | received=T
        T-1d | notice | n1      | kind="date of birth" birth_date=2008-01-11 received={received}
    """)

    assert [("la E09", urgency)] == outcome.alerts("to | urgency")


def test_a_view_after_the_plan_was_removed_is_not_told(run: Run) -> None:
    """The decision says which rule said so (ruling 14)."""
    outcome = run(f"""{PLAN}
        T-1d | plan | CPP E09 | deleted=D-1
        T    | view | a1 RYY  |
    """)

    assert {"a1": "ruling 14: removed before the arrival"} == outcome.whys
