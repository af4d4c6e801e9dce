"""
Finds a visit by what its hospital calls it: its references are keyed per NHS number (ruling 42).

So everybody's records are gone through, their bytes first; nothing that is sealed is opened.
"""

from dataclasses import dataclass, field

from broker.core.errors import InvalidNhsNumber, MalformedMessage
from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey, visit_reference
from broker.ports import Archive, Record, Topic
from broker.wire.facts_codec import FactCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitAsked:
    """
    A visit as its hospital calls it: provider (MSH-4), visit number (PV1-19), sending system (MSH-3).

    Without the system it is found by the systems of the provider's messages that are held.
    """

    provider: OdsCode
    number: str
    system: str | None = None

    def is_it(self, reference: str, number: NhsNumber, system: str, key: IdentityKey) -> bool:
        """Whether a visit of a person, which a system of the provider told, is the one asked for."""
        if self.system not in {None, system}:
            return False
        return reference == self.reference(number, system, key)

    def reference(self, number: NhsNumber, system: str, key: IdentityKey) -> str:
        """Return the reference that the visit has under a number."""
        return visit_reference(key, number, system=system, provider=self.provider, visit_number=self.number)

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
