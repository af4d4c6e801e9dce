"""The in-memory twin of the message exchange: mailboxes of one process that send to each other."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from broker.core.errors import MalformedMessage
from broker.core.mailbox import Incoming, Outgoing, Whereabouts
from broker.core.mesh_errors import MailboxUnavailable, MessageRefused

_UNREGISTERED = "12"


@dataclass(kw_only=True)
class _Held:
    """A message at the exchange, and how it stands."""

    incoming: Incoming
    recipient: str
    sender: str
    local_id: str
    where: Whereabouts = Whereabouts.WAITING


@dataclass
class MemoryExchange:
    """A message exchange with these mailboxes; while not `available` nobody reaches it."""

    mailboxes: frozenset[str]
    available: bool = True
    _held: dict[str, _Held] = field(default_factory=dict)

    def put(self, incoming: Incoming, recipient: str) -> None:
        """Have a message, a report of the exchange's own say, lie in a mailbox."""
        held = _Held(incoming=incoming, recipient=recipient, sender=incoming.sender, local_id="")
        self._held[incoming.message_id] = held

    def lose(self, message_id: str) -> None:
        """Have the exchange give a message up."""
        self.held()[message_id].where = Whereabouts.LOST

    def held(self) -> dict[str, _Held]:
        """Return every message by its id; raise `MailboxUnavailable`."""
        if not self.available:
            raise MailboxUnavailable
        return self._held

    def next_id(self) -> str:
        """Return the id of a new message."""
        return f"{len(self._held) + 1:08}"


class MemoryMailbox:
    """One mailbox of a `MemoryExchange`."""

    def __init__(self, exchange: MemoryExchange, name: str) -> None:
        """Take the exchange and the mailbox's name."""
        self._exchange = exchange
        self._name = name

    async def waiting(self) -> Sequence[str]:
        """Return the ids of messages that have not been acknowledged, the oldest first."""
        return [
            message_id
            for message_id, held in self._exchange.held().items()
            if held.recipient == self._name and held.where is Whereabouts.WAITING
        ]

    async def read(self, message_id: str, *, heading_of: Collection[str] = ()) -> Incoming | None:
        """Return a message, of some workflows without its content, None for one that is gone."""
        held = self._mine(message_id)
        if held is not None and held.incoming.workflow in heading_of:
            return replace(held.incoming, body=b"", trouble=None)
        return None if held is None else held.incoming

    async def copy(self, message_id: str, write: Callable[[bytes], None]) -> None:
        """Write the content of a message."""
        held = self._mine(message_id)
        if held is None:
            raise MailboxUnavailable
        if held.incoming.trouble is not None:
            raise MalformedMessage(held.incoming.trouble.value)
        write(held.incoming.body)

    async def acknowledge(self, message_id: str) -> None:
        """Have the exchange forget a message; one that is gone may be acknowledged again."""
        held = self._mine(message_id)
        if held is not None:
            held.where = Whereabouts.COLLECTED

    async def send(self, message: Outgoing) -> str:
        """Return the id of a message that was taken; raise `MessageRefused` for a mailbox that is none."""
        held = self._exchange.held()
        if message.mailbox not in self._exchange.mailboxes:
            raise MessageRefused(_UNREGISTERED)
        message_id = self._exchange.next_id()
        incoming = Incoming(
            message_id=message_id, sender=self._name, workflow=message.workflow, body=message.body
        )
        held[message_id] = _Held(
            incoming=incoming, recipient=message.mailbox, sender=self._name, local_id=message.local_id
        )
        return message_id

    async def sent(self, local_id: str) -> str | None:
        """Return the id of a message of ours under this local id, None for none, empty for several."""
        found = [
            message_id
            for message_id, held in self._exchange.held().items()
            if (held.sender, held.local_id) == (self._name, local_id)
        ]
        return found[0] if len(found) == 1 else "" if found else None

    async def whereabouts(self, message_id: str) -> Whereabouts:
        """Return how a message that we sent stands."""
        return self._exchange.held()[message_id].where

    async def close(self) -> None:
        """Nothing is open."""

    def _mine(self, message_id: str) -> _Held | None:
        """Return a message that waits for us, None for one that is gone."""
        held = self._exchange.held().get(message_id)
        mine = held is not None and held.recipient == self._name and held.where is Whereabouts.WAITING
        return held if mine else None
