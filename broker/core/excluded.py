"""
Who must not see a person: a parent on the staff, say. Ruling 48.

Either side may name somebody, by a keyed reference of the user (`keyed.user_reference`).
"""

from collections.abc import Iterable

from broker.core.facts import Access, IdentityKind, IdentityNotice


def may_see(notices: Iterable[IdentityNotice], user: str) -> bool:
    """
    Return whether nobody has excluded a user, given by keyed reference.

    Who may not is answered `wording.COULD_NOT_CHECK`, as of a restricted record, never that there is nothing;
    an export or an audit trail made for them leaves the person out.
    """
    return all(notice.user != user for notice in notices if notice.kind is IdentityKind.EXCLUDED)


def any_excluded(notices: Iterable[IdentityNotice]) -> bool:
    """Return whether anybody has excluded any user: then nothing lies open to a whole staff."""
    return any(notice.kind is IdentityKind.EXCLUDED for notice in notices)


def was_excluded(notices: Iterable[IdentityNotice], access: Access) -> bool:
    """Return whether who looked a person up must not see them; the safeguarding lead is told."""
    return access.user is not None and not may_see(notices, access.user)
