"""
Who must not see a person: a parent on the staff, say. Ruling 48.

Either side may name somebody, by a keyed reference of the user (`keyed.user_reference`), and each takes back
its own word alone: whom both named, one cannot let in again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from broker.core.facts import ABOUT_A_USER, Access, IdentityKind, IdentityNotice
from broker.core.identifiers import OdsCode
from broker.core.number_answers import recorded

_By = tuple[str | None, OdsCode | None]
"""A user, and whose word it is."""
_Word = tuple[datetime, bool]
"""When it was recorded, and whether it excludes."""


def may_see(notices: Iterable[IdentityNotice], user: str) -> bool:
    """
    Return whether nobody excludes a user, given by keyed reference, by the newest word of each.

    Who may not is answered `wording.COULD_NOT_CHECK`, as of a restricted record, never that there is nothing;
    an export or an audit trail made for them leaves the person out.
    """
    return all(who != user or not excludes for (who, _), (_, excludes) in _newest(notices).items())


def any_excluded(notices: Iterable[IdentityNotice]) -> bool:
    """Return whether anybody excludes any user: then nothing lies open to a whole staff."""
    return any(excludes for _, excludes in _newest(notices).values())


def was_excluded(notices: Iterable[IdentityNotice], access: Access) -> bool:
    """
    Return whether who looked a person up must not see them, or must not have then.

    The safeguarding lead is told: also where it is said later, and though it was taken back since.
    """
    told = (one for one in notices if not _ended_after(one, access.accessed_at))
    return access.user is not None and not may_see(told, access.user)


def lasting(notices: Mapping[str, IdentityNotice], before: datetime) -> Mapping[str, IdentityNotice]:
    """Return what is kept of such words, by id: of each user while one stands, or is as new as that time."""
    newest = _newest(notices.values())
    stands = {by for by, (at, excludes) in newest.items() if excludes or at >= before}
    return {
        key: one
        for key, one in notices.items()
        if one.kind in ABOUT_A_USER and (one.user, one.named_by) in stands
    }


def _newest(notices: Iterable[IdentityNotice]) -> Mapping[_By, _Word]:
    """Return the newest word of each about each user; at equal stamps the one that excludes (ruling 37)."""
    newest: dict[_By, _Word] = {}
    for one in notices:
        if one.kind in ABOUT_A_USER:
            by, word = (one.user, one.named_by), (recorded(one), one.kind is IdentityKind.EXCLUDED)
            newest[by] = max(word, newest.get(by, word))
    return newest


def _ended_after(notice: IdentityNotice, at: datetime) -> bool:
    """Whether a notice takes an exclusion back, recorded after a time."""
    return notice.kind is IdentityKind.EXCLUSION_ENDED and recorded(notice) > at
