"""
A person who was on hold: when it is over all is as if it had not been; what protects never waited (ADR 0036).

How long one lasts is the matcher's, by the clock of its partition, which is far ahead where many rows share a
Kafka: what is answered meanwhile is in tests/unit/services/test_holds.py.
"""

import pytest

from tests.spec.conftest import RunMoving
from tests.spec.table import rows

HEAD = "\nrecorded | fact | about | values\n"
PLAN = "T-9d | plan | CPP E09 |"
VISIT = "T | A04 | v1 |"
HELD = "T-1h | notice | n1 on-hold |"
ALERTS = "to | state | plans"

STAMPS = rows("""
    begun | ended
    T-1h  | T-1h
    T-1h  | T-30m
    T-1h  | T+1h
    -     | T-1h
""")


@pytest.mark.parametrize("plan", ["", PLAN])
@pytest.mark.parametrize(("begun", "ended"), STAMPS)
def test_a_hold_that_is_over_changes_no_answer(
    run_moving: RunMoving, begun: str, ended: str, plan: str
) -> None:
    """By the stamps; at equal ones it is over, and one that never began ends nothing (rulings 37, 41)."""
    words = [
        f"{begun} | notice | n1 on-hold |" if begun != "-" else "",
        f"{ended} | notice | n2 hold-ended |",
    ]
    outcome = run_moving(HEAD + "\n".join(filter(None, [plan, *words, VISIT])))

    assert ("plan on file" if plan else "no plan on file") == outcome.answer()
    assert ([], bool(plan)) == (outcome.asked, bool(outcome.standing))


def test_what_waited_is_told_as_if_it_had_not(run_moving: RunMoving) -> None:
    """The same alerts, to the same recipients, when the hold is over (rulings 7, 19)."""
    facts = [PLAN, VISIT, "T+1h | A03 | v1 | departed_at=T+1h", "T+2h | plan | LAC E08 |"]
    over = "T+3h | notice | n2 hold-ended |"

    held = run_moving(HEAD + "\n".join([HELD, *facts, over]))
    undisturbed = run_moving(HEAD + "\n".join(facts))

    assert undisturbed.alerts(ALERTS) == held.alerts(ALERTS) != []
    assert [] == held.asked


def test_alerts_that_stand_stay(run_moving: RunMoving) -> None:
    """A hold takes nothing back (ruling 7)."""
    told = [PLAN, VISIT]
    on_hold = run_moving(HEAD + "\n".join([*told, "T+1h | notice | n1 on-hold |"]), stepwise=True)

    assert run_moving(HEAD + "\n".join(told)).alerts(ALERTS) == on_hold.alerts(ALERTS) != []


@pytest.mark.parametrize(
    "mark", ["T+2h | notice | n2 restricted |", "T+2h | A08 | v1 | restricted=yes"], ids=["notice", "message"]
)
def test_what_restricts_a_record_does_not_wait(run_moving: RunMoving, mark: str) -> None:
    """What was told is reduced at once, hold or no hold (ruling 24)."""
    facts = [PLAN, VISIT, "T+1h | notice | n1 on-hold |", mark]
    outcome = run_moving(HEAD + "\n".join(facts), stepwise=True)

    assert "could not check: restricted" == outcome.answer()
    assert [
        ("la E09", "recipients of restricted records"),
        ("provider RXX", "safeguarding role"),
    ] == outcome.alerts("to | route")
