"""The metrics of authorities' feeds; every process with the outbox role shows all: take the maximum."""

from broker.core.feeds import UNMATCHED, FeedState
from broker.core.reconciling import PlanStanding
from broker.runtime.metric import OTHER, Kind, Metric, closed_set

_AUTHORITY = frozenset({OTHER})
"""The codes of authorities; those that are known are named once they are."""

FEED_STALE = Metric(
    name="cpis_feed_stale",
    kind=Kind.GAUGE,
    help="1 where the last file of an authority of which something was taken is older than "
    "CPIS_FEED_STALE_HOURS, or none ever came, else 0; by authority and by whether its feed is live.",
    labels={"authority": _AUTHORITY, "state": frozenset(FeedState)},
)
FEED_AGE = Metric(
    name="cpis_feed_age_seconds",
    kind=Kind.GAUGE,
    help="Time since something of a file of an authority was last taken.",
    labels={"authority": _AUTHORITY},
)
FEED_MATCHED = Metric(
    name="cpis_feed_matched_ratio",
    kind=Kind.GAUGE,
    help="Share of the records of an authority's last seven days' files that match a person (R20).",
    labels={"authority": _AUTHORITY},
)
FEED_WAITING = Metric(
    name="cpis_feed_waiting_records",
    kind=Kind.GAUGE,
    help="Records of an authority's newest file that wait for a number that matches, by their code.",
    labels={"authority": _AUTHORITY, "code": closed_set(UNMATCHED)},
)
FEED_REFUSED = Metric(
    name="cpis_feed_refused_records",
    kind=Kind.GAUGE,
    help="Records of an authority's newest file that were not loaded.",
    labels={"authority": _AUTHORITY},
)
FEED_PLANS = Metric(
    name="cpis_feed_plans_items",
    kind=Kind.GAUGE,
    help="Plans of an authority that are held, by how they stand, as an intake counts them each hour where "
    "CPIS_FEED_RECONCILIATION is set; past their due date and open on a number not in use among them.",
    labels={"owner": _AUTHORITY, "standing": frozenset(PlanStanding)},
)
FEED_METRICS = (FEED_STALE, FEED_AGE, FEED_MATCHED, FEED_WAITING, FEED_REFUSED, FEED_PLANS)
"""Every one of them, in the order of the reference page."""
