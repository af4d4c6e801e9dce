"""A record grows with what changes, and not with how often a source is asked: rulings 13, 22 to 24, 38."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.birthdays import born_on
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.notices_kept import needed
from broker.core.number_answers import newest_answer, under_enquiry
from broker.core.person import Known, merge
from broker.core.restriction import is_restricted, mark_of

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
SUCCESSOR = NhsNumber("9990000026")
DAYS = (date(2014, 4, 12), date(2014, 12, 4))


def notice(
    kind: IdentityKind, hours: int, *, name: str = "", born: date | None = None, took: int = 1
) -> IdentityNotice:
    """Return what was said so many hours after the start, and received so many later, by default one."""
    at = START + timedelta(hours=hours)
    return IdentityNotice(
        notice_id=f"{kind} {hours} {name}",
        kind=kind,
        successor=SUCCESSOR if kind is IdentityKind.SUPERSEDED else None,
        birth_date=(born or DAYS[0]) if kind is IdentityKind.BIRTH_DATE else None,
        recorded_at=at,
        received_at=at + timedelta(hours=took),
    )


def of(notices: Sequence[IdentityNotice]) -> Known:
    """Return what is known from notices alone."""
    return Known(notices={one.notice_id: one for one in notices})


def heard_by(known: Known, by: datetime) -> list[IdentityNotice]:
    """Return what had been received by a time."""
    return [one for one in known.notices.values() if one.received_at <= by]


@pytest.mark.parametrize(
    "kind",
    [
        IdentityKind.RESTRICTED,
        IdentityKind.RESTRICTION_LIFTED,
        IdentityKind.IN_USE,
        IdentityKind.INVALIDATED,
        IdentityKind.SUPERSEDED,
        IdentityKind.NUMBER_CHANGE,
    ],
)
def test_what_a_source_says_every_day_is_kept_once(kind: IdentityKind) -> None:
    """The newest decides: whether protected (24), in use or not (22, 23), under enquiry (38)."""
    said = of([notice(kind, hours) for hours in range(0, 240, 24)])

    assert [f"{kind} 216 "] == list(needed(said.notices, START))


def test_a_date_of_birth_that_was_said_every_day_is_kept_twice() -> None:
    """The first and the last of a run: by any cut-off the newest is the same (ruling 13)."""
    days = [DAYS[0]] * 4 + [DAYS[1]] + [DAYS[0]] * 3
    said = of([notice(IdentityKind.BIRTH_DATE, hours, born=day) for hours, day in enumerate(days)])

    kept = needed(said.notices, START + timedelta(hours=7))

    assert [0, 3, 4, 5, 6, 7] == [int(one.split()[-1]) for one in kept]


def test_a_date_of_birth_that_was_heard_before_what_was_said_first_is_kept() -> None:
    """Without it the day would not have been known when it was, and what hangs on it be delayed (11)."""
    took = (9, 0, 1, 9)
    said = of([notice(IdentityKind.BIRTH_DATE, hours, took=each) for hours, each in enumerate(took)])

    kept = Known(notices=needed(said.notices, START + timedelta(days=1)))

    assert [0, 1, 3] == [int(one.split()[-1]) for one in kept.notices]
    assert DAYS[0] == born_on(heard_by(kept, START + timedelta(hours=1)), START + timedelta(days=1))


@pytest.mark.parametrize("kind", [IdentityKind.PREGNANCY_ENDED, IdentityKind.TIME_PASSED])
def test_what_is_no_repeated_answer_of_the_source_is_kept(kind: IdentityKind) -> None:
    """Each says something of its own (ruling 43)."""
    said = of([notice(kind, hours) for hours in range(3)])

    assert said.notices is needed(said.notices, START + timedelta(days=9))


KINDS = (
    IdentityKind.RESTRICTED,
    IdentityKind.RESTRICTION_LIFTED,
    IdentityKind.IN_USE,
    IdentityKind.INVALIDATED,
    IdentityKind.SUPERSEDED,
    IdentityKind.NUMBER_CHANGE,
    IdentityKind.BIRTH_DATE,
)
NOTICES = st.lists(
    st.builds(
        notice,
        st.sampled_from(KINDS),
        st.integers(0, 6),
        name=st.sampled_from("ab"),
        born=st.sampled_from(DAYS),
        took=st.integers(0, 9),
    ),
    unique_by=lambda one: one.notice_id,
)


@given(
    before=st.integers(0, 7),
    earlier=NOTICES,
    later=NOTICES,
    cutoff=st.integers(0, 9),
    heard=st.integers(0, 16),
)
def test_nothing_is_decided_otherwise_by_what_is_left(
    *, before: int, earlier: list[IdentityNotice], later: list[IdentityNotice], cutoff: int, heard: int
) -> None:
    """
    Neither now nor with whatever is recorded after that time and comes (rulings 13, 22 to 24, 38).

    Nor is anything said to be delayed that was not, or the other way round, by when it was heard (11).
    """
    limit, by = START + timedelta(hours=before), START + timedelta(hours=cutoff)
    come = of([one for one in later if one.recorded_at >= limit])
    whole = merge(of(earlier), come)
    left = merge(Known(notices=needed(of(earlier).notices, limit)), come)

    assert (is_restricted(whole), mark_of(whole)) == (is_restricted(left), mark_of(left))
    assert newest_answer(whole.notices.values()) == newest_answer(left.notices.values())
    assert under_enquiry(whole.notices.values()) == under_enquiry(left.notices.values())
    assert born_on(whole.notices.values(), by) == born_on(left.notices.values(), by)
    then = START + timedelta(hours=heard)
    assert born_on(heard_by(whole, then), by) == born_on(heard_by(left, then), by)
