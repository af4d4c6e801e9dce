"""
What is said of a user: that they must not see a person, and that they may again. Ruling 48.

A mother's record says it to her baby's (ADR 0056).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from broker.core.identifiers import OdsCode


@dataclass(frozen=True, slots=True, kw_only=True)
class UserWord:
    """
    One word about one user, as an authority or a provider said it.

    `user` is the keyed reference of the user (`keyed.user_reference`), `named_by` whose word it is, None
    where that is not said; `said_at` is when it was recorded, as it counts (ruling 37), aware UTC.
    `excludes`: they must not see the person; else the same side ends that.
    """

    user: str
    named_by: OdsCode | None
    said_at: datetime
    excludes: bool


def joined_words(words: Iterable[UserWord]) -> tuple[UserWord, ...]:
    """
    Return the join of words: each once, in a settled order, without what a newer exclusion outweighs.

    Of each side about each user that leaves the newest exclusion and the ends that were said after it: at
    equal stamps the one that excludes counts (37). The order in which words are joined does not matter.
    """
    each = set(words)
    newest: dict[tuple[str, OdsCode | None], datetime] = {}
    for one in each:
        if one.excludes:
            by = one.user, one.named_by
            newest[by] = max(one.said_at, newest.get(by, one.said_at))
    return tuple(sorted((one for one in each if _counts(one, newest)), key=_order))


def _counts(word: UserWord, newest: dict[tuple[str, OdsCode | None], datetime]) -> bool:
    """Whether no newer exclusion of the same user by the same side outweighs a word."""
    excluded_at = newest.get((word.user, word.named_by))
    if excluded_at is None:
        return True
    return word.said_at == excluded_at if word.excludes else word.said_at > excluded_at


def _order(word: UserWord) -> tuple[str, str, datetime, bool]:
    """Return by what words are sorted."""
    return word.user, "" if word.named_by is None else word.named_by.code, word.said_at, word.excludes
