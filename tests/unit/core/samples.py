"""An ordinary alert, to be changed by tests."""

from datetime import UTC, date, datetime

from broker.core.alerts import (
    Alert,
    Occasion,
    PlanLine,
    PlanState,
    Recipient,
    RecipientKind,
    Route,
    SubjectRole,
    Urgency,
    VisitLine,
    VisitState,
)
from broker.core.facts import PlanType
from broker.core.identifiers import OdsCode

AT = datetime(2026, 1, 10, 10, tzinfo=UTC)
LINE = PlanLine(
    authority=OdsCode("E09"),
    authority_name="Exton",
    phone_emergency="02070000000",
    phone_office=None,
    plan_type=PlanType.LOOKED_AFTER,
    role=SubjectRole.CHILD,
    start=date(2025, 1, 1),
    end=None,
    state=PlanState.ACTIVE,
)
VISIT = VisitLine(visit="v1", provider=OdsCode("RXX"), state=VisitState.PRESENT, arrived_at=AT)
ALERT = Alert(
    alert_id="x",
    subject="v1",
    occasion=Occasion.ATTENDED,
    recipient=Recipient(kind=RecipientKind.AUTHORITY, code=OdsCode("E09")),
    route=Route.DUTY,
    urgency=Urgency.NOW,
    plans=(LINE,),
    visit=VISIT,
)
