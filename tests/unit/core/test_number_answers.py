"""What the source says of a number: the newest answer by its own stamps, and what is still under enquiry."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from broker.core.birthdays import born_on
from broker.core.demographics import Current, SupersededBy
from broker.core.errors import InvalidFact
from broker.core.facts import Details, IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.number_answers import answered, newest_answer, notice_of, recorded, under_enquiry
from broker.core.person import Known
from broker.core.restriction import is_restricted
from tests.builders.matcher import KEY, attendance

T = datetime(2026, 1, 10, 10, tzinfo=UTC)
B, C = NhsNumber("9990000018"), NhsNumber("9990000026")
HOUR = timedelta(hours=1)


def says(
    kind: str, at: datetime = T, *, by: NhsNumber = B, received_at: datetime | None = None
) -> IdentityNotice:
    """Return a notice."""
    return IdentityNotice(
        notice_id=f"{kind} {at.isoformat()}",
        kind=IdentityKind(kind),
        successor=by if kind == "superseded" else None,
        recorded_at=at,
        received_at=received_at or at + HOUR,
    )


@pytest.mark.parametrize(
    ("notices", "answer"),
    [
        ([], None),
        ([says("restricted"), says("number change")], None),
        ([says("in use")], says("in use")),
        ([says("superseded"), says("in use", T + HOUR)], says("in use", T + HOUR)),
        ([says("superseded", T + HOUR), says("in use", T)], says("superseded", T + HOUR)),
        ([says("superseded"), says("in use")], says("superseded")),
        ([says("invalidated"), says("in use")], says("in use")),
        ([says("invalidated"), says("superseded")], says("superseded")),
        ([says("superseded", by=B), says("superseded", by=C)], says("superseded", by=C)),
    ],
)
def test_the_newest_answer_counts_in_any_order(
    notices: list[IdentityNotice], answer: IdentityNotice | None
) -> None:
    """By the source's stamps; at equal ones a succession before a valid number before an invalid one."""
    assert {answer} == {newest_answer(order) for order in permutations(notices)}


def test_a_stamp_ahead_of_its_receipt_is_replaced_by_it() -> None:
    """A clock that runs ahead does not outdo what comes later (ruling 37)."""
    ahead = says("superseded", T + 9 * HOUR, received_at=T)

    assert T == recorded(ahead)
    assert says("in use", T + HOUR) == newest_answer([ahead, says("in use", T + HOUR)])


@pytest.mark.parametrize(
    ("notices", "open_enquiry"),
    [
        ([], False),
        ([says("number change")], True),
        ([says("number change"), says("restricted", T + HOUR)], True),
        *(
            ([says("number change", T), says(kind, T + after)], still)
            for kind in ("superseded", "in use", "invalidated")
            for after, still in ((timedelta(0), False), (HOUR, False), (-HOUR, True))
        ),
        ([says("number change"), says("in use"), says("number change", T + HOUR)], True),
    ],
)
def test_an_enquiry_is_open_until_an_answer_of_its_time_or_later(
    notices: list[IdentityNotice],
    open_enquiry: bool,  # noqa: FBT001
) -> None:
    """Superseded, in use and invalidated settle it (ruling 38)."""
    assert {open_enquiry} == {under_enquiry(order) for order in permutations(notices)}


@pytest.mark.parametrize(
    ("lifted_at", "restricted"),
    [(None, True), (T - HOUR, True), (T, True), (T + HOUR, False), (T + 9 * HOUR, True)],
    ids=["not said", "before the mark", "with it", "after it", "after it, by a clock that runs ahead"],
)
def test_a_slip_of_a_hospital_is_lifted_by_the_sources_own_record(
    lifted_at: datetime | None,
    restricted: bool,  # noqa: FBT001
) -> None:
    """By when it recorded that no protection is needed, never by its silence, nor ahead of it (24, 37)."""
    marked = replace(attendance(at=T), restricted=True)
    before = Known(visits={marked.visit: {marked.message_id: marked}})
    answer = Current(details=Details(), lifted_at=lifted_at, recorded_at=T + 2 * HOUR)
    heard_at = T if lifted_at == T + 9 * HOUR else T + 2 * HOUR

    said = {one.notice_id: one for one in answered(B, answer, heard_at, KEY)}

    assert is_restricted(before)
    assert restricted == is_restricted(replace(before, notices=said))


def test_the_sources_date_of_birth_is_the_one_that_counts() -> None:
    """At the source's own stamp (ruling 13, R8)."""
    answer = Current(details=Details(birth_date=date(2014, 4, 12)), recorded_at=T)
    said = list(answered(B, answer, T + HOUR, KEY))

    assert (None, date(2014, 4, 12)) == (born_on(said, T - HOUR), born_on(said, T))


def test_no_id_may_be_tried_against_a_birthday() -> None:
    """An id says which number, when recorded and when heard, and of two days it is one (ruling 23)."""
    days = (date(2014, 4, 12), date(2008, 2, 29))
    ids = [notice_of(B, IdentityKind.BIRTH_DATE, T, T, KEY, born=born).notice_id for born in days]

    assert 1 == len(set(ids))
    assert ids[0] != notice_of(B, IdentityKind.BIRTH_DATE, T, T + HOUR, KEY, born=days[0]).notice_id


@pytest.mark.parametrize("kind", IdentityKind)
def test_a_successor_goes_with_a_succession_and_with_nothing_else(kind: IdentityKind) -> None:
    """Such a notice contradicts itself."""
    wrong = None if kind is IdentityKind.SUPERSEDED else B

    with pytest.raises(InvalidFact):
        IdentityNotice(notice_id="n", kind=kind, successor=wrong, recorded_at=T, received_at=T)


def test_a_protected_person_is_protected_under_a_former_number_too() -> None:
    """Said before the succession, so that the mark goes with whatever goes to the successor (22, 24)."""
    answer = SupersededBy(successor=C, restricted=True, recorded_at=T)

    said = [(one.kind, one.successor) for one in answered(B, answer, T, KEY)]

    assert [(IdentityKind.RESTRICTED, None), (IdentityKind.SUPERSEDED, C)] == said
