"""What of a person's record may go, and when: L is 35 days, measured by the partition's clock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.alerts import Mark, Occasion, Why
from broker.core.audit import DecisionEntry
from broker.core.decisions import decide
from broker.core.effects import advance, open_part
from broker.core.facts import Cover, Fact
from broker.core.identifiers import NhsNumber
from broker.core.person import Known, Person, lift
from broker.core.policy import Policies
from broker.core.retention import Reason, known_since, reason_kept, settle
from tests.spec.settled import KEY, SETTLED
from tests.spec.table import facts, moment

POLICY = replace(SETTLED, lateness=timedelta(days=35))
HEAD = "recorded | fact | about | values\n"
PLAN = f"{HEAD}T-99d | plan | CPP E09 |\n"


def told(table: str, person: Person | None = None) -> Person:
    """Return a person after every fact of a table was folded and told."""
    person = person or Person(number=NhsNumber("9990000018"), salt=bytes(16))
    for fact in facts(table):
        person = advance(person.learn(lift(fact)), POLICY, KEY).person
    return person


def settled(table: str, clock: str) -> Person | None:
    """Return what is left of a person at a time of the partition's clock."""
    return settle(told(table), moment(clock), POLICY)


def kept(person: Person | None) -> Sequence[str]:
    """Return the visits and views that are still known."""
    assert person is not None
    return sorted([*person.known.visits, *person.known.accesses])


CLOSINGS = {
    "the cut-off is not L behind": ("T | A04 | v1 |", "T+49d", ["v1"]),
    "the cut-off is more than L behind": ("T | A04 | v1 |", "T+49d+1s", []),
    "a later message holds the visit open": ("T | A04 | v1 |\nT+30d | A08 | v1 |", "T+65d", ["v1"]),
    "until that one is past too": ("T | A04 | v1 |\nT+30d | A08 | v1 |", "T+65d+1s", []),
    "a neighbour within a week waits": (
        "T | A04 | v1 |\nT+7d | A04 | v2 |",
        "T+50d",
        ["v1", "v2"],
    ),
    "one further away does not": ("T | A04 | v1 |\nT+7d+1m | A04 | v2 |", "T+50d", ["v2"]),
    "a chain waits for its newest": (
        "T | A04 | v1 |\nT+7d | A04 | v2 |\nT+14d | A04 | v3 |",
        "T+57d",
        ["v1", "v2", "v3"],
    ),
    "a chain closes together": ("T | A04 | v1 |\nT+7d | A04 | v2 |\nT+14d | A04 | v3 |", "T+64d", []),
    "an admission closes with its A&E visit": (
        "T | A04 | v1 | patient_class=E\nT+1h | A01 | v2 | patient_class=I admission_type=21",
        "T+49d+2h",
        [],
    ),
    "a sensitive visit stays L": ("T | A04 | v1 RLL | location=HAVEN", "T+35d", ["v1"]),
    "and goes after it": ("T | A04 | v1 RLL | location=HAVEN", "T+35d+1s", []),
    "a view has its cut-off": ("T | view | a1 RYY |", "T+49d", ["a1"]),
    "and goes after it is past": ("T | view | a1 RYY |", "T+49d+1s", []),
    "a view stays with an open visit": (
        "T | view | a1 |\nT | A04 | v1 |\nT+30d | A08 | v1 |",
        "T+60d",
        ["a1", "v1"],
    ),
    "a visit waits for the cut-off of a view in it": (
        "T | A04 | v1 |\nT+20d | view | a1 | accessed_at=T+1h",
        "T+56d+1h",
        ["a1", "v1"],
    ),
    "and goes with it": ("T | A04 | v1 |\nT+20d | view | a1 | accessed_at=T+1h", "T+56d+1h+1s", []),
    "a view goes with its visit, whatever else is open": (
        "T | A04 | v1 |\nT+1h | view | a1 |\nT+20d | A04 | v2 |",
        "T+50d",
        ["v2"],
    ),
}


