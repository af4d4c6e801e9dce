"""Who looks a person up: how the look is made and what is opened. Rulings 3, 24, 30, 34, 48; R22–R25, R54."""

from collections.abc import Callable

import pytest

from broker.core.alerts import Occasion
from broker.core.answers import Finding
from broker.core.look_words import look_sentences
from broker.core.looking import Look, Way
from broker.core.wording import NO_PLAN, SEARCHED
from tests.spec.conftest import Run, RunMoving
from tests.spec.looked import user_named
from tests.spec.outcome import plan_text
from tests.spec.table import rows

HEAD = """
    recorded | fact | about   | values
"""
PLAN = f"""{HEAD}
    T-9d     | plan | CPP E09 |
"""
EXCLUDED = f"T-1d | notice | n1 excluded | user={user_named('u1')}"
CLINIC = "T-1h | A04 | v1 RLL | patient_class=O location=CLINIC"


def said(look: Look) -> str:
    """Return what a look is answered as a table writes it."""
    if look.answer is None:
        return "refused"
    reason = "" if look.answer.reason is None else f": {look.answer.reason}"
    return f"{look.answer.finding}{reason}"


def told(look: Look) -> str:
    """Return whether the look is kept as a view that the authority is told of, as a silent one, or not."""
    if look.fact is None:
        return "no"
    return "yes" if look.fact.unscheduled else "to the lead alone"


SETTINGS = rows("""
    visits                                           | look                               | way         | told
    -                                                |                                    | unscheduled | yes
    -                                                | unscheduled=yes                    | unscheduled | yes
    -                                                | unscheduled=no                     | notified    | yes
    -                                                | unscheduled=no by=RTT              | refused     | no
    -                                                | by=RTT                             | unscheduled | yes
    T-1h A04 v1 RXX patient_class=P                  | unscheduled=no                     | silent      | no
    T-1h A04 v1 RXX patient_class=P                  |                                    | unscheduled | yes
    T-1h A04 v1 RYY patient_class=P                  | unscheduled=no                     | notified    | yes
    T-1h A04 v1 RXX patient_class=E                  | unscheduled=no                     | unscheduled | yes
    T-1h A04 v1 RXX patient_class=P departed_at=T    | unscheduled=no                     | silent      | no
    T-1h A04 v1 RXX patient_class=P departed_at=T-1m | unscheduled=no                     | notified    | yes
    T-1h A04 v1 RTT patient_class=P departed_at=T-1m | unscheduled=no by=RTT              | refused     | no
    T-1h A11 v1 RXX patient_class=P                  | unscheduled=no                     | notified    | yes
    T-1h A04 v1 RXX patient_class=P arrived_at=T+3h  | unscheduled=no                     | silent      | no
    T-1h A04 v1 RXX patient_class=P arrived_at=T+15h | unscheduled=no                     | notified    | yes
    -                                                | by=RLL place=HAVEN                 | silent      | no
    -                                                | by=RLL place=RLLSX                 | silent      | no
    -                                                | by=RLL place=WALKIN unscheduled=no | unscheduled | yes
    T-1h A04 v1 RLL patient_class=O location=CLINIC  | by=RLL place=CLINIC unscheduled=no | silent      | no
""")


@pytest.mark.parametrize(("visits", "look", "way", "is_told"), SETTINGS)
def test_the_setting_says_how_a_look_is_made(
    run: Run, visits: str, look: str, way: str, is_told: str
) -> None:
    """
    Unscheduled unless said otherwise (R24); silent only with a current visit there (ruling 3, R23).

    A place that is listed outweighs what is said (rulings 4, 47).
    """
    made = run(f"{PLAN}\n{visit_row(visits)}").look(look)

    assert (way, is_told) == (made.way.value.partition(",")[0], told(made))


NOBODY = rows("""
    visits                                        | look           | way
    T-9d A04 v1 RXX patient_class=P               |                | unscheduled
    T-1h A04 v1 RXX patient_class=P               | unscheduled=no | silent
    T-1h A04 v1 RYY patient_class=P               | unscheduled=no | notified
""")


