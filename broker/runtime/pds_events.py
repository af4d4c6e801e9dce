"""The log events of a demographic source; the catalogue is `broker.runtime.log_catalogue`."""

from broker.runtime.log_catalogue import Level, LogEvent


class SourceAway(
    LogEvent,
    name="demographic source away",
    level=Level.WARNING,
    action="Follow [The demographic source is away](../runbooks/the-demographic-source-is-away.md): until it "
    "answers uploads wait, and who has no number is looked for by details alone.",
):
    """The demographic source has failed several times in a row, the last for this reason. Told once."""

    reason: str


class SourceAnswers(LogEvent, name="demographic source answers again"):
    """The demographic source that was away has answered."""


class WaitingRecordLoaded(LogEvent, name="waiting record loaded"):
    """A record of an upload that the demographic source had refused agrees with it by now, and is loaded."""

    count: int


class WaitingRecordsUnanswered(
    LogEvent,
    name="waiting records unanswered",
    level=Level.WARNING,
    action="Mend the way to the demographic source; the records wait, and are asked about in the next round.",
):
    """Of records of uploads that wait for the demographic source to agree it is not known whether it does."""

    count: int


class SourceUnreadable(
    LogEvent,
    name="demographic source not understood",
    level=Level.WARNING,
    action="Ask whoever runs the source; if it keeps to its interface, report it as a defect of ours.",
):
    """An answer of the demographic source, the so many-th, could not be read; it is no answer."""

    count: int
