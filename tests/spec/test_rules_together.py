"""
Two or three rules at once, where each alone has its rows elsewhere: rulings 4 to 20, 44 and 45.

A row's name says which of them meet.
"""

import pytest

from tests.spec.conftest import Run, RunMoving
from tests.spec.table import rows

HEAD = "recorded | fact | about | values\n"
PLAN = "T-9d | plan | CPP E09 |"
OTHER = "family=Other given=Alex birth_date=2010-01-01"

DUE = {
    "10, 9: seen on the first day of the stay alone": (
        """
            T-400d | plan | CPP E09 | start=D-900 end=D-366
            T | A04 | v1 | arrived_at=T-11h
        """,
        "CPP ended; next working morning",
    ),
    "10, time: 24 h in the night that has 25": (
        """
            2026-10-01 | plan | CPP E09 | start=2026-10-26
            2026-10-24T23:59 | A04 | v1 |
        """,
        "-",
    ),
    "10, time: the hour after": (
        """
            2026-10-01 | plan | CPP E09 | start=2026-10-26
            2026-10-25T00:00 | A04 | v1 |
        """,
        "CPP active; now",
    ),
    "10, time: 24 h in the night that has 23": (
        """
            2026-03-01 | plan | CPP E09 | start=2026-03-30
            2026-03-28T23:00 | A04 | v1 |
        """,
        "CPP active; now",
    ),
    "10, 37: paper work after the departure lengthens no stay": (
        """
            T-9d | plan | CPP E09 | start=D+1
            T | A04 | v1 |
            T+2h | A03 | v1 |
            T+23h | A08 | v1 |
        """,
        "-",
    ),
    "10, 15: a later message sees that the plan had ended": (
        """
            T-9d | plan | CPP E09 | start=D-900
            T+14d+1m | plan | CPP E09 | start=D-900 end=2024-12-31
            T | A04 | v1 |
            T+15d | A08 | v1 |
        """,
        "CPP no longer in force; now",
    ),
    "14, 37: an arrival corrected to before the removal": (
        """
            T-9d | plan | CPP E09 |
            T-1m | plan | CPP E09 | deleted=D-1
            T | A04 | v1 |
            T+1h | A08 | v1 | arrived_at=T-10m
        """,
        "CPP removed; now",
    ),
    "14, 37: and to after it": (
        """
            T-9d | plan | CPP E09 |
            T-5m | plan | CPP E09 | deleted=D-1
            T-10m | A04 | v1 |
            T+1h | A08 | v1 | arrived_at=T
        """,
        "-",
    ),
    "14, 12: a replacement that has ended": (
        """
            T-9d | plan | CPP E09 |
            T+1h | plan | CPP E09 | deleted=D
            T+2h | plan | CPP E09 | start=D-50 end=D-20
            T | A04 | v1 |
        """,
        "CPP ended; next working morning",
    ),
    "14, 10: a replacement recorded after the cut-off": (
        """
            T-9d | plan | CPP E09 |
            T+14d | plan | CPP E09 | deleted=D
            T+14d+1h | plan | CPP E09 | start=D-50
            T | A04 | v1 |
        """,
        "CPP removed; now",
    ),
    "13, 7: an admission on the birthday joins the visit of the day before": (
        """
            T-9d | plan | CPP E09 | birth_date=2008-01-11
            T | A04 | v1 | patient_class=E birth_date=2008-01-11
            T+1h | A03 | v1 |
            T+20h | A01 | v2 | patient_class=I admission_type=21 birth_date=2008-01-11
        """,
        "CPP active; now",
    ),
    "13, 37: an arrival corrected onto the birthday": (
        """
            T-9d | plan | CPP E09 | birth_date=2008-01-11
            T | A04 | v1 | birth_date=2008-01-11
            T+15h | A08 | v1 | arrived_at=T+14h+1m birth_date=2008-01-11
        """,
        "-",
    ),
    "13, 19: of a mother's two plans her own is over": (
        """
            T-9d | plan | UCP E09 | end=D+60 birth_date=2000-01-01
            T-9d | plan | CPP E08 | birth_date=2000-01-01
            T | A04 | v1 | birth_date=2000-01-01
        """,
        "UCP active; now",
    ),
    "4, 7: a clinic visit is no A&E visit to join": (
        """
            T-9d | plan | CPP E09 |
            T | A04 | v1 | patient_class=P
            T+2h | A01 | v2 | patient_class=I admission_type=21
        """,
        "CPP active; now",
    ),
    "7, 10: a cancelled admission lengthens no stay": (
        """
            T-9d | plan | CPP E09 | start=D+1
            T | A04 | v1 | patient_class=E
            T+1h | A03 | v1 |
            T+2h | A01 | v2 | patient_class=I admission_type=21
            T+3h | A11 | v2 |
        """,
        "-",
    ),
    "7, 10: one that stands does": (
        """
            T-9d | plan | CPP E09 | start=D+1
            T | A04 | v1 | patient_class=E
            T+1h | A03 | v1 |
            T+2h | A01 | v2 | patient_class=I admission_type=21
            T+15h | A03 | v2 |
        """,
        "CPP active; now",
    ),
    "16, 20: another visit of whom nobody knows withdraws nothing": (
        f"""
            T-9d | plan | CPP E09 |
            T | A04 | v1 |
            T+1h | A11 | v1 |
            T | A04 | v2 | {OTHER}
        """,
        "CPP active; now",
    ),
    "16, 47: nor does one at a sensitive place": (
        """
            T-9d | plan | CPP E09 |
            T | A04 | v1 RLL | patient_class=E
            T+1h | A11 | v1 RLL |
            T+1h | A04 | v2 RLL | patient_class=E location=HAVEN
        """,
        "CPP active; now",
    ),
    "7, 20: an admission whose details agree makes the thread match": (
        f"""
            T-9d | plan | CPP E09 |
            T-1d | A04 | v1 | patient_class=E {OTHER}
            T-20h | A03 | v1 | {OTHER}
            T | A01 | v2 | patient_class=I admission_type=21
        """,
        "CPP active; now",
    ),
}


