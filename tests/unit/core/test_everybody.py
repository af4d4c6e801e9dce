"""People by number, folded here and now: what a replay and the specifications of moving numbers go by."""

from datetime import timedelta

import pytest

from broker.core.effects import Advance
from broker.core.errors import NumbersInCircle, SuccessionContradicted
from broker.core.everybody import Everybody
from broker.core.facts import Fact, IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.succession import Came, Passage
from tests.spec.settled import KEY, POLICY
from tests.spec.table import T, facts

A, B, C = NhsNumber("9990000018"), NhsNumber("9990000026"), NhsNumber("9990000034")
HOUR = timedelta(hours=1)
PLAN, VISIT = facts("""
    recorded | fact | about   | values
    T-9d     | plan | CPP E09 |
    T        | A04  | v1      |
""")


def says(kind: IdentityKind, at: int = 0, by: NhsNumber | None = None) -> IdentityNotice:
    """Return a notice, recorded so many hours after T."""
    moment = T + at * HOUR
    return IdentityNotice(
        notice_id=f"{kind} {at}", kind=kind, successor=by, recorded_at=moment, received_at=moment
    )


def superseded(by: NhsNumber, at: int = 0) -> IdentityNotice:
    """Return that a number has a successor."""
    return says(IdentityKind.SUPERSEDED, at, by)


class People:
    """Everybody, told of facts one by one."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.everybody = Everybody(POLICY, KEY, salt=bytes(16))

    def take(self, number: NhsNumber, *taken: Fact) -> list[Advance]:
        """Take facts together."""
        return self.everybody.take(number, [Came(fact) for fact in taken])

    def told(self, number: NhsNumber, *taken: Fact) -> set[NhsNumber]:
        """Take facts together and return under which numbers somebody was told."""
        return {event.subject for advanced in self.take(number, *taken) for event in advanced.events}


def test_what_waits_moves_and_is_found_by_a_plan() -> None:
    """Of a person without a plan nothing is decided, under either number."""
    people = People()

    assert [[], []] == [people.take(A, VISIT), people.take(A, superseded(B))]
    assert {B} == people.told(B, PLAN)


def test_a_number_back_in_use_keeps_what_comes() -> None:
    """Said by its source, or shown by what another number sends on."""
    people = People()
    people.take(A, superseded(B))
    people.take(A, says(IdentityKind.IN_USE, 1))
    people.take(A, PLAN)

    assert {A} == people.told(A, VISIT)


def test_what_was_sent_on_since_outdoes_an_older_succession() -> None:
    """Taken together with it, in either order."""
    for facts_first in (True, False):
        people = People()
        came = [Came(superseded(B)), Came(PLAN, Passage(numbers=(C,), stamp=T + HOUR))]
        people.everybody.take(A, came if facts_first else came[::-1])
        assert {A} == people.told(A, VISIT)


def test_an_enquiry_that_followed_is_settled_where_it_went() -> None:
    """The same succession said again, later, answers it."""
    people = People()
    people.take(A, PLAN, VISIT)
    people.take(A, superseded(B))
    people.take(A, says(IdentityKind.NUMBER_CHANGE))
    people.take(A, says(IdentityKind.NUMBER_CHANGE, 1))
    (settled,) = people.take(A, superseded(B, 2))

    assert {()} == {event.alert.notes for event in settled.events}


def test_a_contradiction_is_raised() -> None:
    """A matcher would set the record aside for people."""
    people = People()
    people.take(A, superseded(B))

    with pytest.raises(SuccessionContradicted):
        people.take(A, superseded(C, 1))
    with pytest.raises(NumbersInCircle):
        people.everybody.take(A, [Came(PLAN, Passage(numbers=(A,), stamp=T - HOUR))])
