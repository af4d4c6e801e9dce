"""
A person on hold: nobody is told `no plan`, and when it is over all is as if it had not been (ADR 0036).

What stands, stands; what protects does not wait; an urgent item says so as long as it lasts.
"""

import pytest

from broker.core.alerts import ItemKind
from tests.spec.conftest import RunMoving
from tests.spec.table import rows

HEAD = "\nrecorded | fact | about | values\n"
PLAN = "T-9d | plan | CPP E09 |"
VISIT = "T | A04 | v1 |"
HELD = "T-1h | notice | n1 on-hold |"
ALERTS = "to | state | plans"
ON_HOLD = [(ItemKind.PERSON_ON_HOLD, True, None)]

STAMPS = rows("""
    begun | ended | held
    T-1h  | -     | yes
    T-1h  | T-2h  | yes
    T-1h  | T-1h  | no
    T-1h  | T-30m | no
    T-1h  | T+1h  | no
    -     | T-1h  | no
    T+1h  | T+30m | yes
""")


@pytest.mark.parametrize("plan", ["", PLAN])
@pytest.mark.parametrize(("begun", "ended", "held"), STAMPS)
def test_the_newest_word_says_whether_a_person_is_on_hold(
    run_moving: RunMoving, begun: str, ended: str, held: str, plan: str
) -> None:
    """Never `no plan` while it lasts; by the stamps, and at equal ones it is over (rulings 37, 41)."""
    words = [f"{begun} | notice | n1 on-hold |" if begun != "-" else ""]
    words += [f"{ended} | notice | n2 hold-ended |" if ended != "-" else ""]
    outcome = run_moving(HEAD + "\n".join(filter(None, [plan, *words, VISIT])))

    free = "plan on file" if plan else "no plan on file"
    assert ("could not check: set aside" if held == "yes" else free) == outcome.answer()
    assert (ON_HOLD if held == "yes" else []) == outcome.asked
    assert held == "yes" or bool(plan) == bool(outcome.standing)


def test_what_waited_is_told_as_if_it_had_not(run_moving: RunMoving) -> None:
    """The same alerts, to the same recipients, when the hold is over (rulings 7, 19)."""
    facts = [PLAN, VISIT, "T+1h | A03 | v1 | departed_at=T+1h", "T+2h | plan | LAC E08 |"]
    over = "T+3h | notice | n2 hold-ended |"

    held = run_moving(HEAD + "\n".join([HELD, *facts, over]))
    undisturbed = run_moving(HEAD + "\n".join(facts))

    assert undisturbed.alerts(ALERTS) == held.alerts(ALERTS) != []
    assert [] == held.asked


def test_alerts_that_stand_stay_and_what_is_asked_could_not_be_checked(run_moving: RunMoving) -> None:
    """A hold takes nothing back (ruling 7); it tells nobody who asks that nothing more is known (41)."""
    told = [PLAN, VISIT]
    on_hold = run_moving(HEAD + "\n".join([*told, "T+1h | notice | n1 on-hold |"]), stepwise=True)

    assert run_moving(HEAD + "\n".join(told)).alerts(ALERTS) == on_hold.alerts(ALERTS) != []
    assert "could not check: set aside" == on_hold.answer()


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
