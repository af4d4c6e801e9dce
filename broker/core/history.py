"""
The history of a person: the newest visits and views in unscheduled settings, for clinicians (ruling 30, R25).

It tells when and where, never why. A silent view is no part of it (R23), nor is a visit that nobody is told
of (rulings 3, 45, 47, 49). What is closed leaves a line, so that the newest stay however long they are past.
"""

from collections.abc import Iterable, Iterator

from broker.core.alerts import Occasion
from broker.core.counting import view_not_counted
from broker.core.facts import Access
from broker.core.past import Past
from broker.core.policy import AnyPolicy
from broker.core.reading import Visit


def past_of(visits: Iterable[Visit], accesses: Iterable[Access], policy: AnyPolicy) -> Iterator[Past]:
    """Yield the lines of a person's visits and views, each judged by the policy of its day."""
    for visit in visits:
        if visit.tells and not visit.kept_back and not visit.error_coded:
            yield Past(
                subject=visit.reference,
                occasion=Occasion.ATTENDED,
                at=visit.arrived_at,
                organisation=visit.provider,
                organisation_name=visit.policy.site(visit.provider).name or "",
                state=visit.state,
            )
    for access in accesses:
        if view_not_counted(access, policy.at(access.accessed_at)) is None:
            yield Past(
                subject=access.access_id,
                occasion=Occasion.VIEWED,
                at=access.accessed_at,
                organisation=access.organisation,
                organisation_name=access.organisation_name,
                role=access.role,
                user_name=access.user_name,
            )
