"""The log events of the outbox as it fills the inbox database."""

from broker.runtime.log_catalogue import Level, LogEvent


class OutboxStarted(LogEvent, name="outbox started"):
    """The inbox database is open."""


class OutboxStopped(LogEvent, name="outbox stopped"):
    """The event in hand is stored and the database closed."""


class OutboxFailed(
    LogEvent,
    name="outbox app failed, starting again",
    level=Level.ERROR,
    action="Bring the database, or Kafka, back; nothing is lost meanwhile.",
):
    """Records do not reach the inbox; the same one is tried again after a pause."""

    error: BaseException | None
    delay_seconds: float


class OutboxLookFailed(
    LogEvent,
    name="outbox look failed",
    level=Level.ERROR,
    action="Report it as a defect; it is looked again by itself.",
):
    """What is open in the worklist, and how feeds stand, could not be looked at."""

    error: BaseException


class FeedStale(
    LogEvent,
    name="feed stale",
    level=Level.WARNING,
    action="Follow docs/runbooks/a-feed-is-stale.md.",
):
    """A local authority has sent nothing for too long; its inbox says so, once a day."""

    sender: str


class AlertNotReadable(
    LogEvent,
    name="alert not readable",
    level=Level.ERROR,
    action="Find out who else writes to `cpis.alerts`; the bytes are in `cpis.rejected`.",
):
    """A record of `cpis.alerts` is no alert of ours."""

    topic: str
    offset: int
    reason: str
