"""The quality of senders as metrics and log lines: bounded by the file of senders, naming no person."""

from datetime import datetime

from broker.core.sender_quality import Observation
from broker.core.senders import Senders
from broker.runtime import log_events as events
from broker.runtime.logs import Log
from broker.runtime.metric import OTHER
from broker.runtime.metrics import Metrics
from broker.runtime.sender_metrics import (
    LATE,
    PROVIDER,
    PROVIDER_REFUSED,
    SENDER,
    SENDER_FAULTS,
    SENDER_LAST_HEARD,
    SENDER_MESSAGES,
    SENDER_SILENT,
)
from broker.services.own_writes import Heard
from broker.services.quality import Refused
from broker.services.sender_watch import SenderWatch


class SenderQuality:
    """Hears of messages, at the doors and from the log, and shows what they come to."""

    def __init__(self, senders: Senders, metrics: Metrics, log: Log) -> None:
        """Name the senders that counts are told by."""
        self._watch = SenderWatch(senders)
        self._metrics = metrics
        self._log = log
        self._silent: set[str] = set()
        metrics.name(SENDER, self._watch.names)
        metrics.name(PROVIDER, (provider.code for provider in senders.providers or {}))

    def observe(self, one: Observation) -> None:
        """Count a message that could be read."""
        self._watch.heard(one.provider, one.system, one.received_at)
        sender = one.sender
        if sender not in self._watch.names:
            sender = OTHER  # as it would stand there, and found at once
        self._metrics.add(SENDER_MESSAGES, sender=sender, number=one.number)
        for fault in one.faults:
            self._metrics.add(SENDER_FAULTS, sender=sender, fault=fault)
        if one.late:
            self._metrics.add(SENDER_FAULTS, sender=sender, fault=LATE)

    def refused(self, one: Refused) -> None:
        """Count a message that could not."""
        self._metrics.add(PROVIDER_REFUSED, provider="" if one.provider is None else one.provider.code)

    def count(self, heard: Heard) -> None:
        """Take in what the log holds: what a sender usually sends."""
        self._watch.count(*heard)

    def look(self, now: datetime) -> None:
        """Show who is silent at `now` (aware), and tell of each that has become so, or is heard again."""
        for sender, since, silent in self._watch.look(now):
            self._metrics.set(SENDER_SILENT, float(silent), sender=sender)
            if since is not None:
                seconds = max(0.0, (now - since).total_seconds())
                self._metrics.set(SENDER_LAST_HEARD, seconds, sender=sender)
            if silent and sender not in self._silent:
                self._silent.add(sender)
                self._log.write(events.SenderSilent(sender=sender))
            elif not silent and sender in self._silent:
                self._silent.discard(sender)
                self._log.write(events.SenderHeardAgain(sender=sender))
