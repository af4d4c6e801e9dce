"""The metric of answers that are pushed to providers."""

from broker.core.answers import Finding
from broker.runtime.metric import Kind, Metric, closed_set

DISREGARDED = "disregard"
ANSWERS_PUSHED = Metric(
    name="cpis_answers_pushed_total",
    kind=Kind.COUNTER,
    help="Answers that were put on the queue to providers' own systems, by what they say; `disregard` takes "
    "the one before back.",
    labels={"finding": closed_set({*Finding, DISREGARDED})},
)
ANSWER_METRICS = (ANSWERS_PUSHED,)
"""Every one of them, in the order of the reference page."""
