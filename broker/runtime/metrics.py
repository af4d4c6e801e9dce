"""
The metrics of one process, each declared once in `METRICS`: name, kind, labels, meaning.

A label's values are a closed set, so that nothing of a person, and nothing without bound, can become one:
what is not in the set is counted as `other`. What each counts is told in `docs/reference/metrics.md`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from broker.adapters.ops_server import Page
from broker.services.matching import Phase

OTHER = "other"
"""What a label says where the value is none of its set."""
PARTITIONS = frozenset(str(number) for number in range(1_000))
"""Numbers of partitions: more than any topic of a deployment has (architecture, section 4)."""


class Kind(StrEnum):
    """What Prometheus makes of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """
    One metric: `labels` are the values that each may have, `buckets` a histogram's upper bounds.

    The name ends in the unit, and a counter's in `_total`, as Prometheus has it.
    """

    name: str
    kind: Kind
    help: str
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()


def _values(values: Collection[str]) -> frozenset[str]:
    """Return a closed set of values, the one for all others among them."""
    return frozenset(values) | {OTHER}


KAFKA_AWAY = Metric(
    name="cpis_kafka_away",
    kind=Kind.GAUGE,
    help="1 while the cluster does not answer this process, else 0.",
)
LOOP_LAG = Metric(
    name="cpis_event_loop_lag_seconds",
    kind=Kind.HISTOGRAM,
    help="How late the event loop woke a task that was due, asked ten times a second.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
READY = Metric(
    name="cpis_ready",
    kind=Kind.GAUGE,
    help="What /readyz says: 1 while every role of this process is ready, else 0.",
)
PARTITION_STATE = Metric(
    name="cpis_partitions",
    kind=Kind.GAUGE,
    help="Partitions that this matcher owns, by how far they are: loading, working, away (waits for Kafka).",
    labels={"state": frozenset(Phase)},
)

METRICS: tuple[Metric, ...] = (READY, KAFKA_AWAY, LOOP_LAG, PARTITION_STATE)
"""Every metric there is."""


class Metrics:
    """The values of one process, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a time of creation for each counter would double the page
        self._registry = CollectorRegistry()
        self._made = {metric.name: _made(metric, self._registry) for metric in METRICS}

    def add(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        """Let a counter grow."""
        self._of(metric, labels).inc(amount)

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Show a gauge's present value."""
        self._of(metric, labels).set(value)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        self._of(metric, labels).observe(value)

    def clear(self, metric: Metric) -> None:
        """Forget every value of a metric with labels: what is not set again is not there any more."""
        self._made[metric.name].clear()

    def value(self, metric: Metric, suffix: str = "", **labels: str) -> float | None:
        """Return a value as scraped, None where there is none; a histogram has `_count` and `_sum`."""
        return self._registry.get_sample_value(metric.name + suffix, labels)

    def page(self) -> Page:
        """Return what a scrape is answered with."""
        return Page(content_type=CONTENT_TYPE_LATEST, body=generate_latest(self._registry))

    def _of(self, metric: Metric, labels: Mapping[str, str]) -> Any:
        """Return the series with these labels; a value that is none of its set stands as `other`."""
        made = self._made[metric.name]
        if not metric.labels:
            return made
        closed = {
            name: value if (value := str(labels[name])) in allowed else OTHER
            for name, allowed in metric.labels.items()
        }
        return made.labels(**closed)


def _made(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    """Return the library's object for a metric."""
    names = tuple(metric.labels)
    match metric.kind:
        case Kind.COUNTER:
            return Counter(metric.name, metric.help, names, registry=registry)
        case Kind.GAUGE:
            return Gauge(metric.name, metric.help, names, registry=registry)
        case Kind.HISTOGRAM:
            return Histogram(metric.name, metric.help, names, registry=registry, buckets=metric.buckets)
