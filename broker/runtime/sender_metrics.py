"""The metrics of senders: what comes from each, and whether it has fallen silent."""

from broker.core.sender_quality import NumberState
from broker.runtime.metric import Kind, Metric, closed_set
from broker.wire.adt_registers import Fault

SENDER, PROVIDER = "sender", "provider"
"""Labels whose values are those of the file of senders, learnt at the start (`Metrics.name`)."""
LATE = "late"
"""What counts call a message that came late."""

SENDER_MESSAGES = Metric(
    name="cpis_sender_messages_total",
    kind=Kind.COUNTER,
    help="Messages about a visit that could be read, by sender of the file of senders and by what they say "
    "of the NHS number.",
    labels={SENDER: closed_set(()), "number": closed_set(NumberState)},
)
SENDER_FAULTS = Metric(
    name="cpis_sender_faults_total",
    kind=Kind.COUNTER,
    help="What was amiss with messages that were taken or kept, by sender: faults of fields, and late: "
    "recorded over 15 minutes before it came.",
    labels={SENDER: closed_set(()), "fault": closed_set({*Fault, LATE})},
)
PROVIDER_REFUSED = Metric(
    name="cpis_provider_refused_total",
    kind=Kind.COUNTER,
    help="Messages that could not be read, by provider of the file of senders.",
    labels={PROVIDER: closed_set(())},
)
SENDER_SILENT = Metric(
    name="cpis_sender_silent",
    kind=Kind.GAUGE,
    help="1 while a sender of the file of senders has been silent for too long at an hour when messages "
    "usually come, else 0. Every process with the intake role shows it: take the maximum.",
    labels={SENDER: closed_set(())},
)
SENDER_LAST_HEARD = Metric(
    name="cpis_sender_last_heard_seconds",
    kind=Kind.GAUGE,
    help="Seconds since the last message of a sender of the file of senders; take the minimum.",
    labels={SENDER: closed_set(())},
)
RECORDS_LOST = Metric(
    name="cpis_provider_records_lost_total",
    kind=Kind.COUNTER,
    help="Records of providers' own topics that were forgotten before anybody took them: alerts may miss.",
)

SENDER_METRICS = (
    SENDER_MESSAGES,
    SENDER_FAULTS,
    PROVIDER_REFUSED,
    SENDER_SILENT,
    SENDER_LAST_HEARD,
    RECORDS_LOST,
)
"""Every one of them, in the order of the reference page."""
