"""What a mother's record says to her baby's of who must not see her, and what is kept of it. 26, 48."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from broker.core.disclosure import EXCLUDED, disclosed
from broker.core.excluded import any_excluded, inherited, may_see, told_to_babies
from broker.core.facts import Cover, IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.newborn_links import cover_of
from broker.core.person import NOTHING, Known, Person, lift, merge
from broker.core.policy import Policy
from broker.core.retention import Reason, reason_kept, settle
from broker.core.user_words import UserWord, joined_words
from tests.builders.matcher import KEY, NOON, PROVIDER, SALT, birth, numbers, unborn
from tests.generative.naive_excluded import excluded, own_words

MOTHER, BABY = (number for number, _ in zip(numbers(), range(2), strict=False))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
USER = "u1"


def word(hours: int, *, excludes: bool, user: str = USER) -> UserWord:
    """Return what the provider says of a user some hours after noon."""
    return UserWord(user=user, named_by=PROVIDER, said_at=NOON + hours * HOUR, excludes=excludes)


def notice(hours: int, *, excludes: bool, user: str = USER) -> IdentityNotice:
    """Return the same as a notice."""
    kind, at = IdentityKind.EXCLUDED if excludes else IdentityKind.EXCLUSION_ENDED, NOON + hours * HOUR
    return IdentityNotice(
        notice_id=f"{user} {hours} {excludes}",
        kind=kind,
        user=user,
        named_by=PROVIDER,
        recorded_at=at,
        received_at=at,
    )


OUT, IN = word(0, excludes=True), word(1, excludes=False)
COVER = Cover(
    mother=MOTHER,
    births=(birth(BABY),),
    plans=(unborn(),),
    exclusions=(OUT,),
    recorded_at=NOON,
    received_at=NOON,
)


def known(*facts: Cover | IdentityNotice) -> Known:
    """Return what is known from facts."""
    said = NOTHING
    for fact in facts:
        said = merge(said, lift(fact))
    return said


WORDS = {
    "an exclusion": ([word(0, excludes=True)], 1),
    "an older one goes": ([word(0, excludes=True), word(1, excludes=True)], 1),
    "an end of it stays": ([word(0, excludes=True), word(1, excludes=False)], 2),
    "an end at its time goes": ([word(0, excludes=True), word(0, excludes=False)], 1),
    "what was ended and said again": (
        [word(0, excludes=True), word(1, excludes=False), word(2, excludes=True)],
        1,
    ),
    "later ends decide nothing": (
        [word(0, excludes=True), *(word(hour, excludes=False) for hour in (1, 2, 3))],
        2,
    ),
    "ends alone say nothing": ([word(hour, excludes=False) for hour in (1, 2)], 0),
    "each user has their own": ([word(0, excludes=True), word(0, excludes=True, user="u2")], 2),
}


@pytest.mark.parametrize(("said", "told"), WORDS.values(), ids=WORDS)
def test_two_words_at_most_of_each_side_and_user_go_to_a_baby(said: Sequence[UserWord], told: int) -> None:
    """And by them the same users were excluded at any time; a mother may have many (ruling 48)."""
    notices = [notice(int((one.said_at - NOON) / HOUR), excludes=one.excludes, user=one.user) for one in said]
    words = told_to_babies(known(*notices))
    again = [notice(int((one.said_at - NOON) / HOUR), excludes=one.excludes, user=one.user) for one in words]

    assert told == len(words)
    for half_hours in range(-1, 9):
        at = NOON + half_hours * HOUR / 2
        assert excluded(own_words(notices), at) == excluded(own_words(again), at)


def test_words_are_joined_in_any_order() -> None:
    """However often and with whatever they were joined before (ruling 48)."""
    words = [word(hour, excludes=excludes) for hour in (0, 1, 2) for excludes in (True, False)]
    expected = joined_words(words)

    for first, second, third, *others in permutations(words):
        by_parts = joined_words([*joined_words([first, second]), *joined_words([second, third, *others])])
        assert expected == by_parts == joined_words(by_parts)


def test_a_mothers_record_says_who_must_not_see_her() -> None:
    """Beside her plan, and not by which notice (rulings 23, 26)."""
    hers = merge(known(notice(0, excludes=True)), merge(lift(unborn()), lift(birth(BABY))))
    cover = cover_of(MOTHER, hers, BABY, Policy(), NOON)

    assert cover is not None
    assert (OUT,) == cover.exclusions


def test_what_goes_to_a_baby_without_a_plan_of_hers_shuts_nobody_out() -> None:
    """That a doubt is over, say: she is nobody's mother by any plan that is on file (rulings 26, 48)."""
    assert not may_see(known(COVER), USER)
    assert may_see(known(replace(COVER, plans=(), doubt=2)), USER)
    assert not any_excluded(known(replace(COVER, plans=(), doubt=2)))
    assert any_excluded(known(replace(COVER, plans=(), doubt=1)))


