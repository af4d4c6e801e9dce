"""The narrow protocol that the national message exchange is spoken to by."""

from collections.abc import Sequence
from typing import Protocol

from broker.core.mailbox import Incoming, Outgoing, Whereabouts


class Mailbox(Protocol):
    """
    One mailbox of ours at the message exchange.

    Every method raises `MailboxUnavailable` where the exchange cannot be reached or does not let us in.
    """

    async def waiting(self) -> Sequence[str]:
        """Return the ids of messages that have not been acknowledged, the oldest first, 500 at most."""
        ...

    async def read(self, message_id: str) -> Incoming | None:
        """Return a message with its content, put together and unpacked; None for one that is gone."""
        ...

    async def acknowledge(self, message_id: str) -> None:
        """Have the exchange forget a message; one that is gone may be acknowledged again."""
        ...

    async def send(self, message: Outgoing) -> str:
        """Return the id of a message that the exchange took; raise `MessageRefused` where it does not."""
        ...

    async def sent(self, local_id: str) -> bool:
        """Whether the exchange has taken a message of ours under this local id."""
        ...

    async def whereabouts(self, message_id: str) -> Whereabouts:
        """Return how a message that we sent stands."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...
