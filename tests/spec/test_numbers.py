"""Numbers that change: what is superseded moves, what is under enquiry is said. Rulings 22, 38."""

import pytest

from broker.core.alerts import EventKind
from broker.core.worklist import ItemKind
from tests.spec.conftest import RunMoving
from tests.spec.table import rows

HEAD = "number | to | about"
BOTH_UNDER_B = rows("""
    number | to           | about
    B      | la E09       | v1
    B      | provider RXX | v1
""")

MEETINGS = rows("""
    plan | visit | then
    A    | A     |
    A    | B     |
    B    | A     |
    B    | B     |
""")


@pytest.mark.parametrize("late", [False, True], ids=["succession first", "succession last"])
@pytest.mark.parametrize(("plan", "visit", "then"), MEETINGS)
def test_plan_and_visit_meet_under_the_successor(
    run_moving: RunMoving,
    plan: str,
    visit: str,
    then: str,
    late: bool,  # noqa: FBT001
) -> None:
    """Whichever number each of them came under, and whenever the source says so (ruling 22)."""
    facts = [
        "T-1d | notice | n1 superseded | by=B",
        f"T-9d | plan | CPP E09 | number={plan} {then}",
        f"T | A04 | v1 | number={visit}",
    ]
    order = facts[1:] + facts[:1] if late else facts
    outcome = run_moving("recorded | fact | about | values\n" + "\n".join(order))

    assert BOTH_UNDER_B == outcome.alerts(HEAD)
    assert {"v1": "shared"} == outcome.whys


def test_without_a_succession_two_numbers_stay_apart(run_moving: RunMoving) -> None:
    """A plan under one number is no plan of another (ruling 42)."""
    outcome = run_moving("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        T        | A04  | v1      | number=B
    """)

    assert [] == outcome.standing


def test_an_alert_sent_keeps_its_id_and_gains_a_quiet_update(run_moving: RunMoving) -> None:
    """It says that the number was superseded, and is sent under the new one (ruling 22)."""
    outcome = run_moving("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       |
        T        | A04    | v1            |
        T+1h     | notice | n1 superseded | by=B
    """, stepwise=True)  # fmt: skip

    assert BOTH_UNDER_B == outcome.alerts(HEAD)
    assert 2 == len({event.alert.alert_id for event in outcome.events})
    assert [(EventKind.UPDATED, 2, ("number superseded",), False)] * 2 == [
        (event.kind, event.revision, event.changes, event.loud) for event in outcome.events[2:]
    ]


@pytest.mark.parametrize(
    ("between", "revision"),
    [
        ("T+1h | A11 | v1 RLL | cancel_reason=ERR", 3),  # withdrawn under the former number
        ("T+1h | notice | n2 invalidated |", 2),  # whoever was told has been made to forget it (23)
    ],
)
def test_an_alert_that_stands_again_under_the_new_number_says_both_aloud(
    run_moving: RunMoving, between: str, revision: int
) -> None:
    """Its readers have the former number; who had not read it yet would miss it else (rulings 22, 23)."""
    outcome = run_moving(f"""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       |
        T        | A04    | v1 RLL        |
        {between}
        T+2h     | notice | n1 superseded | by=B
        T+3h     | A04    | v1 RLL        | number=B
        T+4h     | A08    | v1 RLL        | number=B acuity=3
    """, stepwise=True)  # fmt: skip

    assert rows("""
        number | to           | state
        B      | la E09       | present
        B      | provider RLL | present
    """) == outcome.alerts("number | to | state")
    again = [event for event in outcome.events if "reinstated" in event.changes]
    assert [(revision, True)] * 2 == [(event.revision, event.loud) for event in again]
    assert all("number superseded" in event.changes for event in again)


