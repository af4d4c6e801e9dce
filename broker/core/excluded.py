"""
Who must not see a person: a parent on the staff, say. Rulings 26, 48.

Either side may name somebody, by a keyed reference of the user (`keyed.user_reference`), and each takes back
its own word alone: whom both named, one cannot let in again. Who must not see a mother must not see the baby
that her unborn child's plan covers (ADR 0056).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from broker.core.facts import ABOUT_A_USER, Access, Cover, IdentityKind, IdentityNotice
from broker.core.identifiers import OdsCode
from broker.core.leaving import elsewhere
from broker.core.newborn import ends, statements
from broker.core.number_answers import recorded
from broker.core.person import Known
from broker.core.user_words import UserWord, joined_words

_By = tuple[str | None, OdsCode | None]
"""A user, and whose word it is."""
_Word = tuple[datetime, bool]
"""When it was recorded, and whether it excludes."""


def may_see(known: Known, user: str) -> bool:
    """
    Return whether nobody excludes a user, given by keyed reference, by the newest word of each.

    Who may not is answered `wording.COULD_NOT_CHECK`, as of a restricted record, never that there is nothing;
    an export or an audit trail made for them leaves the person out.
    """
    return all(user not in _excluded(words) for words in _heeded(known))


def any_excluded(known: Known) -> bool:
    """Return whether anybody excludes any user: then nothing lies open to a whole staff."""
    return any(_excluded(words) for words in _heeded(known))


def was_excluded(known: Known, access: Access) -> bool:
    """
    Return whether who looked a person up must not see them, or must not have then.

    The safeguarding lead is told: also where it is said later, and though it was taken back since.
    """
    if access.user is None:
        return False
    return any(
        access.user in _excluded(one for one in words if one.excludes or one.said_at <= access.accessed_at)
        for words in _heeded(known)
    )


def words_of(notices: Iterable[IdentityNotice]) -> Iterator[UserWord]:
    """Yield what notices say of users."""
    for one in notices:
        if one.user is not None:
            excludes = one.kind is IdentityKind.EXCLUDED
            yield UserWord(user=one.user, named_by=one.named_by, said_at=recorded(one), excludes=excludes)


def told_to_babies(known: Known) -> tuple[UserWord, ...]:
    """
    Return what a mother's record says of users to her baby's: two words at most of each side about each user.

    They are the newest exclusion, and the first end after it: more decides nothing.
    """
    said: dict[_By, list[UserWord]] = {}
    for one in joined_words(words_of(known.notices.values())):
        said.setdefault((one.user, one.named_by), []).append(one)
    return tuple(one for words in said.values() if words[0].excludes for one in words[:2])


def inherited(known: Known) -> Mapping[str, IdentityNotice]:
    """
    Return who must not see a baby by what its mothers' records say, as words of its own, by id.

    They are kept when what covers it goes with time: it is the same child. Each side ends its own.
    """
    standing = {
        (user, side, said_at)
        for words in _of_mothers(known, [*words_of(known.notices.values())])
        for (user, side), (said_at, excludes) in _newest(words).items()
        if excludes
    }
    kept = (
        IdentityNotice(
            notice_id=f"excluded {user} {side} {said_at.isoformat()}",
            kind=IdentityKind.EXCLUDED,
            user=user,
            named_by=side,
            recorded_at=said_at,
            received_at=said_at,
        )
        for user, side, said_at in standing
    )
    return {one.notice_id: one for one in kept}


def lasting(notices: Mapping[str, IdentityNotice], before: datetime) -> Mapping[str, IdentityNotice]:
    """Return what is kept of such words, by id: of each user while one stands, or is as new as that time."""
    newest = _newest(words_of(notices.values()))
    stands = {by for by, (at, excludes) in newest.items() if excludes or at >= before}
    return {
        key: one
        for key, one in notices.items()
        if one.kind in ABOUT_A_USER and (one.user, one.named_by) in stands
    }


def _heeded(known: Known) -> Iterator[Collection[UserWord]]:
    """Yield what is said of users in a person's own record, then what each mother's says to it."""
    own = [*words_of(known.notices.values())]
    yield own
    yield from _of_mothers(known, own)


def _of_mothers(known: Known, own: Collection[UserWord]) -> Iterator[Collection[UserWord]]:
    """
    Yield what is said of users in the record of each mother whose plan covers the person, or may (41).

    A link that has ended shuts nobody out. What a side ends in the baby's `own` record it ends for the baby;
    what it ends under a mother's number it ends of what was said there. What was kept of a mother whose
    number is in use again is ended under it.
    """
    if not known.covers:
        return
    ended = ends(known, elsewhere(known.visits, known.left))
    forgotten = statements(known.covers.get(None))
    taken_back = [one for one in own if not one.excludes]
    for mother, cover in known.covers.items():
        if not _tells(cover) or all(map(ended, cover.births)):
            continue
        since = (
            []
            if mother is not None
            else [
                one
                for other in known.covers.values()
                if other.mother is not None and not forgotten.isdisjoint(statements(other))
                for one in other.exclusions
                if not one.excludes
            ]
        )
        yield [*cover.exclusions, *taken_back, *since]


def _tells(cover: Cover) -> bool:
    """Whether a mother's plan covers a baby, or one may that could not be taken: else hers is not its."""
    return bool(cover.plans) or cover.in_doubt


def _excluded(words: Iterable[UserWord]) -> frozenset[str | None]:
    """Return whom some side excludes, by its newest word."""
    return frozenset(user for (user, _), (_, excludes) in _newest(words).items() if excludes)


def _newest(words: Iterable[UserWord]) -> Mapping[_By, _Word]:
    """Return the newest word of each about each user; at equal stamps the one that excludes (ruling 37)."""
    newest: dict[_By, _Word] = {}
    for one in words:
        by, word = (one.user, one.named_by), (one.said_at, one.excludes)
        newest[by] = max(word, newest.get(by, word))
    return newest
