"""Which facts wait while a person is on hold, and when a hold ends by itself (ADR 0036)."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from broker.core.facts import Cover, IdentityKind, IdentityNotice, LinkEnded, VisitLeft
from broker.core.holding import (
    FURTHER,
    HELD_FOR_MAX,
    SET_ASIDE_MAX,
    WAITING_MAX,
    ends_at,
    held_since,
    noted,
    waits,
)
from broker.core.person import Known, Person
from broker.core.succession import Merged
from tests.builders.house import ADA
from tests.builders.matcher import NOON, SALT, access, attendance, birth, notice, numbers, plan

SECOND = timedelta(seconds=1)


def said(kind: IdentityKind, at: datetime = NOON) -> IdentityNotice:
    """Return a word about a hold."""
    return IdentityNotice(notice_id=f"{kind} {at}", kind=kind, recorded_at=at, received_at=at)


def held(*waiting: int, at: datetime = NOON) -> Person:
    """Return a person on hold since a time, for whom these offsets wait."""
    notices = {"n": said(IdentityKind.ON_HOLD, at)}
    places = tuple(("cpis.in.plans", offset) for offset in waiting)
    return Person(number=ADA, salt=SALT, known=Known(notices=notices), waiting=places)


LEFT = VisitLeft(
    visit="v1", message_id="m1", control_id="c1", recorded_at=NOON, sent_at=NOON, received_at=NOON
)
COVER = Cover(mother=None, births=(), plans=(), recorded_at=NOON, received_at=NOON)
MARKED_PLAN = replace(plan(), content=replace(plan().content, restricted=True))


@pytest.mark.parametrize("fact", [plan(), attendance(), LEFT, access()])
def test_what_tells_of_plans_and_visits_waits(fact: object) -> None:
    """It may be what is amiss."""
    assert waits(fact)


@pytest.mark.parametrize(
    "fact",
    [
        notice(),
        said(IdentityKind.HOLD_ENDED),
        said(IdentityKind.INVALIDATED),
        MARKED_PLAN,
        replace(attendance(), restricted=True),
        birth(next(numbers())),
        COVER,
        LinkEnded(number=ADA, received_at=NOON),
        Merged(stamp=NOON, received_at=NOON),
    ],
)
def test_what_protects_and_what_ends_a_hold_does_not_wait(fact: object) -> None:
    """
    Marks (24), what the source says of the number (22, 23), a birth, whose baby is not on hold (26), and what
    ends it, whatever else is amiss.
    """
    assert not waits(fact)


def test_a_hold_begins_and_ends_by_the_newest_word() -> None:
    """By the stamps (37); a second word begins it anew."""
    on, off, again = (
        said(IdentityKind.ON_HOLD),
        said(IdentityKind.HOLD_ENDED, NOON + SECOND),
        said(IdentityKind.ON_HOLD, NOON + 2 * SECOND),
    )

    assert [None, NOON, None, NOON + 2 * SECOND, None] == [
        held_since(words) for words in ((), (on,), (on, off), (again, off, on), (off,))
    ]


@pytest.mark.parametrize(
    ("lasted", "waiting", "ends"),
    [
        (HELD_FOR_MAX - SECOND, 0, False),
        (HELD_FOR_MAX, 0, True),
        (SECOND, WAITING_MAX, False),
        (SECOND, WAITING_MAX + 1, True),
    ],
)
def test_a_hold_that_lasts_or_holds_too_much_ends_by_itself(
    *, lasted: timedelta, waiting: int, ends: bool
) -> None:
    """What waits is an alert that nobody hears: 72 hours, 5,000 records."""
    assert (NOON if ends else None) == ends_at(held(*range(waiting)), NOON + lasted)


def test_where_nobody_is_on_hold_nothing_ends() -> None:
    """However long ago it was."""
    assert ends_at(Person(number=ADA, salt=SALT), NOON) is None


def test_what_waits_of_somebody_who_is_not_on_hold_is_let_go() -> None:
    """The word that they are could not be taken: nobody would ever end what did not begin."""
    person = Person(number=ADA, salt=SALT, waiting=(("cpis.in.plans", 3),))

    assert NOON == ends_at(person, NOON)


def test_what_was_set_aside_is_noted_once_when_it_was_first() -> None:
    """The same record may come again and again (ADR 0036)."""
    first = noted({}, {"a": NOON})

    assert {"a": NOON, "b": NOON + SECOND} == noted(first, {"a": NOON + SECOND, "b": NOON + SECOND})


def test_so_many_are_noted_each_by_itself_and_one_word_stands_for_all_others() -> None:
    """It is as new as the newest of them, so that none is forgotten before its time (ruling 41)."""
    full = noted({}, {f"{number}": NOON for number in range(SET_ASIDE_MAX)})
    over = noted(full, {"0": NOON + SECOND, "one more": NOON + 2 * SECOND})
    again = noted(over, {"another": NOON + SECOND, FURTHER: NOON + SECOND})

    assert SET_ASIDE_MAX == len(full)
    assert {**full, FURTHER: NOON + 2 * SECOND} == over == again
    assert {FURTHER: NOON} == noted({}, {FURTHER: NOON})
