"""The three answers: silence is none, and neither is an error. Rulings 34, 41; what speaks against each."""

from collections.abc import Iterator, Mapping
from itertools import permutations

import pytest

from broker.core.identifiers import NhsNumber
from tests.builders.adt import Adt, Patient
from tests.spec.conftest import RunDoors, RunMoving
from tests.spec.doors import at
from tests.spec.numbers import numbers_beginning
from tests.spec.table import rows

PLAN = "T-9d | plan | CPP E09 |"
OTHER_DETAILS = "family=Other given=Alex birth_date=2010-01-01"


def table(*facts: str) -> str:
    """Return a table of these rows, without those that are empty."""
    return "\n".join(["recorded | fact | about | values", *(fact for fact in facts if fact)])


BOUNDARIES = rows("""
    plan                                                | answer
    T-9d  / plan / CPP E09 /                            | plan on file
    T-9d  / plan / LAC E09 /                            | plan on file
    T-9d  / plan / UCP E09 / start=D-30 end=D+30        | plan on file
    T-9d  / plan / UCP E09 / start=D-90 end=D-28        | plan on file
    T-9d  / plan / UCP E09 / start=D-90 end=D-29        | no plan on file
    T-900d / plan / CPP E09 / start=D-900 end=D-365     | plan on file
    T-900d / plan / CPP E09 / start=D-900 end=D-366     | no plan on file
    T-9d  / plan / CPP E09 / start=D                    | plan on file
    T-9d  / plan / CPP E09 / start=D+5                  | no plan on file
    T-9d  / plan / CPP E09 / deleted=D-10               | no plan on file
    T+2h  / plan / CPP E09 / deleted=D                  | plan on file
    T+2h  / plan / CPP E09 /                            | plan on file
    T+15d / plan / CPP E09 /                            | no plan on file
    T-9d  / plan / CPP E09 / birth_date=2008-01-10      | no plan on file
""")


@pytest.mark.parametrize(("plan", "answer"), BOUNDARIES)
def test_a_plan_is_on_file_where_it_counts_for_the_visit(
    run_moving: RunMoving, plan: str, answer: str
) -> None:
    """The rules of rulings 9 to 15 say so, and nobody is told otherwise than they are alerted (ruling 41)."""
    details = "birth_date=2008-01-10" if "birth_date" in plan else ""
    outcome = run_moving(table(plan.replace("/", "|"), f"T | A04 | v1 | departed_at=T+1h {details}"))

    assert answer == outcome.answer()
    assert (answer == "plan on file") == bool(outcome.standing)


def test_somebody_without_any_record_has_no_plan_on_file(run_moving: RunMoving) -> None:
    """A normal answer, given once the check mark has passed the visit (rulings 34, 41)."""
    assert "no plan on file" == run_moving(table("T | A04 | v1 |")).answer()


@pytest.mark.parametrize("plan", ["", PLAN])
def test_a_visit_that_nobody_told_us_of_could_not_be_checked(run_moving: RunMoving, plan: str) -> None:
    """Another visit's answer is not its own: what is not held is not searched (rulings 34, 41)."""
    outcome = run_moving(table(plan, "T | A04 | v1 |"))

    assert "could not check: visit not held" == outcome.answer("v2")


BROKER_BEHIND = rows("""
    plan | behind | answer
    yes  | no     | plan on file
    yes  | yes    | plan on file
    no   | no     | no plan on file
    no   | yes    | could not check: broker behind
""")


@pytest.mark.parametrize(("plan", "behind", "answer"), BROKER_BEHIND)
def test_before_the_check_mark_has_passed_the_visit_nobody_says_that_there_is_no_plan(
    run_moving: RunMoving, plan: str, behind: str, answer: str
) -> None:
    """A plan that is there is told all the same; else it could not be checked in its time (ruling 41)."""
    outcome = run_moving(table(PLAN if plan == "yes" else "", "T | A04 | v1 |"))

    assert answer == outcome.answer(behind=behind == "yes")


@pytest.mark.parametrize("plan", ["", PLAN])
@pytest.mark.parametrize(
    ("visit", "provider"),
    [
        ("v1 | patient_class=P", "RXX"),
        ("v1 RLL | patient_class=E location=HAVEN", "RLL"),
        ("v1 NIH | patient_class=E location=ROOMS", "NIH"),
    ],
)
def test_a_visit_that_is_silent_gets_none_of_the_three(
    run_moving: RunMoving, plan: str, visit: str, provider: str
) -> None:
    """Scheduled, sensitive, or not shared with: with a plan or without the same word (3, 41, 47, 49)."""
    outcome = run_moving(table(plan, f"T | A04 | {visit}"))

    assert "no answer" == outcome.answer(provider=provider)


IDENTITY = rows(f"""
    plan   | visit           | answer
    {"yes"} | -               | plan on file
    {"yes"} | {OTHER_DETAILS} | could not check: details disagree
    {"no"}  | {OTHER_DETAILS} | no plan on file
    {"no"}  | number_status=04 | no plan on file
""")


