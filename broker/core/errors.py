"""
Every error of the broker, each with a stable code and what is to be done about it.

A class's docstring is its default message. A message never repeats a value that could name a person.
"""

from enum import Enum
from typing import ClassVar


class Disposition(Enum):
    """What the program does with the thing that failed."""

    RETRY = "retry"
    REJECT = "reject to sender"
    WORKLIST = "worklist"
    HALT = "halt"


class BrokerError(Exception):
    """Something went wrong in the broker."""

    code: ClassVar[str] = "CPIS-000"
    disposition: ClassVar[Disposition] = Disposition.HALT
    action: ClassVar[str] = "Read the message; if it does not say what to do, report it as a defect."
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str | None = None) -> None:
        """Take a message free of personal data; without one the class's docstring is the message."""
        super().__init__(message or " ".join((type(self).__doc__ or "").split()))


class InvalidNhsNumber(BrokerError):
    """The value is not a usable NHS number."""

    code = "CPIS-101"
    disposition = Disposition.REJECT
    action = "Trace the patient and send the record again with the number the trace returned."
    exit_code = 65


class InvalidOdsCode(BrokerError):
    """The value is not an ODS organisation or site code."""

    code = "CPIS-102"
    disposition = Disposition.REJECT
    action = "Send the organisation's ODS code: 3 to 8 capital letters and digits."
    exit_code = 65


class NaiveTime(BrokerError):
    """A time without a time zone reached the core."""

    code = "CPIS-103"
    action = "Report it as a defect: the codec of that format must attach Europe/London."


class InvalidFact(BrokerError):
    """A fact contradicts itself."""

    code = "CPIS-104"
    disposition = Disposition.REJECT
    action = "Correct the record at its source and send it again."
    exit_code = 65


class NumbersInCircle(BrokerError):
    """A fact came back to an NHS number that it had passed, or passed more numbers than a person has."""

    code = "CPIS-105"
    disposition = Disposition.WORKLIST
    action = "Ask the demographic source which number is in use; then have the record's sender send it again."
    exit_code = 65


class SuccessionContradicted(BrokerError):
    """The source now says otherwise of an NHS number whose facts have moved to another one."""

    code = "CPIS-106"
    disposition = Disposition.WORKLIST
    action = (
        "What had moved stays where it is. Find out which number each plan belongs to, have its authority "
        "upload it under that number, and remove it under the other."
    )
    exit_code = 65


class MalformedMessage(BrokerError):
    """
    Bytes from a peer could not be read.

    `reason` is a stable word for counting, `hl7_code` a code of HL7 table 0357 (dossier 6.5), `location`
    the place in the sender's terms (`PID-3`, an XPath), `detail` what else helps, never a value.
    """

    code = "CPIS-201"
    disposition = Disposition.REJECT
    action = (
        "Correct the message at the sender; the bytes are in cpis.rejected, unless they may name two people."
    )
    exit_code = 65

    def __init__(self, reason: str, *, hl7_code: int = 207, location: str = "", detail: str = "") -> None:
        """Say what is wrong (`reason`, `detail`) and where (`location`), without any value."""
        super().__init__(" ".join(part for part in (reason, detail, location and f"at {location}") if part))
        self.reason = reason
        self.hl7_code = hl7_code
        self.location = location
        self.detail = detail


class RealPersonRefused(MalformedMessage):
    """A deployment that is for tests was sent a number that is not kept for tests."""

    code = "CPIS-620"
    action = (
        "Send real people's messages and records to the live deployment alone; a live deployment needs "
        "CPIS_ENVIRONMENT=live. No byte of what came is kept."
    )

    def __init__(self, *, location: str) -> None:
        """Say where the number stands, as HL7 table 0357 says it: a value that is in no table of ours."""
        super().__init__("number not kept for tests", hl7_code=103, location=location)


