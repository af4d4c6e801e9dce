"""An authority's plans as they are held, each with what is wrong (C8, C9, C10; rulings 9, 13, 19, 23, 24)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from broker.core.facts import Fact, IdentityKind, IdentityNotice, PlanFact, PlanType
from broker.core.identifiers import OdsCode
from broker.core.invalidation import Inactive, take_out_of_use
from broker.core.person import Person, lift
from broker.core.policy import Policy
from broker.core.policy_keys import Successor
from broker.core.reconciling import PlanFault, PlanRow, PlanStanding, rows_of
from tests.builders.house import ADA
from tests.builders.matcher import AUTHORITY, DETAILS, KEY, NOON, plan

OTHER = OdsCode("E08")
TODAY = NOON.date()


def own(
    *,
    start: date = date(2026, 1, 1),
    end: date | None = None,
    plan_type: PlanType = PlanType.CHILD_PROTECTION,
    authority: OdsCode = AUTHORITY,
    **content: object,
) -> PlanFact:
    """Return a plan as an authority sends it."""
    fact = plan(authority=authority, start=start)
    changed = replace(fact.content, end=end, plan_type=plan_type, **content)  # type: ignore[arg-type]  # by name
    return replace(fact, content=changed)


def said(kind: IdentityKind) -> IdentityNotice:
    """Return a word of the demographic source."""
    return IdentityNotice(notice_id=kind, kind=kind, recorded_at=NOON, received_at=NOON)


def known(*facts: Fact) -> Person:
    """Return a person of whom this is known."""
    person = Person(number=ADA, salt=b"salt")
    for fact in facts:
        person = person.learn(lift(fact))
    return person


def rows(*facts: Fact, at: datetime = NOON, policy: Policy | None = None) -> list[PlanRow]:
    """Return the plans of a person."""
    return list(rows_of(known(*facts), at, policy or Policy()))


def one(*facts: Fact, at: datetime = NOON, policy: Policy | None = None) -> PlanRow:
    """Return the only plan of a person."""
    (row,) = rows(*facts, at=at, policy=policy)
    return row


def test_a_plan_in_force_is_told_with_the_authoritys_own_id() -> None:
    """Its id, number, type and days, and nothing to do (C8)."""
    fact = own()

    assert PlanRow(
        authority=AUTHORITY,
        standing=PlanStanding.IN_FORCE,
        faults=(),
        recorded_at=fact.recorded_at,
        child_id="C-1",
        number=ADA,
        plan_type=PlanType.CHILD_PROTECTION,
        start=date(2026, 1, 1),
        end=None,
        content=fact.content,
    ) == one(fact)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (own(start=TODAY + timedelta(days=1)), PlanStanding.NOT_BEGUN),
        (own(end=TODAY), PlanStanding.IN_FORCE),
        (own(end=TODAY - timedelta(days=1)), PlanStanding.ENDED),
        (own(start=date(2024, 1, 1), end=TODAY - timedelta(days=365)), PlanStanding.ENDED),
        (own(start=date(2024, 1, 1), end=TODAY - timedelta(days=366)), PlanStanding.OUT_OF_VIEW),
        (own(deleted=TODAY), PlanStanding.REMOVED),
        (own(end=TODAY, plan_type=PlanType.UNBORN), PlanStanding.IN_FORCE),
        (own(end=TODAY - timedelta(days=28), plan_type=PlanType.UNBORN), PlanStanding.PAST_DUE_DATE),
        (own(end=TODAY - timedelta(days=29), plan_type=PlanType.UNBORN), PlanStanding.OUT_OF_VIEW),
    ],
)
def test_a_plan_stands_as_its_newest_version_says(fact: PlanFact, expected: PlanStanding) -> None:
    """On each side of its first day, its end and its last visible day (rulings 9, 12, 14)."""
    assert expected is one(fact).standing


def test_a_plan_that_the_authority_corrected_stands_once() -> None:
    """By the newest of its versions, under one type and start (ruling 10)."""
    yesterday = NOON - timedelta(days=1)
    later = replace(own(end=yesterday.date()), recorded_at=yesterday, received_at=yesterday)

    assert PlanStanding.ENDED is one(own(), later).standing


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (own(end=TODAY - timedelta(days=1), plan_type=PlanType.UNBORN), PlanFault.PAST_DUE_DATE),
        (own(details=replace(DETAILS, birth_date=date(2008, 3, 2))), PlanFault.OF_AGE),
        (own(verified=False), PlanFault.NOT_VERIFIED),
        (own(child_id=None), PlanFault.WITHOUT_CHILD_ID),
    ],
)
def test_what_is_wrong_with_an_open_plan_is_said(fact: PlanFact, expected: PlanFault) -> None:
    """One fault each, with what to do about it (C8, C9)."""
    assert (expected,) == one(fact).faults


def test_without_a_demographic_source_nothing_is_said_of_what_it_would_say() -> None:
    """No authority can mend that nobody was asked."""
    [row] = rows_of(known(own(verified=False)), NOON, Policy(), sourced=False)
    assert () == row.faults


def test_of_a_plan_that_is_over_nothing_is_wrong() -> None:
    """Nobody mends a plan that has ended."""
    assert () == one(own(end=TODAY - timedelta(days=1), verified=False, child_id=None)).faults


def test_two_authorities_with_a_plan_in_force_are_each_told_of_it() -> None:
    """Each in its own line, without the other's code (ruling 19); an ended one counts for nobody."""
    both = rows(own(), own(authority=OTHER))
    ended = rows(own(), own(authority=OTHER, end=TODAY - timedelta(days=1)))

    assert [(AUTHORITY, (PlanFault.ANOTHER_AUTHORITY,)), (OTHER, (PlanFault.ANOTHER_AUTHORITY,))] == [
        (row.authority, row.faults) for row in both
    ]
    assert [(), ()] == [row.faults for row in ended]