@pytest.mark.parametrize(("plan", "visit", "answer"), IDENTITY)
def test_details_that_disagree_with_a_plan_are_no_answer(
    run_moving: RunMoving, plan: str, visit: str, answer: str
) -> None:
    """The number is on a plan, and it may be another child's (rulings 20, 41)."""
    outcome = run_moving(
        table(PLAN if plan == "yes" else "", f"T | A04 | v1 | {'' if visit == '-' else visit}")
    )

    assert answer == outcome.answer()


RESTRICTED = rows("""
    notice                    | visit          | answer
    -                         | -              | as it is
    -                         | restricted=yes | could not check: restricted
    T-3d / notice / n1 /      | -              | could not check: restricted
    T+1d / notice / n1 /      | -              | could not check: restricted
""")


@pytest.mark.parametrize("plan", ["", PLAN])
@pytest.mark.parametrize(("notice", "visit", "answer"), RESTRICTED)
def test_a_restricted_record_says_neither_that_there_is_a_plan_nor_that_there_is_none(
    run_moving: RunMoving, plan: str, notice: str, visit: str, answer: str
) -> None:
    """Ring safeguarding: with a plan and without one the words are the same (rulings 24, 41)."""
    message = "T | A04 | v1 | " + ("" if visit == "-" else visit)
    outcome = run_moving(table(plan, message, "" if notice == "-" else notice.replace("/", "|")))

    plain = "plan on file" if plan else "no plan on file"
    assert (plain if answer == "as it is" else answer) == outcome.answer()


SAID_OF_THE_NUMBER = rows("""
    plan | notices                                     | answer
    no   | number-change                               | could not check: under enquiry
    yes  | number-change                               | plan on file
    no   | number-change, in-use                       | no plan on file
    yes  | number-change, in-use                       | plan on file
    yes  | invalidated                                 | could not check: not in use
    no   | invalidated                                 | could not check: not in use
    yes  | invalidated, in-use                         | plan on file
    no   | invalidated, in-use                         | could not check: record waiting
""")


@pytest.mark.parametrize(("plan", "notices", "answer"), SAID_OF_THE_NUMBER)
def test_what_the_source_says_of_the_number_decides_first(
    run_moving: RunMoving, plan: str, notices: str, answer: str
) -> None:
    """
    Under enquiry matching goes on, but nothing reassures; not in use says trace (rulings 38, 41).

    What waited for a number is dropped when it goes out of use: once it is back nobody knows of it (23).
    """
    said = [
        f"T-{5 - place}d | notice | n{place} {notice} |" for place, notice in enumerate(notices.split(", "))
    ]
    outcome = run_moving(table(PLAN if plan == "yes" else "", *said, "T | A04 | v1 |"), stepwise=True)

    assert answer == outcome.answer()


@pytest.mark.parametrize("visit", ["A", "B"])
def test_a_visit_under_a_superseded_number_is_answered_by_the_successors_record(
    run_moving: RunMoving, visit: str
) -> None:
    """Whichever number the hospital still uses (rulings 22, 41)."""
    outcome = run_moving(
        table(PLAN + " number=A", "T-1d | notice | n1 superseded | by=B", f"T | A04 | v1 | number={visit}")
    )

    assert "plan on file" == outcome.answer()


NATIONS = rows("""
    begins with | plan | answer
    3999        | no   | could not check: another nation
    400         | no   | no plan on file
    4999        | no   | no plan on file
    500         | no   | could not check: another nation
    5999        | no   | could not check: another nation
    600         | no   | no plan on file
    7999        | no   | no plan on file
    800         | no   | could not check: another nation
    3112992     | no   | could not check: another nation
    320         | yes  | plan on file
    801         | yes  | plan on file
""")


@pytest.mark.parametrize(("begins", "plan", "answer"), NATIONS)
def test_a_number_of_another_nation_is_not_searched_for(
    run_moving: RunMoving, begins: str, plan: str, answer: str
) -> None:
    """Its plans are filed elsewhere; a range never refuses a number that a plan carries (rulings 28, 41)."""
    number = next(numbers_beginning(begins))
    outcome = run_moving(table(PLAN if plan == "yes" else "", "T | A04 | v1 |"), a=number)

    assert answer == outcome.answer()


TWO_NUMBERS = rows("""
    sent      | plan of | answer
    A         | B       | no plan on file
    A+B       | B       | could not check: two numbers
    A+B       | -       | could not check: two numbers
    A+B       | A       | plan on file
    B+A       | A       | could not check: two numbers
    B+A       | B       | plan on file
    A; A+B    | B       | could not check: two numbers
    A; B+A    | B       | could not check: two numbers
    A+B; -    | B       | could not check: two numbers
    A+B; A    | B       | no plan on file
    A+B; A; - | B       | no plan on file
    A+B; B    | B       | plan on file
""")


