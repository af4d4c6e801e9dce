"""
How each sender has done lately, as the log has it: `cpis.in.attendances` and `cpis.rejected` read once.

Names senders and nobody else. What is usual is taken from the whole log, what is counted from `since` on.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode
from broker.core.sender_quality import MISSING, Tally, observed, sender_name
from broker.core.senders import Senders
from broker.core.silence import Heard
from broker.ports import Archive, Record, Topic
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import RecordsCodec, Rejected

_WITHOUT_NUMBER = "number_"  # beginning of the reasons for which an attendance is kept without a number


@dataclass(slots=True)
class SenderLine:
    """One sender, by ODS code and MSH-3: what came since, when it was last heard, whether it is silent."""

    sender: str
    tally: Tally = field(default_factory=Tally)
    heard: Heard = field(default_factory=Heard)
    silent: bool = False


class SendersReport:
    """Reads what was sent; `read` raises what the archive raises."""

    def __init__(self, archive: Archive, facts: FactCodec, records: RecordsCodec, senders: Senders) -> None:
        """Take what reads, and what is settled of senders."""
        self._archive = archive
        self._facts = facts
        self._records = records
        self._senders = senders
        self._lines: dict[str, SenderLine] = {}
        self._quiet_after: dict[str, timedelta] = {}

    async def read(self, *, since: datetime, now: datetime) -> list[SenderLine]:
        """Return a line for each sender of the file and each that is heard of, by name."""
        self._lines, self._quiet_after = {}, {}
        for provider, said in (self._senders.providers or {}).items():
            for system in said.sender:
                self._line(provider, system)
        async for batch in self._archive.read(Topic.ATTENDANCES):
            for record in batch:
                self._take(record, since)
        async for batch in self._archive.read(Topic.REJECTED):
            for record in batch:
                rejected = self._records.glance_at_rejected(record.value or b"")
                if rejected is not None:
                    self._refuse(rejected, since)
        for line in self._lines.values():
            line.silent = line.heard.silent(now, quiet_after=self._quiet_after[line.sender])
        return [self._lines[name] for name in sorted(self._lines)]

    def _line(self, provider: OdsCode, system: str) -> SenderLine:
        """Return the line of a sender."""
        name = sender_name(provider, system)
        if name not in self._lines:
            self._lines[name] = SenderLine(name)
            self._quiet_after[name] = self._senders.settled(provider, system).quiet_after
        return self._lines[name]

    def _take(self, record: Record, since: datetime) -> None:
        """Take in what one record of the attendances says of its sender; another fact says nothing."""
        try:
            message, faults = self._facts.message_with_faults(record.value or b"")
        except MalformedMessage:
            return
        line = self._line(message.provider, message.system)
        line.heard.at(message.received_at)
        if message.received_at >= since:
            line.tally.add(observed(message, faults=faults))

    def _refuse(self, rejected: Rejected, since: datetime) -> None:
        """Take in what was kept: without a number, or unread."""
        if rejected.sender is None:
            return
        line = self._line(rejected.sender, rejected.system or "")
        line.heard.heard(rejected.received_at)
        if rejected.received_at < since:
            return
        if rejected.system is None:
            line.tally.refused[rejected.location or rejected.reason] += 1
            return
        fault = rejected.reason.removeprefix(_WITHOUT_NUMBER)
        line.tally.unnumbered(missing=fault == MISSING)
