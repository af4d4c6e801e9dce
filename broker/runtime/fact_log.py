"""The log of facts on the settings' Kafka, with its share of the time in which a sender is answered."""

from broker.adapters.kafka_facts import KafkaFactLog
from broker.runtime import log_events as events
from broker.runtime.logs import Log
from broker.runtime.settings import Settings

LOG_SHARE = 0.8
"""Of the answer's deadline: the rest is for noticing Kafka's silence, and for saying so in time."""


def fact_log(settings: Settings) -> KafkaFactLog:
    """Return the log, not yet started; raise `ConfigurationError` when no Kafka is named."""
    return KafkaFactLog(
        settings.require_cluster(),
        deadline_ms=int(settings.answer_deadline_ms * LOG_SHARE),
        on_refused=lambda error: Log().write(events.KafkaRefusesUs(error=error)),
    )
