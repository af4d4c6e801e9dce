"""
What a desk opens people's records with, so that the audit trail has it first: one bundle for its use cases.

Knows which things belong together. What is read, and who may see it, each use case knows.
"""

from dataclasses import dataclass

from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey
from broker.core.policy import AnyPolicy
from broker.ports import Archive, Clock
from broker.services.desk_log import DeskLog
from broker.services.people_reading import LOOK_AGAIN_S, ClusterReader, Readers


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskUser:
    """Whose user works at a desk, and the keyed reference of that user's own id there."""

    organisation: OdsCode
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedAccess:
    """
    Access to what a cluster holds, each use of which is on the audit trail before a record is opened.

    `archive` is read with `readers`, `log` takes down who opens what and why, and may tell a fact. Records
    are decided by `policy` under `key`, at the aware moments of `clock`. `who` works at this desk, None
    where that is not known: then it is anybody (ruling 48).
    """

    archive: Archive
    readers: Readers
    log: DeskLog
    policy: AnyPolicy
    key: IdentityKey
    clock: Clock
    who: DeskUser | None = None

    def people(self, look_again_s: float = LOOK_AGAIN_S) -> ClusterReader:
        """Return what reads people; `look_again_s` is how long is waited between two looks, seconds."""
        return ClusterReader(
            self.archive, self.readers, policy=self.policy, key=self.key, look_again_s=look_again_s
        )
