"""
The log events of the broker: everything that a log line of ours can say.

A line is written by making one of these and handing it to `broker.runtime.logs.Log`; there is no other way.
Types say which fields an event has; `docs/reference/log-events.md` is built from here. Those of
the matcher, of a start, of the outbox and of its deliveries are in modules beside it, named `…_events`.
"""

from broker.runtime.log_catalogue import Level, LogEvent


class Counted(LogEvent):
    """Something that a door counts under the event's name."""

    count: int


class OperatorsPortOpen(LogEvent, name="operators port open"):
    """Health and metrics can be asked for."""

    address: str
    port: int


class KafkaRefusesUs(
    LogEvent,
    name="kafka refuses us",
    level=Level.ERROR,
    action="Mend what the error names: certificate, password or right; then everything goes on by itself.",
):
    """The cluster answers and lets this process not in, or not do its work. Told once for each reason."""

    error: BaseException


class Ready(LogEvent, name="ready"):
    """So many roles were started; whether they work is what `/readyz` says."""

    count: int


class IntakeReady(LogEvent, name="intake ready"):
    """The MLLP door and the drop folder are open."""

    address: str
    port: int


class HttpDoorReady(LogEvent, name="http door ready"):
    """The HTTP door is open."""

    address: str
    port: int


class IntakeStopped(LogEvent, name="intake stopped"):
    """The doors are closed, and what was in hand is finished."""


class SealingKeysDestroyed(LogEvent, name="sealing keys destroyed"):
    """So many keys are gone, since nothing sealed with them is kept any longer."""

    count: int


class UploadsDestroyed(LogEvent, name="upload files destroyed"):
    """So many uploads and answers are gone that were kept for 35 days, or lay in `done/` and `refused/`."""

    count: int


class KeptFilesDamaged(
    LogEvent,
    name="kept files damaged",
    level=Level.WARNING,
    action="`cpis uploads list` names them, with `CPIS-727`; look at the disk, have them sent again.",
):
    """Of so many kept uploads it cannot be read what is known; the others go on. Told every hour."""

    count: int


class KafkaUnavailable(
    LogEvent,
    name="kafka unavailable, senders are told to send again",
    level=Level.WARNING,
    action="Mend Kafka; everything goes on by itself.",
):
    """Facts cannot be made durable: hospitals are answered `AR` from now on. Told once."""


class KafkaIsBack(LogEvent, name="kafka is back"):
    """Facts are durable again."""


class Kept(Counted, name="kept"):
    """Something that could not be used, or has no usable number, is in `cpis.rejected`."""


class VisitLeft(LogEvent, name="visit left"):
    """A visit was told to have left the number that it was first recorded under (ruling 44)."""

    count: int


class PersonToldOf(LogEvent, name="person told of"):
    """A message about a person and no visit restricted the record (24), or said whose baby it is (26)."""

    count: int


class TwoNumbers(LogEvent, name="two numbers for one patient"):
    """A message about no visit named two NHS numbers: an item asks its sender to settle that (ruling 42)."""

    count: int


class PatientTraced(LogEvent, name="patient traced"):
    """A message without a usable number is a fact now, under the one that the source named (ruling 21)."""

    count: int


class PatientNotTraced(LogEvent, name="patient not traced"):
    """The source knows nobody, or several people, by the details of a message without a usable number."""

    count: int


class TraceUnanswered(
    LogEvent,
    name="trace unanswered",
    level=Level.WARNING,
    action="Mend the way to the demographic source; meanwhile people are asked, as without one.",
):
    """The demographic source, or Kafka, did not answer: the message is left to the index by details."""

    count: int


class TracePassedOver(
    LogEvent,
    name="trace passed over",
    level=Level.WARNING,
    action="See why the demographic source is slow; meanwhile people are asked, as without one.",
):
    """Too many messages wait for the demographic source: this one is left to the index by details."""

    count: int


class NumberChangeAsked(LogEvent, name="number change asked about"):
    """The demographic source answered about a number of which a change was notified (ruling 38)."""

    count: int


class NumberChangeUnanswered(
    LogEvent,
    name="number change unanswered",
    level=Level.WARNING,
    action="Mend the way to the demographic source; until it answers the number stays under enquiry.",
):
    """The demographic source did not answer about a number of which a change was notified."""

    count: int


class MessageOfPoorQuality(LogEvent, name="message of poor quality"):
    """A message was taken although something in it is missing or cannot be read."""

    reason: str
    count: int


class UnreadableLost(
    Counted,
    name="unreadable lost",
    level=Level.WARNING,
    action="Mend Kafka; have the sender's framing looked at if it happens again.",
):
    """Bytes that were no message came while Kafka was away and could not be kept; nobody heard `AA`."""


class SealingImpossible(
    Counted,
    name="sealing impossible",
    level=Level.ERROR,
    action="Make room in the directory of the sealing keys, or give the right to write there.",
):
    """A message was answered `AR` because no key of the day can be made."""


class ConnectionRefused(
    Counted,
    name="connection refused",
    level=Level.WARNING,
    action="Find the sender that opens connections and leaves them open.",
):
    """The MLLP door has as many connections as it takes."""