def test_after_a_reorganisation_a_plan_under_the_old_code_is_its_successors() -> None:
    """From the opening day, with the advice to upload it under the new one (ruling 19)."""
    policy = Policy(successors={AUTHORITY: Successor(code=OTHER, opens_on=TODAY)})

    assert (OTHER, (PlanFault.CODE_CLOSED,)) == (
        (row := one(own(), policy=policy)).authority,
        row.faults,
    )
    assert AUTHORITY == one(own(), at=NOON - timedelta(days=1), policy=policy).authority


def test_a_restricted_record_is_marked_and_says_nothing_of_another_authority() -> None:
    """Restricted recipients alone may read it (ruling 24)."""
    found = rows(own(), own(authority=OTHER), said(IdentityKind.RESTRICTED))

    assert [(True, ()), (True, ())] == [(row.restricted, row.faults) for row in found]


def test_whom_somebody_must_not_see_is_for_restricted_recipients_alone() -> None:
    """A parent on the staff may open the file: an export leaves the child out (ruling 48)."""
    parent = IdentityNotice(
        notice_id="x", kind=IdentityKind.EXCLUDED, user="a parent", recorded_at=NOON, received_at=NOON
    )
    found = rows(own(), parent)

    assert [True] == [row.restricted for row in found]


def test_of_a_number_not_in_use_nothing_is_said_but_that_a_plan_is_open() -> None:
    """No number, no id of the child, no type, no day (ruling 23); of an ended plan nothing at all."""
    out = said(IdentityKind.INVALIDATED)
    open_plan, ended = own(), own(authority=OTHER, end=TODAY - timedelta(days=1))
    inactive, _ = take_out_of_use(known(open_plan, ended, out), out, Policy(), KEY, salt=b"other")
    assert isinstance(inactive, Inactive)

    [row] = rows_of(inactive, NOON, Policy())
    assert (
        PlanRow(
            authority=AUTHORITY,
            standing=PlanStanding.NUMBER_NOT_IN_USE,
            faults=(PlanFault.NUMBER_NOT_IN_USE,),
            recorded_at=open_plan.recorded_at,
        )
        == row
    )
    assert (None, None) == (row.child_id, row.number)


def test_a_row_names_nobody_where_it_is_printed() -> None:
    """A traceback must not name a child (R51)."""
    row = one(own(child_id="SECRET-7"))

    assert not [word for word in ("SECRET-7", ADA.digits) if word in repr(row)]
    assert datetime(2026, 1, 1, tzinfo=UTC) < row.recorded_at