@pytest.mark.parametrize("case", CLOSINGS)
def test_what_is_past_revising_is_closed(case: str) -> None:
    """Its facts go, and nothing late may revise it."""
    table, clock, left = CLOSINGS[case]
    before = told(PLAN + table)
    after = settle(before, moment(clock), POLICY)

    assert left == kept(after)
    assert after is not None
    assert set(kept(before)) == set(left) | after.closed


STILLBIRTHS = {
    "another visit is open": ("end=D-20", "T+8d | A04 | v2 |", "T+57d", ["v1", "v2"]),
    "it was undone, and another visit is open": (
        "end=D-20",
        "T+1m | A13 | v1 |\nT+8d | A04 | v2 |",
        "T+57d",
        ["v1", "v2"],
    ),
    "no visit is open": ("end=D-20", "T+8d | A04 | v2 |", "T+57d+1s", []),
    "a view is open": ("end=D-20", "T+8d | view | a1 RYY |", "T+57d", ["a1", "v1"]),
    "the unborn plan can be seen": ("end=D+60", "", "T+88d", ["v1"]),
    "its outcome may be asked": ("end=D+60", "", "T-11h+124d-1s", ["v1"]),
    "it no longer may": ("end=D+60", "", "T-11h+124d", []),
}


@pytest.mark.parametrize("case", STILLBIRTHS)
def test_a_stillbirth_is_remembered_while_an_unborn_plan_may_be_asked_about(case: str) -> None:
    """Else later visits would be told of a pregnancy that is over (43), or as not delayed (11)."""
    end, then, clock, left = STILLBIRTHS[case]
    table = f"{PLAN}T-99d | plan | UCP E09 | {end}\nT | A03 | v1 | disposition=5\n{then}"

    assert left == kept(settled(table, clock))


def test_a_closed_visit_shrinks_to_its_told_row() -> None:
    """Revision and kind stay, content, items and decisions go."""
    before = told(f"{PLAN}T | A04 | v1 |\nT | A04 | v2 RYY | family=Other given=Alex")
    after = settle(before, moment("T+60d"), POLICY)

    assert after is not None
    assert [(1, None)] * 2 == [(row.revision, row.alert) for row in after.told.values()]
    assert ({}, {}, {"v1", "v2"}) == (after.items, after.entries, set(after.closed))


def test_closing_says_nothing() -> None:
    """Neither about the closed visits nor about the open ones (ruling 15)."""
    before = told(f"{PLAN}T | A04 | v1 |\nT+6d | A04 | v2 |\nT+13d+1m | A04 | v3 |")
    after = settle(before, moment("T+56d"), POLICY)

    assert after is not None
    assert {"v1", "v2"} == after.closed
    assert () == advance(after, POLICY, KEY).events


def test_closing_a_visit_raises_no_alert_for_a_view_in_it() -> None:
    """A view is a line in the thread of its visit (ruling 1), and never anything else afterwards."""
    before = told(f"{PLAN}T | A04 | v1 |\nT+20d | view | a1 | accessed_at=T+1h")
    after = settle(before, moment("T+55d"), POLICY)

    assert after is not None
    assert () == advance(after, POLICY, KEY).events


@pytest.mark.parametrize(
    ("afterwards", "covered"),
    [
        ("T+1h | A08 | v1 | mothers=one", True),
        ("T+1h | A08 | v1 | mothers=another", False),
        ("T+1h | A08 | v1 |", True),
    ],
)
def test_a_link_that_ended_before_its_visit_closed_is_not_taken_up_again(
    afterwards: str, *, covered: bool
) -> None:
    """The mother's record says everything anew when her plan changes: what was corrected stays so (26)."""
    [cover] = facts(f"{HEAD}T-1h | cover | UCP E09 | born=D-1 start=D-10 end=D+200")
    assert isinstance(cover, Cover)
    births = tuple(replace(birth, visit="v1", named="one") for birth in cover.births)
    linked = lift(replace(cover, births=births))
    visit = f"{HEAD}T | A04 | v1 | mothers=one\n{afterwards}"
    person = told(visit, Person(number=NhsNumber("9990000018"), salt=bytes(16)).learn(linked))
    left = settle(person, moment("T+60d"), POLICY)
    assert left is not None
    again = advance(left.learn(linked), POLICY, KEY)

    assert [] == kept(left)
    assert () == again.events
    assert covered == any(entry.why is Why.SHARED for entry in decisions_about_birth(left.learn(linked)))


