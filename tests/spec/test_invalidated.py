"""A number that its source took out of use without a successor: adoption and the like. Ruling 23; R36–R38."""

import pytest

from broker.core.alerts import EventKind
from tests.spec.conftest import RunMoving
from tests.spec.table import rows

HEAD = """
    recorded | fact   | about          | values
"""
COLUMNS = "number | to | notes"
STANDING = rows("""
    number | to           | notes
    A      | la E09       | -
    A      | provider RXX | -
""")
NOTICE = ("A", "la E09", "number inactive; protection plan open")


def test_nothing_comes_of_a_visit_or_a_view_once_the_number_is_not_in_use(run_moving: RunMoving) -> None:
    """Only the authority whose plan is open on it is told, of the number alone (ruling 23, R36, R38)."""
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | CPP E09        |
        T-1d | notice | n1 invalidated |
        T    | A04    | v1             |
        T+1h | view   | w1             |
    """, stepwise=True)  # fmt: skip

    assert [NOTICE] == outcome.alerts(COLUMNS)
    assert {"A": "shared"} == outcome.whys
    assert ["number inactive"] == [event.alert.occasion for event in outcome.events]


def test_a_number_in_use_is_matched_as_before(run_moving: RunMoving) -> None:
    """The other side: the source says so, or says nothing (ruling 23)."""
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | CPP E09   |
        T-1d | notice | n1 in-use |
        T    | A04    | v1        |
    """)

    assert STANDING == outcome.alerts(COLUMNS)


def test_what_was_told_before_stays_and_nothing_more_is_said_of_it(run_moving: RunMoving) -> None:
    """No update, no withdrawal: no event of a visit is made for the old number (ruling 23)."""
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | CPP E09        |
        T    | A04    | v1             |
        T+1h | notice | n1 invalidated |
        T+2h | A03    | v1             | departed_at=T+2h
        T+3h | A11    | v1             |
        T+4h | plan   | CPP E09        | end=D
    """, stepwise=True)  # fmt: skip

    assert [(kind, "attended") for kind in [EventKind.RAISED] * 2] == [
        (event.kind, event.alert.occasion) for event in outcome.events[:2]
    ]
    assert {"number inactive"} == {event.alert.occasion for event in outcome.events[2:]}


ENTRIES = rows("""
    plan            | why
    CPP E09         | shared
    CPP E09 end=D-9 | ruling 23: number not in use
""")


@pytest.mark.parametrize(("plan", "why"), ENTRIES)
def test_what_is_decided_of_the_number_is_recorded(run_moving: RunMoving, plan: str, why: str) -> None:
    """Shared with the authority that has a plan open on it, or with nobody (ruling 23)."""
    kind, authority, *values = plan.split()
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | {kind} {authority} | {" ".join(values)}
        T-1d | notice | n1 invalidated     |
    """, stepwise=True)  # fmt: skip

    assert why == outcome.whys["A"]


NOTICES = rows("""
    plan             | later                              | notices
    CPP E09          | -                                  | la E09: number inactive; protection plan open
    LAC E09          | -                                  | la E09: number inactive
    UCP E09 end=D+90 | -                                  | la E09: number inactive
    CPP E09 end=D-1  | -                                  | la E09: number inactive; protection plan open
    CPP E09 end=D-2  | -                                  | -
    CPP E09 deleted=D-5 | -                               | -
    CPP E09          | T+1d plan CPP E09 end=D-3          | -
    CPP E09          | T+1d plan CPP E09 deleted=D        | -
    CPP E09          | T-8d plan CPP E09 deleted=D-8      | -
    CPP E09          | T-10d plan CPP E09 deleted=D-10    | la E09: number inactive; protection plan open
    LAC E09          | T+1d plan LAC E08 start=D          | la E08: number inactive; la E09: number inactive
    CPP E09          | T+1d A04 v1                        | la E09: number inactive; protection plan open
""")


