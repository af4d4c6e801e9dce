"""
Messages of the national message exchange, MESH, as the broker sees them: what comes in, what goes out.

Knows what the exchange's error reports mean and how a message of ours stands. Nothing here names a person: a
local id is derived, a subject is never set (R52).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

BYTES_MAX = 104_857_600
"""The largest message that is read, in bytes: beyond, memory is at stake."""
COPIED_BYTES_MAX = 536_870_912
"""The largest message that is copied to disk, in bytes: some 200,000 records."""
UNCOLLECTED_AFTER = timedelta(days=3)
"""After so long somebody is told that a message lies uncollected; after five days the exchange removes it."""
NOT_TOLD = "other"
"""Stands for a code that is none of those below: where codes are counted there is no room for any."""

FAULTS: Mapping[str, str] = {
    "02": "the data file was missing",
    "06": "its headers were malformed",
    "07": "its sender's address was not valid",
    "08": "it named no recipient",
    "11": "its type was not valid",
    "12": "its recipient is not registered with the exchange",
    "14": "it was not collected in time",
    "15": "the CP-IS file in it was bad",
    "16": "its sender may not send it",
    "17": "its workflow is not registered for the mailbox",
}
"""What the codes of error reports mean (dossier 6.1)."""


class Trouble(StrEnum):
    """Why the content of a message could not be had."""

    TOO_LARGE = "file too large"
    UNREADABLE = "content cannot be unpacked"


class Whereabouts(StrEnum):
    """How a message that we sent stands."""

    WAITING = "waiting to be collected"
    COLLECTED = "collected"
    LOST = "not collected in time, or refused by the exchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An error report about a message of ours: its code, and the local id under which we sent it."""

    code: str
    local_id: str | None = None

    @property
    def counted_as(self) -> str:
        """The code as it is counted."""
        return self.code if self.code in FAULTS else NOT_TOLD

    @property
    def meaning(self) -> str:
        """What the code says, in words of ours: the exchange's own may repeat what a sender wrote."""
        return FAULTS.get(self.code, "for a reason that has no code of ours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """
    A message in our mailbox, unpacked; a `report` has no content of its own.

    `sender` is the mailbox it came from, empty where the exchange itself speaks. Where there is `trouble` the
    body is empty.
    """

    message_id: str
    sender: str
    workflow: str
    body: bytes = field(default=b"", repr=False)
    report: Report | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to a mailbox; `local_id` is the same when it is sent again, and names nobody (R52)."""

    mailbox: str
    workflow: str
    local_id: str
    body: bytes = field(repr=False)


class Standing(StrEnum):
    """How a message of ours stands, for who looks after it; the words are those of a list."""

    UNSENT = "unsent"
    WAITING = "waiting"
    OVERDUE = "overdue"
    COLLECTED = "collected"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """
    A message of ours that the exchange took, or would not take.

    `message_id` is the exchange's, `local_id` our own; times are aware UTC. `lost` says that nobody will ever
    collect it.
    """

    message_id: str
    destination: str
    local_id: str
    sent_at: datetime
    collected_at: datetime | None = None
    lost: bool = False

    def standing(self, now: datetime) -> Standing:
        """Return how it stands at an aware time."""
        if self.collected_at is not None:
            return Standing.COLLECTED
        if self.lost:
            return Standing.LOST
        return Standing.OVERDUE if now - self.sent_at >= UNCOLLECTED_AFTER else Standing.WAITING

    def overdue(self, now: datetime) -> bool:
        """Whether somebody should look after it: it is lost, or has lain there for days."""
        return self.standing(now) in (Standing.LOST, Standing.OVERDUE)