@pytest.mark.parametrize(
    ("in_time", "late", "covered"),
    [
        ("one", "another", True),
        ("another", "one", False),
    ],
)
def test_a_link_stands_or_not_whatever_comes_of_its_visit_after_it_was_closed(
    in_time: str, late: str, *, covered: bool
) -> None:
    """Nothing of a closed visit is looked at, so nothing of it changes what stands (10, 26)."""
    [cover] = facts(f"{HEAD}T-1h | cover | UCP E09 | born=D-1 start=D-10 end=D+200")
    assert isinstance(cover, Cover)
    linked = lift(replace(cover, births=tuple(replace(one, visit="v1", named="one") for one in cover.births)))
    person = told(
        f"{HEAD}T | A04 | v1 | mothers={in_time}",
        Person(number=NhsNumber("9990000018"), salt=bytes(16)).learn(linked),
    )
    closed = settle(person, moment("T+60d"), POLICY)
    assert closed is not None
    assert {"v1"} == closed.closed
    heard = told(f"{HEAD}T+1h | A08 | v1 | mothers={late}", closed)
    again = settle(heard, moment("T+61d"), POLICY)

    assert again is not None
    assert () == advance(again, POLICY, KEY).events
    assert covered == any(entry.why is Why.SHARED for entry in decisions_about_birth(again))


def test_what_comes_of_a_closed_visit_takes_no_line_of_the_history() -> None:
    """A visit that closes leaves a line, though it is told of as an admission from a closed one (30)."""
    closed = settled(f"{PLAN}T | A04 | v1 |", "T+60d")
    assert closed is not None
    admitted = "A01 | v2 | patient_class=I admission_type=21"
    heard = told(f"{HEAD}T+38d | A04 | v1 | patient_class=E\nT+38d+1h | {admitted}", closed)
    left = settle(heard, moment("T+100d"), POLICY)

    assert left is not None
    assert ["v2", "v1"] == [line.subject for line in left.history]


def decisions_about_birth(person: Person) -> list[DecisionEntry]:
    """Return what is decided of a person's birth."""
    decisions = decide(person.number, open_part(person), POLICY, KEY)
    return [entry for entry in decisions.entries.values() if entry.occasion is Occasion.BORN]


def test_settling_again_changes_nothing() -> None:
    """The same value, so that nothing need be written."""
    once = settled(f"{PLAN}T | A04 | v1 |\nT | view | a1 RYY |", "T+60d")

    assert once is not None
    assert once is settle(once, moment("T+60d"), POLICY)


def test_what_comes_too_late_changes_nothing_and_goes_again() -> None:
    """It is merged, tells nobody, and is gone with the next settling."""
    person = settled(f"{PLAN}T | A04 | v1 |\nT | view | a1 RYY |", "T+60d")
    learned = told(f"{HEAD}T+61d | A08 | v1 |\nT | view | a1 RYY |", person)

    assert person is not None
    assert ["a1", "v1"] == kept(learned)
    assert (person.told, []) == (learned.told, kept(settle(learned, moment("T+62d"), POLICY)))


LONGER = replace(POLICY, visible_after_end=timedelta(days=400), reattendance=timedelta(days=30))
PERIODS = Policies(first=POLICY, later=((moment("T+9000d"), LONGER),))


def test_what_a_later_period_will_need_is_kept() -> None:
    """A plan that it will show, and a visit that an open one will be counted with."""
    ended = told(f"{HEAD}T-99d | plan | CPP E09 | end=D-300\nT | A04 | v1 |\nT+20d | A04 | v2 |")

    assert settle(ended, moment("T+90d"), POLICY) is None
    assert settle(ended, moment("T+90d"), PERIODS) is not None
    assert (["v2"], ["v1", "v2"]) == (
        kept(settle(ended, moment("T+60d"), POLICY)),
        kept(settle(ended, moment("T+60d"), PERIODS)),
    )


