"""Visit → number in use, latest only: what moves, what comes late, what is still owed. Rulings 37, 42, 44."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from broker.core.facts import IdentityKind, VisitEvent, VisitLeft, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey, visit_named, visit_reference
from broker.core.number_answers import notice_of
from broker.services.numbers_in_use import NumbersInUse, Owed
from broker.services.numbers_out_of_use import NumbersOutOfUse
from tests.builders.matcher import numbers

KEY = IdentityKey(b"k" * 32)
A, B, C = NhsNumber("9990000018"), NhsNumber("9990000026"), NhsNumber("9990000034")
T = datetime(2026, 1, 10, 10, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HORIZON = timedelta(days=23)
RXX = OdsCode("RXX")


def message(
    number: NhsNumber,
    at: datetime = T,
    *,
    visit: str = "V1",
    name: str = "M",
    received_at: datetime | None = None,
    sequence: int | None = None,
) -> VisitMessage:
    """Return a message of a visit under a number."""
    return VisitMessage(
        message_id=f"{number.digits} {at} {name}",
        visit=visit_reference(KEY, number, system="EDSYS", provider=RXX, visit_number=visit),
        provider=RXX,
        system="EDSYS",
        control_id=name,
        event=VisitEvent.UPDATED,
        recorded_at=at,
        sent_at=at,
        received_at=received_at or at,
        sequence=sequence,
    )


def after(told: VisitMessage, *, learnt: datetime) -> VisitLeft:
    """Return what is said when a visit left its number after a message."""
    return VisitLeft(
        visit=told.visit,
        message_id=told.message_id,
        control_id=told.control_id,
        recorded_at=min(told.recorded_at, told.received_at),
        sent_at=min(told.sent_at, told.received_at),
        sequence=told.sequence,
        received_at=learnt.replace(second=0, microsecond=0),
    )


def holding(*told: tuple[NhsNumber, VisitMessage | VisitLeft]) -> NumbersInUse:
    """Return what is known of these facts."""
    numbers = NumbersInUse(KEY, horizon=HORIZON)
    for number, fact in told:
        numbers.note(number, fact)
    return numbers


def test_a_newer_message_under_another_number_moves_the_visit() -> None:
    """What is said names the first number's own last message, and no time of the other's (rulings 42, 44)."""
    first, second = message(A, sequence=7), message(B, T + MINUTE)
    numbers = holding((A, first))

    assert Owed(A, after(first, learnt=T + MINUTE)) == numbers.standing(B, second).moved
    assert None is numbers.standing(B, second).late


def test_an_older_message_under_another_number_moves_nothing() -> None:
    """Its own number is told that the visit has gone on (rulings 37, 44)."""
    first, late = message(A), message(B, T - MINUTE, received_at=T + MINUTE)
    numbers = holding((A, first))

    assert (None, Owed(B, after(late, learnt=T + MINUTE))) == (
        numbers.standing(B, late).moved,
        numbers.standing(B, late).late,
    )


@pytest.mark.parametrize("other", [message(A, T + MINUTE), message(B, T + MINUTE, visit="V2")])
def test_the_same_number_and_another_visit_move_nothing(other: VisitMessage) -> None:
    """Only the number of one visit counts."""
    numbers = holding((A, message(A)))
    number = A if other.visit == message(A).visit else B

    assert (None, None) == (numbers.standing(number, other).moved, numbers.standing(number, other).late)


@pytest.mark.parametrize("recorded_at", [T + 60 * MINUTE, datetime(1899, 12, 31, tzinfo=UTC)])
def test_a_resend_whose_time_cannot_be_true_moves_nothing_back(recorded_at: datetime) -> None:
    """The same bytes are ordered by their first receipt (ruling 37)."""
    ahead = message(A, recorded_at, received_at=T)
    numbers = holding((A, ahead), (B, message(B, T + MINUTE)))
    again = replace(ahead, received_at=T + 5 * MINUTE)

    assert None is numbers.standing(A, again).moved
    numbers.note(A, again)
    assert B == numbers.of_visit(visit_named(KEY, system="EDSYS", provider=RXX, visit_number="V1"))


def test_the_number_of_a_visit_is_that_of_its_newest_message() -> None:
    """Whatever the order in which they are noted; of a visit that nobody told of there is none."""
    facts = [(A, message(A)), (B, message(B, T + MINUTE)), (A, message(A, T - MINUTE))]
    known = visit_named(KEY, system="EDSYS", provider=RXX, visit_number="V1")
    unknown = visit_named(KEY, system="OTHER", provider=RXX, visit_number="V1")

    for order in (facts, facts[::-1]):
        assert (B, None) == (holding(*order).of_visit(known), holding(*order).of_visit(unknown))


def test_what_was_not_said_is_owed_until_it_is() -> None:
    """A process may die between the two facts (ruling 44)."""
    first, second = message(A), message(B, T + MINUTE)
    owed = Owed(A, after(first, learnt=T))
    for order in ([(A, first), (B, second)], [(B, second), (A, first)]):
        numbers = holding(*order)
        assert ([owed], [owed]) == (numbers.owed(T), numbers.owed(T))
        numbers.note(A, owed.left)
        assert [] == numbers.owed(T)


def test_what_was_said_is_not_owed_in_whichever_order_it_is_read() -> None:
    """Partitions are read one after the other."""
    first, second = message(A), message(B, T + MINUTE)
    left = after(first, learnt=T)

    assert [] == holding((A, first), (A, left), (B, second)).owed(T)
    assert [] == holding((B, second), (A, first), (A, left)).owed(T)


def test_what_was_said_of_an_older_message_is_not_enough() -> None:
    """The number had a newer one since, which came late (ruling 44)."""
    first, newer = message(A), message(A, T + MINUTE)
    numbers = holding((A, newer), (A, first), (B, message(B, T + 2 * MINUTE)))
    numbers.note(A, after(first, learnt=T))

    assert [Owed(A, after(newer, learnt=T))] == numbers.owed(T)


def test_a_visit_that_came_back_owes_the_number_in_between() -> None:
    """And nothing to the one that it came back to."""
    between = message(B, T + MINUTE)
    numbers = holding((A, message(A)), (B, between), (A, message(A, T + 2 * MINUTE)))

    assert [Owed(B, after(between, learnt=T))] == numbers.owed(T)


def test_each_former_number_is_told_of_its_own_last_message() -> None:
    """However many there were, and in whichever order they are noted."""
    facts = [message(A), message(A, T + MINUTE), message(B, T + 2 * MINUTE), message(C, T + 3 * MINUTE)]
    numbers = [A, A, B, C]
    told = list(zip(numbers, facts, strict=True))

    for order in (told, told[::-1]):
        owed = holding(*order).owed(T)
        assert {A: facts[1].message_id, B: facts[2].message_id} == {
            one.number: one.left.message_id for one in owed
        }


def test_a_visit_once_restricted_stays_so_under_every_number() -> None:
    """In whichever order its messages are noted; a visit that nobody knows is not (ruling 24)."""
    marked = replace(message(A), restricted=True)
    told = [(A, marked), (A, message(A, T + MINUTE)), (B, message(B, T + 2 * MINUTE))]

    for order in (told, told[::-1]):
        assert holding(*order).standing(C, message(C, T + 3 * MINUTE)).was_restricted
    assert not holding(*told[1:]).standing(C, message(C, T + 3 * MINUTE)).was_restricted
    assert not holding(*told).standing(C, message(C, visit="V2")).was_restricted


def test_what_is_older_than_the_horizon_is_forgotten() -> None:
    """With whatever was owed; what is younger stays (ruling 44)."""
    numbers = holding((A, message(A)), (B, message(B, T + MINUTE)), (A, message(A, visit="V2")))
    ahead = message(A, T + 60 * MINUTE, visit="V3", received_at=T)
    numbers.note(A, ahead)

    numbers.note(C, message(C, T + HORIZON, visit="V4"))
    assert (4, 1) == (len(numbers), len(numbers.owed(T)))
    numbers.note(C, message(C, T + HORIZON + 2 * MINUTE, visit="V5"))
    assert (2, []) == (len(numbers), numbers.owed(T))


def test_what_a_visit_is_named_by_may_be_given() -> None:
    """Whoever has just read a message knows it, and the answer is the same."""
    known = visit_named(KEY, system="EDSYS", provider=RXX, visit_number="V1")
    first, second = message(A), message(B, T + MINUTE)
    numbers = holding((A, first))

    assert numbers.standing(B, second).moved == numbers.standing(B, second, content=known).moved
    assert numbers.standing(B, second).moved is not None


def test_visits_are_told_apart_however_many_come_at_once() -> None:
    """What was worked out of the visits that came last is kept of a few hundred alone."""
    told = [(A, message(A, visit=f"V{place}")) for place in range(600)]
    numbers = holding(*told)

    moved = [numbers.standing(B, message(B, T + MINUTE, visit=f"V{place}")).moved for place in (0, 599)]

    assert (600, [A, A]) == (len(numbers), [owed.number for owed in moved if owed is not None])


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)])
def test_when_a_restriction_was_borne_is_known_in_any_order(order: tuple[int, ...]) -> None:
    """By its newest receipt, under the number in use alone: another's is another's (rulings 24, 44)."""
    told = [
        (A, replace(message(A), restricted=True)),
        (A, replace(message(A, T + MINUTE), restricted=True)),
        (A, message(A, T + 2 * MINUTE)),
        (A, replace(message(A, T - MINUTE, received_at=T), restricted=True)),
    ]
    numbers = NumbersInUse(KEY, horizon=HORIZON)
    assert numbers.borne_at(A, message(A)) is None
    for place in order:
        numbers.note(*told[place])

    assert T + MINUTE == numbers.borne_at(A, message(A))
    assert numbers.borne_at(A, message(A, visit="V2")) is None
    assert numbers.borne_at(B, message(B)) is None
    numbers.note(B, message(B, T + 3 * MINUTE))
    assert numbers.borne_at(A, message(A)) is None
    assert numbers.borne_at(B, message(B)) is None


def out_of_use(*said: tuple[NhsNumber, IdentityKind, datetime]) -> NumbersOutOfUse:
    """Return what is known of numbers from what the source said of them."""
    known = NumbersOutOfUse()
    for number, kind, at in said:
        known.note(number, notice_of(number, kind, at, at, KEY, successor=C if kind in NAMED else None))
    return known


NAMED = {IdentityKind.SUPERSEDED}
INVALID = (A, IdentityKind.INVALIDATED, T)


@pytest.mark.parametrize(
    ("said", "anew"),
    [
        ([INVALID], True),
        ([], False),
        ([(B, IdentityKind.INVALIDATED, T)], False),
        ([(A, IdentityKind.SUPERSEDED, T)], False),
        ([(A, IdentityKind.NUMBER_CHANGE, T)], False),
        ([INVALID, (A, IdentityKind.IN_USE, T + MINUTE)], False),
        ([(A, IdentityKind.IN_USE, T + MINUTE), INVALID], False),
        ([(A, IdentityKind.IN_USE, T - MINUTE), INVALID], True),
        ([INVALID, (A, IdentityKind.RESTRICTED, T + MINUTE)], True),
    ],
)
def test_a_visit_begins_anew_that_leaves_a_number_out_of_use(
    said: list[tuple[NhsNumber, IdentityKind, datetime]], *, anew: bool
) -> None:
    """By the source's newest answer about the former number alone, in any order (rulings 23, 44)."""
    numbers = NumbersInUse(KEY, horizon=HORIZON, out_of_use=out_of_use(*said))
    numbers.note(A, message(A))

    assert anew is numbers.standing(B, message(B, T + MINUTE)).anew
    numbers.note(B, message(B, T + MINUTE))
    assert anew is numbers.standing(B, message(B, T + 2 * MINUTE)).anew