@pytest.mark.parametrize(("visits", "look", "way"), NOBODY)
def test_how_a_look_is_made_tells_nothing_of_a_plan(run: Run, visits: str, look: str, way: str) -> None:
    """Of somebody without a record the visits that are held decide as well (ruling 3)."""
    made = run(f"{HEAD}\n{visit_row(visits)}").look(look)

    assert way == made.way.value.partition(",")[0]


def visit_row(visits: str) -> str:
    """Return the row of a visit that a cell tells, of nothing for `-`."""
    if visits == "-":
        return ""
    at, event, visit, provider, *values = visits.split()
    return f"{at} | {event} | {visit} {provider} | {' '.join(values)}"


OPENED = rows("""
    plans                                          | opened
    CPP E09                                        | CPP active
    LAC E09; UCP E08 end=D+30                      | UCP active; LAC active
    CPP E09 end=D                                  | CPP active
    CPP E09 end=D-1                                | CPP ended
    CPP E09 start=D-900 end=D-365                  | CPP ended
    CPP E09 start=D-900 end=D-366                  | -
    UCP E09 end=D-28                               | UCP past due date
    UCP E09 end=D-29                               | -
    CPP E09 start=D                                | CPP active
    CPP E09 start=D+1                              | -
    CPP E09 deleted=D-9                            | -
    CPP E09 birth_date=2008-01-11                  | CPP active
    CPP E09 birth_date=2008-01-10                  | -
""")


@pytest.mark.parametrize(("plans", "opened"), OPENED)
def test_plans_are_opened_with_their_dates_and_ended_ones_are_marked(
    run: Run, plans: str, opened: str
) -> None:
    """Whoever would be told of a visit is told of a look, by the same rules (rulings 9 to 15, 30)."""
    table = [
        f"T-9d | plan | {' '.join(plan.split()[:2])} | {' '.join(plan.split()[2:])}"
        for plan in plans.split("; ")
    ]
    made = run(HEAD + "\n".join(table)).look()

    lines = () if made.opened is None else made.opened.plans
    assert opened == ("; ".join(plan_text(plan.line) for plan in lines) or "-")
    assert made.answer is not None
    assert (opened == "-") == (made.answer.finding is Finding.NO_PLAN)


NUMBERS = rows("""
    at      | plan                                     | ring
    T       | CPP E09 phone_office=111                 | 111
    T+7h    | CPP E09 phone_office=111                 | 02070000000
    T+1d    | CPP E09 phone_office=111                 | 02070000000
    T       | CPP E09                                  | 02070000000
    T       | CPP E08 phone_office=111                 | 02070000000
""")


@pytest.mark.parametrize(("at", "plan", "ring"), NUMBERS)
def test_the_number_to_ring_now_is_said(run: Run, at: str, plan: str, ring: str) -> None:
    """The office within its hours, else the emergency number, and both beside it (rulings 30, 45)."""
    kind, authority, *values = plan.split()
    made = run(f"{HEAD}\nT-9d | plan | {kind} {authority} | {' '.join(values)}").look(f"at={at}")

    assert made.opened is not None
    assert ring == made.opened.plans[0].ring_now
    assert any("Ring now: " + ring in sentence for sentence in look_sentences(made))
    assert any("Emergency: 02070000000" in sentence for sentence in look_sentences(made))


def test_the_newest_visits_and_views_are_opened_and_never_a_silent_one(run: Run) -> None:
    """The newest first; scheduled and sensitive visits and silent views are none (ruling 30, R23, R25)."""
    made = run(f"""{PLAN}
        T-5d | A04  | v1 RYY | patient_class=E
        T-4d | view | a1 RXX |
        T-3d | A04  | v2 RXX | patient_class=P
        T-3d | view | a2 RXX | unscheduled=no
        T-2d | A04  | v3 RLL | patient_class=E location=HAVEN
        T-2h | A04  | v4 RSS | patient_class=E
        T-1h | view | a3 RZZ | role=doctor
    """).look()

    assert made.opened is not None
    assert rows("""
        occasion | organisation | role
        viewed   | RZZ | doctor
        viewed   | RXX | nurse
        attended | RYY |
    """) == [(line.occasion.value, line.organisation.code, line.role) for line in made.opened.history]