class NotItsSender(MalformedMessage):
    """A message claims a provider or a system for which whoever sent it may not send."""

    code = "CPIS-205"
    action = (
        "Compare the provider and the system that the message names (in HL7 v2 MSH-4 and MSH-3), and the "
        "certificate, token or address of the connection, with the file of senders, and mend the one that "
        "is wrong; then send again. No byte of what came is kept."
    )

    def __init__(self, reason: str, *, location: str) -> None:
        """Say what does not fit, and where HL7 says it: a value that is in no table of ours."""
        super().__init__(reason, hl7_code=103, location=location)


class UnwritableRecord(BrokerError):
    """A record does not fit its Avro schema."""

    code = "CPIS-202"
    disposition = Disposition.WORKLIST
    action = "Report it as a defect: the record is kept as an unprocessable one and nothing else stops."


class ReaderLost(BrokerError):
    """The process that read an upload file ended before it was done."""

    code = "CPIS-203"
    disposition = Disposition.RETRY
    action = "Send the file again; if it happens again, look for a lack of memory."
    exit_code = 75


class AcknowledgementUnwritten(BrokerError):
    """The acknowledgement of an upload could not be written; what the file says is loaded."""

    code = "CPIS-204"
    action = "Name a place where a file can be written, and load the upload again: that does no harm."
    exit_code = 74


class UnsealingFailed(BrokerError):
    """A sealed field cannot be opened: its key is gone or its bytes were altered."""

    code = "CPIS-301"
    disposition = Disposition.WORKLIST
    action = (
        "If the key was destroyed with its retention this is expected; otherwise restore the key directory."
    )


class KeysUnreadable(UnsealingFailed):
    """A day's key is there, or may be, and cannot be read now."""

    code = "CPIS-790"
    disposition = Disposition.RETRY
    action = (
        "Look what the system says of CPIS_SEALING_KEYS_DIR: a disk that fails, too many open files, a right "
        "that was taken away. Nothing is lost; what needs the key waits, and goes on when it can be read."
    )
    exit_code = 74


class KafkaUnavailable(BrokerError):
    """Kafka did not acknowledge in time."""

    code = "CPIS-401"
    disposition = Disposition.RETRY
    action = (
        "Check that the cluster runs and can be reached at CPIS_KAFKA_BOOTSTRAP_SERVERS, then try again; "
        "nothing that was acknowledged is lost."
    )
    exit_code = 69


class Fenced(BrokerError):
    """Another matcher took this partition over."""

    code = "CPIS-402"
    disposition = Disposition.RETRY
    action = "Nothing: the partition is worked by its new owner."
    exit_code = 75


class NewerState(BrokerError):
    """The state was written by a newer release than this one."""

    code = "CPIS-403"
    action = "Start the release that wrote it, or a newer one."
    exit_code = 78


class WrongIdentityKey(BrokerError):
    """The identity key is not the one this deployment's state was made with."""

    code = "CPIS-404"
    action = (
        "Point CPIS_IDENTITY_KEY_FILE to the key made when the deployment was set up; it is never rotated."
    )
    exit_code = 78


class EmbeddedKafkaFailed(BrokerError):
    """The embedded Kafka did not start."""

    code = "CPIS-405"
    action = "Mend what its log says, or set CPIS_KAFKA_BOOTSTRAP_SERVERS to use a cluster that is running."
    exit_code = 69


class TopicsRefused(BrokerError):
    """The topics cannot be made as they are declared, or are not fit to work with."""

    code = "CPIS-406"
    action = (
        "Correct the declaration, or set up a new deployment: partition counts are fixed for the life of one."
    )
    exit_code = 78


class TopicMissing(BrokerError):
    """A topic does not exist."""

    code = "CPIS-407"
    action = (
        "Run `cpis topics apply`, then try again; an organisation gets a topic of its own once its code is "
        "among the topics file's recipients."
    )
    exit_code = 66


class PersonTooLarge(BrokerError):
    """A person's record, one visit in it or an alert about it would outgrow what is kept and sent."""

    code = "CPIS-408"
    disposition = Disposition.WORKLIST
    action = "Look at the record in the worklist item: some sender repeats one person without end."