@pytest.mark.parametrize(("plan", "later", "notices"), NOTICES)
def test_each_authority_with_a_plan_open_on_the_number_is_told_until_it_is_not(
    run_moving: RunMoving, plan: str, later: str, notices: str
) -> None:
    """Ended or removed by the newest record, whenever it comes (ruling 23, R38)."""
    kind, authority, *values = plan.split()
    at, fact, *about = later.split() if later != "-" else ("T", "notice", "n2", "invalidated")
    subject, said = (about[:2], about[2:]) if fact in {"plan", "notice"} else (about[:1], about[1:])
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | {kind} {authority} | {" ".join(values)}
        T-1d | notice | n1 invalidated     |
        {at} | {fact} | {" ".join(subject)} | {" ".join(said)}
    """, stepwise=True)  # fmt: skip

    found = [f"{to}: {said}" for to, said in outcome.alerts("to | notes")]
    assert notices == ("; ".join(found) or "-")


@pytest.mark.parametrize("order", ["plan first", "invalidation first"])
def test_the_childs_own_id_goes_to_its_authority_with_the_first_notice(
    run_moving: RunMoving, order: str
) -> None:
    """Once, so that the authority finds the child, whichever came first (ruling 23)."""
    lines = [
        "T-9d | plan | CPP E09 | file_id=one",
        "T-1d | notice | n1 invalidated |",
        "T | plan | LAC E09 | start=D file_id=two",
    ]
    told = lines if order == "plan first" else [lines[1], lines[0], lines[2]]
    outcome = run_moving("recorded | fact | about | values\n" + "\n".join(told), stepwise=True)

    assert [("C-1", "one")] == [(one.alert.child_id, one.alert.file_id) for one in outcome.events]


RETURNS = rows("""
    word                | alerts
    T+2h n2 in-use      | 2
    T+1h n2 in-use      | 2
    T+59m n2 in-use     | 0
    T+2h n2 invalidated | 0
""")


@pytest.mark.parametrize(("word", "alerts"), RETURNS)
def test_the_sources_own_reversal_alone_brings_everything_back(
    run_moving: RunMoving, word: str, alerts: str
) -> None:
    """What was known, and what came meanwhile: a child who is there is told of, late as it is (ruling 23)."""
    at, *about = word.split()
    outcome = run_moving(f"""{HEAD}
        T-9d   | plan   | CPP E09            |
        T+1h   | notice | n1 invalidated     |
        T+90m  | A04    | v1                 |
        T+100m | plan   | CPP E09            | phone_emergency=222
        {at}   | notice | {" ".join(about)}  |
    """, stepwise=True)  # fmt: skip

    told = [alert for alert in outcome.standing if alert.occasion == "attended"]
    assert int(alerts) == len(told)
    assert {"222"} >= {line.phone_emergency for alert in told for line in alert.plans}
    notices = [event for event in outcome.events if event.alert.occasion == "number inactive"]
    assert (EventKind.WITHDRAWN if int(alerts) else EventKind.RAISED) is notices[-1].kind


TOLD_ONCE_MORE = {
    "as it stood": ("", {("updated", ("reinstated",))}),
    "and left since": (
        "T+90m | A03 | v1 | departed_at=T+90m",
        {("updated", ("discharged", "reinstated", "visit details"))},
    ),
    "and cancelled as an error": ("T+90m | A11 | v1 RLL | cancel_reason=ERR", {("withdrawn", ())}),
}


@pytest.mark.parametrize(("meanwhile", "told"), TOLD_ONCE_MORE.values(), ids=TOLD_ONCE_MORE)
def test_what_stands_when_the_number_is_in_use_again_is_told_once_more(
    run_moving: RunMoving, meanwhile: str, told: set[tuple[str, tuple[str, ...]]]
) -> None:
    """Whoever was told was made to forget it, and may not have read it by then: a missed alert (23)."""
    provider = "RLL" if "RLL" in meanwhile else "RXX"
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | CPP E09        |
        T    | A04    | v1 {provider}  |
        T+1h | notice | n1 invalidated |
        {meanwhile}
        T+2h | notice | n2 in-use      |
        T+3h | A08    | v1 {provider}  |
    """, stepwise=True)  # fmt: skip

    about_the_visit = [event for event in outcome.events if event.alert.occasion == "attended"]
    again = {
        (event.kind.value, tuple(change.value for change in event.changes)) for event in about_the_visit[2:]
    }
    assert told == again
    assert [1, 1, 2, 2] == [event.revision for event in about_the_visit]


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("T+2h | notice | n2 in-use |", ["details disagree"]),
        ("T+2h | notice | n2 superseded | by=B", ["details disagree"]),
        ("T+59m | notice | n2 in-use |", []),
        ("T+2h | notice | n2 in-use |\n T+3h | notice | n3 not-this-person | visit=v1", []),
        ("T+90m | notice | n3 not-this-person | visit=v1\n T+2h | notice | n2 in-use |", []),
    ],
)
def test_work_that_was_open_is_open_again_when_the_number_is_in_use_again(
    run_moving: RunMoving, word: str, asked: list[str]
) -> None:
    """No item is lost: what was done with because the number went out of use is to be done (23, 46)."""
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | CPP E09        |
        T    | A04    | v1             | family=Other given=Alex
        T+1h | notice | n1 invalidated |
        {word}
    """, stepwise=True)  # fmt: skip

    assert asked == [kind.value for kind, _, _ in outcome.asked]


def test_a_number_invalidated_after_it_succeeded_another_takes_nothing_more(run_moving: RunMoving) -> None:
    """What comes under the number before it is sent on, and goes no further (rulings 22, 23)."""
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | CPP E09        |
        T-2d | notice | n1 superseded  | by=B
        T-1d | notice | n2 invalidated | number=B
        T    | A04    | v1             |
    """, stepwise=True)  # fmt: skip

    assert [("B", *NOTICE[1:])] == outcome.alerts(COLUMNS)


