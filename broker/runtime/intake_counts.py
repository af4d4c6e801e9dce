"""What the intake role counts, measures and logs of what its use cases tell."""

from collections import Counter

from broker.core.errors import NotItsSender
from broker.core.identifiers import OdsCode
from broker.core.senders import Peer, Sender, Senders
from broker.ports import Topic
from broker.runtime import log_events as events
from broker.runtime.log_catalogue import LogEvent, reported
from broker.runtime.logs import Log
from broker.runtime.metric import Metric
from broker.runtime.metrics import (
    CONNECTION_EVENTS,
    EVENTS_ACKNOWLEDGED,
    FACTS,
    FILES,
    REJECTED,
    SEGMENTS_UNREAD,
    Metrics,
)
from broker.services.intake import ACKNOWLEDGED, QUALITY, UNREAD
from broker.services.intake import REJECTED as REJECTED_PREFIX

# One line for each of these would be most of the log.
_UNREMARKABLE = frozenset({"accepted", "plan accepted", "connection opened", "connection closed"})
_REFUSED = "refused"
_NOT_ITS_SENDER = "not its sender"
_MEASURED: dict[str, tuple[Metric, dict[str, str]]] = {
    "accepted": (FACTS, {"topic": Topic.ATTENDANCES}),
    "plan accepted": (FACTS, {"topic": Topic.PLANS}),
    **{
        f"connection {event}": (CONNECTION_EVENTS, {"event": event})
        for event in sorted(CONNECTION_EVENTS.labels["event"])
    },
    **{f"upload {outcome}": (FILES, {"outcome": outcome}) for outcome in sorted(FILES.labels["outcome"])},
}
_DURABLE = frozenset({"accepted", "kept", "plan accepted"})


class IntakeCounts:
    """The counts of one role, `counts`: what is told to `count` is in the metrics as well, and in the log."""

    def __init__(self, senders: Senders, metrics: Metrics, log: Log) -> None:
        """Begin at nought."""
        self.counts: Counter[str] = Counter()
        self._senders = senders
        self._metrics = metrics
        self._log = log
        self._refusing = False

    def count(self, event: str) -> None:
        """Count an event and log it, but for the many; that Kafka is away, or back, is told once."""
        if not event.startswith(ACKNOWLEDGED):  # a sender may call an event what it likes: metrics bound that
            self.counts[event] += 1
        self._measure(event)
        if event.startswith((REJECTED_PREFIX, ACKNOWLEDGED, UNREAD)):
            return  # what is kept is told by its own event; the others are many
        if event == _REFUSED:
            if not self._refusing:
                self._log.write(events.KafkaUnavailable())
            self._refusing = True
        elif self._refusing and event in _DURABLE:
            self._refusing = False
            self._log.write(events.KafkaIsBack())
        elif event not in _UNREMARKABLE:
            self._log.write(self._line(event))

    def _line(self, event: str) -> LogEvent:
        """Return the log event of what was counted: the one of its name, or that of a whole kind."""
        count = self.counts[event]
        if event.startswith(QUALITY):
            return events.MessageOfPoorQuality(reason=event.removeprefix(QUALITY), count=count)
        return reported(event, {"count": count})

    def admitted(self, peer: Peer, provider: OdsCode, system: str) -> Sender:
        """Return what is settled of a sender; tell of one who may not send, and raise `NotItsSender`."""
        try:
            return self._senders.admitted(provider, system, peer=peer)
        except NotItsSender as error:
            self.counts[_NOT_ITS_SENDER] += 1
            count = self.counts[_NOT_ITS_SENDER]
            self._log.write(events.NotItsSender(reason=error.reason, peer=peer.address, count=count))
            raise

    def _measure(self, event: str) -> None:
        """Put an event that was counted into the metrics."""
        if event in _MEASURED:
            metric, labels = _MEASURED[event]
            self._metrics.add(metric, 1, **labels)
        elif event.startswith(UNREAD):
            self._metrics.add(SEGMENTS_UNREAD, segment=event.removeprefix(UNREAD))
        elif event.startswith(ACKNOWLEDGED):
            self._metrics.add(EVENTS_ACKNOWLEDGED, event=event.removeprefix(ACKNOWLEDGED))
        elif event.startswith(REJECTED_PREFIX):
            door, code = event.removeprefix(REJECTED_PREFIX).split(" ", 1)
            self._metrics.add(REJECTED, door=door, code=code)