def test_a_view_is_kept_as_long_as_its_own_period_waits_for_plans() -> None:
    """The one in force when it happened."""
    seen = told(f"{PLAN}T | view | a1 RYY |\nT+1d | view | a2 RYY |")
    hasty = replace(POLICY, plan_wait=timedelta(days=1), plan_wait_after_arrival=timedelta(days=1))
    policy = Policies(first=POLICY, later=((moment("T+1d"), hasty),))

    assert ["a1"] == kept(settle(seen, moment("T+38d"), policy))


TAKEN_BACK = """T-99d | plan | CPP E09 | end=D-400
T-1d | notice | n1 excluded | user=u1 named_by=E09
T | notice | n2 exclusion-ended | user=u1 named_by="""

TOMBSTONES = {
    "an active plan": ("T-99d | plan | CPP E09 |", "T+2000d", True),
    "the last visible day": ("T-99d | plan | CPP E09 | end=D-300", "T+65d", True),
    "the day after": ("T-99d | plan | CPP E09 | end=D-300", "T+66d", False),
    "an unborn plan's last visible day": ("T-99d | plan | UCP E09 | end=D", "T+28d", True),
    "the day after that": ("T-99d | plan | UCP E09 | end=D", "T+29d", False),
    "a plan that starts one day": ("T-99d | plan | CPP E09 | start=D+900", "T+800d", True),
    "a removed plan, until L": ("T | plan | CPP E09 | deleted=D", "T+35d", True),
    "a removed plan, after L": ("T | plan | CPP E09 | deleted=D", "T+35d+1s", False),
    "a plan out of view, recorded within L": ("T | plan | CPP E09 | end=D-400", "T+35d", True),
    "and longer ago": ("T | plan | CPP E09 | end=D-400", "T+35d+1s", False),
    "an open visit": ("T-99d | plan | CPP E09 | end=D-400\nT | A04 | v1 |", "T+49d", True),
    "a closed one": ("T-99d | plan | CPP E09 | end=D-400\nT | A04 | v1 |", "T+49d+1s", False),
    "an open view": ("T-99d | plan | CPP E09 | end=D-400\nT | view | a1 |", "T+49d", True),
    "a closed view": ("T-99d | plan | CPP E09 | end=D-400\nT | view | a1 |", "T+49d+1s", False),
    "a notice within L": ("T-99d | plan | CPP E09 | end=D-400\nT | notice | n1 |", "T+35d", True),
    "a child of age within L": ("T-99d | plan | CPP E09 | birth_date=2008-01-10", "T+34d", True),
    "a child of age longer ago": ("T-99d | plan | CPP E09 | birth_date=2008-01-10", "T+35d", False),
    "a woman of age": ("T-99d | plan | UCP E09 | birth_date=1990-01-10 end=D+99", "T+35d", True),
    "a notice longer ago": (
        "T-99d | plan | CPP E09 | end=D-400\nT | notice | n1 pregnancy-ended |",
        "T+35d+1s",
        False,
    ),
    "a restricted record": ("T-99d | plan | CPP E09 | end=D-400\nT | notice | n1 |", "T+999d", True),
    "one restricted by the hospital": (
        "T-99d | plan | CPP E09 | end=D-400\nT | A04 | v1 | restricted=yes",
        "T+999d",
        True,
    ),
    "a lifted restriction": (
        "T-99d | plan | CPP E09 | end=D-400 restricted=yes\nT | notice | n1 restriction-lifted |",
        "T+999d",
        False,
    ),
    "an excluded user": (
        "T-99d | plan | CPP E09 | end=D-400\nT | notice | n1 excluded | user=u1",
        "T+999d",
        True,
    ),
    "an exclusion that was taken back": (
        f"{TAKEN_BACK}E09",
        "T+36d",
        False,
    ),
    "one that was lately": (
        f"{TAKEN_BACK}E09",
        "T+35d",
        True,
    ),
    "one that another side took back": (
        f"{TAKEN_BACK}RXX",
        "T+999d",
        True,
    ),
}


@pytest.mark.parametrize("case", TOMBSTONES)
def test_when_a_persons_record_goes(case: str) -> None:
    """When no plan is visible or could become so, and everything lies more than L behind the clock."""
    table, clock, stays = TOMBSTONES[case]

    assert stays == (settled(HEAD + table, clock) is not None)


