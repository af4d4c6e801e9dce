"""
What a merge message says: A40, and A34 as older systems send it. Rulings 25, 42; R44.

One thing of it matters: whether it puts two NHS numbers side by side. Local identifiers that are merged under
one number, or under none, join nothing: no fact carries one that could be compared.
"""

from dataclasses import dataclass
from typing import Final

from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode
from broker.wire.adt import read_control_id, read_provider, required
from broker.wire.adt_patient import usable_numbers
from broker.wire.hl7v2 import Message, parse

MERGES: Final = frozenset({"A40", "A34"})
"""The trigger events; A34 is not in the UK specification, and taken as a merge too."""

_IDENTIFIERS_THAT_GO = 1  # MRG-1, as PID-3
_NUMBER_THAT_GOES = 4  # MRG-4, as PID-2


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReading:
    """A merge by its sender and control id; `two_numbers`: it names two NHS numbers for one local patient."""

    provider: OdsCode
    control_id: str
    two_numbers: bool


def is_merge(message: Message) -> bool:
    """Whether a message merges records, whatever else is amiss with it."""
    return message.header.field(9, 2) in MERGES


def read_merge(data: bytes) -> MergeReading | None:
    """
    Read a merge, whose type, version and processing id are taken here; None for any other message.

    Raises `MalformedMessage` with a code of table 0357, 100 to 103.
    """
    message = parse(data)
    if not is_merge(message):
        return None
    patient, merged = required(message, "PID"), required(message, "MRG")
    numbers = {
        *usable_numbers(patient),
        *usable_numbers(merged, identifiers=_IDENTIFIERS_THAT_GO, number=_NUMBER_THAT_GOES),
    }
    return MergeReading(
        provider=read_provider(message.header),
        control_id=read_control_id(message.header),
        two_numbers=len(numbers) > 1,
    )


def holds_merge(data: bytes) -> bool:
    """Whether bytes are a merge, as far as they can be read: its raw bytes are kept nowhere (ruling 42)."""
    try:
        return is_merge(parse(data))
    except MalformedMessage:
        return False
