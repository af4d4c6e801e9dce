"""
A live alert that nobody at the authority opens: the clinician is told to ring. Ruling 45.

`not-opened` is a timer's word about a visit, `opened` that every authority has opened what it was told.
"""

import pytest

from broker.core.alerts import Change, EventKind
from tests.spec.conftest import Run
from tests.spec.table import rows

HEAD = "recorded | fact | about | values\n"
PLAN = f"{HEAD} T-9d | plan | CPP E09 |\n"
VISIT = "T | A04 | v1 |\n"
TOLD = "to | notes"
QUIET = [("la E09", "-"), ("provider RXX", "-")]
RING = [("la E09", "-"), ("provider RXX", "not opened")]

WORDS = rows("""
    words                                                     | rings
    T+30m-1s not-opened                                       | no
    T+30m not-opened                                          | yes
    T+30m not-opened; T+31m opened                            | no
    T+31m opened; T+30m not-opened                            | no
    T+30m opened; T+31m not-opened                            | yes
    T+30m not-opened; T+30m opened                            | no
    T+30m not-opened; T+2h opened; T+3h not-opened            | yes
    T+20m opened                                              | no
""")


@pytest.mark.parametrize(("words", "rings"), WORDS)
def test_the_clinician_is_told_to_ring_an_authority_that_has_not_opened_it(
    run: Run, words: str, rings: str
) -> None:
    """30 minutes after the arrival at the earliest; the newest word counts, in any order (45, 37)."""
    said = "".join(
        f"{at} | notice | n{place} {kind} | visit=v1\n"
        for place, (at, kind) in enumerate(word.split() for word in words.split("; "))
    )
    assert (RING if rings == "yes" else QUIET) == run(f"{PLAN}{VISIT}{said}").alerts(TOLD)


def test_that_it_is_not_opened_is_loud_and_that_it_is_joins_the_thread(run_stepwise: Run) -> None:
    """The clinician has to ring; that somebody opened it reopens nothing (ruling 45)."""
    outcome = run_stepwise(f"""{PLAN}{VISIT}
        T+30m | notice | n1 not-opened | visit=v1
        T+31m | notice | n2 opened     | visit=v1
    """)

    provider = [event for event in outcome.events if event.alert.recipient.code.code == "RXX"]
    assert [
        (EventKind.RAISED, (), True),
        (EventKind.UPDATED, (Change.NOT_OPENED,), True),
        (EventKind.UPDATED, (Change.NOTE,), False),
    ] == [(event.kind, event.changes, event.loud) for event in provider]
    assert 1 == len(outcome.events) - len(provider)


@pytest.mark.parametrize(
    "table",
    [
        f"{HEAD}{VISIT}",  # no plan: nobody was told
        f"{PLAN} T | A04 | v1 | patient_class=P\n",  # scheduled
        f"{PLAN} T | A04 | v1 | family=Other given=Alex birth_date=2013-01-01\n",  # somebody else, perhaps
    ],
)
def test_where_nobody_was_told_no_word_tells_the_provider(run: Run, table: str) -> None:
    """It says nothing of a plan to a provider that is not told of one (rulings 3, 20, 45)."""
    outcome = run(f"{table} T+1h | notice | n1 not-opened | visit=v1\n")
    assert [] == outcome.alerts(TOLD)


def test_of_a_restricted_record_the_safeguarding_role_is_told_to_ring(run: Run) -> None:
    """Nobody else of the provider hears of it (rulings 24, 45)."""
    outcome = run(f"{PLAN}{VISIT} T | notice | n0 |\n T+1h | notice | n1 not-opened | visit=v1\n")

    told = [row for row in outcome.alerts("to | route | notes") if row[0] == "provider RXX"]
    assert [("provider RXX", "safeguarding role", "restricted; not opened")] == told
