"""Ruling 48 once more, naively: who must not see a person, and what is kept of that."""

from collections.abc import Iterable
from datetime import datetime

from broker.core.facts import IdentityNotice
from tests.generative.naive_times import counted


def excluded(notices: Iterable[IdentityNotice], looked_at: datetime) -> set[str | None]:
    """Return whom anybody excludes who looked at a time: an end that was said after it changes nothing."""
    said = [one for one in notices if not (_is_end(one) and counted(one) > looked_at)]
    return {one.user for one in said if one.kind.value == "excluded" and not _ended(one, said)}


def standing_exclusions(notices: Iterable[IdentityNotice], before: datetime) -> list[IdentityNotice]:
    """Return the words about users of whom one still is excluded by that side, or was spoken of lately."""
    said = [one for one in notices if one.user is not None]
    return [
        one
        for one in said
        if any(
            counted(other) >= before or (other.kind.value == "excluded" and not _ended(other, said))
            for other in said
            if (other.user, other.named_by) == (one.user, one.named_by)
        )
    ]


def _ended(word: IdentityNotice, said: Iterable[IdentityNotice]) -> bool:
    """Whether the same side took a word about a user back since, and did not say it again by then."""
    return any(
        _is_end(one)
        and (one.user, one.named_by) == (word.user, word.named_by)
        and counted(one) > counted(word)
        for one in said
    )


def _is_end(notice: IdentityNotice) -> bool:
    """Whether a notice ends an exclusion."""
    return notice.kind.value == "exclusion ended"
