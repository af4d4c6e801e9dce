"""Which open plans a complete file lacks: whatever might be one that it has is taken for that (D17)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from broker.core.facts import Details, PlanContent, PlanType
from broker.core.identifiers import NhsNumber
from broker.core.missing_plans import CompleteFile
from broker.core.reconciling import PlanFault, PlanRow, PlanStanding
from broker.core.waiting import Unread
from tests.builders.house import ADA
from tests.builders.matcher import AUTHORITY, DETAILS, NOON, numbers, plan

BOB = list(zip(numbers(), range(2), strict=False))[1][0]
HELD = plan().content
OTHERS = Details(family="Other", given="Bob", birth_date=date(2016, 1, 1))
ROW = PlanRow(
    authority=AUTHORITY,
    standing=PlanStanding.IN_FORCE,
    faults=(),
    recorded_at=NOON - timedelta(days=30),
    child_id=HELD.child_id,
    number=ADA,
    plan_type=HELD.plan_type,
    start=HELD.start,
    content=HELD,
)


def file_of(*plans: tuple[PlanContent, NhsNumber | None]) -> CompleteFile:
    """Return a file of noon with these plans."""
    file = CompleteFile(NOON)
    for content, number in plans:
        file.add(content, number)
    return file


def another(**changed: object) -> PlanContent:
    """Return a plan of somebody else, but for something."""
    return replace(HELD, **{"details": OTHERS, "child_id": None, **changed})  # type: ignore[arg-type]  # by name


def test_a_plan_that_is_nowhere_in_the_file_is_missing() -> None:
    """Another child's, and another plan of the same child, are not it."""
    assert file_of().lacks(ROW)
    assert file_of((another(), BOB)).lacks(ROW)
    assert file_of((replace(HELD, start=date(2026, 1, 2)), ADA)).lacks(ROW)
    assert file_of((replace(HELD, plan_type=PlanType.LOOKED_AFTER), ADA)).lacks(ROW)


@pytest.mark.parametrize(
    ("content", "number"),
    [
        pytest.param(HELD, ADA, id="as it is held"),
        pytest.param(another(), ADA, id="under its number"),
        pytest.param(another(child_id=HELD.child_id), BOB, id="under another number, by the authority's id"),
        pytest.param(another(details=DETAILS), BOB, id="under another number, by its details"),
        pytest.param(another(details=DETAILS), None, id="refused for its number"),
        pytest.param(replace(HELD, end=date(2026, 4, 1)), ADA, id="with an end"),
    ],
)
def test_a_plan_that_may_be_in_the_file_is_not(content: PlanContent, number: NhsNumber | None) -> None:
    """What is ended wrongly is an alert that is missed."""
    assert not file_of((content, number)).lacks(ROW)


BORN, FAMILY, GIVEN = DETAILS.birth_date, DETAILS.family, DETAILS.given
SWAPPED = Details(family=FAMILY, given="Bob", birth_date=date(2017, 1, 3))


@pytest.mark.parametrize(
    ("details", "lacked"),
    [
        pytest.param(replace(OTHERS, family=FAMILY, birth_date=BORN), False, id="another given name"),
        pytest.param(replace(OTHERS, given=f"{GIVEN} Bea", birth_date=BORN), False, id="another family name"),
        pytest.param(replace(OTHERS, family=FAMILY, given=GIVEN), False, id="another day of birth"),
        pytest.param(SWAPPED, False, id="day and month swapped"),
        pytest.param(replace(OTHERS, birth_date=BORN), True, id="the day of birth alone"),
        pytest.param(
            Details(family=FAMILY, given=None, birth_date=None), False, id="one detail, perhaps hers"
        ),
        pytest.param(Details(family=None, given=None, birth_date=None), False, id="no detail at all"),
    ],
)
@pytest.mark.parametrize("number", [None, BOB])
def test_a_refused_record_may_be_of_whoever_has_two_details_in_common(
    details: Details, number: NhsNumber | None, *, lacked: bool
) -> None:
    """Its number is none or does not agree, its child has a new name, and nobody gave the authority's id."""
    file = CompleteFile(NOON)
    file.add_refused(another(details=details), number)

    assert lacked == file.lacks(replace(ROW, content=replace(HELD, child_id=None)))
    assert file.lacks(replace(ROW, content=replace(HELD, child_id=None, start=date(2026, 1, 2))))