def test_no_more_is_held_of_numbers_than_the_log_holds() -> None:
    """Of each the newest answer, for 35 days from its receipt; then it is as after a restart (ruling 23)."""
    known = NumbersOutOfUse()
    for day in range(0, 371, 7):
        at = T + timedelta(days=day)
        for number in islice(numbers(), 20):
            for kind in (IdentityKind.IN_USE, IdentityKind.INVALIDATED, IdentityKind.RESTRICTED):
                known.note(number, notice_of(number, kind, at, at, KEY))
        assert known.held <= 20 * (35 // 7 + 1)
    last = T + timedelta(days=370)
    known.note(A, notice_of(A, IdentityKind.INVALIDATED, last, last, KEY))
    late = last + timedelta(days=35)
    known.note(B, notice_of(B, IdentityKind.IN_USE, late, late, KEY))
    assert A.key in known
    known.note(B, notice_of(B, IdentityKind.IN_USE, late, late + timedelta(days=1), KEY))

    assert A.key not in known
    assert 1 < known.held


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("first", [True, False])
def test_a_visit_under_a_number_out_of_use_begins_anew_long_after_that_was_said(
    *, back: bool, first: bool
) -> None:
    """It is remembered with the visit; a number that is in use again by a newer answer is not (23, 44)."""
    known = out_of_use(INVALID)
    numbers = NumbersInUse(KEY, horizon=HORIZON, out_of_use=known)
    told = [message(A, T + timedelta(days=30)), message(A, T + timedelta(days=40))]
    if first:
        numbers.note(A, told[0])
    later = T + timedelta(days=36)
    kind = IdentityKind.IN_USE
    known.note(A if back else C, notice_of(A if back else C, kind, later, later, KEY))
    numbers.note(A, told[1])

    assert known.says(A.key) is (False if back else None)
    assert (first and not back) is numbers.standing(B, message(B, T + timedelta(days=41))).anew


def test_it_has_begun_anew_under_every_number_that_it_goes_on_to() -> None:
    """What was said under the number that is not in use is said under none."""
    numbers = NumbersInUse(KEY, horizon=HORIZON, out_of_use=out_of_use(INVALID))
    numbers.note(A, message(A))
    numbers.note(B, message(B, T + MINUTE))

    assert numbers.standing(C, message(C, T + 2 * MINUTE)).anew


def test_what_is_learnt_after_the_start_counts() -> None:
    """Nothing is known of any number when a process begins (rulings 23, 44)."""
    known = NumbersOutOfUse()
    numbers = NumbersInUse(KEY, horizon=HORIZON, out_of_use=known)
    numbers.note(A, message(A))
    known.note(A, notice_of(A, IdentityKind.INVALIDATED, T, T, KEY))

    assert numbers.standing(B, message(B, T + MINUTE)).anew


def test_it_has_begun_anew_in_whichever_order_the_log_is_read() -> None:
    """Numbers lie on partitions, which are read one after the other."""
    numbers = NumbersInUse(KEY, horizon=HORIZON, out_of_use=out_of_use(INVALID))
    numbers.note(B, message(B, T + MINUTE))
    numbers.note(A, message(A))

    assert numbers.standing(B, message(B, T + 2 * MINUTE)).anew