@pytest.mark.parametrize(("messages", "plan_of", "answer"), TWO_NUMBERS)
def test_of_two_numbers_in_a_message_nobody_says_that_there_is_no_plan(
    run_doors: RunDoors, messages: str, plan_of: str, answer: str
) -> None:
    """The visit is filed under one, and the plan may be under the other, until one alone is said (41, 42)."""

    def sent(numbers: Mapping[str, NhsNumber]) -> Iterator[Adt]:
        """Yield the messages of the visit, an hour apart."""
        written: dict[str, str | None] = {"-": None} | {name: own.digits for name, own in numbers.items()}
        written |= {
            f"{name}+{other}": f"{numbers[name].digits}^^^NHS~{numbers[other].digits}"
            for name, other in permutations(numbers, 2)
        }
        for hour, named in enumerate(messages.split("; ")):
            patient = Patient(number=written[named], born="20140412")
            pv1 = {"visit": "v1", "class": "E"}
            yield Adt(event="A08", control_id=f"C{hour}", recorded=at(60 * hour), patient=patient, pv1=pv1)

    beside = "T-9d | notice | n1 in-use | number=B"
    outcome = run_doors(table("" if plan_of == "-" else f"{PLAN} number={plan_of}", beside), sent)

    assert answer == outcome.answer()


EXCLUDED = rows("""
    facts                                              | user | answer
    T-9d notice n1/excluded user=u1                    | u1   | could not check: restricted
    T+1h notice n1/excluded user=u1                    | u1   | could not check: restricted
    T-9d notice n1/excluded user=u1                    | u2   | as to anybody
    T-9d notice n1/excluded user=u1                    | -    | as to anybody
    -                                                  | u1   | as to anybody
""")


@pytest.mark.parametrize("plan", ["", PLAN])
@pytest.mark.parametrize(("facts", "user", "answer"), EXCLUDED)
def test_who_must_not_see_a_person_is_answered_as_of_a_restricted_record(
    run_moving: RunMoving, plan: str, facts: str, user: str, answer: str
) -> None:
    """With a plan and without one the same words, and never that there is none (ruling 48)."""
    at_, _, notice = facts.partition(" notice ")
    about, _, values = notice.partition(" ")
    row = f"{at_} | notice | {about.replace('/', ' ')} | {values}" if notice else ""
    outcome = run_moving(table(plan, row, "T | A04 | v1 |"))

    to_anybody = "plan on file" if plan else "no plan on file"
    expected = to_anybody if answer == "as to anybody" else answer
    assert expected == outcome.answer(user=None if user == "-" else user)


OUT, IN = "excluded | user=u1 named_by=", "exclusion-ended | user=u1 named_by="


@pytest.mark.parametrize(
    ("words", "shut"),
    [
        ((f"T-9d | notice | n1 {OUT}E09", f"T-8d | notice | n2 {IN}E09"), False),
        ((f"T-9d | notice | n1 {OUT}E09", f"T-9d | notice | n2 {IN}E09"), True),  # at one stamp
        ((f"T-8d | notice | n1 {OUT}E09", f"T-9d | notice | n2 {IN}E09"), True),
        ((f"T-9d | notice | n1 {OUT}E09", f"T-8d | notice | n2 {IN}RXX"), True),  # the other side's word
        ((f"T-9d | notice | n1 {OUT}E09", "T-8d | notice | n2 exclusion-ended | user=u1"), True),
        ((f"T-9d | notice | n1 {OUT}E09", "T-8d | notice | n2 exclusion-ended | user=u2 named_by=E09"), True),
        (
            (
                f"T-9d | notice | n1 {OUT}E09",
                f"T-9d | notice | n2 {OUT}RXX",
                f"T-8d | notice | n3 {IN}E09",
            ),
            True,
        ),
        (
            (
                f"T-9d | notice | n1 {OUT}E09",
                f"T-8d | notice | n2 {IN}E09",
                f"T-7d | notice | n3 {OUT}E09",
            ),
            True,
        ),
        ((f"T-8d | notice | n1 {IN}E09",), False),
    ],
)
def test_an_exclusion_is_ended_by_the_side_that_named_the_user_alone(
    run_moving: RunMoving, words: tuple[str, ...], *, shut: bool
) -> None:
    """By the newest word of each side; whom both named, one cannot let in again (ruling 48)."""
    outcome = run_moving(table(PLAN, *words, "T | A04 | v1 |"))

    assert shut == (outcome.answer(user="u1") == "could not check: restricted")


@pytest.mark.parametrize(
    "otherwise",
    [
        f"T-9d | plan | CPP E09 | {OTHER_DETAILS}",  # else: details disagree
        "T | notice | n2 number-change |",  # else: under enquiry
    ],
)
def test_an_exclusion_outweighs_every_other_reason(run_moving: RunMoving, otherwise: str) -> None:
    """Other words would tell what is known of the person (ruling 48)."""
    excluded = "T-9d | notice | n1 excluded | user=u1"
    outcome = run_moving(table(excluded, otherwise, "T | A04 | v1 |"))

    assert "could not check: restricted" == outcome.answer(user="u1")
    assert "could not check: restricted" != outcome.answer()
