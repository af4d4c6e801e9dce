"""The log events of a start: what is amiss with the cluster before anything is read or written there."""

from broker.runtime.log_catalogue import Level, LogEvent


class KafkaDoesNotAnswerYet(
    LogEvent,
    name="kafka does not answer yet",
    level=Level.WARNING,
    action="None while the cluster starts; else look whether address, firewall and cluster are right.",
):
    """The start waits for Kafka, for `CPIS_START_DEADLINE_MS` at most."""

    error: BaseException


class LogForgetsTooSoon(
    LogEvent,
    name="log forgets too soon",
    level=Level.WARNING,
    action="Set what the error names; a live deployment does not start so.",
):
    """A log forgets what a plan may still make an alert of."""

    error: BaseException


class LogKeepsTooLong(
    LogEvent,
    name="log keeps too long",
    level=Level.WARNING,
    action="Set the topic's retention.ms to H, `horizon_days` of the policy.",
):
    """Visits of people without a plan are kept for longer than the policy says."""

    topic: str
