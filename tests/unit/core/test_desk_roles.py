"""Each role at the desk may do what the one before may, and what it may not is refused."""

import pytest

from broker.core.desk_errors import NotForThisRole
from broker.core.desk_roles import Role, may, permit
from broker.core.operators import ActionKind

ADMINISTRATORS = {ActionKind.UNMASKED, ActionKind.RELEASED, ActionKind.DISCLOSED, ActionKind.HELD}


@pytest.mark.parametrize("kind", ActionKind)
def test_a_reader_does_nothing_that_leaves_an_entry(kind: ActionKind) -> None:
    """A reader lists, and sees what is masked."""
    assert not may(Role.READER, kind)


@pytest.mark.parametrize("kind", ActionKind)
def test_an_operator_neither_opens_what_is_personal_nor_releases(kind: ActionKind) -> None:
    """And an administrator that as well."""
    assert (kind not in ADMINISTRATORS) == may(Role.OPERATOR, kind)
    assert may(Role.ADMINISTRATOR, kind)


def test_what_a_role_may_not_do_is_refused_with_who_may() -> None:
    """In words that help."""
    permit(Role.OPERATOR, ActionKind.REDRIVEN)

    with pytest.raises(NotForThisRole, match="the role operator may not do this; administrator may"):
        permit(Role.OPERATOR, ActionKind.UNMASKED)