def test_that_a_number_came_back_into_use_is_kept_with_its_mark() -> None:
    """So that no id of its first life is given again (rulings 22, 24)."""
    person = replace(told(HEAD + TOMBSTONES["a restricted record"][0]), returns=2)
    later = settle(person, moment("T+999d"), POLICY)

    assert later is not None
    assert (2, {}) == (later.returns, later.known.plans)


@pytest.mark.parametrize("lasting", ["excluded | user=u1 named_by=E09", "restricted |"])
def test_of_whom_something_lasting_is_kept_nothing_else_is(lasting: str) -> None:
    """Not where they were, nor what was told of it, though what lasts was said before (10, 24, 48)."""
    closed = settled(f"{HEAD}T | A04 | v1 |\nT+30d | notice | n1 {lasting}", "T+60d")
    assert closed is not None
    assert (frozenset({"v1"}), 1) == (closed.closed, len(closed.history))
    left = settle(closed, moment("T+999d"), POLICY)

    assert left is not None
    assert replace(left, known=Known()) == Person(number=left.number, salt=left.salt)


def stamps(person: Person | None) -> list[str]:
    """Return the files in which the plans that are still known were said, by stamp."""
    assert person is not None
    return sorted(said.file_id for by_stamp in person.known.plans.values() for said in by_stamp)


RUNS = {
    "the middle of a run goes": ("AAAAA", "T+40d", ["1", "5"]),
    "a run of two stays": ("AA", "T+40d", ["1", "2"]),
    "runs are between changes": ("AAABAAA", "T+42d", ["1", "3", "4", "5", "7"]),
    "within L nothing goes": ("AAAAA", "T+36d", ["1", "2", "3", "4", "5"]),
    "what lies within L stays": ("AAAAA", "T+38d", ["1", "3", "4", "5"]),
}


@pytest.mark.parametrize("case", RUNS)
def test_runs_of_equal_content_are_folded_beyond_l(case: str) -> None:
    """Each keeps the first and the last time it was said; a day apart, the first on T."""
    contents, clock, left = RUNS[case]
    table = "\n".join(
        f"T+{day}d | plan | CPP E09 | authority_name={name} file_id={day + 1}"
        for day, name in enumerate(contents)
    )

    assert left == stamps(settled(HEAD + table, clock))


def test_a_folded_run_keeps_what_was_known_before_all_that_precedes_it() -> None:
    """What was known in time is not delayed by forgetting, nor known before it was (ruling 11)."""
    person = settled(
        f"""{HEAD}
        T-9d | plan | CPP E09 | file_id=1 received=T+9d
        T-8d | plan | CPP E09 | file_id=2
        T-7d | plan | CPP E09 | file_id=3 received=T+9d
        T-6d | plan | CPP E09 | file_id=4 received=T+9d
        """,
        "T+40d",
    )

    assert person is not None
    assert [("1", moment("T+9d")), ("2", moment("T-8d+1m")), ("4", moment("T+9d"))] == [
        (said.file_id, received_at)
        for by_stamp in person.known.plans.values()
        for said, received_at in sorted(by_stamp.items())
    ]


def test_what_was_delayed_stays_delayed_when_its_plan_is_folded() -> None:
    """
    The one record that counts was received late; an equal one of the next day, out of view by then, was not.

    Forgetting says nothing anew of the visit (rulings 11, 18).
    """
    story = facts(f"""{HEAD}
        2026-01-10T09:00 | A04 | v1 |
        2026-01-11T09:00 | plan | CPP E08 | start=2024-10-02 end=2025-01-10
        2026-01-10T11:59 | plan | CPP E08 | start=2024-10-02 end=2025-01-10 received=2026-01-30T11:59
    """)
    person = Person(number=NhsNumber("9990000018"), salt=bytes(16))
    for fact in story:
        person = person.learn(lift(fact))
    before = advance(person, POLICY, KEY)
    after = settle(before.person, moment("2026-02-25T10:02"), POLICY)

    assert after is not None
    assert ([Mark.RETROACTIVE, Mark.DELAYED], ()) == (
        [mark for event in before.events for line in event.alert.plans for mark in line.marks][:2],
        advance(after, POLICY, KEY).events,
    )


