"""
Who may do what at the desk: three roles, each of which may do what the one before may, and more.

The audit trail asks before it takes an action down, so that no way to an action goes past it (complaint 13).
"""

from enum import StrEnum

from broker.core.desk_errors import NotForThisRole
from broker.core.operators import ActionKind


class Role(StrEnum):
    """What somebody at the desk is, least first."""

    READER = "reader"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


_LEAST: dict[ActionKind, Role] = {
    ActionKind.UNMASKED: Role.ADMINISTRATOR,
    ActionKind.RELEASED: Role.ADMINISTRATOR,
    ActionKind.HELD: Role.ADMINISTRATOR,
    ActionKind.DISCLOSED: Role.ADMINISTRATOR,
    ActionKind.REDRIVEN: Role.OPERATOR,
    ActionKind.SETTLED: Role.OPERATOR,
    ActionKind.EXPLAINED: Role.OPERATOR,
    ActionKind.ADDED: Role.OPERATOR,
    ActionKind.ANSWERED: Role.OPERATOR,
    ActionKind.CONFIRMED: Role.OPERATOR,
    ActionKind.REFUSED: Role.OPERATOR,
    ActionKind.LOOKED: Role.OPERATOR,
}
"""The least role that may do each thing; a reader does nothing that leaves an entry."""

_RANK = {role: rank for rank, role in enumerate(Role)}


def may(role: Role, kind: ActionKind) -> bool:
    """Tell whether a role may do something."""
    return _RANK[role] >= _RANK[_LEAST[kind]]


def permit(role: Role, kind: ActionKind) -> None:
    """Raise `NotForThisRole` where a role may not do something."""
    if not may(role, kind):
        raise NotForThisRole(f"the role {role} may not do this; {_LEAST[kind]} may")
