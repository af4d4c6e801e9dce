"""
Finds a visit by what its hospital calls it: its references are keyed per NHS number (ruling 42).

So everybody's records are gone through, their bytes first; nothing that is sealed is opened. One without a
usable number has a reference of its own, with what was kept of its messages (ruling 21).
"""

from dataclasses import dataclass, field

from broker.core.errors import InvalidNhsNumber, MalformedMessage
from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey, unnumbered_reference, visit_reference
from broker.ports import Archive, Record, Topic
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import RecordsCodec, Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitAsked:
    """
    A visit as its hospital calls it: provider (MSH-4), visit number (PV1-19), sending system (MSH-3).

    Without the system it is found by the systems of the provider's messages that are held. `user` is the
    keyed reference of who asks about it (ruling 48), None where it is not known.
    """

    provider: OdsCode
    number: str
    system: str | None = None
    user: str | None = None

    def is_it(self, reference: str, number: NhsNumber, system: str, key: IdentityKey) -> bool:
        """Whether a visit of a person, which a system of the provider told, is the one asked for."""
        if self.system not in {None, system}:
            return False
        return reference == self.reference(number, system, key)

    def reference(self, number: NhsNumber, system: str, key: IdentityKey) -> str:
        """Return the reference that the visit has under a number."""
        return visit_reference(key, number, system=system, provider=self.provider, visit_number=self.number)

    def unnumbered(self, system: str, key: IdentityKey) -> str:
        """Return the reference that the visit has without a number."""
        return unnumbered_reference(key, system=system, provider=self.provider, visit_number=self.number)

    def is_in(self, rejected: Rejected, key: IdentityKey) -> bool:
        """Whether what was kept is a message of the visit, without a usable number."""
        system = rejected.system
        if rejected.visit is None or system is None or self.system not in {None, system}:
            return False
        return rejected.sender == self.provider and rejected.visit == self.unnumbered(system, key)

    def may_be_in(self, record: Record, key: IdentityKey) -> bool:
        """Whether the bytes of somebody's record, or of an attendance, hold the visit, or may."""
        value = record.value or b""
        if self.system is None:
            return self.provider.code.encode() in value
        try:
            number = NhsNumber((record.key or b"").decode("ascii"))
        except (InvalidNhsNumber, UnicodeDecodeError):
            return False
        return self.reference(number, self.system, key).encode() in value


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A message of a visit that the log holds: under which number and where, without what is sealed in it."""

    number: NhsNumber
    message: VisitMessage
    record: Record = field(repr=False)

    @property
    def reference(self) -> str:
        """The visit's reference."""
        return self.message.visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A message of a visit that came without a usable number: what is kept of it, and where."""

    visit: str
    system: str | None
    record: Record = field(repr=False)


async def messages_of(asked: VisitAsked, archive: Archive, facts: FactCodec, key: IdentityKey) -> list[Held]:
    """
    Return the messages that the log holds of a visit, each partition in offset order.

    Raises `KafkaUnavailable`, `TopicMissing`.
    """
    found: list[Held] = []
    async for records in archive.read(Topic.ATTENDANCES):
        for record in records:
            held = _held(asked, record, facts, key) if asked.may_be_in(record, key) else None
            if held is not None:
                found.append(held)
    return found


def _held(asked: VisitAsked, record: Record, facts: FactCodec, key: IdentityKey) -> Held | None:
    """Return the message in a record where it is one of the visit asked for; None for any other."""
    try:
        number = NhsNumber((record.key or b"").decode("latin-1"))
        message = facts.message_in_clear(record.value or b"")
    except (MalformedMessage, InvalidNhsNumber):
        return None
    known = message.provider == asked.provider and asked.is_it(message.visit, number, message.system, key)
    return Held(number=number, message=message, record=record) if known else None


async def kept_of(asked: VisitAsked, archive: Archive, records: RecordsCodec, key: IdentityKey) -> list[Kept]:
    """
    Return what was kept of a visit without a usable number, in the order of receipt (rulings 21, 35).

    Raises `KafkaUnavailable`, `TopicMissing`.
    """
    found: list[Kept] = []
    async for batch in archive.read(Topic.REJECTED):
        for record in batch:
            rejected = records.glance_at_rejected(record.value or b"")
            if rejected is not None and rejected.visit is not None and asked.is_in(rejected, key):
                found.append(Kept(visit=rejected.visit, system=rejected.system, record=record))
    return found
