"""What a metric is: a name, a kind, labels from closed sets, a meaning."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OTHER = "other"
"""What a label says where the value is none of its set."""


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


def closed_set(values: Iterable[str]) -> frozenset[str]:
    """Return a closed set of values, the one for all others among them."""
    return frozenset(values) | {OTHER}
