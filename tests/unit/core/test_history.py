"""The newest visits and views stay as lines when they are closed, and follow the person (ruling 30, R25)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.effects import advance
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.looking import Looker, access_of, look_up
from broker.core.past import Past, newest
from broker.core.person import Person, lift
from broker.core.policy import Policies, Policy
from broker.core.retention import settle
from broker.core.succession import Came, fold, forwarding_by, handed_over, leaving, translated
from tests.spec.settled import KEY
from tests.spec.table import T, facts, keyed_facts, moment

POLICY = Policy(lateness=timedelta(days=35))
A, B = NhsNumber("9990000018"), NhsNumber("9990000026")
HEAD = "recorded | fact | about | values\n"
STORY = f"""{HEAD}
    T-99d  | plan | CPP E09 |
    T-30d  | A04  | v1 RYY  | patient_class=E
    T-20d  | view | a1 RYY  | role=doctor
    T-15d  | view | a2 RYY  | unscheduled=no
    T-10d  | A04  | v2 RXX  | patient_class=P
    T      | A04  | v3 RXX  | patient_class=E
"""


def told(table: str) -> Person:
    """Return a person after every fact of a table was folded and told."""
    person = Person(number=A, salt=bytes(16))
    for _, fact in keyed_facts(table, {"A": A}):
        person = advance(person.learn(lift(fact)), POLICY, KEY).person
    return person


def settled(person: Person, clock: str, policy: Policy = POLICY) -> Person:
    """Return what is left of a person at a time of the partition's clock."""
    left = settle(person, moment(clock), policy)
    assert left is not None
    return left


def lines(history: tuple[Past, ...]) -> list[str]:
    """Return lines as occasion and place."""
    return [f"{line.occasion} {line.organisation}" for line in history]


CLOSED = {
    "T+20d": ["attended RYY"],
    "T+45d": ["attended RYY"],
    "T+49d": ["attended RYY"],
    "T+50d": ["attended RXX", "viewed RYY", "attended RYY"],
}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("T-9h | notice | n1 not-this-person | visit=v1", []),
        ("T-9h | notice | n1 identity-confirmed | visit=v1", ["attended RXX"]),
        ("T-9h | notice | n1 not-this-person | visit=v1\nT-8h | A08 | v1 |", ["attended RXX"]),
    ],
)
def test_what_a_person_said_to_be_somebody_elses_leaves_no_line(said: str, kept: list[str]) -> None:
    """It would tell where another child was; nor does it while it is open (rulings 30, 46)."""
    person = told(f"""{HEAD}
        T-99d | plan | CPP E09 |
        T-1d  | A04  | v1      | family=Other given=Alex birth_date=2010-01-01
        {said}
    """)

    assert kept == lines(settled(person, "T+60d").history)


@pytest.mark.parametrize("clock", CLOSED)
def test_what_is_closed_leaves_a_line_and_what_is_silent_none(clock: str) -> None:
    """The newest first, each once it can be revised no more (R25, R23; ruling 3)."""
    assert CLOSED[clock] == lines(settled(told(STORY), clock).history)


def test_closing_step_by_step_leaves_the_same_lines() -> None:
    """However often it is looked."""
    person = told(STORY)
    for clock in CLOSED:
        person = settled(person, clock)

    assert settled(told(STORY), "T+50d").history == person.history


@pytest.mark.parametrize(("size", "kept"), [(1, 1), (2, 2), (3, 3), (4, 3)])
def test_no_more_are_kept_than_the_policy_says(size: int, kept: int) -> None:
    """The oldest go (R25); of several periods the most are kept."""
    policy = replace(POLICY, history_size=size)
    dated = Policies(first=replace(POLICY, history_size=1), later=((T, policy),))

    history = settled(told(STORY), "T+50d", policy).history

    assert kept == len(history)
    assert "attended RXX" == lines(history)[0]
    assert size == dated.history_size


def test_who_looks_is_shown_what_is_closed_and_what_is_open() -> None:
    """One line for each, whether its messages are still held or not (ruling 30, R25)."""
    person = settled(told(STORY), "T+45d")
    looker = Looker(organisation=OdsCode("RXX"), organisation_name="Exton", role="nurse", user_name="A Nurse")

    found = look_up(
        A,
        person.known,
        looker,
        access_of(looker, "look", moment("T+45d")),
        POLICY,
        KEY,
        hours={},
        past=person.history,
    )

    assert ["attended RXX", "viewed RYY", "attended RYY"] == lines(found.opened.history)


def test_the_lines_follow_the_person_to_another_number() -> None:
    """Under the survivor's references, each once, with the survivor's own (ruling 22)."""
    former = settled(told(STORY), "T+50d")
    row = f"{HEAD}T | notice | n1 superseded | by=B"
    (notice,) = [fact for _, fact in keyed_facts(row, {"A": A, "B": B})]
    former = former.learn(lift(notice))
    answer = leaving(former)
    assert answer is not None
    merged = handed_over(former, forwarding_by(former, answer, T), T)
    there = translated(Came(merged).fact, KEY, former=A, number=B)
    own = Past(subject="own", occasion=former.history[0].occasion, at=T, organisation=OdsCode("RZZ"))

    person = fold(Person(number=B, salt=bytes(16), history=(own,)), there)
    again = fold(person, there)

    assert ["attended RXX", "viewed RYY", "attended RYY"] == [
        line for line in lines(person.history) if line != "attended RZZ"
    ]
    assert person.history == again.history
    assert not {line.subject for line in former.history if line.state} & {
        line.subject for line in person.history
    }


def test_of_two_lines_about_one_visit_the_last_counts() -> None:
    """What is held says more than what was closed."""
    (visit,) = settled(told(STORY), "T+20d").history
    renamed = replace(visit, organisation_name="Wye")

    assert (renamed,) == newest((visit, renamed), 5)


def test_a_person_without_a_plan_leaves_no_history() -> None:
    """The record goes, and every line with it (architecture, section 2)."""
    table = STORY.replace("CPP E09 |", "CPP E09 | end=D-50")
    ended = told(table)

    assert settle(ended, moment("T+400d"), POLICY) is None
    assert facts(table)
