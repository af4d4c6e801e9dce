"""The log events of the answers that are pushed."""

from broker.runtime.log_catalogue import Level, LogEvent


class AnswersNotPushed(
    LogEvent,
    name="answers not pushed",
    level=Level.ERROR,
    action="Bring Kafka, or the database, back; an answer that is due is then pushed. While Kafka alone is "
    "away, visits are answered `could not check` when their minute is over.",
):
    """What answers hang on cannot be followed, or they cannot be put on the queue."""

    error: BaseException
