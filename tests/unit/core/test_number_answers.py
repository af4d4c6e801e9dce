"""What the source says of a number: the newest answer by its own stamps, and what is still under enquiry."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from broker.core.errors import InvalidFact
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.number_answers import newest_answer, recorded, under_enquiry

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


@pytest.mark.parametrize("kind", IdentityKind)
def test_a_successor_goes_with_a_succession_and_with_nothing_else(kind: IdentityKind) -> None:
    """Such a notice contradicts itself."""
    wrong = None if kind is IdentityKind.SUPERSEDED else B

    with pytest.raises(InvalidFact):
        IdentityNotice(notice_id="n", kind=kind, successor=wrong, recorded_at=T, received_at=T)
