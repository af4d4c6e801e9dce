"""Which of the three answers follows from what was looked at: every reason, and what outweighs what."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from broker.core.answer_words import NOT_NONE, REASONS, answer_sentences
from broker.core.answers import Answer, Checked, Feeds, Finding, Uncheckable, answer, could_not_check
from broker.core.wording import NO_PLAN, NOT_FOR_RELEASE, SEARCHED, SUPPORTS

AT = datetime(2026, 6, 1, 11, 30, tzinfo=UTC)
FEEDS = Feeds(known=3, stale=1)
PASSED = Checked(checked_at=AT)

REASON_OF: dict[Uncheckable, dict[str, Any]] = {
    Uncheckable.SHARING_STOPPED: {"sharing_stopped": True},
    Uncheckable.POSSIBLE_MATCH: {"possible_match": True},
    Uncheckable.NO_NUMBER: {"number": False},
    Uncheckable.NOT_IN_USE: {"not_in_use": True},
    Uncheckable.RESTRICTED: {"restricted": True},
    Uncheckable.SET_ASIDE: {"on_hold": True},
    Uncheckable.DETAILS_DISAGREE: {"details_disagree": True},
    Uncheckable.TWO_NUMBERS: {"several_numbers": True},
    Uncheckable.RECORD_WAITING: {"record_waiting": True},
    Uncheckable.UNDER_ENQUIRY: {"under_enquiry": True},
    Uncheckable.ANOTHER_NATION: {"searched": False},
    Uncheckable.BROKER_BEHIND: {"checked_at": None},
}
"""What makes each reason, the weightiest first."""

OUTWEIGHS_A_PLAN = frozenset(
    {
        Uncheckable.SHARING_STOPPED,
        Uncheckable.POSSIBLE_MATCH,
        Uncheckable.NO_NUMBER,
        Uncheckable.NOT_IN_USE,
        Uncheckable.RESTRICTED,
        Uncheckable.SET_ASIDE,
    }
)


def looked_at(*reasons: Uncheckable, **more: Any) -> Checked:
    """Return what was looked at where these reasons hold."""
    values: dict[str, Any] = {}
    for reason in reasons:
        values |= REASON_OF[reason]
    return replace(PASSED, **(values | more))


def test_no_plan_on_file_needs_everything() -> None:
    """A mark that has passed the visit, and nothing that speaks against it (ruling 41)."""
    assert Answer(finding=Finding.NO_PLAN, checked_at=AT, feeds=FEEDS) == answer(PASSED, FEEDS)


@pytest.mark.parametrize("reason", REASON_OF)
def test_each_reason_alone_keeps_us_from_saying_that_there_is_none(reason: Uncheckable) -> None:
    """One is enough, and it is the one that is told (ruling 41)."""
    assert could_not_check(reason) == answer(looked_at(reason), FEEDS)


@pytest.mark.parametrize("reason", REASON_OF)
def test_a_plan_is_told_unless_something_outweighs_it(reason: Uncheckable) -> None:
    """A plan that is there is told though the broker is behind; never of a restricted record (ruling 41)."""
    told = answer(looked_at(reason, plan=True), FEEDS)

    assert (Finding.COULD_NOT_CHECK if reason in OUTWEIGHS_A_PLAN else Finding.PLAN) == told.finding


def test_an_authority_that_stopped_sharing_takes_no_plan_of_another_away() -> None:
    """Its own may not be looked through, so that nobody is told there is none (rulings 41, 45)."""
    unshared = replace(PASSED, plans_unshared=True)

    assert could_not_check(Uncheckable.SHARING_STOPPED) == answer(unshared, FEEDS)
    assert Finding.PLAN is answer(replace(unshared, plan=True), FEEDS).finding
    told = answer(replace(unshared, details_disagree=True, record_waiting=True), FEEDS)
    assert Uncheckable.DETAILS_DISAGREE is told.reason


@pytest.mark.parametrize(("weightier", "other"), list(pairwise(REASON_OF)))
def test_of_two_reasons_the_weightier_is_told(weightier: Uncheckable, other: Uncheckable) -> None:
    """What the asker can do something about comes before what only time mends."""
    assert weightier == answer(looked_at(weightier, other), FEEDS).reason


def test_of_every_reason_it_is_said_where_it_stands() -> None:
    """All but one are found by looking; a visit that is not held is not looked at."""
    assert set(Uncheckable) == {*REASON_OF, Uncheckable.NOT_HELD}


def test_every_reason_has_its_words_and_none_says_that_there_is_a_plan() -> None:
    """The asker may be anybody at a reception (ruling 46)."""
    assert set(Uncheckable) == set(REASONS)
    assert [] == [words for words in REASONS.values() if "plan" in words]


def test_no_plan_is_said_in_the_fixed_words_with_when_and_how_old() -> None:
    """That is not evidence of no risk; what was searched; the clock is London's (rulings 32, 33, 41)."""
    assert (
        NO_PLAN,
        SEARCHED,
        "Checked at 2026-06-01 12:30:00.",
        "Stale: the plans of 1 of 3 authorities, which have sent none for longer than they should.",
        SUPPORTS,
    ) == answer_sentences(answer(PASSED, FEEDS))


def test_a_plan_is_said_without_its_content() -> None:
    """Which it is stands in the alert; not for the patient (ruling 30)."""
    said = answer_sentences(answer(looked_at(plan=True), FEEDS))

    assert said[0].startswith("Plan on file.")
    assert NOT_FOR_RELEASE in said


@pytest.mark.parametrize("reason", Uncheckable)
def test_a_failure_looks_like_no_other_answer(reason: Uncheckable) -> None:
    """It says itself that it is not the answer that there is none, and why (rulings 34, 41)."""
    said = answer_sentences(could_not_check(reason, cause="CPIS-401"))

    assert f"Could not check: {REASONS[reason]}. [CPIS-401]" == said[0]
    assert (NOT_NONE, SUPPORTS) == said[1:]


def test_what_was_set_aside_keeps_us_from_saying_that_there_is_none_and_no_more() -> None:
    """A plan that is on file is told all the same: it is a record alone that could not be processed (41)."""
    aside = replace(PASSED, set_aside=True)

    assert could_not_check(Uncheckable.SET_ASIDE) == answer(aside, FEEDS)
    assert Finding.PLAN is answer(replace(aside, plan=True), FEEDS).finding