class StorageUnusable(BrokerError):
    """A directory, file or database that this process keeps things in cannot be used."""

    code = "CPIS-409"
    disposition = Disposition.RETRY
    action = (
        "Make room there, give this user the right to write there, or name another place by the setting in "
        "the message; then start again."
    )
    exit_code = 74


class StateUnreadable(BrokerError):
    """A partition's own record in `cpis.people` cannot be read."""

    code = "CPIS-410"
    action = (
        "Start nothing else on this cluster: another program has written to `cpis.people`, or its data are "
        "damaged; restore the topic."
    )
    exit_code = 65


class ForgetsTooSoon(BrokerError):
    """A log forgets what a plan may still make an alert of."""

    code = "CPIS-412"
    action = (
        "Set retention.ms of the topics named to H or more (`cpis policy show` tells horizon_days) and "
        "retention.bytes to -1, in the topics file and by `cpis topics apply`; or shorten H in the policy."
    )
    exit_code = 78


class KafkaUntrusted(KafkaUnavailable):
    """Kafka does not prove who it is."""

    code = "CPIS-421"
    action = (
        "Mend what the message names: the broker's certificate, its name in CPIS_KAFKA_BOOTSTRAP_SERVERS or "
        "in advertised.listeners, CPIS_KAFKA_CA_FILE or CPIS_KAFKA_SECURITY_PROTOCOL. Nothing was sent."
    )
    exit_code = 77


class KafkaLoginRefused(KafkaUnavailable):
    """Kafka does not accept who we say we are."""

    code = "CPIS-422"
    action = (
        "Give this process an account that Kafka knows: CPIS_KAFKA_USER and CPIS_KAFKA_PASSWORD_FILE, or "
        "CPIS_KAFKA_CERTIFICATE_FILE and CPIS_KAFKA_KEY_FILE; until then Kafka is as good as away."
    )
    exit_code = 77


class KafkaNotAuthorized(KafkaUnavailable):
    """Kafka knows us and does not let us do this."""

    code = "CPIS-423"
    action = (
        "Have Kafka's administrator grant what the message names: `cpis access show` lists what each "
        "principal needs, `cpis access apply` grants it."
    )
    exit_code = 77


class TransactionUnsettled(KafkaUnavailable):
    """Kafka hides records of the matcher's state, and no longer knows whether they were committed."""

    code = "CPIS-425"
    action = (
        "Find the hidden transaction on cpis.people with `kafka-transactions.sh find-hanging` and abort it; "
        "the partition then goes on by itself, and takes again what it took in that transaction."
    )


class AccessRefused(BrokerError):
    """The access lists cannot be made as they are declared."""

    code = "CPIS-424"
    action = (
        "Correct the access file, or run the command against a cluster that has an authorizer, as a "
        "principal that may alter its access lists."
    )
    exit_code = 78


class DemographicsUnavailable(BrokerError):
    """The demographic source does not answer."""

    code = "CPIS-411"
    disposition = Disposition.RETRY
    action = "Nothing at once: matching goes on and it is asked again; if it lasts, ask whoever runs it."
    exit_code = 69


class ConfigurationError(BrokerError):
    """A setting is missing or wrong."""

    code = "CPIS-501"
    action = "Correct the setting named in the message."
    exit_code = 78


class RoleFailed(BrokerError):
    """A role of this process failed and the process was stopped."""

    code = "CPIS-502"
    action = "Read the log line before; when the cause is gone start the process again."


class RegistryUnavailable(BrokerError):
    """The schema registry refuses, or does not answer as one."""

    code = "CPIS-503"
    action = (
        "Mend the registry or its settings; or unset CPIS_SCHEMA_REGISTRY_URL, and alerts carry the ids in "
        "schemas/ids.json."
    )
    exit_code = 69


class SchemaNotRegistered(BrokerError):
    """The schema registry does not have the schema of alerts as it is."""

    code = "CPIS-504"
    action = "Run `cpis schemas check`; where it shows no `incompatible`, run `cpis schemas register`."
    exit_code = 78
