"""Too much of one visit, and too many plans: ruling 7, architecture section 2 (bad input)."""

from broker.core.floods import FOLD_FROM
from tests.spec.conftest import Run
from tests.spec.table import rows

PLAN = """
    recorded | fact | about   | values
    T-99d    | plan | CPP E09 |
"""


def updates(count: int) -> str:
    """Return rows of so many updates of one visit that say the same, a second apart."""
    return "\n".join(f"T+{second}s | A08 | v1 | location=MAJORS" for second in range(1, count + 1))


def test_a_flood_of_equal_updates_raises_one_alert(run: Run) -> None:
    """And the discharge behind it is told as ever (ruling 7)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 |
        {updates(FOLD_FROM + 20)}
        T+1h | A03 | v1 |
    """)

    assert rows("""
        to           | state
        la E09       | discharged
        provider RXX | discharged
    """) == outcome.alerts("to | state")


def test_few_enough_updates_are_all_kept(run: Run) -> None:
    """The same on the other side of the bound, with the end recorded before the flood's last message."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 |
        T+9s | A03 | v1 |
        {updates(30)}
    """)

    assert rows("""
        to           | state
        la E09       | discharged
        provider RXX | discharged
    """) == outcome.alerts("to | state")


def test_a_person_with_200_plans_of_one_authority_has_one_alert_for_each_recipient(run: Run) -> None:
    """All plans are in it, and nothing stands still (ruling 19)."""
    plans = "\n".join(
        f"T-99d | plan | CPP E09 | start=D-{100 + number} file_id={number}" for number in range(200)
    )
    outcome = run(f"""
        recorded | fact | about | values
        {plans}
        T        | A04  | v1    |
    """)

    assert [("la E09",), ("provider RXX",)] == outcome.alerts("to")
    assert {"v1": "shared"} == outcome.whys