class RecordOfAnotherProvider(
    Counted,
    name="topic of another provider",
    level=Level.WARNING,
    action="Ask the provider that the topic belongs to what its system writes; no byte of it is kept.",
):
    """A provider wrote to its own topic a record that claims another provider: refused."""


class ProviderTopicsWait(
    LogEvent,
    name="provider topics wait",
    level=Level.WARNING,
    action="Mend what the error names, within the topics' retention: what a topic forgets before it is taken "
    "is lost. Then everything goes on by itself.",
):
    """Nothing can be taken from the topics that providers write to. Told once for each reason."""

    error: BaseException


class RecordsLostUntaken(
    LogEvent,
    name="records lost untaken",
    level=Level.ERROR,
    action="Ask the provider to write again whatever it wrote while nobody took it: alerts may be missing.",
):
    """A provider's own topic has forgotten so many records before anybody took them."""

    topic: str
    count: int


class SenderSilent(
    LogEvent,
    name="sender silent",
    level=Level.ERROR,
    action="Follow [A sender is silent](../runbooks/a-sender-is-silent.md): until it is heard nobody is "
    "alerted of its visits.",
):
    """A sender has said nothing for too long, at an hour when messages usually come from it. Told once."""

    sender: str


class SenderHeardAgain(LogEvent, name="sender heard again"):
    """A sender that was silent has sent something."""

    sender: str


class NotItsSender(
    LogEvent,
    name="not its sender",
    level=Level.WARNING,
    action="Find the reason in [Not its sender](../runbooks/a-sender-is-refused.md#not-its-sender); an "
    "address that nobody knows is a matter for whoever looks after security.",
):
    """A system sent a message that the [file of senders](senders.md) does not let it send: refused."""

    reason: str
    peer: str
    count: int


class HandshakeFailed(
    LogEvent,
    name="handshake failed",
    level=Level.WARNING,
    action="Find the reason in [TLS refuses the sender](../runbooks/a-sender-is-refused.md).",
):
    """A system was not let in at the MLLP or the HTTP door, for this reason; it could send nothing."""

    reason: str
    peer: str
    count: int


class CertificateRenewed(LogEvent, name="certificate renewed"):
    """The files of the MLLP door's certificate have changed, and new connections are spoken with them."""


class CertificateNotRenewed(
    LogEvent,
    name="certificate not renewed",
    level=Level.WARNING,
    action="None if files are being replaced one by one; else mend them before the old certificate expires.",
):
    """The files of the MLLP door's certificate have changed and cannot be used; the old ones go on."""

    error: BaseException


class ConnectionOverShare(
    Counted,
    name="connection over share",
    level=Level.WARNING,
    action="Find out why the sender opens so many; `max_connections` in the [file of senders](senders.md) "
    "says how many it may have.",
):
    """A sender has as many connections as it may have, and wanted another."""


class ConnectionHeldBack(
    Counted,
    name="connection held back",
    level=Level.WARNING,
    action="Look whether Kafka is slow: senders are answered late, for none is answered before its message "
    "is durable.",
):
    """As many messages were being made durable as there may be: the others wait, unread. Once each time."""


class ConnectionIdle(Counted, name="connection idle"):
    """A sender was silent for an hour and was cut off."""


class ConnectionSlow(
    Counted,
    name="connection slow",
    level=Level.WARNING,
    action="Look at the line to the sender; what came of the message is kept, and the sender has it still.",
):
    """A sender did not end within half a minute the message that it had begun, and was cut off."""


class ConnectionDeaf(
    Counted,
    name="connection deaf",
    level=Level.WARNING,
    action="Have the engine looked at: it sends and does not read its answers.",
):
    """A sender did not read its answers for ten seconds and was cut off."""


class ConnectionLost(Counted, name="connection lost"):
    """A sender's connection broke."""


class MessageCutOff(Counted, name="message cut off"):
    """A sender went away in the middle of a message, which was never accepted: it has it still."""


class UploadTaken(LogEvent, name="upload taken"):
    """An upload file was read and answered."""

    code: str
    records: int
    door: str


class UploadDone(Counted, name="upload done"):
    """A file is in `done/` with its answer."""


class UploadRefused(
    Counted,
    name="upload refused",
    level=Level.WARNING,
    action="Send the authority the answer that lies beside the file.",
):
    """A file is in `refused/` with its answer."""


class UploadLost(
    Counted,
    name="upload lost",
    level=Level.ERROR,
    action="Ask the authority to send it again: no key is left for its bytes, or the disk is damaged.",
):
    """A file that was accepted over HTTP was not taken, and cannot be any more."""


class UploadPostponed(
    Counted,
    name="upload postponed",
    level=Level.WARNING,
    action="See `cpis uploads list`: Kafka or the demographic source may be away, the disk full, or the "
    "broker have no right to the file.",
):
    """A file could not be taken now; it stays, and is taken again."""


class UploadFolderUnreadable(
    Counted,
    name="upload folder unreadable",
    level=Level.ERROR,
    action="Put the drop folder back, with the right to read and write it.",
):
    """The drop folder cannot be listed: no file is taken."""
