"""
What is answered while nobody knows whose a visit, or a record, is. Rulings 21, 41, 42.

`A04?` is a message whose number is missing or unusable, `plan?` the record of an upload whose number is;
`plan!` was refused although it has one, and of `plan~` and `plan?~` no plan can be read.
"""

import pytest

from tests.spec.conftest import RunNearby
from tests.spec.table import rows

HEAD = "recorded | fact | about | values"
SOMEBODY_ELSE = "family=Other given=Alex birth_date=2010-01-01"
ELSEWHERE = f"T-30d | plan | CPP E09 | {SOMEBODY_ELSE}"
PLAN = "T-30d | plan | CPP E09 |"
WAITS = "T-2d | plan? | CPP E08 |"
NO_NUMBER = "could not check: no number"
POSSIBLE = "could not check: possible match"
WAITING = "could not check: record waiting"


def table(*facts: str) -> str:
    """Return a table of these rows."""
    return "\n".join([HEAD, *facts])


@pytest.mark.parametrize("first", ["visit", "other side"])
@pytest.mark.parametrize(
    ("other", "answer"),
    [
        pytest.param(ELSEWHERE, NO_NUMBER, id="nobody with these details"),
        pytest.param(PLAN, POSSIBLE, id="somebody with a plan"),
        pytest.param(f"{PLAN} given=Alex birth_date=2010-01-01", NO_NUMBER, id="one detail alone"),
        pytest.param("T-30d | plan | CPP E09 | end=D-365", POSSIBLE, id="the last visible day"),
        pytest.param("T-30d | plan | CPP E09 | end=D-366", NO_NUMBER, id="the day after it"),
        pytest.param(f"{ELSEWHERE}\n{WAITS}", POSSIBLE, id="a record that waits"),
    ],
)
def test_a_visit_without_a_usable_number_could_not_be_checked(
    run_nearby: RunNearby, other: str, answer: str, first: str
) -> None:
    """Whoever it may be, it is said; never that there is no plan (rulings 21, 35, 41)."""
    sides = (other, "T | A04? | v1 |")

    outcome = run_nearby(table(*(sides if first == "other side" else reversed(sides))), stepwise=True)

    assert answer == outcome.answer()


def test_a_visit_whose_details_say_nothing_has_no_number_all_the_same(run_nearby: RunNearby) -> None:
    """Nobody can be looked for; that is no reason to say that there is no plan (rulings 21, 41)."""
    outcome = run_nearby(table(PLAN, "T | A04? | v1 | family=UNKNOWN given=BABY birth_date=-"))

    assert NO_NUMBER == outcome.answer()


@pytest.mark.parametrize(
    ("others", "number", "answer"),
    [
        pytest.param(PLAN, "A", "plan on file", id="of the child that was met"),
        pytest.param(PLAN, "B", "no plan on file", id="of somebody else"),
        pytest.param(f"{PLAN}\n{WAITS}", "B", WAITING, id="of somebody with a record that waits"),
    ],
)
def test_the_number_that_comes_later_brings_the_ordinary_answer(
    run_nearby: RunNearby, others: str, number: str, answer: str
) -> None:
    """Before it came the visit was a possible match; the visit joins up by itself (rulings 21, 41)."""
    outcome = run_nearby(
        table(others, "T | A04? | v1 |", f"T+1h | A08 | v1 | number={number}"), stepwise=True
    )

    assert answer == outcome.answer()


DETAILS = rows("""
    visit                                 | answer
    -                                     | could not check: record waiting
    given=Alex                            | could not check: record waiting
    family=Other                          | could not check: record waiting
    birth_date=2014-09-30                 | could not check: record waiting
    birth_date=2014-12-04                 | could not check: record waiting
    given=-                               | could not check: record waiting
    given=Alex family=Other               | no plan on file
    given=Alex birth_date=2013-04-12      | no plan on file
    birth_date=2013-04-12                 | no plan on file
    birth_date_reliability=estimated      | no plan on file
    family=UNKNOWN given=BABY             | no plan on file
""")


