"""The policy of all specifications: one for every provider and authority that their tables name."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from broker.core.alerts import RecipientKind
from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey
from broker.core.policy import Policies, Policy
from broker.core.policy_keys import Place, Restricted, Selector, Successor
from broker.core.policy_looks import WithoutVisit
from broker.core.stops import Stop

KEY = IdentityKey(b"the identity key of specifications")

AUTHORITIES = ("E06", "E07", "E08", "E09", "E10", "E20", "E21", "E22", "E30", "E31", "E40", "E42", "E43")
PROVIDERS = ("RXX", "RYY", "RZZ", "RLL", "RTT", "RWW", "RPP", "RMARK", "NIH", "RSS", "RSE")

RLL, RPP, RTT, RWW = OdsCode("RLL"), OdsCode("RPP"), OdsCode("RTT"), OdsCode("RWW")

SETTLED = Policy(
    lateness=timedelta(
        days=36_500
    ),  # specifications share a matcher's clock and span years: nothing is closed
    inactive_kept=timedelta(days=36_500),  # nor destroyed
    overrides={
        Selector(provider=RLL): {
            "name": "Listing Hospital",
            "call_back": "02071112222",
            "error_reasons": frozenset({"ERR"}),
            "safeguarding_roles": frozenset({"SAFEGUARDING"}),
        },
        Selector(provider=RLL, location="CLINIC"): {"listed": Place.SCHEDULED},
        Selector(provider=RLL, location="WALKIN"): {"listed": Place.UNSCHEDULED},
        Selector(provider=RLL, location="HAVEN"): {"listed": Place.SENSITIVE},
        Selector(provider=RLL, site="RLLSX"): {"listed": Place.SENSITIVE},
        Selector(provider=RTT): {
            "traced_by_sender": True,
            "look_without_visit": WithoutVisit.REFUSED,
        },
        Selector(provider=OdsCode("NIH")): {"nhs_funded": frozenset({"URGENT", "NIH02", "CLINIC"})},
        Selector(provider=OdsCode("NIH"), location="CLINIC"): {"listed": Place.SCHEDULED},
        Selector(provider=RWW): {
            "name": "Withholding Hospital",
            "withheld": frozenset({"reason", "location", "clinician_name", "accompanied_by"}),
        },
        Selector(authority=OdsCode("E10")): {
            "visible_after_end": timedelta(days=400),
            "unborn_visible": timedelta(days=40),
        },
        Selector(provider=RPP): {
            "name": "Particular Hospital",
            "call_back": "02073334444",
            "open_stay": timedelta(hours=48),
            "unconfirmed_told": timedelta(hours=6),
            "outcome_awaited": timedelta(hours=8),
            "admission_joins": timedelta(hours=6),
            "provider_after_departure": timedelta(hours=24),
            "emergency_classes": frozenset({"E", "U"}),
            "emergency_types": frozenset({"21", "2X"}),
            "scheduled_classes": frozenset({"P", "Q"}),
            "scheduled_types": frozenset({"11", "1X"}),
            "error_reasons": frozenset({"OOPS"}),
        },
        Selector(provider=OdsCode("RMARK")): {"name": "Marked Hospital", "call_back": "07999000111"},
        Selector(provider=RPP, system="LAB"): {"traced_by_sender": True},
        Selector(provider=RPP, site="RPP02"): {
            "name": "Particular Hospital, East",
            "listed": Place.SCHEDULED,
            "withheld": frozenset({"acuity"}),
        },
        Selector(provider=RPP, location="DESK"): {
            "call_back": "02075556666",
            "listed": Place.UNSCHEDULED,
            "withheld": frozenset({"reason"}),
        },
    },
    successors={
        OdsCode("E20"): Successor(code=OdsCode("E21"), opens_on=date(2026, 1, 12)),
        OdsCode("E21"): Successor(code=OdsCode("E22"), opens_on=date(2026, 1, 20)),
        OdsCode("E30"): Successor(code=OdsCode("E31"), opens_on=date(2020, 1, 1)),
        OdsCode("E31"): Successor(code=OdsCode("E30"), opens_on=date(2020, 1, 1)),
        OdsCode("E42"): Successor(code=OdsCode("E40"), opens_on=date(2020, 1, 1)),
    },
    stops=(
        Stop(
            controller=RecipientKind.PROVIDER,
            code=OdsCode("RSS"),
            first=date(2026, 1, 10),
            signed_by="A. Trust",
            signed_on=date(2026, 1, 10),
        ),
        Stop(
            controller=RecipientKind.PROVIDER,
            code=OdsCode("RSE"),
            first=date(2026, 1, 8),
            last=date(2026, 1, 9),
            signed_by="A. Trust",
            signed_on=date(2026, 1, 8),
        ),
        Stop(
            controller=RecipientKind.AUTHORITY,
            code=OdsCode("E40"),
            first=date(2027, 3, 1),
            last=date(2027, 3, 31),
            signed_by="A. Director",
            signed_on=date(2027, 2, 1),
        ),
        Stop(
            controller=RecipientKind.AUTHORITY,
            code=OdsCode("E43"),
            first=date(2040, 1, 1),
            signed_by="A. Director",
            signed_on=date(2039, 12, 1),
        ),
    ),
)

LATER_FROM = datetime(2031, 5, 31, 23, tzinfo=UTC)
"""Midnight in London, 1 June 2031."""

LATER = replace(
    SETTLED,
    visible_after_end=timedelta(days=100),
    plan_wait=timedelta(days=3),
    plan_wait_after_arrival=timedelta(days=5),
    reattendance=timedelta(days=14),
    restricted=Restricted.NATIONAL,
    same_visit=timedelta(hours=4),
    delayed_after=timedelta(hours=6),
    delayed_after_departure=timedelta(hours=3),
    overrides={
        **SETTLED.overrides,
        Selector(provider=OdsCode("RXX"), location="POPUP"): {"listed": Place.SENSITIVE},
        Selector(provider=RTT): {"traced_by_sender": False},
    },
)

POLICY = Policies(first=SETTLED, later=((LATER_FROM, LATER),))
"""`RXX` and every provider not named has settled nothing; E30 and E31 name each other by mistake."""