def test_a_visit_recorded_under_both_numbers_is_one_thread(run_moving: RunMoving) -> None:
    """A discharge under the new number ends the visit that began under the old one (rulings 6, 7, 22)."""
    outcome = run_moving("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       |
        T        | A04    | v1            |
        T+1h     | notice | n1 superseded | by=B
        T+2h     | A03    | v1            | number=B departed_at=T+2h
    """)

    assert rows("""
        number | to           | state
        B      | la E09       | discharged
        B      | provider RXX | discharged
    """) == outcome.alerts("number | to | state")


def test_a_visit_told_under_both_numbers_stands_once(run_moving: RunMoving) -> None:
    """Of two alerts to one recipient about one visit one goes on, the other is withdrawn (ruling 22)."""
    outcome = run_moving("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       | number=A
        T-9d     | plan   | CPP E09       | number=B
        T        | A04    | v1            | number=A
        T+1h     | A08    | v1            | number=B
        T+2h     | notice | n1 superseded | by=B
    """, stepwise=True)  # fmt: skip

    assert BOTH_UNDER_B == outcome.alerts(HEAD)
    withdrawn = [event for event in outcome.events if event.kind is EventKind.WITHDRAWN]
    assert [None, None] == [event.why for event in withdrawn]


def test_every_authority_with_a_plan_under_either_number_is_told(run_moving: RunMoving) -> None:
    """Each with its own plans, as for a person who had one number all along (rulings 19, 22)."""
    outcome = run_moving("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       | number=A
        T-9d     | plan   | LAC E08       | number=B
        T-1d     | notice | n1 superseded | by=B
        T        | A04    | v1            | number=A
    """)

    assert rows("""
        to           | plans                  | others
        la E08       | LAC active             | E09
        la E09       | CPP active             | E08
        provider RXX | LAC active; CPP active | -
    """) == outcome.alerts("to | plans | others")


CHAINS = rows("""
    says                                                     | survivor
    T-3h A superseded by=B; T-2h B superseded by=C           | C
    T-2h B superseded by=C; T-3h A superseded by=B           | C
    T-3h A superseded by=C; T-3h B superseded by=C           | C
    T-3h A superseded by=B; T-3h B superseded by=C           | C
    T-3h A superseded by=B; T-2h B superseded by=A           | A
    T-2h B superseded by=A; T-3h A superseded by=B           | A
    T-3h A superseded by=B; T-2h B superseded by=C; T-1h C superseded by=A | A
    T-2h A in-use; T-3h A superseded by=B                    | A
    T-3h A in-use; T-2h A superseded by=B                    | B
    T-3h A invalidated; T-2h A in-use                        | A
""")


@pytest.mark.parametrize(("says", "survivor"), CHAINS, ids=[row[0] for row in CHAINS])
def test_the_newest_word_of_the_source_counts_for_each_number(
    run_moving: RunMoving, says: str, survivor: str
) -> None:
    """Chains are followed to their end, and back; an older word that comes late changes nothing (22, 37)."""
    notices = [part.split(maxsplit=3) for part in says.split("; ")]
    table = "\n".join(
        f"{at} | notice | n{place} {kind} | number={number} {' '.join(by)}"
        for place, (at, number, kind, *by) in enumerate(notices)
    )
    outcome = run_moving(f"""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | number=A
        {table}
        T        | A04  | v1      | number=A
    """)

    assert [(survivor, "la E09"), (survivor, "provider RXX")] == outcome.alerts("number | to")


def test_what_is_told_after_the_source_took_a_succession_back_has_ids_of_its_own(
    run_moving: RunMoving,
) -> None:
    """The alert told before goes on under B; the visit that comes again under A has another (ruling 22)."""
    outcome = run_moving("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       | number=A
        T        | A04    | v1            | number=A
        T+1h     | notice | n1 superseded | by=B
        T+2h     | notice | n2 in-use     | number=A
        T-9d     | plan   | CPP E09       | number=A
        T        | A04    | v1            | number=A
    """, stepwise=True)  # fmt: skip
    revisions: dict[str, list[int]] = {}
    for event in outcome.events:
        revisions.setdefault(event.alert.alert_id, []).append(event.revision)

    assert ["A", "A", "B", "B"] == [number for number, _ in outcome.alerts("number | to")]
    assert [[1], [1], [1, 2], [1, 2]] == sorted(revisions.values())


