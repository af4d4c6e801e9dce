"""The policies of generated stories: that of the specifications, and one that changes amid the stories."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from broker.core.alerts import RecipientKind
from broker.core.identifiers import OdsCode
from broker.core.policy import AnyPolicy, Policies, Policy
from broker.core.policy_keys import Place, Restricted, Selector
from broker.core.stops import Stop
from tests.generative.stories import T
from tests.spec.settled import POLICY, SETTLED

RXX, RLL = OdsCode("RXX"), OdsCode("RLL")

OTHER: Policy = replace(
    SETTLED,
    visible_after_end=timedelta(days=100),
    unborn_visible=timedelta(days=1),
    plan_wait=timedelta(days=7),
    plan_wait_after_arrival=timedelta(days=10),
    open_stay=timedelta(hours=48),
    admission_joins=timedelta(hours=2),
    reattendance=timedelta(days=2),
    arrival_age=timedelta(days=1),
    arrival_ahead=timedelta(hours=2),
    occurred_within=timedelta(hours=2),
    same_visit=timedelta(hours=3),
    delayed_after=timedelta(hours=25),
    delayed_after_departure=timedelta(hours=2),
    provider_after_departure=timedelta(hours=24),
    scheduled_types=frozenset({"99"}),
    withheld=frozenset({"acuity"}),
    error_reasons=frozenset({"OTHER"}),
    restricted=Restricted.NATIONAL,
    overrides={
        Selector(authority=OdsCode("E09")): {"visible_after_end": timedelta(days=28)},
        Selector(authority=OdsCode("E08")): {"unborn_visible": timedelta(days=28)},
        Selector(provider=RXX): {
            "name": "Exton Hospital",
            "emergency_classes": frozenset({"P"}),
            "emergency_types": frozenset({"11"}),
            "scheduled_classes": frozenset({"I"}),
            "open_stay": timedelta(hours=3),
        },
        Selector(provider=RXX, system="EDSYS"): {"traced_by_sender": True},
        Selector(provider=RXX, site="RXX01"): {"listed": Place.SENSITIVE, "call_back": "111"},
        Selector(provider=RXX, location="ED"): {
            "listed": Place.UNSCHEDULED,
            "withheld": frozenset({"reason"}),
        },
        Selector(provider=RLL): {
            "provider_after_departure": timedelta(hours=1),
            "error_reasons": frozenset[str](),
            "arrival_age": timedelta(days=2),
            "occurred_within": timedelta(hours=24),
        },
        Selector(provider=RLL, location="HAVEN"): {"listed": Place.SCHEDULED},
        Selector(provider=OdsCode("RWW")): {"nhs_funded": frozenset({"ED", "RXX01"})},
    },
    stops=(
        Stop(
            controller=RecipientKind.PROVIDER,
            code=RLL,
            first=date(2026, 1, 11),
            signed_by="A. Trust",
            signed_on=date(2026, 1, 1),
        ),
        Stop(
            controller=RecipientKind.AUTHORITY,
            code=OdsCode("E08"),
            first=date(2026, 1, 9),
            last=date(2026, 1, 11),
            signed_by="A. Director",
            signed_on=date(2026, 1, 1),
        ),
    ),
)
"""Another value for everything that decides."""

DATED = Policies(first=SETTLED, later=((T, OTHER),))
"""From T on another."""

POLICIES: Sequence[AnyPolicy] = (POLICY, OTHER, DATED)
"""What a story may be judged by."""