@pytest.mark.parametrize("first", ["visit", "record"])
@pytest.mark.parametrize(("visit", "answer"), DETAILS)
def test_of_a_child_whose_record_may_wait_nobody_says_that_there_is_none(
    run_nearby: RunNearby, visit: str, answer: str, first: str
) -> None:
    """Two details that agree are enough, whichever came first (rulings 20, 21, 41)."""
    sides = (WAITS, f"T | A04 | v1 | {'' if visit == '-' else visit}")

    outcome = run_nearby(table(*(sides if first == "record" else reversed(sides))), stepwise=True)

    assert answer == outcome.answer()


REFUSED = rows("""
    record                        | visit                                     | answer
    number=A                      | number=A                                  | record waiting
    number=A family=Other given=X | number=A                                  | record waiting
    number=A family=Other given=X | number=A family=UNKNOWN                   | record waiting
    number=A family=Other given=X | number=B                                  | no plan on file
    number=A                      | number=B                                  | record waiting
    number=A end=D-400            | number=A                                  | record waiting
    number=A start=D+2            | number=A                                  | record waiting
    number=A deleted=D-3          | number=A                                  | no plan on file
    number=A birth_date=-         | number=A                                  | record waiting
""")


@pytest.mark.parametrize(("record", "visit", "answer"), REFUSED)
def test_a_record_that_was_refused_under_a_number_waits_for_that_number_too(
    run_nearby: RunNearby, record: str, visit: str, answer: str
) -> None:
    """
    The source did not agree: the details may be what is wrong (rulings 21, 41; CPR01, 03, 05).

    On which days its plan counts does not stand under the number (ruling 23): on all of them one may be.
    """
    outcome = run_nearby(table(f"T-2d | plan! | CPP E08 | {record}", f"T | A04 | v1 | {visit}"))

    assert answer == outcome.answer().removeprefix("could not check: ")


UNREAD = rows("""
    record                               | visit               | answer
    T-2d / plan~  / number=A {other}     | A04 / number=A      | record waiting
    T-2d / plan~  / number=A {other}     | A04 / number=B      | no plan on file
    T-2d / plan~  / number=A             | A04 / number=B      | record waiting
    T-2d / plan~  / number=A end=D-400   | A04 / number=A      | record waiting
    T+2d / plan~  / number=A {other}     | A04 / number=A      | record waiting
    T-35d / plan~ / number=A {other}     | A04 / number=A      | record waiting
    2025-11-27 10:00 / plan~ / number=A {other} | A04 / number=A | record waiting
    2025-11-26 10:00 / plan~ / number=A {other} | A04 / number=A | no plan on file
    T-2d / plan?~ / number=A             | A04 / number=A      | record waiting
    T-2d / plan?~ / number=A {other}     | A04 / number=A      | no plan on file
    T-2d / plan~  / number=A             | A04? / number=A     | possible match
    T-2d / plan~  / number=A {other}     | A04? / number=A     | no number
    T-2d / plan!  / number=A deleted=D-3 | A04 / number=A      | no plan on file
    T-2d / plan~  / number=A deleted=D-3 | A04 / number=A      | record waiting
""")


@pytest.mark.parametrize("first", ["visit", "record"])
@pytest.mark.parametrize(("record", "visit", "answer"), UNREAD)
def test_a_record_of_which_no_plan_can_be_read_waits_for_whoever_it_may_be_about(
    run_nearby: RunNearby, record: str, visit: str, answer: str, first: str
) -> None:
    """Under its number and its details, whatever its plan would have said, till a month ends (21, 41)."""
    recorded, kind, said = record.format(other="family=Other given=X").split(" / ")
    event, number = visit.split(" / ")
    sides = (f"{recorded} | {kind} | CPP E08 | {said}", f"T | {event} | v1 | {number}")
    in_order = sides if first == "record" else reversed(sides)

    outcome = run_nearby(table("T-99d | notice | n0 in-use | number=A", *in_order), stepwise=True)

    assert answer == outcome.answer().removeprefix("could not check: ")


@pytest.mark.parametrize(
    ("received", "answer"),
    [
        pytest.param("2025-11-27 10:00", WAITING, id="35 days end in the visit's month"),
        pytest.param("2025-11-26 10:00", "no plan on file", id="35 days end in the month before"),
    ],
)
def test_a_refused_record_waits_under_its_number_to_the_end_of_a_month(
    run_nearby: RunNearby, received: str, answer: str
) -> None:
    """The month of the last of its 35 days; which day that is leads nowhere (rulings 21, 23)."""
    outcome = run_nearby(table(f"{received} | plan! | CPP E08 | {SOMEBODY_ELSE}", "T | A04 | v1 |"))

    assert answer == outcome.answer()


