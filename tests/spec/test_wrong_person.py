"""
A visit that changes its number has been recorded under the wrong person. Rulings 21, 37, 42, 44.

What is said of the former number, and when, intake decides: the tables hold what hospitals sent.
"""

import pytest

from broker.core.alerts import Change, EventKind, Why
from tests.spec.conftest import RunMoving
from tests.spec.table import rows

WRONG = "ruling 44: recorded under the wrong person"
TOLD_B = [("B", "la E09", "v1 of B"), ("B", "provider RXX", "v1 of B")]
TOLD_A = [("A", "la E09", "v1 of A"), ("A", "provider RXX", "v1 of A")]
HEAD = "number | to | about"

PLANS = rows("""
    plans | told
    A     | -
    B     | B
    A B   | B
""")


@pytest.mark.parametrize(("plans", "told"), PLANS, ids=[row[0] for row in PLANS])
def test_a_visit_begins_anew_under_the_second_number(run_recorded: RunMoving, plans: str, told: str) -> None:
    """Whoever has a plan: nothing stands under the first number any more (ruling 44)."""
    table = "\n".join(f"T-9d | plan | CPP E09 | number={number}" for number in plans.split())
    outcome = run_recorded(f"""
        recorded | fact | about | values
        {table}
        T        | A04  | v1    | number=A
        T+1h     | A08  | v1    | number=B
    """)

    assert {"-": [], "B": TOLD_B}[told] == outcome.alerts(HEAD)
    expected = {"v1 of A": WRONG} if "A" in plans else {}
    expected |= {"v1 of B": "shared"} if "B" in plans else {}
    assert expected == outcome.whys


