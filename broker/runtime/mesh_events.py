"""The log events of the message exchange, MESH; the catalogue is `broker.runtime.log_catalogue`."""

from broker.runtime.log_catalogue import Level, LogEvent

_AWAY = "Read [MESH is away](../runbooks/mesh-is-away.md); it is tried again by itself."


class MeshAway(LogEvent, name="message exchange away", level=Level.WARNING, action=_AWAY):
    """
    The message exchange cannot be reached, or does not let us in; or Kafka does not say whose turn it is.

    Told once until the mailbox is looked into.
    """

    error: BaseException


class MeshIsBack(LogEvent, name="message exchange answers again"):
    """The message exchange can be reached again; what lay in the mailbox is taken, what waited goes out."""


class MeshPostponed(
    LogEvent,
    name="mesh message postponed",
    level=Level.WARNING,
    action="Nothing at once: it stays in the mailbox and is taken again. If it lasts, see what is away.",
):
    """A message could not be made durable, or not be checked, and was left in the mailbox."""

    workflow: str


class MeshKept(
    LogEvent,
    name="mesh message kept",
    level=Level.ERROR,
    action="Look at it with `cpis rejected`: its workflow id is not among the settings, or it met a defect.",
):
    """A message that nobody can handle was kept in `cpis.rejected`."""

    workflow: str


class MeshReport(
    LogEvent,
    name="mesh error report",
    level=Level.ERROR,
    action="Read [MESH is away](../runbooks/mesh-is-away.md): a message of ours did not reach an authority.",
):
    """The exchange reports that a message of ours came to nothing, for this reason."""

    code: str
    reason: str
    workflow: str


class MeshAnswerRefused(
    LogEvent,
    name="mesh message refused",
    level=Level.ERROR,
    action="Correct the authority's mailbox in its list, or the workflow id, with the exchange.",
):
    """The exchange does not take an answer of ours, to a file or to people to trace, for this reason."""

    mailbox: str
    reason: str


class MeshPeopleTraced(LogEvent, name="people traced over mesh"):
    """A mailbox of the settings sent a file of so many people to trace, and was answered."""

    mailbox: str
    records: int


class MeshNotCollected(
    LogEvent,
    name="mesh message not collected",
    level=Level.ERROR,
    action="Ring the authority: its client has not run for days. Read "
    "[MESH is away](../runbooks/mesh-is-away.md).",
):
    """An authority has not collected a message for three days, or never will."""

    destination: str


class MeshNotFollowed(
    LogEvent,
    name="mesh message not followed",
    level=Level.WARNING,
    action="See whether the database of `CPIS_DATABASE_URL` can be used; the message itself has gone.",
):
    """A message went out, and could not be noted: nobody will be told if it is not collected."""

    destination: str