USES = rows("""
    said                                                         | answer
    T-1d / notice / n1 in-use                                    | could not check: record waiting
    T-1d / notice / n1 invalidated                               | could not check: not in use
    T-1d / notice / n1 invalidated; T-5h / notice / n2 in-use    | could not check: record waiting
""")


@pytest.mark.parametrize(("said", "answer"), USES)
def test_what_waited_for_a_number_is_not_taken_for_nothing_when_it_comes_back_into_use(
    run_nearby: RunNearby, said: str, answer: str
) -> None:
    """What waited was dropped with the number: nobody knows any more that nothing does (rulings 23, 41)."""
    notices = [f"{one.strip().replace('/', '|')} |" for one in said.split(";")]
    refused = f"T-2d | plan! | CPP E08 | {SOMEBODY_ELSE}"

    outcome = run_nearby(table(refused, *notices, "T | A04 | v1 |"), stepwise=True)

    assert answer == outcome.answer()


def test_details_that_were_corrected_since_are_looked_for_too(run_nearby: RunNearby) -> None:
    """Details that agreed at any time may be the right ones (rulings 20, 41)."""
    outcome = run_nearby(table(WAITS, "T | A04 | v1 |", f"T+1h | A08 | v1 | {SOMEBODY_ELSE}"))

    assert WAITING == outcome.answer()


DAYS = rows("""
    record                                    | answer
    T-2d / plan? / CPP E08 / start=D+1        | could not check: record waiting
    T-2d / plan? / CPP E08 / start=D+2        | no plan on file
    T-2d / plan? / CPP E08 / end=D-365        | could not check: record waiting
    T-2d / plan? / CPP E08 / end=D-366        | no plan on file
    T-2d / plan? / CPP E08 / deleted=D-3      | no plan on file
    T-35d / plan? / CPP E08 /                 | could not check: record waiting
    T-36d / plan? / CPP E08 /                 | no plan on file
    T-2d / plan? / UCP E08 / end=D-28         | could not check: record waiting
    T-2d / plan? / UCP E08 / end=D-29         | no plan on file
    T+2d / plan? / CPP E08 /                  | could not check: record waiting
""")


@pytest.mark.parametrize(("record", "answer"), DAYS)
def test_a_record_waits_for_visits_on_days_on_which_its_plan_would_count(
    run_nearby: RunNearby, record: str, answer: str
) -> None:
    """The stay, here to the day after, meets its visible days, within 35 days of its receipt (9, 10, 21)."""
    outcome = run_nearby(table(record.replace("/", "|"), "T | A04 | v1 |"))

    assert answer == outcome.answer()


BESIDE = rows(f"""
    other                                | answer
    {PLAN.replace("|", "/")}             | plan on file
    T-3d / notice / n1 /                 | could not check: restricted
    T-3d / notice / n1 number-change /   | could not check: record waiting
    T-3d / notice / n1 in-use /          | could not check: record waiting
    {ELSEWHERE.replace("|", "/")}        | could not check: details disagree
    {PLAN.replace("|", "/")} number=B    | could not check: record waiting
""")


@pytest.mark.parametrize(("other", "answer"), BESIDE)
def test_a_record_that_waits_hides_no_plan_and_nothing_weightier(
    run_nearby: RunNearby, other: str, answer: str
) -> None:
    """What the asker can do something about first is what is said (ruling 41)."""
    outcome = run_nearby(table(other.replace("/", "|"), WAITS, "T | A04 | v1 |"))

    assert answer == outcome.answer()


@pytest.mark.parametrize("details", ["", "given=Alex"])
def test_a_plan_under_another_number_is_another_persons(run_nearby: RunNearby, details: str) -> None:
    """A usable number says who it is, a twin too: two numbers are put together by nobody (20, 41, 42)."""
    outcome = run_nearby(table(f"{PLAN} number=B", f"T | A04 | v1 | {details}"))

    assert "no plan on file" == outcome.answer()
