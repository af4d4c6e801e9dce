"""The narrow protocols for the national message exchange: how it is spoken to, and what was sent there."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from broker.core.mailbox import Incoming, Outgoing, SentMessage, Whereabouts


class Mailbox(Protocol):
    """
    One mailbox of ours at the message exchange.

    Every method raises `MailboxUnavailable` where the exchange cannot be reached or does not let us in.
    """

    async def waiting(self) -> Sequence[str]:
        """Return the ids of messages that have not been acknowledged, the oldest first, 10,000 at most."""
        ...

    async def read(self, message_id: str, *, heading_of: Collection[str] = ()) -> Incoming | None:
        """
        Return a message with its content, put together and unpacked; None for one that is gone.

        Of one by the workflows of `heading_of` the content is left where it is.
        """
        ...

    async def copy(self, message_id: str, write: Callable[[bytes], None]) -> None:
        """
        Write the content of a message in pieces, in whichever thread, put together and unpacked.

        Raises `MalformedMessage` with the words of a `Trouble` where that is not to be had, and what `write`
        raises of ours.
        """
        ...

    async def acknowledge(self, message_id: str) -> None:
        """Have the exchange forget a message; one that is gone may be acknowledged again."""
        ...

    async def send(self, message: Outgoing) -> str:
        """Return the id of a message that the exchange took; raise `MessageRefused` where it does not."""
        ...

    async def sent(self, local_id: str) -> str | None:
        """Return the id of a message of ours under this local id, None for none, empty for several."""
        ...

    async def whereabouts(self, message_id: str) -> Whereabouts:
        """Return how a message that we sent stands."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


class Turn(Protocol):
    """Whose turn it is to look into a mailbox that several processes have."""

    async def is_ours(self) -> bool:
        """Return whether it is ours, as long as nobody hears otherwise; raise `KafkaUnavailable`."""
        ...

    async def close(self) -> None:
        """Leave it to another; safe to call twice."""
        ...


class SentMessages(Protocol):
    """What was sent over the exchange, and what became of it. Its methods block; times are aware."""

    def note(self, message: SentMessage) -> None:
        """Note a message; one that is noted stays as it is."""
        ...

    def uncollected(self) -> Sequence[SentMessage]:
        """Return what is not known to be collected, the oldest first, what is lost included."""
        ...

    def settle(self, message_id: str, where: Whereabouts, at: datetime) -> None:
        """Note what the exchange says of a message at a time, if that is an end."""
        ...

    def forget_before(self, at: datetime) -> None:
        """Forget what was sent before a time, whatever became of it."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...
