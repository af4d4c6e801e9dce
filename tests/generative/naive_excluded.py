"""Rulings 26 and 48 once more, naively: who must not see a person, and what is kept of that."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.core.facts import Birth, Cover, IdentityNotice
from broker.core.identifiers import OdsCode
from tests.generative.naive_newborn import doubtful
from tests.generative.naive_times import counted


@dataclass(frozen=True)
class Word:
    """What a side said of a user, and when; an end says that they may see the person again."""

    user: str | None
    side: OdsCode | None
    at: datetime
    is_end: bool


def own_words(notices: Iterable[IdentityNotice]) -> list[Word]:
    """Return what notices say of users."""
    return [Word(one.user, one.named_by, counted(one), _is_end(one)) for one in notices if one.user]


def excluded(words: Iterable[Word], looked_at: datetime) -> set[str | None]:
    """Return whom anybody excludes who looked at a time: an end that was said after it changes nothing."""
    said = [one for one in words if not (one.is_end and one.at > looked_at)]
    return {one.user for one in standing(said)}


def standing(words: Sequence[Word]) -> list[Word]:
    """Return the exclusions that no later end of the same side takes back."""
    ends = [one for one in words if one.is_end]
    return [
        one
        for one in words
        if not one.is_end
        and not any((end.user, end.side) == (one.user, one.side) and end.at > one.at for end in ends)
    ]


def words_of_mothers(
    covers: Iterable[Cover], own: Iterable[Word], ended: Callable[[Birth], bool]
) -> list[list[Word]]:
    """
    Return what counts of each mother's words for her baby, with the ends in the baby's own record.

    She has a plan that may cover it, or is in doubt, and some link stands. What was kept of mothers whose
    numbers were out of use is ended under the number of one who is back: she has a link that was kept.
    """
    said, found = list(covers), []
    links = {(birth.visit, birth.recorded_at) for one in said if one.mother is None for birth in one.births}
    for mother in {one.mother for one in said}:
        hers = [one for one in said if one.mother == mother]
        tells = any(one.plans for one in hers) or mother in doubtful(said)
        if tells and any(not ended(birth) for one in hers for birth in one.births):
            back = [
                word
                for one in said
                if mother is None and one.mother in _back(said, links)
                for word in _words(one)
            ]
            ends = [word for word in (*own, *back) if word.is_end]
            found.append([*(word for one in hers for word in _words(one)), *ends])
    return found


def standing_exclusions(notices: Iterable[IdentityNotice], before: datetime) -> list[IdentityNotice]:
    """Return the words about users of whom one still is excluded by that side, or was spoken of lately."""
    said = [one for one in notices if one.user is not None]
    stands = {(one.user, one.side) for one in standing(own_words(said))}
    lately = {(one.user, one.named_by) for one in said if counted(one) >= before}
    return [one for one in said if (one.user, one.named_by) in stands | lately]


def _words(cover: Cover) -> list[Word]:
    """Return what a mother's record says of users."""
    return [Word(one.user, one.named_by, one.said_at, not one.excludes) for one in cover.exclusions]


def _back(covers: Iterable[Cover], links: Iterable[tuple[str | None, datetime]]) -> set[object]:
    """Return the mothers who have one of these links."""
    known = set(links)
    return {
        one.mother
        for one in covers
        if one.mother is not None and any((birth.visit, birth.recorded_at) in known for birth in one.births)
    }


def _is_end(notice: IdentityNotice) -> bool:
    """Whether a notice ends an exclusion."""
    return notice.kind.value == "exclusion ended"
