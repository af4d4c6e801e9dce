"""
Check marks: how far the matcher has come with what one sender sent, without a word about anybody (ruling 41).

Silence is no answer, so the matcher says what it has passed: once for each sender it heard in a transaction,
never once for each visit.
"""

from dataclasses import dataclass
from datetime import datetime

from broker.core.alerts import Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMark:
    """
    In this partition everything of a sender before `offset` of its input has been decided.

    `sender` is a provider, whose input is attendances, or an authority, whose input is plans; `offset` is the
    next one of that input. `received_at` is the receipt of the sender's newest record before it, aware UTC.
    """

    sender: Recipient
    partition: int
    offset: int
    received_at: datetime

    @property
    def key(self) -> bytes:
        """The Kafka key: of marks with one key in one partition the newest counts."""
        return f"{self.sender.kind}.{self.sender.code}".encode()