def test_everyone_told_of_the_first_person_is_told_to_disregard_it(run_recorded: RunMoving) -> None:
    """Retracted, loud, with the ruling as the reason; the second person's alert has an id of its own (44)."""
    outcome = run_recorded("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        T-9d     | plan | CPP E09 | number=B
        T        | A04  | v1      | number=A
        T+1h     | A08  | v1      | number=B
    """, stepwise=True)  # fmt: skip

    retracted = [event for event in outcome.events if event.kind is EventKind.RETRACTED]
    raised = [event for event in outcome.events if event.kind is EventKind.RAISED]
    assert [(2, Why.WRONG_PERSON, True)] * 2 == [(one.revision, one.why, one.loud) for one in retracted]
    assert 4 == len({event.alert.alert_id for event in raised})
    assert {one.alert.alert_id for one in retracted} == {one.alert.alert_id for one in raised[:2]}
    assert TOLD_B == outcome.alerts(HEAD)


ORDERS = rows("""
    then                                     | under
    T+1h A08 B                               | B
    T+1h A08 B; T+30m A08 A                  | B
    T+1h A08 B; T+59m A08 A                  | B
    T+1h A08 B; T+1h A08 A control_id=b      | B
    T+1h A08 B; T+1h A08 A control_id=d      | A
    T+1h A08 B; T+61m A08 A                  | A
    T+1h A08 B; T+2h A08 A; T+90m A08 B      | A
    T+1h A08 B; T+2h A08 A; T+3h A03 B       | B
    T+1h A08 C; T+2h A08 B                   | B
    T+2h A08 B; T+1h A08 C                   | B
    T-1h A08 B                               | A
    T+2h A08 A; T+1h A08 B                   | A
    T+1h A08 B; T+2h A08 A received=T+50m    | B
""")


@pytest.mark.parametrize(("then", "under"), ORDERS, ids=[row[0] for row in ORDERS])
def test_the_number_of_the_newest_message_is_the_visits(
    run_recorded: RunMoving, then: str, under: str
) -> None:
    """By the sender's stamps, then MSH-10 as text: what comes late moves nothing back (rulings 37, 44)."""
    parts = [part.split(maxsplit=3) for part in then.split("; ")]
    table = "\n".join(
        f"{at} | {event} | v1 | number={number} {' '.join(values)}" for at, event, number, *values in parts
    )
    outcome = run_recorded(f"""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        T-9d     | plan | CPP E09 | number=B
        T        | A04  | v1      | number=A
        {table}
    """, stepwise=True)  # fmt: skip

    assert {"A": TOLD_A, "B": TOLD_B}[under] == outcome.alerts(HEAD)


def test_a_visit_that_comes_back_goes_on_under_its_first_id(run_recorded: RunMoving) -> None:
    """The alert that was retracted stands again, loud (rulings 7, 44)."""
    outcome = run_recorded("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        T        | A04  | v1      | number=A
        T+1h     | A08  | v1      | number=B
        T+2h     | A08  | v1      | number=A
    """, stepwise=True)  # fmt: skip

    assert TOLD_A == outcome.alerts(HEAD)
    assert [("raised", 1), ("retracted", 2), ("updated", 3)] == sorted(
        {(event.kind.value, event.revision) for event in outcome.events}, key=lambda told: told[1]
    )
    assert 2 == len({event.alert.alert_id for event in outcome.events})
    assert all(event.loud and (Change.REINSTATED,) == event.changes for event in outcome.events[-2:])


def test_a_message_that_comes_late_reinstates_nothing_for_a_moment(run_recorded: RunMoving) -> None:
    """Nobody is told to disregard the same twice (ruling 44)."""
    outcome = run_recorded("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        T        | A04  | v1      | number=A
        T+2h     | A08  | v1      | number=B
        T+1h     | A08  | v1      | number=A received=T+3h
    """, stepwise=True)  # fmt: skip

    assert ["raised"] * 2 + ["retracted"] * 2 == [event.kind.value for event in outcome.events]


def test_two_visits_that_exchange_their_numbers(run_recorded: RunMoving) -> None:
    """A number swap by A08: each child's alert is about its own visit afterwards (ruling 44)."""
    outcome = run_recorded("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        T-9d     | plan | CPP E08 | number=B
        T        | A04  | v1      | number=A
        T        | A04  | v2 RLL  | number=B
        T+1h     | A08  | v1      | number=B
        T+2h     | A08  | v2 RLL  | number=A
    """, stepwise=True)  # fmt: skip

    assert rows("""
        number | to           | about
        A      | la E09       | v2 of A
        A      | provider RLL | v2 of A
        B      | la E08       | v1 of B
        B      | provider RXX | v1 of B
    """) == outcome.alerts(HEAD)
    assert {"v1 of A": WRONG, "v2 of A": "shared", "v1 of B": "shared", "v2 of B": WRONG} == outcome.whys


SAME_NUMBERS = rows("""
    second                | told
    A04 v1 RXX WARDSYS    | A
    A04 v1 RLL EDSYS      | A
    A04 v2 RXX EDSYS      | A
    A04 v1 RXX EDSYS      | -
""")


@pytest.mark.parametrize(("second", "told"), SAME_NUMBERS, ids=[row[0] for row in SAME_NUMBERS])
def test_two_systems_with_one_visit_number_are_two_visits(
    run_recorded: RunMoving, second: str, told: str
) -> None:
    """Sending system, provider and visit number make a visit; only the same one leaves (rulings 6, 44)."""
    event, visit, provider, system = second.split()
    outcome = run_recorded(f"""
        recorded | fact    | about              | values
        T-9d     | plan    | CPP E09            | number=A
        T        | A04     | v1                 | number=A
        T+1h     | {event} | {visit} {provider} | number=B system={system}
    """)

    assert {"A": TOLD_A, "-": []}[told] == outcome.alerts(HEAD)


def test_the_visit_is_no_earlier_one_of_the_wrong_person(run_recorded: RunMoving) -> None:
    """It counts for nobody but whose it is (rulings 8, 44)."""
    outcome = run_recorded("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        T-2d     | A04  | v1      | number=A
        T-1d     | A03  | v1      | number=B
        T        | A04  | v2      | number=A
    """)

    assert [("0",), ("0",)] == outcome.alerts("earlier_visits")


def test_an_admission_stands_alone_when_the_visit_that_it_joined_has_left(run_recorded: RunMoving) -> None:
    """The thread is retracted, and the admission has one of its own (rulings 7, 44)."""
    outcome = run_recorded("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        T        | A04  | v1      | number=A patient_class=E
        T+1h     | A01  | v2      | number=A patient_class=I admission_type=21
        T+2h     | A08  | v1      | number=B
    """, stepwise=True)  # fmt: skip

    assert [("A", "la E09", "v2 of A"), ("A", "provider RXX", "v2 of A")] == outcome.alerts(HEAD)
    assert {"v1 of A": WRONG, "v2 of A": "shared"} == outcome.whys


def test_a_plan_that_comes_after_a_visit_has_left_alerts_nobody(run_recorded: RunMoving) -> None:
    """In whichever order they come (rulings 11, 44)."""
    outcome = run_recorded("""
        recorded | fact | about   | values
        T        | A04  | v1      | number=A
        T+1h     | A08  | v1      | number=B
        T+2h     | plan | CPP E09 | number=A
    """)

    assert ((), {"v1 of A": WRONG}) == (outcome.events, outcome.whys)


def test_what_a_sensitive_place_records_stays_unread_when_it_leaves(run_recorded: RunMoving) -> None:
    """Nobody was told, and nobody is told to disregard anything (rulings 44, 47)."""
    outcome = run_recorded("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        T        | A04  | v1 RLL  | number=A location=HAVEN
        T+1h     | A08  | v1 RLL  | number=B location=HAVEN
    """)

    assert ((), {"v1 of A": WRONG}) == (outcome.events, outcome.whys)


def test_a_succession_that_is_told_later_restores_the_thread(run_recorded: RunMoving) -> None:
    """Under its first id: the two numbers were one person's all along (rulings 22, 44)."""
    outcome = run_recorded("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       | number=A
        T        | A04    | v1            | number=A
        T+1h     | A08    | v1            | number=B
        T+2h     | notice | n1 superseded | number=A by=B
    """, stepwise=True)  # fmt: skip

    assert TOLD_B == outcome.alerts(HEAD)
    assert 2 == len({event.alert.alert_id for event in outcome.events})
    assert ["raised", "retracted", "updated"] == sorted({event.kind.value for event in outcome.events})


def test_a_succession_that_is_known_before_retracts_nothing(run_recorded: RunMoving) -> None:
    """The hospital merely learns the new number: nobody is told to disregard anything (rulings 22, 44)."""
    outcome = run_recorded("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       | number=A
        T        | A04    | v1            | number=A
        T+1h     | notice | n1 superseded | number=A by=B
        T+2h     | A03    | v1            | number=B departed_at=T+2h
    """, stepwise=True)  # fmt: skip

    assert [("B", "discharged")] * 2 == outcome.alerts("number | state")
    assert {"raised", "updated"} == {event.kind.value for event in outcome.events}


INVALIDATED = rows("""
    invalidated | retracted
    T+1h        | no
    T+3h        | yes
""")


@pytest.mark.parametrize(("at", "retracted"), INVALIDATED, ids=[row[0] for row in INVALIDATED])
def test_a_number_not_in_use_is_told_nothing(run_recorded: RunMoving, at: str, retracted: str) -> None:
    """No event is made for an invalidated number, and the visit begins anew under the second (23, 44)."""
    facts = ["T+2h | A08 | v1 | number=B", f"{at} | notice | n1 invalidated | number=A"]
    table = "\n".join(sorted(facts))
    outcome = run_recorded(f"""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        T-9d     | plan | CPP E08 | number=B
        T        | A04  | v1      | number=A
        {table}
    """, stepwise=True)  # fmt: skip

    assert (retracted == "yes") == (EventKind.RETRACTED in {event.kind for event in outcome.events})
    assert {("B", "la E08"), ("B", "provider RXX")} <= set(outcome.alerts("number | to"))


BEGUN = rows("""
    notice                                   | arrival
    T+1h / notice / n1 invalidated / number=A | T+2h
    T+1h / notice / n1 in-use / number=A      | T-30m
    T+1h / notice / n1 invalidated / number=C | T-30m
    T+3h / notice / n1 invalidated / number=A | T-30m
    T+90m / notice / n2 in-use / number=A; T+1h / notice / n1 invalidated / number=A | T-30m
""")


@pytest.mark.parametrize(("notice", "arrival"), BEGUN)
def test_under_a_new_number_a_visit_arrives_when_it_is_first_told_there(
    run_recorded: RunMoving, notice: str, arrival: str
) -> None:
    """
    Once the former number is known not to be in use, whatever the hospital goes on stating (rulings 23, 44).

    Else arrival is what the hospital states (37), and the same under both numbers would connect them.
    """
    stated = "number=B arrived_at=T-30m occurred_at=T-31m"
    outcome = run_recorded(
        "\n".join(
            [
                "recorded | fact | about | values",
                "T-9d | plan | CPP E08 | number=B",
                "T | A04 | v1 | number=A arrived_at=T-30m",
                *(one.replace("/", "|") for one in notice.split("; ") if not one.startswith("T+3h")),
                f"T+2h | A08 | v1 | {stated}",
                f"T+150m | A08 | v1 | {stated}",
                *(one.replace("/", "|") for one in notice.split("; ") if one.startswith("T+3h")),
            ]
        )
    )

    assert {("B", arrival)} == set(outcome.alerts("number | arrived_at"))


@pytest.mark.parametrize(
    ("corrected", "why"),
    [("", "ruling 43: pregnancy ended"), ("T+1h | A08 | v1 | number=B", "shared")],
)
def test_a_stillbirth_goes_with_the_visit_that_told_of_it(
    run_recorded: RunMoving, corrected: str, why: str
) -> None:
    """By itself: the first person's plan alerts again, whenever the visit's number is corrected (43, 44)."""
    outcome = run_recorded(f"""
        recorded | fact | about   | values
        T-9d     | plan | UCP E09 | number=A start=D-100 end=D+20
        T-5h     | A04  | v1      | number=A
        T-4h     | A03  | v1      | number=A departed_at=T-4h disposition=5
        T        | A04  | v2      | number=A
        {corrected}
    """)

    assert why == outcome.whys["v2 of A"]
