"""
The audit trail: every decision as a salted commitment and codes, each entry chained to the one before;
and what the logs of the inputs have forgotten, as places.

Nothing here names or derives a person: the commitment can be opened only with the salt, which lives in
the person's own record and is destroyed with it (ruling 23).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from broker.core.alerts import Occasion, Recipient, Why
from broker.core.identifiers import NhsNumber
from broker.core.lawful_basis import Flow

FIRST_HASH = bytes(32)
"""What the first entry of a partition is chained to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionEntry:
    """
    The recorded decision about one visit or view: shared with whom, or which rule said no; codes only.

    `basis` cites the rows of the lawful-basis table that it rests on (ruling 49). `rules_changed`: no new
    fact led to it, the rules or the policy did; that is no part of what was decided.
    """

    subject_reference: str
    occasion: Occasion
    why: Why
    recipients: tuple[Recipient, ...] = ()
    fields: tuple[str, ...] = ()
    basis: tuple[Flow, ...] = (Flow.NOTHING_SHARED,)
    policy_version: str
    rules_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """
    One recorded decision as auditors see it.

    `sequence` counts a partition's entries without gaps from 1; `at` is the newest receipt among the
    facts decided on; `previous` the SHA-256 of the entry before; `commitment` binds number and visit.
    `rules_changed`: no new fact led to it, the rules or the policy did, and `at` is the partition's clock.
    """

    partition: int
    sequence: int
    at: datetime
    occasion: Occasion
    why: Why
    recipients: tuple[Recipient, ...]
    fields: tuple[str, ...]
    basis: tuple[Flow, ...]
    policy_version: str
    commitment: bytes
    previous: bytes
    rules_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DestructionEntry:
    """
    What the log of one input has forgotten, as auditors see it: places, and nothing of what lay there.

    `first` to before `end` are the offsets that are gone, each that of a message or of a transaction's
    marker; `unread` of them went before the matcher had taken them. `salt` is random and blinds the hash that
    the next entry carries. `sequence`, `at` and `previous` are those of `AuditEntry`.
    """

    partition: int
    sequence: int
    at: datetime
    topic: str
    first: int
    end: int
    unread: int
    salt: bytes
    previous: bytes


def commit_to(salt: bytes, number: NhsNumber, subject_reference: str) -> bytes:
    """Return SHA-256 over salt, number and visit: checkable by who holds the record, by nobody else."""
    return hashlib.sha256(salt + number.key + subject_reference.encode()).digest()


def audit_entry(
    entry: DecisionEntry,
    *,
    salt: bytes,
    number: NhsNumber,
    partition: int,
    sequence: int,
    at: datetime,
    previous: bytes,
) -> AuditEntry:
    """Return a decision as it goes to the audit trail."""
    return AuditEntry(
        partition=partition,
        sequence=sequence,
        at=at,
        occasion=entry.occasion,
        why=entry.why,
        recipients=entry.recipients,
        fields=entry.fields,
        basis=entry.basis,
        policy_version=entry.policy_version,
        commitment=commit_to(salt, number, entry.subject_reference),
        previous=previous,
        rules_changed=entry.rules_changed,
    )


def chain(previous: bytes, entry_bytes: bytes) -> bytes:
    """Return the hash that the next entry carries as `previous`."""
    return hashlib.sha256(previous + entry_bytes).digest()