def test_an_alert_whose_number_came_back_with_it_keeps_its_id(run_moving: RunMoving) -> None:
    """A→B→A with nothing told in between: nothing is raised a second time (ruling 22)."""
    outcome = run_moving("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       | number=A
        T        | A04    | v1            | number=A
        T+1h     | notice | n1 superseded | by=B
        T+2h     | notice | n2 superseded | number=B by=A
        T+3h     | A08    | v1            | number=A
    """, stepwise=True)  # fmt: skip

    assert [("A", "la E09"), ("A", "provider RXX")] == outcome.alerts("number | to")
    assert 2 == len({event.alert.alert_id for event in outcome.events})
    assert 2 == sum(event.kind is EventKind.RAISED for event in outcome.events)


def test_a_restriction_follows_the_person(run_moving: RunMoving) -> None:
    """It is not the number's but the person's (rulings 22, 24)."""
    outcome = run_moving("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       |
        T-8d     | notice | n1            |
        T-1d     | notice | n2 superseded | by=B
        T        | A04    | v1            | number=B
    """)

    assert [("restricted",)] * 2 == outcome.alerts("notes")


@pytest.mark.parametrize(
    ("lifted", "notes"), [("", "restricted"), ("T-1h | notice | n4 restriction-lifted |", "-")]
)
def test_a_number_that_its_source_takes_back_is_still_restricted(
    run_moving: RunMoving, lifted: str, notes: str
) -> None:
    """The record moved, its mark holds for both numbers until it is lifted (rulings 22, 24)."""
    outcome = run_moving(f"""
        recorded | fact   | about         | values
        T-8d     | notice | n1            | number=A
        T-3d     | notice | n2 superseded | by=B
        T-2d     | notice | n3 in-use     | number=A
        {lifted}
        T-9d     | plan   | CPP E09       | number=A
        T        | A04    | v1            | number=A
    """, stepwise=True)  # fmt: skip

    assert [("A", notes)] * 2 == outcome.alerts("number | notes")


def test_work_that_is_open_stays_open_under_the_successor(run_moving: RunMoving) -> None:
    """One item, not two (rulings 22, 46)."""
    outcome = run_moving("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       |
        T        | A04    | v1            | family=Other given=Alex control_id=MSG-7
        T+1h     | notice | n1 superseded | by=B
    """)

    assert [(ItemKind.DETAILS_DISAGREE, True, "MSG-7")] == outcome.asked


def test_work_settled_under_the_successor_is_closed(run_moving: RunMoving) -> None:
    """The details that agree come under the new number (ruling 20)."""
    outcome = run_moving("""
        recorded | fact   | about         | values
        T-9d     | plan   | CPP E09       |
        T        | A04    | v1            | family=Other given=Alex
        T+1h     | notice | n1 superseded | by=B
        T+2h     | A08    | v1            | number=B
    """)

    assert ([], BOTH_UNDER_B) == (outcome.asked, outcome.alerts(HEAD))


ENQUIRIES = rows("""
    answer                             | authority
    -                                  | number change
    T-2h number-change                 | number change
    T-1d in-use                        | number change
    T-1h in-use                        | -
    T in-use                           | -
    T in-use; T+1h number-change       | number change
    T superseded by=B                  | -
    T-1d superseded by=B               | number change
""")


@pytest.mark.parametrize(("answer", "authority"), ENQUIRIES, ids=[row[0] for row in ENQUIRIES])
def test_a_number_change_is_under_enquiry_until_the_source_answers(
    run_moving: RunMoving, answer: str, authority: str
) -> None:
    """Matching goes on, the authority sees it, and the provider does not (ruling 38)."""
    answers = [part.split(maxsplit=2) for part in answer.split("; ") if part != "-"]
    table = "\n".join(
        f"{at} | notice | n{place} {kind} | {' '.join(by)}"
        for place, (at, kind, *by) in enumerate(answers, start=2)
    )
    outcome = run_moving(f"""
        recorded | fact   | about            | values
        T-9d     | plan   | CPP E09          |
        T-1h     | notice | n1 number-change |
        {table}
        T        | A04    | v1               |
    """)

    assert [("la E09", authority), ("provider RXX", "-")] == outcome.alerts("to | notes")


def test_a_view_of_a_number_under_enquiry_says_so(run_moving: RunMoving) -> None:
    """To the authority that is told of the view (rulings 1, 38)."""
    outcome = run_moving("""
        recorded | fact   | about            | values
        T-9d     | plan   | CPP E09          |
        T-1h     | notice | n1 number-change |
        T        | view   | a1               |
    """)

    assert [("la E09", "number change")] == outcome.alerts("to | notes")
