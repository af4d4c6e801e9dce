"""The policy of all specifications: one for every provider and authority that their tables name."""

from datetime import date, timedelta

from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey
from broker.core.policy import Place, Policy, Site, Successor

KEY = IdentityKey(b"the identity key of specifications")

AUTHORITIES = ("E06", "E07", "E08", "E09", "E20", "E21", "E22", "E30", "E31")
PROVIDERS = ("RXX", "RYY", "RZZ", "RLL", "RTT", "RWW")

POLICY = Policy(
    lateness=timedelta(
        days=36_500
    ),  # specifications share a matcher's clock and span years: nothing is closed
    sites={
        OdsCode("RLL"): Site(
            name="Listing Hospital",
            call_back="02071112222",
            locations={
                "CLINIC": Place.SCHEDULED,
                "WALKIN": Place.UNSCHEDULED,
                "HAVEN": Place.SENSITIVE,
                "RLLSX": Place.SENSITIVE,
            },
            error_reasons=frozenset({"ERR"}),
        ),
        OdsCode("RTT"): Site(traced_by_sender=True),
        OdsCode("RWW"): Site(
            name="Withholding Hospital", withheld=frozenset({"reason", "location", "clinician_name"})
        ),
    },
    successors={
        OdsCode("E20"): Successor(code=OdsCode("E21"), opens_on=date(2026, 1, 12)),
        OdsCode("E21"): Successor(code=OdsCode("E22"), opens_on=date(2026, 1, 20)),
        OdsCode("E30"): Successor(code=OdsCode("E31"), opens_on=date(2020, 1, 1)),
        OdsCode("E31"): Successor(code=OdsCode("E30"), opens_on=date(2020, 1, 1)),
    },
)
"""`RXX` and every provider not named has settled nothing; E30 and E31 name each other by mistake."""
