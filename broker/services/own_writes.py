"""
The attendances that this intake has written and will read back: nothing in them is news to it.

Following the log costs as much for each record as a tenth of taking its message. What is known already need
not be decoded again; whatever is not found here is read as if another intake had written it.
"""

from datetime import datetime
from typing import NamedTuple

from broker.core.facts import VisitMessage
from broker.core.identifiers import OdsCode
from broker.ports import Record, Write

_Name = tuple[bytes | None, bytes | None]


class Heard(NamedTuple):
    """Whose message it was, and when it was first received."""

    provider: OdsCode
    system: str
    received_at: datetime


class OwnWrites:
    """
    Records that are durable and noted, until they are read back.

    A record that is read before its acknowledgement is heard was not known here in time, and would be kept
    for ever: what a whole pass over the log did not find is forgotten.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._new: dict[_Name, Heard] = {}
        self._old: dict[_Name, Heard] = {}

    def __len__(self) -> int:
        """How many have not been read back."""
        return len(self._new) + len(self._old)

    def wrote(self, write: Write, message: VisitMessage) -> None:
        """Take in that the record of a message is durable, and that it is noted what it says."""
        heard = Heard(message.provider, message.system, message.received_at)
        self._new[write.key, write.value] = heard

    def read_back(self, record: Record) -> Heard | None:
        """Return whose message a record is if it is one of them, each once; None for any other."""
        name = record.key, record.value
        return self._old.pop(name, None) or self._new.pop(name, None)

    def pass_begins(self) -> None:
        """Take in that the log will be read to an end at which every record told so far stands."""
        self._old |= self._new
        self._new = {}

    def pass_ended(self) -> None:
        """Take in that it was: what was not found among it had been read before it was told."""
        self._old.clear()