@pytest.mark.parametrize(
    ("said", "opened"),
    [
        ("T-9h | notice | n1 in-use |", ["v1", "v2"]),
        ("T-9h | notice | n1 not-this-person | visit=v1", ["v2"]),
        ("T-9h | notice | n1 identity-confirmed | visit=v1", ["v1", "v2"]),
        ("T-9h | notice | n1 item-unsettled | visit=v1", ["v1", "v2"]),
    ],
)
def test_a_visit_of_somebody_else_is_not_opened(run_moving: RunMoving, said: str, opened: list[str]) -> None:
    """A person said so: it tells where another child was (rulings 30, 46)."""
    outcome = run_moving(f"""{PLAN}
        T-1d | A04 | v1 | family=Other given=Alex birth_date=2010-01-01
        T-2d | A04 | v2 |
        {said}
    """)

    look = outcome.look()
    assert look.opened is not None
    assert opened == [outcome.names[line.subject] for line in look.opened.history]


@pytest.mark.parametrize(("views", "oldest"), [(25, "a1"), (26, "a2")])
def test_the_26th_drops_the_oldest(run: Run, views: int, oldest: str) -> None:
    """25 are shown (ruling 30, R25)."""
    lines = "\n".join(f"T-{100 - place}h | view | a{place} RYY |" for place in range(1, views + 1))
    made = run(f"{PLAN}\n{lines}").look()

    assert made.opened is not None
    assert (25, oldest) == (len(made.opened.history), made.opened.history[-1].subject)


RESTRICTED = rows("""
    mark                                 | look                          | said
    T-1d notice n1 restricted            |                               | could not check: restricted
    T-1d notice n1 restricted            | by=RLL                        | could not check: restricted
    T-1d notice n1 restricted            | by=RLL role=safeguarding      | plan on file
    T-1d notice n1 restricted            | by=RXX role=safeguarding      | could not check: restricted
    -                                    | by=RLL role=safeguarding      | plan on file
""")


@pytest.mark.parametrize(("mark", "look", "answer"), RESTRICTED)
def test_a_restricted_record_is_opened_to_the_safeguarding_role_alone(
    run: Run, mark: str, look: str, answer: str
) -> None:
    """It has no history, whose every line is a place; others get the fixed words (ruling 24, R39)."""
    at, kind, about, what = [*mark.split(), "", "", ""][:4]
    row = "" if mark == "-" else f"{at} | {kind} | {about} {what} |"
    made = run(f"{PLAN}\n{row}\nT-2d | A04 | v1 RYY | patient_class=E").look(look)

    assert answer == said(made)
    assert "yes" == told(made)
    if made.opened is not None:
        assert (mark == "-") == bool(made.opened.history)
        assert (mark != "-") == made.opened.restricted


def test_nationally_a_restricted_record_is_opened_to_nobody(run: Run) -> None:
    """Under the policy `national` the answer is `could not check` for every role (ruling 24)."""
    made = run(f"""{HEAD}
        2031-06-02T10:00 | plan   | CPP E09    | start=2031-06-01 birth_date=2024-01-01
        2031-06-02T10:01 | notice | n1         |
    """).look("by=RLL role=safeguarding at=2031-06-03T10:00")

    assert "could not check: restricted" == said(made)


WHO = rows("""
    user | answer
    u1   | could not check: restricted
    u2   | plan on file
""")


@pytest.mark.parametrize(("user", "answer"), WHO)
@pytest.mark.parametrize("setting", ["", "unscheduled=no by=RTT"])
def test_who_must_not_see_the_person_gets_the_words_of_a_restricted_record(
    run: Run, user: str, answer: str, setting: str
) -> None:
    """
    In every setting, and the safeguarding lead is told of it by a fact (ruling 48).

    Where the policy refuses a look it refuses everybody's: by another answer an exclusion would show.
    """
    excluded = (
        EXCLUDED if "RTT" not in setting else EXCLUDED.replace(user_named("u1"), user_named("u1", "RTT"))
    )
    outcome = run(f"{PLAN}\n{excluded}")

    made = outcome.look(f"user={user} {setting}")

    refused = setting.endswith("RTT")
    assert ("refused" if refused else answer) == said(made)
    assert (user == "u1") <= (told(made) != "no")


