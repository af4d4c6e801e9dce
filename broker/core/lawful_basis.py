"""
The lawful basis of every flow: one table, a row for each (ruling 49; R48, R49).

Each organisation is the controller of what it holds, and whoever runs the broker is the processor of both
sides (R48). A child and a woman carrying one have rows of their own. Every recorded decision cites the rows
it rests on. The rows are a proposal: before go-live a data protection officer confirms each of them by its
version, and a changed row is confirmed anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


class Flow(StrEnum):
    """What passes from whom to whom, and about whom; the value names its row."""

    VISIT_OF_CHILD = "visit-of-child"
    VISIT_OF_MOTHER = "visit-of-mother"
    VIEW_OF_CHILD = "view-of-child"
    VIEW_OF_MOTHER = "view-of-mother"
    PLAN_OF_CHILD = "plan-of-child"
    PLAN_OF_MOTHER = "plan-of-mother"
    POSSIBLE_VISIT = "possible-visit"
    BIRTH = "birth"
    OUTCOME = "outcome-of-pregnancy"
    INACTIVE_NUMBER = "inactive-number"
    HISTORY = "history"
    NOTHING_SHARED = "nothing-shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class LawfulBasis:
    """
    One row: what flows, the controllers on each side, statute, articles of the UK GDPR, and the condition
    of the Data Protection Act 2018 for what is of a special category. `version` rises when a word changes;
    articles and condition stand here once, since no flow rests on others.
    """

    what: str
    from_controller: str
    to_controller: str
    statute: str
    articles: str = "6(1)(c), 6(1)(e), 9(2)(h)"
    condition: str = "DPA 2018, Schedule 1: safeguarding of children and of individuals at risk"
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A data protection officer's word for one version of a row."""

    version: int
    by: str
    on: date


_HOSPITAL: Final = "the provider that treats the person"
_AUTHORITY: Final = "the local authority that holds the plan"
_CHILD_STATUTE: Final = "Children Act 2004, sections 10 and 11: duty to safeguard and promote welfare"
_MOTHER_STATUTE: Final = (
    "Children Act 1989, section 47, and Children Act 2004, sections 10 and 11: the child to be born"
)

TABLE: Final[Mapping[Flow, LawfulBasis]] = {
    Flow.VISIT_OF_CHILD: LawfulBasis(
        what="an unscheduled visit of a child with a plan, told to the authority",
        from_controller=_HOSPITAL,
        to_controller=_AUTHORITY,
        statute=_CHILD_STATUTE,
    ),
    Flow.VISIT_OF_MOTHER: LawfulBasis(
        what="attendance, time, provider and call-back of a woman whose unborn child has a plan, told to the "
        "authority",
        from_controller=_HOSPITAL,
        to_controller=_AUTHORITY,
        statute=_MOTHER_STATUTE,
    ),
    Flow.VIEW_OF_CHILD: LawfulBasis(
        what="who looked a child with a plan up, told to the authority",
        from_controller="the organisation whose member looked",
        to_controller=_AUTHORITY,
        statute=_CHILD_STATUTE,
    ),
    Flow.VIEW_OF_MOTHER: LawfulBasis(
        what="who looked a woman up whose unborn child has a plan, told to the authority",
        from_controller="the organisation whose member looked",
        to_controller=_AUTHORITY,
        statute=_MOTHER_STATUTE,
    ),
    Flow.PLAN_OF_CHILD: LawfulBasis(
        what="types, dates and telephone numbers of a child's plans, told to the provider",
        from_controller=_AUTHORITY,
        to_controller=_HOSPITAL,
        statute=_CHILD_STATUTE,
    ),
    Flow.PLAN_OF_MOTHER: LawfulBasis(
        what="dates and telephone numbers of an unborn child's plan, told to the provider of the woman",
        from_controller=_AUTHORITY,
        to_controller=_HOSPITAL,
        statute=_MOTHER_STATUTE,
    ),
    Flow.POSSIBLE_VISIT: LawfulBasis(
        what="provider and time of an unscheduled visit under a number with a plan, while nobody has "
        "confirmed who the patient is, told to the authority",
        from_controller=_HOSPITAL,
        to_controller=_AUTHORITY,
        statute=_CHILD_STATUTE,
    ),
    Flow.BIRTH: LawfulBasis(
        what="that a baby was born whom the unborn child's plan of its mother covers, told to the authority",
        from_controller="the provider that recorded the birth, or the demographic source",
        to_controller=_AUTHORITY,
        statute=_CHILD_STATUTE,
    ),
    Flow.OUTCOME: LawfulBasis(
        what="that the due date of its own unborn child's plan is past and no outcome is known, told to the "
        "authority",
        from_controller="the authority itself: nobody else's record is in it",
        to_controller=_AUTHORITY,
        statute=_MOTHER_STATUTE,
    ),
    Flow.INACTIVE_NUMBER: LawfulBasis(
        what="that the number of an open plan is not in use, with the authority's own id of the child, told "
        "to the authority",
        from_controller="the demographic source",
        to_controller=_AUTHORITY,
        statute=_CHILD_STATUTE,
    ),
    Flow.HISTORY: LawfulBasis(
        what="when and where a person with a plan was last seen or looked up in unscheduled settings, and "
        "who looked, shown to who looks the person up",
        from_controller="the providers that sent the visits and views",
        to_controller="the provider whose member looks",
        statute=_CHILD_STATUTE,
    ),
    Flow.NOTHING_SHARED: LawfulBasis(
        what="a visit or view weighed against the plans on file, of which nobody is told",
        from_controller="whoever sent it",
        to_controller="nobody: both sides' processor holds it",
        statute=_CHILD_STATUTE,
    ),
}
"""The row of every flow; a flow without one cannot be cited."""


def unconfirmed(confirmations: Mapping[Flow, Confirmation], flows: Iterable[Flow] = Flow) -> list[Flow]:
    """Return the flows whose row, as it reads now, nobody has confirmed: no row, no go-live (ruling 49)."""
    said = {flow: confirmation.version for flow, confirmation in confirmations.items()}
    return [flow for flow in flows if said.get(flow) != TABLE[flow].version]
