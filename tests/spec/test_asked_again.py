"""
What an authority is asked, and asked again as time passes: rulings 23, 26, 43; C19.

A timer says that it is that late, `time-passed`; what follows from it is decided here. `A` is the person
under whose number the plan is on file, in ruling 26 the mother of `B`. The day `D` begins at T-10h.
"""

import pytest

from broker.core.alerts import Change, EventKind
from tests.spec.conftest import RunMoving
from tests.spec.outcome import Outcome
from tests.spec.table import rows

HEAD = "recorded | fact | about | values\n"
UNBORN = f"{HEAD} T-60d | plan | UCP E09 | start=D-60 end=D\n"
ALERT = "to | about | notes | asked_again | route | urgency"
COUNTED = "to | about | asked_again"
NOTHING: list[tuple[str, ...]] = []
NONE_AWAITED = "ruling 43: no outcome of a pregnancy is awaited"
ASKED = ("la E09", "outcome of A", "tell outcome", "0", "duty social worker", "next working morning")


def passed(*times: str) -> str:
    """Return the rows of a timer that says that it is so late."""
    return "".join(f"{at} | notice | t{place} time-passed |\n" for place, at in enumerate(times))


def told(outcome: Outcome, to: str = "E09") -> list[tuple[EventKind, tuple[Change, ...]]]:
    """Return what an authority was told, event by event."""
    return [(one.kind, one.changes) for one in outcome.events if one.alert.recipient.code.code == to]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("T-10h-1s", NOTHING),  # the due date has not begun
        ("T-10h", [ASKED]),
        ("T+14h-1s", [ASKED]),
        ("T+14h", [(*ASKED[:3], "1", *ASKED[4:])]),  # a day later
        ("T-10h+29d-1s", [(*ASKED[:3], "28", *ASKED[4:])]),
        ("T-10h+29d", [("la E09", "outcome of A", "lapsed", "29", "safeguarding role", "now")]),
        ("T-10h+60d", [("la E09", "outcome of A", "lapsed", "29", "safeguarding role", "now")]),
    ],
)
def test_the_outcome_is_asked_from_the_due_date_and_lapses_at_day_29(
    run_moving: RunMoving, at: str, expected: list[tuple[str, ...]]
) -> None:
    """Every day; then it is said once that it lapsed, to the safeguarding lead (ruling 43)."""
    outcome = run_moving(f"{UNBORN}{passed(at)}")

    assert expected == outcome.alerts(ALERT)
    assert {"outcome of A": "shared" if expected else NONE_AWAITED} == outcome.whys


def test_without_a_timers_word_nobody_is_asked(run_moving: RunMoving) -> None:
    """The core reads no clock: what comes late for other reasons asks nobody (ruling 43)."""
    outcome = run_moving(f"{UNBORN} T+9d | notice | n1 in-use |")
    assert (NOTHING, {}) == (outcome.alerts(ALERT), outcome.whys)


def test_it_is_told_each_day_and_no_day_twice(run_moving: RunMoving) -> None:
    """Loud each time; a timer that fires twice, early, or late for several days is told once (43)."""
    times = ("T-10h", "T-9h", "T+14h", "T+13h", "T-10h+4d", "T-10h+29d", "T-10h+40d")
    outcome = run_moving(f"{UNBORN}{passed(*times)}", stepwise=True)

    again = (Change.ASKED_AGAIN,)
    lapsed = (Change.ASKED_AGAIN, Change.NOTE, Change.RECIPIENT_ROUTE)
    assert [
        (EventKind.RAISED, ()),
        (EventKind.UPDATED, again),
        (EventKind.UPDATED, again),
        (EventKind.UPDATED, lapsed),
    ] == told(outcome)
    assert all(event.loud for event in outcome.events)


ANSWERS = rows("""
    answer                                            | why
    T+1h notice n1 pregnancy-ended                    | ruling 43: pregnancy ended
    T+1h birth b1 baby=B born=D-1                     | ruling 43: no outcome of a pregnancy is awaited
    T+1h birth b1 baby=B                              | ruling 43: no outcome of a pregnancy is awaited
    T+1h plan UCP=E09 start=D-60 end=D deleted=D      | ruling 43: no outcome of a pregnancy is awaited
    T+1h plan UCP=E09 start=D-60 end=D+9              | ruling 43: no outcome of a pregnancy is awaited
    T-61d notice n1 pregnancy-ended                   | shared
    T-1d birth b1 baby=B born=D-61                    | shared
    T+1h plan CPP=E08 number=B                        | shared
""")


