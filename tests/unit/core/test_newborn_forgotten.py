"""What a baby's record says of a mother whose number is out of use: that she covers it, not who she is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.facts import Birth, Cover, IdentityKind, IdentityNotice, LinkEnded, VisitMessage
from broker.core.newborn import FORGOTTEN, covering, ends
from broker.core.person import Known, Person, lift, merge
from broker.core.succession import fold
from broker.core.user_words import UserWord
from tests.builders.matcher import NOON, SALT, attendance, birth, numbers, unborn

MOTHER, BABY = (number for number, _ in zip(numbers(), range(2), strict=False))
HOUR = timedelta(hours=1)
HERS, ANOTHERS = "derived from her number", "derived from another's"
END = LinkEnded(number=MOTHER, covered=True, received_at=NOON + 5 * HOUR)


def message(*mothers: str, hours: int = 0) -> VisitMessage:
    """Return a message of the baby's visit that names these as its mother."""
    at = NOON + hours * HOUR
    return replace(attendance("v1", at=at, message_id=f"m{hours}"), mothers=mothers)


def correction(mother: str | None, hours: int) -> IdentityNotice:
    """Return a correction of a birth notice."""
    at = NOON + hours * HOUR
    kind = IdentityKind.BORN_TO
    return IdentityNotice(notice_id=f"n{hours}", kind=kind, mother=mother, recorded_at=at, received_at=at)


def cover(*births: Birth) -> Cover:
    """Return what a mother's record says to the baby."""
    return Cover(mother=MOTHER, births=births, plans=(unborn(),), recorded_at=NOON, received_at=NOON)


def baby(linked: Birth, *said: VisitMessage | IdentityNotice) -> Person:
    """Return a baby that is linked so, of whom this is known beside."""
    known = lift(cover(linked))
    for one in said:
        known = merge(known, lift(one))
    return Person(number=BABY, salt=SALT, known=known)


BY_VISIT = replace(birth(BABY, visit="v1"), named=HERS)
BY_NOTICE = replace(birth(BABY), named=HERS)


@pytest.mark.parametrize(
    ("linked", "said", "void"),
    [
        (BY_VISIT, (message(HERS),), False),
        (BY_VISIT, (message(HERS), message(ANOTHERS, hours=1)), True),
        (BY_VISIT, (message(HERS), message(HERS, ANOTHERS, hours=1)), False),
        (BY_VISIT, (), False),
        (BY_NOTICE, (correction(HERS, 1),), False),
        (BY_NOTICE, (correction(HERS, 1), correction(ANOTHERS, 2)), True),
        (BY_NOTICE, (correction(None, 1),), True),
    ],
)
def test_whether_a_link_stands_is_settled_before_its_mothers_name_goes(
    linked: Birth, said: tuple[VisitMessage | IdentityNotice, ...], *, void: bool
) -> None:
    """Nothing is left in the record by which she was named, and the rest of it stands (rulings 23, 26)."""
    known = fold(baby(linked, *said), END).known

    [(mother, left)] = known.covers.items()
    [one] = left.births
    assert (None, None, void) == (mother, one.named, one.void)
    assert HERS not in repr(known.visits) + repr(known.notices)
    assert [list(known.visits), list(known.notices)] == [
        ["v1"] * any(isinstance(one, VisitMessage) for one in said),
        [one.notice_id for one in said if isinstance(one, IdentityNotice)],
    ]


def test_what_came_of_a_closed_visit_ends_no_link() -> None:
    """It came too late to be looked at, so the link stands (rulings 10, 26)."""
    late = replace(baby(BY_VISIT, message(ANOTHERS, hours=1)), closed=frozenset({"v1"}))

    [left] = fold(late, END).known.covers.values()
    assert [False] == [one.void for one in left.births]


def test_a_link_that_stood_then_stands_whatever_is_said_later() -> None:
    """Nobody can tell any more whom it named: the baby is as much at risk (rulings 23, 26)."""
    later = fold(fold(baby(BY_VISIT, message(HERS)), END), message(ANOTHERS, hours=6))

    [left] = later.known.covers.values()
    assert [False] == [one.void for one in left.births]
    assert (ANOTHERS,) == later.known.visits["v1"]["m6"].mothers


def test_another_mother_is_named_as_before() -> None:
    """Only what was derived from the number that is not in use goes (ruling 23)."""
    known = fold(baby(BY_VISIT, message(HERS, ANOTHERS), correction(ANOTHERS, 1)), END).known

    assert (FORGOTTEN, ANOTHERS) == known.visits["v1"]["m0"].mothers
    assert ANOTHERS == known.notices["n1"].mother


@pytest.mark.parametrize("end", [replace(END, covered=False), replace(END, number=BABY)])
def test_of_a_mother_with_a_successor_or_not_known_of_nothing_is_settled(end: LinkEnded) -> None:
    """Her successor says everything once more (ruling 22)."""
    known: Known = fold(baby(BY_VISIT, message(HERS)), end).known

    assert (HERS,) == known.visits["v1"]["m0"].mothers


