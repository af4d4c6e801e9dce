"""The log events of the matcher: of its role, and of what it reports by name (`Notice`)."""

from broker.runtime.log_catalogue import Level, LogEvent


class MatcherStarted(LogEvent, name="matcher started"):
    """The matcher looks for its group."""

    application: str


class MatcherStopped(LogEvent, name="matcher stopped"):
    """Transactions in hand are over and the group is left."""


class MatcherGroupAway(
    LogEvent,
    name="matcher group away",
    level=Level.WARNING,
    action="None if it stops by itself; else mend Kafka.",
):
    """The consumer group cannot be reached; it is tried again."""

    error: BaseException


class PartitionsAssigned(LogEvent, name="partitions assigned"):
    """The group handed out so many partitions to this process."""

    count: int


class PartitionTakenOver(
    LogEvent,
    name="partition taken over by another owner",
    level=Level.WARNING,
    action="None once; if it goes on, look for a process that is paused again and again.",
):
    """Somebody else works the partition: nothing more can be written here, and the group is asked."""

    partition: int
    error: BaseException


class MatcherFailed(
    LogEvent,
    name="matcher failed, starting again",
    level=Level.WARNING,
    action="None once; if it goes on, report the error as a defect.",
):
    """A partition is given up on doubt and loaded anew; nothing is lost."""

    partition: int
    error: BaseException


class PartitionOpened(LogEvent, name="partition opened"):
    """A partition is fenced, and loaded with so many people."""

    partition: int
    count: int


class AllPlansTaken(LogEvent, name="all plans taken"):
    """On a first start: every plan there was is known before the first attendance is looked at."""

    records: int


class PartitionAtWork(LogEvent, name="partition at work"):
    """A partition is worked, so long after it began to be opened."""

    partition: int
    duration_ms: int


class TransactionGivenUp(LogEvent, name="transaction given up"):
    """A transaction of so many records has a doubtful outcome: the partition is read anew."""

    partition: int
    count: int


class RecordNotProcessable(
    LogEvent,
    name="record not processable",
    level=Level.ERROR,
    action="Settle the worklist item: an alert may be missing. Report the code as a defect.",
):
    """A record could not be folded or decided; it is on the worklist with its bytes."""

    topic: str
    partition: int
    offset: int
    code: str


class RecipientWithoutTopic(
    LogEvent,
    name="recipient without topic",
    level=Level.ERROR,
    action="Declare the organisation and make its topic; ring it meanwhile.",
):
    """Somebody should be told and cannot be: the event is on `cpis.alerts` and the worklist only."""

    topic: str


class EverybodyLookedAt(LogEvent, name="everybody looked at"):
    """Everybody was looked at, to settle what may go or to decide anew; count is of those that failed."""

    reason: str
    count: int


class MessagesDestroyed(LogEvent, name="messages destroyed"):
    """The log of an input has forgotten so many messages, so many unread; that is in the audit trail."""

    topic: str
    partition: int
    count: int
    unread: int


class MessagesDestroyedUnread(
    LogEvent,
    name="messages destroyed unread",
    level=Level.ERROR,
    action="Alerts may be missing: have senders send again what came since, and find out why nobody read it.",
):
    """The log of an input has forgotten so many messages that the matcher had not taken."""

    topic: str
    partition: int
    count: int


class KafkaAway(
    LogEvent, name="kafka away", level=Level.ERROR, action="Mend Kafka; everything goes on by itself."
):
    """A partition waits for Kafka, or for the right to work on it."""

    partition: int
    code: str
    error: str


class KafkaBack(LogEvent, name="kafka back"):
    """A partition is loaded anew after Kafka was away."""

    partition: int