def test_the_words_are_the_same_whether_somebody_is_excluded_or_the_record_restricted(run: Run) -> None:
    """Nobody can read from them which it is (rulings 24, 48)."""
    by_mark = run(f"{PLAN}\nT-1d | notice | n1 |").look()
    by_exclusion = run(f"{PLAN}\n{EXCLUDED}").look()

    assert look_sentences(by_mark) == look_sentences(by_exclusion)
    assert "Could not check: ring safeguarding (ruling 24)." in look_sentences(by_mark)


def test_no_record_is_a_normal_answer_and_reassures_nobody(run: Run) -> None:
    """Zero plans in the fixed words, unlike every failure (rulings 33, 34; R22)."""
    made = run(f"{HEAD}\nT-9d | A04 | v1 |").look()

    assert "no plan on file" == said(made)
    assert (NO_PLAN, SEARCHED) == look_sentences(made)[:2]
    assert made.answer is not None
    assert made.answer.checked_at is not None
    assert not any("Could not check" in sentence for sentence in look_sentences(made))


FAILURES = rows("""
    facts                                           | answer
    T-1d notice n1/invalidated                      | could not check: not in use
    T-1d notice n1/number-change                    | plan on file
""")


@pytest.mark.parametrize(("facts", "answer"), FAILURES)
def test_a_number_that_is_not_in_use_is_looked_up_in_vain(
    run_moving: RunMoving, facts: str, answer: str
) -> None:
    """Trace the patient; nothing of the look is kept (ruling 23). Under enquiry matching goes on (38)."""
    at, kind, about = facts.replace("/", " ", 1).split(maxsplit=2)
    made = run_moving(f"{PLAN}\n{at} | {kind} | {about} |").look()

    assert answer == said(made)
    assert (answer == "plan on file") == (made.fact is not None)


def test_under_enquiry_nobody_says_that_there_is_no_plan(run_moving: RunMoving) -> None:
    """The number may be another by now (ruling 38)."""
    made = run_moving(f"{HEAD}\nT-1d | notice | n1 number-change |").look()

    assert "could not check: under enquiry" == said(made)


def test_a_superseded_number_leads_to_the_survivors_record(run_moving: RunMoving) -> None:
    """Everything follows the survivor (ruling 22)."""
    made = run_moving(f"""{PLAN}
        T-5d | A04    | v1 RYY        | patient_class=E
        T-1d | notice | n1 superseded | by=B
    """).look()

    assert "plan on file" == said(made)
    assert made.opened is not None
    assert [Occasion.ATTENDED] == [line.occasion for line in made.opened.history]


STOPS = rows("""
    at  | look   | answer
    T   | by=RSS | could not check: sharing stopped
    T   | by=RXX | plan on file
""")


@pytest.mark.parametrize(("at", "look", "answer"), STOPS)
def test_a_provider_that_stopped_sharing_could_not_check(run: Run, at: str, look: str, answer: str) -> None:
    """A controller's signed stop ends it, and nothing looks like `no plan` (ruling 45)."""
    assert answer == said(run(PLAN).look(f"at={at} {look}"))


WAYS: dict[Way, Callable[[str], bool]] = {
    Way.UNSCHEDULED: lambda words: "The authority is told" in words,
    Way.NOTIFIED: lambda words: "the authority is told" in words,
    Way.SILENT: lambda words: "nobody is told" in words,
    Way.REFUSED: lambda words: words.startswith("Refused:"),
}


@pytest.mark.parametrize(
    ("look", "way"),
    [
        ("", Way.UNSCHEDULED),
        ("unscheduled=no", Way.NOTIFIED),
        ("by=RLL place=HAVEN", Way.SILENT),
        ("unscheduled=no by=RTT", Way.REFUSED),
    ],
)
def test_whoever_looks_reads_who_is_told_of_it(run: Run, look: str, way: Way) -> None:
    """Plan or no plan, the last sentence says it (ruling 3, R23)."""
    words = [look_sentences(run(table).look(look))[-1] for table in (PLAN, f"{HEAD}\nT-9d | A04 | v1 |")]

    assert all(WAYS[way](sentence) for sentence in words)