@pytest.mark.parametrize(
    ("linked", "said", "stands"),
    [
        (BY_VISIT, (message(HERS),), True),
        (BY_VISIT, (message(HERS), message(ANOTHERS, hours=1)), False),
        (BY_NOTICE, (correction(HERS, 1),), True),
        (BY_NOTICE, (correction(HERS, 1), correction(ANOTHERS, 2)), False),
        (BY_NOTICE, (correction(None, 1),), False),
    ],
)
def test_what_her_record_says_again_is_as_it_was(
    linked: Birth, said: tuple[VisitMessage | IdentityNotice, ...], *, stands: bool
) -> None:
    """Her number is in use again: who was named when it went out of use is named (rulings 23, 26)."""
    again = fold(fold(baby(linked, *said), END), cover(linked)).known

    [birth] = again.covers[MOTHER].births
    assert stands is not ends(again, ())(birth)


def test_another_mother_of_whom_nothing_was_forgotten_is_not_named_by_that() -> None:
    """Her link ended when the one whose number went out of use was named (rulings 23, 26)."""
    anothers = replace(birth(BABY, at=NOON - HOUR, visit="v1"), named=ANOTHERS)
    forgotten = fold(baby(BY_VISIT, message(ANOTHERS), message(HERS, hours=1)), END).known

    assert ends(forgotten, ())(anothers)


@pytest.mark.parametrize(
    ("names", "stands"), [((HERS,), False), ((HERS, ANOTHERS), True), ((ANOTHERS,), True)]
)
def test_a_message_that_named_two_mothers_links_none_of_them_anew(
    names: tuple[str, ...], *, stands: bool
) -> None:
    """One was corrected, and the other's number went out of use: the sign is not the first's (23, 26)."""
    other = next(number for number in numbers() if number not in {MOTHER, BABY})
    anothers = replace(cover(replace(BY_VISIT, named=ANOTHERS)), mother=other)
    person = baby(BY_VISIT, message(HERS, ANOTHERS), message(*names, hours=1)).learn(lift(anothers))

    known = fold(person, END).known
    [linked] = known.covers[other].births
    assert stands is not ends(known, ())(linked)


def test_of_a_mother_whose_link_had_ended_nothing_counts_for_another_out_of_use() -> None:
    """The first named was wrong, the second is right, neither is in use: hers alone covers (26)."""
    other = next(number for number in numbers() if number not in {MOTHER, BABY})
    word = UserWord(user="u1", named_by=None, said_at=NOON, excludes=True)
    wrong = replace(cover(BY_VISIT), losses=(NOON,), doubt=1, exclusions=(word,))
    right_one = replace(birth(BABY, visit="v1"), birth_id="b2", named=ANOTHERS, recorded_at=NOON + HOUR)
    right = replace(cover(right_one), mother=other, plans=())
    known = lift(wrong)
    for one in (lift(right), lift(message(HERS)), lift(message(ANOTHERS, hours=1))):
        known = merge(known, one)
    person = Person(number=BABY, salt=SALT, known=known)
    for end in (END, replace(END, number=other)):
        person = fold(person, end)

    [(mother, left)] = person.known.covers.items()
    assert (None, (), (), False, ()) == (
        mother, left.plans, left.losses, left.in_doubt, left.exclusions
    )  # fmt: skip
    assert {True, False} == {one.void for one in left.births}
    assert ends(person.known, ())(BY_VISIT)
    assert not ends(person.known, ())(right_one)


@pytest.mark.parametrize(("visits", "void"), [({}, True), ({"v1": {}}, False)])
def test_a_link_that_ended_at_a_visit_that_is_gone_is_not_said_again(
    visits: Mapping[str, Mapping[str, VisitMessage]], *, void: bool
) -> None:
    """No message tells any more that another was named; where one is held, it tells (rulings 23, 26)."""
    forgotten = fold(baby(BY_VISIT, message(HERS), message(ANOTHERS, hours=1)), END)
    later = replace(forgotten, known=replace(forgotten.known, visits=visits))

    [again] = fold(later, cover(BY_VISIT)).known.covers[MOTHER].births
    assert void is again.void


def test_a_link_that_another_of_the_same_statement_stood_by_is_said_again() -> None:
    """Nobody can tell which of the two it was: what alerts wins (23, 26, 37)."""
    nobodys = replace(cover(BY_VISIT, replace(BY_VISIT, birth_id="b2", void=True)), mother=None)

    [again] = fold(baby(BY_VISIT).learn(lift(nobodys)), cover(BY_VISIT)).known.covers[MOTHER].births
    assert not again.void


def test_what_is_nobodys_says_nothing_of_a_plan_that_a_mother_says_again() -> None:
    """Her authority has removed it since: nobody is told of it as it was then (rulings 14, 23, 26)."""
    forgotten = fold(baby(BY_VISIT, message(HERS)), END)
    removed = unborn(recorded_at=NOON + HOUR)
    removed = replace(removed, content=replace(removed.content, deleted=NOON.date()))
    said = replace(cover(BY_VISIT), plans=(unborn(), removed))
    covers = fold(forgotten, said).known.covers

    [versions] = covering(covers, lambda _: False)
    assert [None, NOON.date()] == [version.content.deleted for version in versions]


def test_another_mothers_like_plan_takes_nothing_from_what_is_nobodys() -> None:
    """It is not hers: no link of that one was forgotten (rulings 23, 26)."""
    forgotten = fold(baby(BY_VISIT, message(HERS)), END)
    later = replace(BY_VISIT, birth_id="of another", recorded_at=NOON + HOUR, named=ANOTHERS)
    covers = fold(forgotten, cover(later)).known.covers

    assert 2 == len(covering(covers, lambda _: False))
