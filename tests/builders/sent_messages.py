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

    def note(self, message: SentMessage) -> None:
        """Note a message; one that is noted stays as it is."""
        self._noted.setdefault(message.message_id, message)

    def uncollected(self) -> Sequence[SentMessage]:
        """Return what is not known to be collected, the oldest first."""
        open_ends = [one for one in self._noted.values() if one.collected_at is None]
        return sorted(open_ends, key=lambda one: (one.sent_at, one.message_id))

    def settle(self, message_id: str, where: Whereabouts, at: datetime) -> None:
        """Note that a message was collected, or is lost."""
        if where is Whereabouts.COLLECTED:
            self._noted[message_id] = replace(self._noted[message_id], collected_at=at)
        elif where is Whereabouts.LOST:
            self._noted[message_id] = replace(self._noted[message_id], lost=True)

    def forget_before(self, at: datetime) -> None:
        """Forget what was sent before a time."""
        self._noted = {name: one for name, one in self._noted.items() if one.sent_at >= at}

    def close(self) -> None:
        """Nothing is open."""
