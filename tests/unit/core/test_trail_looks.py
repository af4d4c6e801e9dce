"""Which entries of the audit trail are looks at one person, found by their ids alone: rulings 23, 48, 49."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.operators import ActionKind, Grounds, LookedBy, OperatorAction, Place
from broker.core.trail_looks import ASKED, TrailLook, each_once, look_id, look_of

KEY = IdentityKey(b"a key made for this test alone, and for no deployment")
ADA, BEN = NhsNumber("9990000018"), NhsNumber("9990000026")
T = datetime(2026, 3, 2, 10, tzinfo=UTC)
BY = LookedBy(
    user_id="staff-1", role="B0107", organisation="RXX", place="ED", unscheduled=False, request_id="r-1"
)


def entry(outcome: str = "silent: plan on file; plan-of-child", **values: object) -> OperatorAction:
    """Return the entry of a look at Ada."""
    action = OperatorAction(
        kind=ActionKind.LOOKED,
        item_id=look_id(KEY, ADA, BY.organisation, BY.request_id, T),
        place=Place(topic="cpis.in.accesses", partition=-1, offset=-1),
        grounds=Grounds(by="A. Operator", reason="ticket 4711"),
        at=T,
        outcome=outcome,
        looked_by=BY,
    )
    return replace(action, **values)  # type: ignore[arg-type]  # by name


def found(*entries: OperatorAction, numbers: tuple[NhsNumber, ...] = (ADA,)) -> list[TrailLook]:
    """Return the looks at somebody among entries."""
    looks = [look_of(one, numbers, KEY) for one in entries]
    return each_once(look for look in looks if look is not None)


def test_a_look_is_found_by_the_number_that_it_was_at() -> None:
    """When, in which role, where, how; and not what was answered (rulings 48, 49)."""
    [look] = found(entry())

    assert (T, "B0107", "RXX", "silent") == (look.at, look.role, look.organisation, look.way)


def test_a_look_under_a_number_that_was_replaced_is_found() -> None:
    """The person is one, and the source said so (ruling 22)."""
    assert 1 == len(found(entry(), numbers=(BEN, ADA)))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(entry(looked_by=None), id="of no look"),
        pytest.param(entry(at=T + timedelta(milliseconds=1)), id="of another moment"),
        pytest.param(entry(looked_by=replace(BY, request_id="r-2")), id="of another request"),
        pytest.param(entry(looked_by=replace(BY, organisation="RYY")), id="of another organisation"),
        pytest.param(entry(item_id=look_id(KEY, BEN, "RXX", "r-1", T)), id="at somebody else"),
    ],
)
def test_no_other_entry_is_taken_for_one(other: OperatorAction) -> None:
    """An id fits one number and one look, whoever made it (ruling 23)."""
    assert [] == found(other)


@pytest.mark.parametrize("another_key", [False, True])
def test_without_the_identity_key_nobody_can_tell(*, another_key: bool) -> None:
    """The trail alone says of nobody that they were looked up (ruling 23)."""
    key = IdentityKey(b"another key that was made for this test and for nobody") if another_key else KEY

    assert another_key == (look_of(entry(), (ADA,), key) is None)


@pytest.mark.parametrize("order", [1, -1])
def test_a_look_is_there_once_by_what_came_of_it(order: int) -> None:
    """In whichever order the trail has its two entries."""
    [look] = found(*[entry(ASKED), entry("refused, for want of a visit")][::order])

    assert "refused, for want of a visit" == look.way


def test_a_look_of_which_nothing_came_is_there_as_asked() -> None:
    """The broker failed, or died: somebody wanted to know all the same (R54)."""
    assert [ASKED] == [look.way for look in found(entry(ASKED))]


def test_looks_are_in_the_order_of_time() -> None:
    """However the partitions of the trail are read."""
    later = T + timedelta(hours=1)
    second = entry("unscheduled: plan on file", at=later, item_id=look_id(KEY, ADA, "RXX", "r-1", later))

    assert [T, later] == [look.at for look in found(second, entry())]
