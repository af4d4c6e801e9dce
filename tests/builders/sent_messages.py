"""What was sent over the exchange, noted in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from broker.core.mailbox import SentMessage, Whereabouts


class MemorySent:
    """A `SentMessages` of one process."""

    def __init__(self) -> None:
        """Note nothing yet."""
        self._noted: dict[str, SentMessage] = {}

    def note(self, destination: str, message_id: str, at: datetime) -> None:
        """Note that the exchange took a message; one that is noted stays as it is."""
        one = SentMessage(message_id=message_id, destination=destination, sent_at=at)
        self._noted.setdefault(message_id, one)

    def uncollected(self) -> Sequence[SentMessage]:
        """Return what is not known to be collected, the oldest first."""
        return sorted(self._noted.values(), key=lambda one: (one.sent_at, one.message_id))

    def settle(self, message_id: str, where: Whereabouts) -> None:
        """Forget what was collected, and keep what is lost as lost."""
        if where is Whereabouts.COLLECTED:
            del self._noted[message_id]
        elif where is Whereabouts.LOST:
            self._noted[message_id] = replace(self._noted[message_id], lost=True)

    def forget_before(self, at: datetime) -> None:
        """Forget what was sent before a time."""
        self._noted = {name: one for name, one in self._noted.items() if one.sent_at >= at}

    def close(self) -> None:
        """Nothing is open."""
