"""
What the message desk shows of each message that came in: where it lies, who sent it, what became of it.

Nothing here names a person. A control id is found by a keyed digest and shown without what could be an NHS
number; a visit is known by its keyed reference alone (ruling 42).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.core.desk_errors import NoSuchMessage
from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey
from broker.core.operators import Place

FOUND_MAX = 1_000
"""The most messages that one search returns."""

_PLACE = re.compile(r"(cpis(?:\.[a-z]+)+)-(\d{1,9})-(\d{1,18})")


class Outcome(StrEnum):
    """What became of a message."""

    TAKEN = "taken"
    NO_NUMBER = "no usable number"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    One message as the index has it.

    `place` is where it lies in Kafka, `received_at`, aware UTC, its receipt as its record says. `control` is
    the digest of the control id and `control_id` what may be shown of that; `visit` the keyed reference.
    `reason` and `location` say why it was not taken; `item_id` is then its id in the list of what was
    rejected, and `redriven` what came of its last redrive.
    """

    place: Place
    received_at: datetime
    outcome: Outcome
    sender: OdsCode | None = None
    control: str | None = None
    control_id: str | None = None
    visit: str | None = None
    reason: str = ""
    location: str = ""
    item_id: str | None = None
    redriven: str | None = None

    def shown(self) -> dict[str, object]:
        """Return it as JSON: nothing of it names a person."""
        return {
            "message": str(self.place),
            "received_at": self.received_at.isoformat(),
            "sender": None if self.sender is None else self.sender.code,
            "control_id": self.control_id,
            "visit": self.visit,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "location": self.location,
            "rejected_id": self.item_id,
            "redriven": self.redriven,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """
    What is searched for: messages of which all that is given holds, the newest `limit` of them.

    `control` is a digest as `control_digest` makes it. Times are aware: from `since` on, before `until`.
    """

    control: str | None = None
    sender: OdsCode | None = None
    visit: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """What came of a redrive of an item, as its record at `place` says; `at` is aware UTC."""

    place: Place
    at: datetime
    item_id: str
    outcome: str


def control_digest(key: IdentityKey, control_id: str) -> str:
    """Return what a control id is searched by: it may hold what a sender should not have put there."""
    return key.derive("control id", control_id)


def is_message(text: str) -> bool:
    """Return whether a text names a message by its place, as `place_named` reads it."""
    return _PLACE.fullmatch(text) is not None


def place_named(text: str) -> Place:
    """Return the place that `topic-partition-offset` names; raise `NoSuchMessage` for anything else."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise NoSuchMessage
    return Place(topic=found[1], partition=int(found[2]), offset=int(found[3]))