@pytest.mark.parametrize(("facts", "told"), DUE.values(), ids=DUE.keys())
def test_what_an_authority_is_told_where_rules_meet(run: Run, facts: str, told: str) -> None:
    """Once, of one thread, with the plan as it stands and when (rulings 4, 7, 9 to 16, 20, 37, 47)."""
    outcome = run(HEAD + facts)

    found = ["; ".join(row[1:]) for row in outcome.alerts("to | plans | urgency") if row[0] == "la E09"]
    assert ([] if told == "-" else [told]) == found


STOPS = rows("""
    arrival          | others
    2027-02-28T23:59 | la E09: E40, la E40: E09
    2027-03-01T00:00 | la E09: -
    2027-03-31T22:59 | la E09: -
    2027-03-31T23:00 | la E09: E40, la E40: E09
""")


@pytest.mark.parametrize(("arrival", "others"), STOPS)
def test_an_authority_that_has_stopped_is_not_named_to_another(run: Run, arrival: str, others: str) -> None:
    """E42 was taken over by E40, which stops for March by London's days (rulings 19, 45)."""
    outcome = run(f"""{HEAD}
        2027-02-20 | plan | CPP E42 |
        2027-02-20 | plan | CPP E40 | start=2027-02-01
        2027-02-20 | plan | LAC E09 |
        {arrival}  | A04  | v1      |
    """)

    told = [f"{to}: {named}" for to, named in outcome.alerts("to | others") if to.startswith("la")]
    assert others == ", ".join(told)


LEFT = {
    "its admission stays alone": ("v1", "v2", "admitted", "-"),
    "or goes, and the departure stands again": ("v2", "v1", "discharged", "T+2h"),
}


@pytest.mark.parametrize(("gone", "stays", "state", "departed_at"), LEFT.values(), ids=LEFT.keys())
def test_one_of_two_visits_in_a_thread_was_somebody_elses(
    run_recorded: RunMoving, gone: str, stays: str, state: str, departed_at: str
) -> None:
    """The thread is what is left of it (rulings 7, 44)."""
    outcome = run_recorded(f"""{HEAD}
        {PLAN}
        T    | A04 | v1     | patient_class=E
        T+2h | A03 | v1     |
        T+3h | A01 | v2     | patient_class=I admission_type=21
        T+4h | A08 | {gone} | number=B
    """)

    head = "to | about | state | departed_at"
    assert [("la E09", stays, state, departed_at), ("provider RXX", stays, state, departed_at)] == [
        (to, about.removesuffix(" of A"), *rest) for to, about, *rest in outcome.alerts(head)
    ]