@pytest.mark.parametrize(("answer", "why"), ANSWERS)
@pytest.mark.parametrize("stepwise", [False, True])
def test_an_answer_ends_the_asking(run_moving: RunMoving, answer: str, why: str, *, stepwise: bool) -> None:
    """A birth, a loss, another due date, a removal; none before the plan's first day (43)."""
    at, kind, about, *values = answer.split()
    about, values = (about, values) if kind != "notice" else (f"{about} {values[0]}", [])
    row = f"{at} | {kind} | {about.replace('=', ' ')} | {' '.join(values)}\n"
    outcome = run_moving(f"{UNBORN}{passed('T')}{row}{passed('T+2h').replace('t0', 't1')}", stepwise=stepwise)

    asked = [one for one in outcome.alerts(ALERT) if one[1] == "outcome of A"]
    assert ([ASKED] * (why == "shared"), why) == (asked, outcome.whys["outcome of A"])


def test_a_stillbirth_is_an_outcome(run_moving: RunMoving) -> None:
    """Disposition 5 of a visit of the mother's, or a notice (ruling 43); any other discharge is none."""
    for disposition, why in (("5", "ruling 43: pregnancy ended"), ("7", "shared")):
        visit = f"T-1d | A04 | v1 |\n T-12h | A03 | v1 | disposition={disposition}\n"
        assert why == run_moving(f"{UNBORN}{visit}{passed('T')}").whys["outcome of A"]
    notice = "T-12h | notice | n1 stillbirth |\n"
    assert "ruling 43: pregnancy ended" == run_moving(f"{UNBORN}{notice}{passed('T')}").whys["outcome of A"]
    back = "T-11h | notice | n2 stillbirth-taken-back |\n"
    assert "shared" == run_moving(f"{UNBORN}{notice}{back}{passed('T')}").whys["outcome of A"]


def test_each_authority_is_asked_about_its_own_plan(run_moving: RunMoving) -> None:
    """By its own due date (rulings 19, 43); about a plan of a child nobody is asked."""
    outcome = run_moving(f"""{UNBORN}
        T-60d | plan | UCP E08 | start=D-50 end=D-3
        T-60d | plan | UCP E07 | start=D-50 end=D+3
        T-60d | plan | CPP E06 | start=D-50 end=D-3
        {passed("T")}""")

    assert [("la E08", "outcome of A", "3"), ("la E09", "outcome of A", "0")] == outcome.alerts(COUNTED)


@pytest.mark.parametrize(
    ("recorded", "why"),
    [("T", "shared"), ("T+29d", "ruling 18: out of view when recorded")],
)
def test_of_a_plan_that_was_history_nothing_is_asked(run_moving: RunMoving, recorded: str, why: str) -> None:
    """Out of view on the day of its record: it never alerts (rulings 18, 43)."""
    table = f"{HEAD} {recorded} | plan | UCP E09 | start=D-60 end=D\n"
    assert why == run_moving(f"{table}{passed('T+30d')}").whys["outcome of A"]


def test_of_a_restricted_record_those_are_asked_who_receive_such(run_moving: RunMoving) -> None:
    """The plan is the authority's own; no place is in it (rulings 24, 43)."""
    outcome = run_moving(f"{UNBORN} T-1d | notice | n1 |\n {passed('T-10h+29d')}")

    restricted = ("la E09", "random", "restricted; lapsed", "29", "recipients of restricted records", "now")
    assert [restricted] == outcome.alerts(ALERT)


@pytest.mark.parametrize(("at", "again"), [("T+23h-1s", "0"), ("T+23h", "1"), ("T+71h", "3")])
def test_the_authority_is_asked_every_day_to_open_the_babys_own_plan(
    run_moving: RunMoving, at: str, again: str
) -> None:
    """From when the birth was first recorded, until it answers (ruling 26)."""
    outcome = run_moving(f"""{HEAD}
        T-30d | plan | UCP E09 | start=D-10 end=D+60
        T-1h | birth | b1 | baby=B born=D-1
        {at} | notice | n1 time-passed | number=B
    """)

    assert [("la E09", "birth of B", again)] == outcome.alerts(COUNTED)


def test_the_answer_ends_the_asking_for_the_babys_own_plan(run_moving: RunMoving) -> None:
    """A plan of its own is the answer: no timer raises it again (ruling 26)."""
    outcome = run_moving(f"""{HEAD}
        T-30d | plan | UCP E09 | start=D-10 end=D+60
        T-1h | birth | b1 | baby=B born=D-1
        T+1d | notice | n1 time-passed | number=B
        T+2d | plan | CPP E09 | number=B start=D
        T+3d | notice | n2 time-passed | number=B
    """, stepwise=True)  # fmt: skip

    kinds = [kind for kind, _ in told(outcome)]
    assert [EventKind.RAISED, EventKind.UPDATED, EventKind.WITHDRAWN] == kinds


