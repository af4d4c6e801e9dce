"""
The settings of looking a person up: what is done in a scheduled setting, who sees what, how much is kept.

They are part of `broker.core.policy.Policy`; what follows from them `broker.core.looking` says.
"""

from dataclasses import dataclass
from enum import StrEnum

from broker.core.policy_keys import Where, choice, codes, count


class WithoutVisit(StrEnum):
    """What becomes of a look in a scheduled setting that the person has no visit at (ruling 3)."""

    NOTIFIED = "notified"
    """It is made as one that the authority is told of."""
    REFUSED = "refused"
    """Nothing is opened."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What decides about looks."""

    look_without_visit: WithoutVisit = choice(
        WithoutVisit, WithoutVisit.NOTIFIED, rule="ruling 3", scopes=(Where.PROVIDER, Where.SITE),
        meaning="what becomes of a look in a scheduled setting that knows of no current visit of the person",
    )  # fmt: skip
    safeguarding_roles: frozenset[str] = codes(
        rule="ruling 24", scopes=(Where.PROVIDER, Where.SITE),
        meaning="roles of those who look to whom a restricted record is opened; all others are answered "
        "`could not check`",
    )  # fmt: skip
    history_size: int = count(
        25, least=1, most=100, rule="ruling 30, R25",
        meaning="how many of the newest visits and views are kept and shown to whoever looks a person up; "
        "of all periods the most are kept",
    )  # fmt: skip
