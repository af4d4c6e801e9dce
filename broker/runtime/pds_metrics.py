"""The metrics of a demographic source: how it is asked, and whether it answers."""

from broker.core.source_pace import Trouble
from broker.runtime.metric import Kind, Metric, closed_set

SOURCE_QUESTIONS = Metric(
    name="cpis_source_questions_total",
    kind=Kind.COUNTER,
    help="Questions to the demographic source, by what came of them: answered, or what kept them from it.",
    labels={"outcome": closed_set({"answered", *Trouble})},
)
SOURCE_SECONDS = Metric(
    name="cpis_source_seconds",
    kind=Kind.HISTOGRAM,
    help="Time that a question to the demographic source took, with everything that was sent again.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0),
)
SOURCE_AWAY = Metric(
    name="cpis_source_away",
    kind=Kind.GAUGE,
    help="1 while the demographic source is left alone because it failed several times in a row, else 0.",
)

SOURCE_METRICS = (SOURCE_QUESTIONS, SOURCE_SECONDS, SOURCE_AWAY)
"""Every one of them, in the order of the reference page."""