def test_a_refused_record_may_be_of_whomever_nothing_is_known() -> None:
    """Of the plan that is held too few details are on file."""
    file = CompleteFile(NOON)
    file.add_refused(another(), None)
    held = replace(HELD, child_id=None, details=Details(family=FAMILY, given=None, birth_date=None))

    assert not file.lacks(replace(ROW, content=held))
    assert CompleteFile(NOON).lacks(replace(ROW, content=held))


def test_a_record_that_was_taken_is_of_nobody_but_whom_it_names() -> None:
    """Brother and sister have family name and start in common: his plan does not stand for hers."""
    sibling = another(details=replace(DETAILS, given="Bob"))

    assert file_of((sibling, BOB)).lacks(replace(ROW, content=replace(HELD, child_id=None)))


@pytest.mark.parametrize(
    "unread",
    [
        ((ADA,), (replace(OTHERS, given="Eve", family="Else"),)),
        ((), (DETAILS,)),
        ((), (replace(DETAILS, given="Bob"),)),
    ],
    ids=["by number", "by details", "by two of them"],
)
def test_a_record_whose_plans_cannot_be_read_may_be_any_of_its_people(
    unread: tuple[tuple[NhsNumber, ...], tuple[Details, ...]],
) -> None:
    """Nobody else's."""
    file = CompleteFile(NOON)
    file.add_unread(Unread(authority=AUTHORITY, numbers=unread[0], details=unread[1]))

    assert not file.lacks(ROW)
    assert file.lacks(replace(ROW, number=BOB, content=another()))


@pytest.mark.parametrize(
    "details",
    [(), (Details(family="Else", given=None, birth_date=None),), (DETAILS, Details(given="Eve"))],
    ids=["nobody", "one detail", "one detail of one of two"],
)
@pytest.mark.parametrize("numbered", [(), (ADA,)])
def test_a_record_whose_plans_cannot_be_read_may_be_anybodys_where_too_little_is_known(
    details: tuple[Details, ...], numbered: tuple[NhsNumber, ...]
) -> None:
    """Its number may have a slip, and two details of three make a person (ruling 20)."""
    file = CompleteFile(NOON)
    file.add_unread(Unread(authority=AUTHORITY, numbers=numbered, details=details))

    assert not file.lacks(replace(ROW, number=BOB, content=another()))


@pytest.mark.parametrize(
    ("row", "lacks"),
    [
        (replace(ROW, standing=PlanStanding.NOT_BEGUN), True),
        (replace(ROW, standing=PlanStanding.PAST_DUE_DATE), True),
        (replace(ROW, standing=PlanStanding.ENDED), False),
        (replace(ROW, standing=PlanStanding.OUT_OF_VIEW), False),
        (replace(ROW, standing=PlanStanding.OF_AGE), False),
        (replace(ROW, standing=PlanStanding.REMOVED), False),
        (replace(ROW, restricted=True), False),
        (replace(ROW, faults=(PlanFault.CODE_CLOSED,)), False),
        (replace(ROW, faults=(PlanFault.NOT_VERIFIED,)), True),
        (replace(ROW, recorded_at=NOON - timedelta(milliseconds=1)), True),
        (replace(ROW, recorded_at=NOON), False),
        (
            PlanRow(
                authority=AUTHORITY,
                standing=PlanStanding.NUMBER_NOT_IN_USE,
                faults=(PlanFault.NUMBER_NOT_IN_USE,),
                recorded_at=ROW.recorded_at,
            ),
            False,
        ),
    ],
)
def test_what_is_put_before_a_person_is_open_and_older_than_the_file(*, row: PlanRow, lacks: bool) -> None:
    """Rulings 10, 19, 23, 24, 48: nothing of a number out of use, or of a restricted or closed record."""
    assert lacks == file_of().lacks(row)
