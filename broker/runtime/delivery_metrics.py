"""The metrics of deliveries to providers' own systems."""

from broker.core.delivery import Fault, State
from broker.runtime.metric import Kind, Metric, closed_set

_CHANNEL = {"channel": closed_set({"mllp", "fhir", "mesh"})}
DELIVERIES = Metric(
    name="cpis_deliveries_items",
    kind=Kind.GAUGE,
    help="Alert events for providers' own systems in the inbox database, by how they are spoken to and by "
    "where each stands. Every process with the outbox role shows all of them: take the maximum.",
    labels=_CHANNEL | {"state": frozenset(State)},
)
DELIVERIES_OLDEST = Metric(
    name="cpis_deliveries_oldest_seconds",
    kind=Kind.GAUGE,
    help="Age of what caused the oldest alert event that waits for a provider's own system, 0 without one.",
    labels=_CHANNEL,
)
DELIVERIES_UNACCOUNTED = Metric(
    name="cpis_deliveries_unaccounted_items",
    kind=Kind.GAUGE,
    help="Alert events that came in and are neither to come, nor waiting, nor at an end; anything but 0 is a "
    "defect.",
    labels=_CHANNEL,
)
DELIVERIES_PRUNED = Metric(
    name="cpis_deliveries_pruned_total",
    kind=Kind.COUNTER,
    help="Deliveries that had been at their end for 35 days and are kept no more.",
    labels=_CHANNEL,
)
DELIVERY_ATTEMPTS = Metric(
    name="cpis_delivery_attempts_total",
    kind=Kind.COUNTER,
    help="Attempts to deliver to providers' own systems, by what came of them.",
    labels=_CHANNEL | {"outcome": closed_set({"delivered", *Fault})},
)
DELIVERY_SECONDS = Metric(
    name="cpis_delivery_seconds",
    kind=Kind.HISTOGRAM,
    help="Time from the receipt of the newest message or file that led to an alert event to the yes of the "
    "provider's own system.",
    labels=_CHANNEL,
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 3_600.0),
)

DELIVERY_METRICS = (
    DELIVERIES,
    DELIVERIES_OLDEST,
    DELIVERIES_UNACCOUNTED,
    DELIVERIES_PRUNED,
    DELIVERY_ATTEMPTS,
    DELIVERY_SECONDS,
)
"""Every one of them, in the order of the reference page."""
