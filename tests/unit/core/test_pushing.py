"""When an answer is told, told again, or not: ruling 41 where a site has asked for it to be pushed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from broker.core.alerts import EventKind
from broker.core.answer_words import NOT_NONE
from broker.core.answers import MARK_WITHIN, Answer, Feeds, Finding, Uncheckable, could_not_check
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey
from broker.core.pushing import (
    DISREGARD,
    PushedAnswer,
    PushedVisit,
    answer_lines,
    asked_at,
    is_due,
    word,
)
from broker.core.wording import NO_PLAN

KEY = IdentityKey(b"a key of these tests, long enough to be one")
AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(minutes=10)
VISIT = PushedVisit(
    reference="r1",
    provider=OdsCode("RXX"),
    number=NhsNumber("9990000018"),
    control_id="M-1",
    received_at=AT,
    arrived_at=AT - timedelta(hours=1),
)
NEWER = replace(VISIT, control_id="M-2", received_at=LATER)
PLAN = Answer(finding=Finding.PLAN, checked_at=AT, feeds=Feeds(known=2, stale=0))
NONE = Answer(finding=Finding.NO_PLAN, checked_at=AT, feeds=Feeds(known=2, stale=1))
BEHIND = could_not_check(Uncheckable.BROKER_BEHIND)
RESTRICTED = could_not_check(Uncheckable.RESTRICTED)


def first(answer: Answer, visit: PushedVisit = VISIT) -> PushedAnswer:
    """Return the first word about a visit."""
    said = word(visit, answer, None, at=AT, key=KEY)
    assert said is not None
    return said


@pytest.mark.parametrize(
    ("passed", "waited", "due"),
    [
        (True, timedelta(), True),
        (False, MARK_WITHIN - timedelta(milliseconds=1), False),
        (False, MARK_WITHIN, True),
    ],
)
def test_a_visit_is_answered_when_its_mark_has_passed_or_its_minute_is_over(
    *, passed: bool, waited: timedelta, due: bool
) -> None:
    """Ruling 41: no mark within 60 seconds is `could not check`."""
    assert due is is_due(passed=passed, asked_at=AT, now=AT + waited)


@pytest.mark.parametrize(
    ("received", "settled", "asked"),
    [
        ((0,), None, 0),
        ((50, 0, 100), None, 0),
        ((0, 50, 100), 0, 50),
        ((0, 50, 100), 50, 100),
        ((0, 50, 100), 100, 100),
    ],
)
def test_the_minute_counts_from_the_first_message_that_nothing_was_answered_for(
    received: tuple[int, ...], settled: int | None, asked: int
) -> None:
    """Ruling 41: one after the other, none puts off the answer for those before."""
    times = [AT + timedelta(seconds=one) for one in received]
    settled_at = None if settled is None else AT + timedelta(seconds=settled)
    assert AT + timedelta(seconds=asked) == asked_at(times, settled_at)


@pytest.mark.parametrize(
    ("standing", "answer", "visit", "told"),
    [
        (NONE, NONE, NEWER, False),
        (NONE, replace(NONE, checked_at=LATER, feeds=Feeds(known=2, stale=2)), NEWER, False),
        (NONE, PLAN, VISIT, True),
        (PLAN, NONE, VISIT, True),
        (RESTRICTED, could_not_check(Uncheckable.NO_NUMBER), VISIT, True),
        (RESTRICTED, replace(RESTRICTED, cause="CPIS-900"), VISIT, False),
        (BEHIND, NONE, VISIT, True),
        (NONE, BEHIND, NEWER, True),
        (NONE, BEHIND, VISIT, False),
        (PLAN, BEHIND, NEWER, False),
        (RESTRICTED, BEHIND, NEWER, False),
    ],
)
def test_an_answer_is_told_again_where_it_says_something_else(
    standing: Answer, answer: Answer, visit: PushedVisit, *, told: bool
) -> None:
    """
    Ruling 41: not for another hour of checking. That the broker is behind takes nothing back but that there
    is no plan, and that for a newer message alone.
    """
    said = word(visit, answer, first(standing), at=LATER, key=KEY)

    assert told is (said is not None)
    if said is not None:
        assert (2, EventKind.UPDATED, LATER) == (said.revision, said.kind, said.told_at)


def test_the_same_word_has_the_same_id_and_another_has_another() -> None:
    """A process that died says it again under the id that it had; the thread is the visit's."""
    again, other = first(NONE), first(PLAN)

    assert first(NONE).event_id == again.event_id != other.event_id
    assert again.answer_id == other.answer_id != first(NONE, replace(VISIT, reference="r2")).answer_id
    assert (1, EventKind.RAISED, AT) == (again.revision, again.kind, again.received_at)


def test_a_visit_that_goes_on_elsewhere_has_its_answer_disregarded_once() -> None:
    """Ruling 44: nothing is said where nothing was, nor twice; an answer given later begins anew."""
    taken_back = word(VISIT, None, first(NONE), at=LATER, key=KEY)

    assert taken_back is not None
    assert EventKind.RETRACTED is taken_back.kind
    assert word(VISIT, None, None, at=LATER, key=KEY) is None
    assert word(VISIT, None, taken_back, at=LATER, key=KEY) is None
    back = word(VISIT, NONE, taken_back, at=LATER, key=KEY)
    assert back is not None
    assert (3, EventKind.UPDATED) == (back.revision, back.kind)


def test_a_number_that_is_not_in_use_does_not_go_out() -> None:
    """Ruling 23: its receiver is told which of its own messages is meant."""
    said = first(could_not_check(Uncheckable.NOT_IN_USE))

    assert said.visit.number is None
    assert "M-1" in [line.value for line in answer_lines(said)]


def test_the_words_are_those_of_an_enquiry() -> None:
    """Rulings 33, 34: `no plan` never stands alone, and an error is visibly none."""
    said = {answer.finding: [line.value for line in answer_lines(first(answer))] for answer in (NONE, BEHIND)}

    assert "no plan on file" == said[Finding.NO_PLAN][0]
    assert NO_PLAN in said[Finding.NO_PLAN]
    assert NO_PLAN not in said[Finding.COULD_NOT_CHECK]
    assert NOT_NONE in said[Finding.COULD_NOT_CHECK]


def test_what_is_disregarded_says_so_and_answers_nothing() -> None:
    """Ruling 44: it names the sender's message, and no number that could be a person's in it (42)."""
    named = replace(VISIT, control_id="for 999 000 0018")
    taken_back = word(named, None, first(PLAN), at=LATER, key=KEY)

    assert taken_back is not None
    assert ["for …", DISREGARD] == [line.value for line in answer_lines(taken_back)][:2]
