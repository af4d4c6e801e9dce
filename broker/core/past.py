"""One line of a person's history: what stays of a visit or a view once it is closed (ruling 30, R25)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from broker.core.alerts import Occasion, VisitState
from broker.core.identifiers import OdsCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """
    One line: a visit with where it stood, or a view with who looked (R25).

    `subject` is the reference of the visit or the id of the view, `at` the arrival or the moment of the view,
    aware UTC. A visit has no role and no user, a view no `state`.
    """

    subject: str
    occasion: Occasion
    at: datetime
    organisation: OdsCode
    organisation_name: str = ""
    role: str = ""
    user_name: str = field(default="", repr=False)
    state: VisitState | None = None


def newest(lines: Iterable[Past], most: int) -> tuple[Past, ...]:
    """Return at most so many lines, the newest first; of one visit or view the line that comes last."""
    by_subject = {line.subject: line for line in lines}
    return tuple(sorted(by_subject.values(), key=lambda one: (one.at, one.subject), reverse=True)[:most])