INACTIVE = rows("""
    plan | at       | again | route
    CPP  | T+1m-1s  | 0     | duty social worker
    CPP  | T+1m     | 1     | safeguarding role
    LAC  | T+1m     | 1     | duty social worker
    CPP  | T+3d+1m  | 4     | safeguarding role
""")


@pytest.mark.parametrize(("plan", "at", "again", "route"), INACTIVE)
def test_an_authority_with_a_plan_on_a_number_not_in_use_is_reminded_every_day(
    run_moving: RunMoving, plan: str, at: str, again: str, route: str
) -> None:
    """From the source's word, received at T-1d+1m; a day later to the safeguarding lead for a CPP (23)."""
    outcome = run_moving(f"""{HEAD}
        T-9d | plan | {plan} E09 |
        T-1d | notice | n1 invalidated |
        {at} | notice | n2 time-passed |
    """, stepwise=True)  # fmt: skip

    assert [("la E09", again, route)] == outcome.alerts("to | asked_again | route")
    reminders = [event for event in outcome.events if event.kind is EventKind.UPDATED]
    assert [None] * len(reminders) == [event.alert.child_id for event in reminders]
    assert (again != "0") == bool(reminders)


@pytest.mark.parametrize(
    "answer",
    ["plan | CPP E09 | end=D-9", "plan | CPP E09 | deleted=D", "notice | n3 in-use |"],
)
def test_the_reminders_end_when_the_plan_does_or_the_number_is_in_use(
    run_moving: RunMoving, answer: str
) -> None:
    """No timer raises it again (ruling 23)."""
    outcome = run_moving(f"""{HEAD}
        T-9d | plan | CPP E09 |
        T-1d | notice | n1 invalidated |
        T+1d | notice | n2 time-passed |
        T+2d | {answer}
        T+3d | notice | n4 time-passed |
    """, stepwise=True)  # fmt: skip

    assert NOTHING == outcome.alerts(ALERT)
    assert EventKind.WITHDRAWN is told(outcome)[-1][0]


def test_any_order_of_arrival_ends_in_the_same(run_moving: RunMoving) -> None:
    """The timer before the plan, the answer before either (rulings 37, 43)."""
    parts = [UNBORN.removeprefix(HEAD), passed("T"), "T+1h | birth | b1 | baby=B born=D-1\n"]
    for order in ((0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)):
        outcome = run_moving(HEAD + "".join(parts[place] for place in order), stepwise=True)
        assert NONE_AWAITED == outcome.whys["outcome of A"]


TAKEN_OVER = rows("""
    what        | authority | at      | to
    outcome     | E20       | T+37h   | la E20
    outcome     | E20       | T+38h   | la E21
    outcome     | E21       | T+240h  | la E22
    birth       | E20       | T+37h   | la E20
    birth       | E20       | T+38h   | la E21
    birth       | E21       | T+240h  | la E22
""")


@pytest.mark.parametrize(("what", "authority", "at", "to"), TAKEN_OVER)
def test_who_takes_over_is_asked_from_its_opening_day(
    run_moving: RunMoving, what: str, authority: str, at: str, to: str
) -> None:
    """With a note; the old code is asked no more, which nobody would answer for (19, 26, 43)."""
    of_birth = what == "birth"
    outcome = run_moving(f"""{HEAD}
        T-60d | plan   | UCP {authority} | start=D-60 end={"D+90" if of_birth else "D"}
        {"T-1h | birth | b1 | baby=B born=D-1" if of_birth else ""}
        T-9h  | notice | t1 time-passed  | number={"B" if of_birth else "A"}
        {at}  | notice | t2 time-passed  | number={"B" if of_birth else "A"}
    """)

    question = "open own plan" if of_birth else "tell outcome"
    moved = to != f"la {authority}"
    assert [(to, f"moved to successor; {question}" if moved else question)] == outcome.alerts("to | notes")


def test_a_plan_that_lapsed_before_the_opening_day_is_asked_of_nobody_anew(run_moving: RunMoving) -> None:
    """It is said once that it lapsed, to who answered for it then (19, 43)."""
    outcome = run_moving(f"""{HEAD}
        T-60d | plan   | UCP E20        | start=D-60 end=D-29
        T     | notice | t1 time-passed |
        T+38h | notice | t2 time-passed |
    """)

    assert [("la E20", "lapsed")] == outcome.alerts("to | notes")


def test_another_womans_loss_is_no_outcome(run_moving: RunMoving) -> None:
    """A visit whose details disagree with the plan, and nobody says that it is hers (20, 43)."""
    other = "family=Other given=Alex birth_date=1991-01-01"
    outcome = run_moving(f"""{UNBORN}
        T-2h | A03    | v1             | disposition=5 departed_at=T-2h {other}
        T    | notice | t1 time-passed |
    """)

    assert [ASKED] == outcome.alerts(ALERT)