def test_a_notice_of_a_change_alone_invalidates_nothing(run_moving: RunMoving) -> None:
    """It is a signal: until the source answers matching goes on (rulings 23, 38)."""
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | CPP E09           |
        T-1d | notice | n1 number-change |
        T    | A04    | v1                |
    """)

    assert ["la E09", "provider RXX"] == [to for (to,) in outcome.alerts("to")]


RESTRICTING = rows("""
    before           | after                       | route
    -                | -                           | duty social worker
    notice n2        | -                           | recipients of restricted records
    -                | T+1h notice n2              | recipients of restricted records
    plan CPP E09     | -                           | recipients of restricted records
    -                | T+1h plan CPP E09           | recipients of restricted records
    A04 v1           | -                           | recipients of restricted records
    notice n2        | T+26h notice t1 time-passed | recipients of restricted records
    -                | T+26h notice t1 time-passed | safeguarding role
""")


@pytest.mark.parametrize(("before", "after", "route"), RESTRICTING)
def test_that_a_restricted_childs_number_is_not_in_use_goes_to_who_receives_such_records(
    run_moving: RunMoving, before: str, after: str, route: str
) -> None:
    """Whoever says so, before or after; with the child's id, and no reference of anybody else's (23, 24)."""
    marked = "restricted=yes"
    kind, about = before.split(maxsplit=1) if before != "-" else ("plan", "CPP E09")
    said = marked * (before != "-" and kind != "notice")
    at, then, named = after.split(maxsplit=2) if after != "-" else ("T+1h", "notice", "n3 invalidated")
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | CPP E09        |
        T-8d | {kind} | {about}        | {said}
        T    | notice | n1 invalidated |
        {at} | {then} | {named}        | {marked * (then == "plan")}
    """, stepwise=True)  # fmt: skip

    notices = [event for event in outcome.events if event.alert.occasion == "number inactive"]
    assert route == notices[-1].alert.route
    assert "C-1" == notices[0].alert.child_id


@pytest.mark.parametrize(
    ("said", "route"),
    [
        ("notice | n2 restricted |", "recipients of restricted records"),
        ("A04 | v1 | restricted=yes", "recipients of restricted records"),
        ("A04 | v1 |", "duty social worker"),
    ],
)
def test_a_record_that_was_restricted_stays_so_to_whose_plan_comes_when_its_number_is_not_in_use(
    run_moving: RunMoving, said: str, route: str
) -> None:
    """Though nobody had been told of anything, and the plan is not marked itself (23, 24)."""
    outcome = run_moving(f"""{HEAD}
        T-8d | {said}
        T    | notice | n1 invalidated |
        T+1h | plan   | CPP E09        |
    """, stepwise=True)  # fmt: skip

    assert [("la E09", route)] == outcome.alerts("to | route")


@pytest.mark.parametrize(
    ("mark", "route"),
    [("n3 restricted", "recipients of restricted records"), ("n3 in-use", "duty social worker")],
)
def test_what_comes_to_a_number_not_in_use_brings_its_mark(
    run_moving: RunMoving, mark: str, route: str
) -> None:
    """A restricted record whose number is superseded by one that is out of use already (22, 23, 24)."""
    outcome = run_moving(f"""{HEAD}
        T-9d | plan   | CPP E09        | number=B
        T-8d | notice | n1 invalidated | number=B
        T-10d | notice | {mark}        |
        T-6d | plan   | LAC E08        |
        T-9d | notice | n2 superseded  | by=B
    """, stepwise=True)  # fmt: skip

    assert [("la E08", route), ("la E09", route)] == outcome.alerts("to | route")


def test_who_takes_over_an_authority_is_reminded_from_its_opening_day(run_moving: RunMoving) -> None:
    """E21 opens on 12 January: the number is on its plan now, and the old code answers no more (19, 23)."""
    outcome = run_moving(f"""{HEAD}
        T-9d    | plan   | CPP E20        |
        T-1d    | notice | n1 invalidated |
        T+36h   | notice | t1 time-passed |
        T+38h   | notice | t2 time-passed |
    """, stepwise=True)  # fmt: skip

    assert [("la E21", "safeguarding role")] == outcome.alerts("to | route")
    assert [(EventKind.RAISED, "E20"), (EventKind.UPDATED, "E20")] == [
        (event.kind, event.alert.recipient.code.code) for event in outcome.events[:2]
    ]
