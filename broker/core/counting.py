"""Why nothing is told of a view, or by a plan: the rule, as decisions record it."""

from collections.abc import Mapping
from typing import Final

from broker.core.alerts import Why
from broker.core.facts import Access
from broker.core.identifiers import london_day
from broker.core.plans import NotDue
from broker.core.policy import Policy
from broker.core.stops import stopped

WHY_NOT_DUE: Final[Mapping[NotDue, Why]] = {
    NotDue.SHARING_STOPPED: Why.SHARING_STOPPED,
    NotDue.PREGNANCY_ENDED: Why.PREGNANCY_ENDED,
    NotDue.OF_AGE: Why.OF_AGE,
    NotDue.HISTORY: Why.HISTORY,
    NotDue.REMOVED_BEFORE: Why.REMOVED_BEFORE,
    NotDue.OWN_PLAN: Why.OWN_PLAN,
    NotDue.NOT_BORN_UNDER: Why.NOT_BORN_UNDER,
    NotDue.LINKED_LATE: Why.NO_PLAN_DUE,
    NotDue.NO_OVERLAP: Why.NO_PLAN_DUE,
}
"""What is recorded where no plan counts, by why one does not."""


def view_not_counted(access: Access, policy: Policy) -> Why | None:
    """Return why a view tells nobody, whatever plans there are (R23, ruling 45), None where it may."""
    if not access.unscheduled:
        return Why.SILENT_VIEW
    if stopped(policy.stops, access.organisation, london_day(access.accessed_at)):
        return Why.SHARING_STOPPED
    return None