@pytest.mark.parametrize("days", range(0, 70, 5))
def test_forgetting_changes_nothing_that_is_told_later(days: int) -> None:
    """Whether the record was settled in between or not, a new fact leads to the same events."""
    story = facts(f"""{HEAD}
        T-50d | plan | CPP E09 | authority_name=A
        T-49d | plan | CPP E09 | authority_name=A
        T-48d | plan | CPP E09 | authority_name=A
        T-20d | A04  | v0 RYY  |
        T     | A04  | v1      |
        T+3d  | A04  | v2      |
        T+9d  | plan | CPP E09 | authority_name=B
    """)
    before = Person(number=NhsNumber("9990000018"), salt=bytes(16))
    for fact in story:
        before = advance(before.learn(lift(fact)), POLICY, KEY).person
    after = settle(before, moment("T") + timedelta(days=days), POLICY)
    assert after is not None
    next_facts: list[Fact] = facts(f"{HEAD}T+{days}d | A04 | v9 RZZ |\nT+{days}d | plan | LAC E08 |")

    one, other = before, after
    for fact in next_facts:
        one, other = one.learn(lift(fact)), other.learn(lift(fact))
    new = [
        [event for event in advance(person, POLICY, KEY).events if event.alert.subject not in after.closed]
        for person in (one, other)
    ]

    assert new[0] == new[1]


def test_a_view_during_a_stay_closes_with_it() -> None:
    """Without its thread it would be an alert of its own, raised by forgetting (ruling 1)."""
    before = told(f"{PLAN}T | A04 | v1 |\nT | view | a1 RXX |\nT+50d | A04 | v2 |")
    after = settle(before, moment("T+60d"), POLICY)

    assert after is not None
    assert {"a1", "v1"} == after.closed
    assert () == advance(after, POLICY, KEY).events


def test_a_thread_waits_for_a_view_that_was_recorded_late() -> None:
    """And a visit far from it for the view that both share."""
    lately = told(f"{PLAN}T | A04 | v1 |\nT+1d | view | a1 RXX | accessed_at=T+1h")
    shared = told(f"{PLAN}T | A04 | v1 |\nT+8d | A04 | v2 |\nT+9d | A08 | v1 |\nT+8d+1h | view | a1 RXX |")

    assert ["a1", "v1"] == kept(settle(lately, moment("T+49d+1h"), POLICY))
    assert ["a1", "v1", "v2"] == kept(settle(shared, moment("T+57d+30m"), POLICY))


REASONS = {
    "a visit that may be revised": ("T-99d | plan | CPP E09 |\nT | A04 | v1 |", "T+49d", Reason.OPEN),
    "one that may not": ("T-99d | plan | CPP E09 |\nT | A04 | v1 |", "T+49d+1s", Reason.VISIBLE),
    "a plan out of view, recorded within L": (
        "T | plan | CPP E09 | end=D-400",
        "T+35d",
        Reason.RECORDED_LATELY,
    ),
    "and longer ago": ("T | plan | CPP E09 | end=D-400", "T+35d+1s", Reason.DUE),
    "a view": ("T-99d | plan | CPP E09 | end=D-400\nT | view | a1 |", "T+49d", Reason.OPEN),
    "a notice": ("T-99d | plan | CPP E09 | end=D-400\nT | notice | n1 |", "T+35d", Reason.RECORDED_LATELY),
}


@pytest.mark.parametrize("case", REASONS)
def test_why_a_record_is_kept(case: str) -> None:
    """The first reason that holds; without one it goes with the next pass."""
    table, clock, reason = REASONS[case]

    assert reason == reason_kept(told(HEAD + table), moment(clock), POLICY)


def test_how_old_a_record_is() -> None:
    """Since the receipt of the oldest fact of any kind."""
    rows = ["T+4d | plan | CPP E09 |", "T+3d | A04 | v1 |", "T+2d | view | a1 |", "T+1d | notice | n1 |"]
    ages = [known_since(told(HEAD + "\n".join(rows[:count]))) for count in range(5)]

    assert [None, *(moment(f"T+{day}d+1m") for day in (4, 3, 2, 1))] == ages
