"""
What `cpis.people` holds beside people: the matcher's record of its partition, and forwarding records.

Both travel in the same transaction as everything that follows from them, so that they cannot disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from broker.core.audit import FIRST_HASH
from broker.core.identifiers import NhsNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionState:
    """
    The record `#p` (architecture, section 3).

    `offsets` is the next offset to read by input topic; an input that is not named starts at its beginning.
    `rules_version`, `policy_version` and `key_fingerprint` say what decided everything in the partition.
    `audit_hash` (32 bytes) and `audit_sequence` belong to the newest audit entry. `clock` is the highest
    receipt time seen in the inputs, aware UTC; it never goes back. `first_load_done` says that all plans
    were taken before the first attendance. `destroyed` is, by input topic, the offset before which the log's
    forgetting is in the audit trail; an input that is not named has forgotten nothing yet.
    """

    offsets: Mapping[str, int] = field(default_factory=dict)
    rules_version: int
    policy_version: str
    key_fingerprint: str
    audit_hash: bytes
    audit_sequence: int
    clock: datetime
    first_load_done: bool
    destroyed: Mapping[str, int] = field(default_factory=dict)


NEW = PartitionState(
    rules_version=0,
    policy_version="",
    key_fingerprint="",
    audit_hash=FIRST_HASH,
    audit_sequence=0,
    clock=datetime(1970, 1, 1, tzinfo=UTC),
    first_load_done=False,
)
"""A partition before its first start: nothing read, nothing decided, under no rules, policy or key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarding:
    """
    Where facts under a superseded number go (ruling 22).

    `stamp` is when the source recorded the succession: the newest wins. `last_used` is the receipt of the
    last fact sent on; the record goes two years later. Both are aware UTC. `returns` counts how often the
    number had come back into use before; `restricted` is when the record that left was marked, None for one
    that was not (ruling 24): should the number come back into use, its place is nobody's to tell.
    """

    to: NhsNumber
    stamp: datetime
    last_used: datetime
    returns: int = 0
    restricted: datetime | None = None