def test_what_is_kept_of_a_mother_back_in_use_is_ended_under_her_number() -> None:
    """Of a link that was kept; another mother's word ends nothing of it (rulings 23, 48)."""
    nobodys = replace(COVER, mother=None)
    back = replace(COVER, exclusions=(OUT, IN))
    other = replace(back, births=(birth(BABY, at=NOON + HOUR),))

    assert may_see(known(nobodys, back), USER)
    assert not may_see(known(nobodys, other), USER)


def test_what_mothers_out_of_use_said_is_joined_in_any_order() -> None:
    """And what one record says at several times: nobody is let in since another word is newer (48)."""
    first = replace(COVER, mother=None)
    second = replace(first, exclusions=(word(0, excludes=True, user="u2"),), recorded_at=NOON + HOUR)

    for both in (known(first, second), known(second, first)):
        assert [False, False, True] == [may_see(both, user) for user in (USER, "u2", "u3")]


LATER = NOON + 999 * DAY
ENDED = notice(1, excludes=False)


@pytest.mark.parametrize("mother", [MOTHER, None])
@pytest.mark.parametrize(
    ("said", "stays"),
    [
        ((COVER,), True),
        ((COVER, ENDED), False),
        ((replace(COVER, exclusions=(OUT, IN)),), False),
        ((replace(COVER, births=(replace(birth(BABY), void=True),)),), False),
        ((replace(COVER, exclusions=()),), False),
    ],
)
def test_who_must_not_see_a_baby_is_kept_when_her_mothers_plan_is_long_over(
    said: Sequence[Cover | IdentityNotice], mother: NhsNumber | None, *, stays: bool
) -> None:
    """As a word of the same side about the baby, which ends it there; of a wrong link nothing (26, 48)."""
    own = [replace(one, mother=mother) if isinstance(one, Cover) else one for one in said]
    left = settle(Person(number=BABY, salt=SALT, known=known(*own)), LATER, Policy())

    assert stays == (left is not None)
    if left is not None:
        assert ({}, False) == (left.known.covers, may_see(left.known, USER))
        assert Reason.PROTECTED == reason_kept(left, LATER, Policy())
        assert left == settle(left, LATER, Policy())
        assert may_see(merge(left.known, lift(ENDED)), USER)
        assert [PROVIDER] == [one.named_by for one in left.known.notices.values()]


def test_it_is_kept_as_well_where_something_else_of_the_baby_is() -> None:
    """A plan of its own that is in force, say (rulings 26, 48)."""
    own = replace(unborn().content, end=(LATER + DAY).date())
    baby = merge(known(COVER), lift(replace(unborn(), content=own)))
    left = settle(Person(number=BABY, salt=SALT, known=baby), LATER, Policy())

    assert left is not None
    assert {} != left.known.plans
    assert {} == left.known.covers
    assert not may_see(left.known, USER)


def test_nothing_is_inherited_without_a_mother() -> None:
    """Who is excluded under the number itself is so already (ruling 48)."""
    assert {} == inherited(known(notice(0, excludes=True)))


def test_a_subject_access_says_that_who_must_not_see_the_mother_is_withheld() -> None:
    """It is another person's data, and never in it (rulings 48, 49)."""
    found = disclosed(Person(number=BABY, salt=SALT, known=known(COVER)), Policy(), KEY)

    assert EXCLUDED in found.withheld
    assert USER not in str(found.held)
