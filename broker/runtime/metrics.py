"""
The metrics of one process, each declared once in `METRICS`: name, kind, labels, meaning.

A label's values are a closed set, so that nothing of a person, and nothing without bound, can become one:
what is not in the set is counted as `other`. What each counts is told in `docs/reference/metrics.md`.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest

from broker.adapters.server_tls import HandshakeFault
from broker.core.alerts import EventKind, RecipientKind
from broker.core.worklist import ItemKind
from broker.ports import INPUTS, Topic
from broker.runtime.answer_metrics import ANSWER_METRICS
from broker.runtime.delivery_metrics import DELIVERY_METRICS
from broker.runtime.feed_metrics import FEED_METRICS
from broker.runtime.mesh_metrics import MESH_METRICS
from broker.runtime.metric import OTHER, Kind, Metric, closed_set
from broker.runtime.pds_metrics import SOURCE_METRICS
from broker.runtime.sender_metrics import SENDER_METRICS
from broker.runtime.worklist_view import Age
from broker.services.intake import NOT_ITS_SENDER, NUMBERLESS, UNFRAMED
from broker.services.matching import Phase
from broker.services.matching_turns import Notice
from broker.services.national_events import OUTCOMES
from broker.wire.acknowledgement import TEXTS, Verdict
from broker.wire.fhir_answer import STATUSES
from broker.wire.fhir_terms import PLANNED
from broker.wire.problem import OTHER_STATUSES
from broker.wire.upload_codes import FileCode, RecordCode

UNREADABLE_RECORD = "record"
"""Code of `REJECTED` for a record of Kafka that the outbox cannot read."""
PARTITIONS = frozenset(str(number) for number in range(1_000))
"""Numbers of partitions: more than any topic of a deployment has (architecture, section 4)."""


_PARTITIONED = {"topic": closed_set(Topic), "partition": closed_set(PARTITIONS)}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

READY = Metric(
    name="cpis_ready",
    kind=Kind.GAUGE,
    help="What /readyz says: 1 while every role of this process works and Kafka answers, else 0.",
)
KAFKA_AWAY = Metric(
    name="cpis_kafka_away",
    kind=Kind.GAUGE,
    help="1 while the cluster does not answer this process, which asks every two seconds, else 0.",
)
LOOP_LAG = Metric(
    name="cpis_event_loop_lag_seconds",
    kind=Kind.HISTOGRAM,
    help="How late the event loop woke a task that was due; asked ten times a second.",
    buckets=_SECONDS,
)
_SEGMENTS = {  # of ADT messages
    *(
        "ACC",
        "AL1",
        "DB1",
        "DG1",
        "DRG",
        "GT1",
        "IAM",
        "IN1",
        "IN2",
        "IN3",
        "MRG",
        "NTE",
        "OBX",
        "PD1",
        "PDA",
    ),
    *("PR1", "ROL", "SFT", "UB1", "UB2"),
}
_CONNECTIONS_END = {
    *("opened", "closed", "lost", "refused", "over share", "idle", "slow", "deaf", "held back"),
}
CONNECTIONS = Metric(name="cpis_connections_open", kind=Kind.GAUGE, help="Open connections of the MLLP door.")
CONNECTION_EVENTS = Metric(
    name="cpis_connections_total",
    kind=Kind.COUNTER,
    help="Connections of the MLLP door, by what became of them; under TLS one that was not let in, by why.",
    labels={"event": closed_set({*_CONNECTIONS_END, *HandshakeFault})},
)
MESSAGES = Metric(
    name="cpis_messages_total",
    kind=Kind.COUNTER,
    help="HL7 v2 messages answered, by the answer (MSA-1).",
    labels={"answer": closed_set(Verdict)},
)
EVENTS_ACKNOWLEDGED = Metric(
    name="cpis_events_acknowledged_total",
    kind=Kind.COUNTER,
    help="Messages answered AA of which no visit was made, by their event: about a person, merges, and those "
    "that the file of senders has acknowledged unread; by FHIR visits that are only planned.",
    labels={"event": closed_set({PLANNED, *(f"A{number:02}" for number in range(1, 63))})},
)
SEGMENTS_UNREAD = Metric(
    name="cpis_segments_unread_total",
    kind=Kind.COUNTER,
    help="Segments of HL7 v2 messages that were taken of which nothing is read, each name once a message.",
    labels={"segment": closed_set({*_SEGMENTS, *(f"ZU{number}" for number in range(1, 9))})},
)
ANSWER_SECONDS = Metric(
    name="cpis_answer_seconds",
    kind=Kind.HISTOGRAM,
    help="Time from a whole message to its answer: reading it, and Kafka's acknowledgement.",
    buckets=_SECONDS,
)
HTTP_ANSWERS = Metric(
    name="cpis_http_answers_total",
    kind=Kind.COUNTER,
    help="Requests of the HTTP door that were answered, by operation and status.",
    labels={
        "operation": closed_set(
            {
                *{"processMessage", "transaction", "putEncounter", "capabilities", "openapi", "none"},
                *{"upload", "uploadStatus", "acknowledgement", "nationalEvent", "feed", "reconciliation"},
            }
        ),
        "status": closed_set(map(str, {*STATUSES, *OTHER_STATUSES})),
    },
)
HTTP_CONNECTIONS = Metric(
    name="cpis_http_connections_total",
    kind=Kind.COUNTER,
    help="Connections of the HTTP door, by what became of them; under TLS one that was not let in, by why. "
    "Bytes that are no request are counted as `not http`, and not kept: nobody knows whose they are.",
    labels={"event": closed_set({"opened", "closed", "refused", "timed out", "not http", *HandshakeFault})},
)
FACTS = Metric(
    name="cpis_facts_total",
    kind=Kind.COUNTER,
    help="Facts made durable, by input.",
    labels={"topic": closed_set({Topic.ATTENDANCES, Topic.PLANS})},
)
FILES = Metric(
    name="cpis_upload_files_total",
    kind=Kind.COUNTER,
    help="Upload files of the drop folder, by what became of them; of HTTP and MESH those postponed or lost.",
    labels={"outcome": closed_set({"done", "refused", "postponed", "lost"})},
)
NATIONAL_EVENTS = Metric(
    name="cpis_national_events_total",
    kind=Kind.COUNTER,
    help="Events of the national services by what came of them: taken, of no use, nobody to ask (no "
    "demographic source is configured), kept.",
    labels={"outcome": closed_set(OUTCOMES)},
)
REJECTED = Metric(
    name="cpis_rejected_total",
    kind=Kind.COUNTER,
    help="What was kept in cpis.rejected, by door and code: of HL7 table 0357 at hospitals' doors and in a "
    "provider's own topic (or frame: no frame; number: no usable NHS number; sender: not its sender's "
    "connection), of the file or record at the upload door, record where it was one of Kafka.",
    labels={
        "door": closed_set({"mllp", "fhir", "upload", "kafka", "topic", "mesh"}),
        "code": closed_set(
            {
                *map(str, TEXTS),
                UNFRAMED,
                NUMBERLESS,
                NOT_ITS_SENDER,
                *FileCode,
                *RecordCode,
                UNREADABLE_RECORD,
            },
        ),
    },
)
KEYS_DESTROYED = Metric(
    name="cpis_sealing_keys_destroyed_total",
    kind=Kind.COUNTER,
    help="Sealing keys destroyed because nothing sealed with them is kept any longer.",
)
PARTITION_STATE = Metric(
    name="cpis_partition_state",
    kind=Kind.GAUGE,
    help="1 for the state of each partition this matcher owns: loading, working, away (waits for Kafka).",
    labels={"partition": closed_set(PARTITIONS), "state": frozenset(Phase)},
)
DESTROYED = Metric(
    name="cpis_messages_destroyed_total",
    kind=Kind.COUNTER,
    help="Messages that the logs of the inputs have forgotten, by input and by whether the matcher had taken "
    "them; unread ones may be missing alerts. Each is also in the audit trail.",
    labels={"topic": closed_set(INPUTS), "read": frozenset({"yes", "no"})},
)
BOOTSTRAP_SECONDS = Metric(
    name="cpis_bootstrap_seconds",
    kind=Kind.HISTOGRAM,
    help="Time from the opening of a partition until it is worked.",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
LAG_RECORDS = Metric(
    name="cpis_lag_records",
    kind=Kind.GAUGE,
    help="Offsets between what was taken and the committed end, by input of this matcher and for cpis.alerts "
    "by partition of this outbox; 0 when no record waits. Markers of transactions count.",
    labels=_PARTITIONED,
)
LAG_SECONDS = Metric(
    name="cpis_lag_seconds",
    kind=Kind.GAUGE,
    help="Age of the oldest record that was not taken yet, where cpis_lag_records looks; 0 when none waits.",
    labels=_PARTITIONED,
)
TRANSACTIONS = Metric(
    name="cpis_transactions_total",
    kind=Kind.COUNTER,
    help="Transactions of the matcher; aborted: given up on a doubtful outcome, the partition is read anew.",
    labels={"outcome": closed_set({"committed", "aborted"})},
)
ALERTS = Metric(
    name="cpis_alerts_total",
    kind=Kind.COUNTER,
    help="Alert events committed, by what they do and for whom: la, a local authority, or provider.",
    labels={"kind": closed_set(EventKind), "audience": closed_set(RecipientKind)},
)
ALERT_SECONDS = Metric(
    name="cpis_time_to_alert_seconds",
    kind=Kind.HISTOGRAM,
    help="Time from the receipt of the newest message or file that led to an alert event to its commit. "
    "Events that follow a new release or policy are not in it.",
    labels={"audience": closed_set(RecipientKind)},
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0),
)
MATCHER_NOTICES = Metric(
    name="cpis_matcher_notices_total",
    kind=Kind.COUNTER,
    help="What else the matcher reports, by kind; 'record not processable' and 'recipient without topic' "
    "need somebody.",
    labels={"notice": closed_set(Notice)},
)
INBOX_EVENTS = Metric(
    name="cpis_inbox_records_total",
    kind=Kind.COUNTER,
    help="Records of cpis.alerts that the outbox took: stored, known already, or rejected as unreadable.",
    labels={"outcome": closed_set({"stored", "known", "rejected"})},
)
WORKLIST_ITEMS = Metric(
    name="cpis_worklist_items",
    kind=Kind.GAUGE,
    help="Open items of cpis.worklist, by reason and age, as the process with the outbox role reads them. "
    "Every such process shows all of them: take the maximum.",
    labels={"reason": closed_set(ItemKind), "age": frozenset(Age)},
)
WORKLIST_OLDEST = Metric(
    name="cpis_worklist_oldest_seconds",
    kind=Kind.GAUGE,
    help="Age of the oldest open item of cpis.worklist, 0 without one.",
)
METRICS: tuple[Metric, ...] = (
    READY,
    KAFKA_AWAY,
    LOOP_LAG,
    CONNECTIONS,
    CONNECTION_EVENTS,
    MESSAGES,
    EVENTS_ACKNOWLEDGED,
    SEGMENTS_UNREAD,
    ANSWER_SECONDS,
    HTTP_ANSWERS,
    HTTP_CONNECTIONS,
    FACTS,
    FILES,
    REJECTED,
    NATIONAL_EVENTS,
    *SENDER_METRICS,
    *SOURCE_METRICS,
    KEYS_DESTROYED,
    PARTITION_STATE,
    DESTROYED,
    BOOTSTRAP_SECONDS,
    LAG_RECORDS,
    LAG_SECONDS,
    TRANSACTIONS,
    ALERTS,
    ALERT_SECONDS,
    MATCHER_NOTICES,
    INBOX_EVENTS,
    WORKLIST_ITEMS,
    WORKLIST_OLDEST,
    *DELIVERY_METRICS,
    *FEED_METRICS,
    *MESH_METRICS,
    *ANSWER_METRICS,
)
"""Every metric there is, in the order of the reference page."""


class Metrics:
    """The values of one process, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a time of creation for each counter would double the page
        self._registry = CollectorRegistry()
        self._named: dict[str, frozenset[str]] = {}
        self._found: dict[tuple[str, tuple[tuple[str, str], ...]], Any] = {}
        self._made = {metric.name: _made(metric, self._registry) for metric in METRICS}
        for metric in METRICS:
            if metric.kind is Kind.COUNTER and metric.labels:
                self._begin(metric)

    def name(self, label: str, values: Iterable[str]) -> None:
        """Let a label that the settings decide have these values; every other is `other`."""
        self._named[label] = frozenset(values)
        self._found.clear()
        for metric in METRICS:
            if metric.kind is Kind.COUNTER and label in metric.labels:
                self._begin(metric)

    def add(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        """Let a counter grow."""
        self._of(metric, labels).inc(amount)

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Show a gauge's present value."""
        self._of(metric, labels).set(value)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        self._of(metric, labels).observe(value)

    def clear(self, metric: Metric) -> None:
        """Forget every value of a metric with labels: what is not set again is not there any more."""
        self._made[metric.name].clear()
        self._found = {asked: found for asked, found in self._found.items() if asked[0] != metric.name}

    def value(self, metric: Metric, suffix: str = "", **labels: str) -> float | None:
        """Return a value as scraped, None where there is none; a histogram has `_count` and `_sum`."""
        return self._registry.get_sample_value(metric.name + suffix, labels)

    def text(self) -> bytes:
        """Return every series with its present value, in the text format of Prometheus."""
        return generate_latest(self._registry)

    def _begin(self, metric: Metric) -> None:
        """Show every series of a counter from the start: what is not shown cannot be seen to stand still."""
        every = [sorted(self._allowed(metric, label) - {OTHER}) for label in metric.labels]
        for values in product(*every):
            self.add(metric, 0, **dict(zip(metric.labels, values, strict=True)))

    def _allowed(self, metric: Metric, label: str) -> frozenset[str]:
        """Return the values that a label may have: those declared, or those that the settings decide."""
        return metric.labels[label] | self._named.get(label, frozenset())

    def _is_allowed(self, metric: Metric, label: str, value: str) -> bool:
        """Return whether a value is one of those, without putting the two sets together for every count."""
        return value in metric.labels[label] or value in self._named.get(label, ())

    def _of(self, metric: Metric, labels: Mapping[str, str]) -> Any:
        """Return the series with these labels; a value that is none of its set stands as `other`."""
        asked = metric.name, tuple(labels.items())
        found = self._found.get(asked)
        return self._find(metric, labels) if found is None else found

    def _find(self, metric: Metric, labels: Mapping[str, str]) -> Any:
        """Return the same, and keep it by the values that it stands under: there are only so many."""
        closed = {
            name: value if self._is_allowed(metric, name, value := str(labels[name])) else OTHER
            for name in metric.labels
        }
        known = metric.name, tuple(closed.items())
        series = self._found.get(known)
        if series is None:
            made = self._made[metric.name]
            series = self._found[known] = made.labels(**closed) if closed else made
        return series


def _made(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    """Return the library's object for a metric."""
    names = tuple(metric.labels)
    match metric.kind:
        case Kind.COUNTER:
            return Counter(metric.name, metric.help, names, registry=registry)
        case Kind.GAUGE:
            return Gauge(metric.name, metric.help, names, registry=registry)
        case Kind.HISTOGRAM:
            return Histogram(metric.name, metric.help, names, registry=registry, buckets=metric.buckets)
