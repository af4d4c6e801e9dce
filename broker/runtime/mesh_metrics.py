"""The metrics of the message exchange, MESH."""

from broker.core.mailbox import FAULTS, NOT_TOLD
from broker.runtime.metric import Kind, Metric, closed_set
from broker.services.mesh_courier import MESH
from broker.services.mesh_inbox import Fate
from broker.services.mesh_uploads import ANSWERS

MESH_MESSAGES = Metric(
    name="cpis_mesh_messages_total",
    kind=Kind.COUNTER,
    help="Messages in our mailbox at the message exchange, by what became of them each time they were looked "
    "at.",
    labels={"outcome": frozenset(Fate)},
)
MESH_REPORTS = Metric(
    name="cpis_mesh_reports_total",
    kind=Kind.COUNTER,
    help="Error reports of the message exchange about messages of ours, by code (dossier 6.1).",
    labels={"code": closed_set({*FAULTS, NOT_TOLD})},
)
MESH_LAST_POLL = Metric(
    name="cpis_mesh_poll_age_seconds",
    kind=Kind.GAUGE,
    help="Seconds since our mailbox was last looked into, 0 where there is none; over a day mail is late.",
)

MESH_UNCOLLECTED = Metric(
    name="cpis_mesh_uncollected_items",
    kind=Kind.GAUGE,
    help="Messages of ours that an authority has not collected for three days, or that are lost: answers to "
    "what it sent, and notifications (`mesh`).",
    labels={"channel": frozenset({ANSWERS, MESH})},
)

MESH_METRICS = (MESH_MESSAGES, MESH_REPORTS, MESH_LAST_POLL, MESH_UNCOLLECTED)
"""Every one of them, in the order of the reference page."""
