"""
An event of a national service that came over the message exchange. Rulings 26, 38; R53.

It is acknowledged to the exchange only once what it is about is durable, as one that is posted.
"""

from collections.abc import Mapping

from broker.core.errors import MalformedMessage
from broker.core.mailbox import Incoming
from broker.services.national_events import NationalEvents


class MeshNotices:
    """The handler of national events; `mailboxes` are, by workflow id, those that they may come from."""

    def __init__(self, events: NationalEvents, mailboxes: Mapping[str, frozenset[str]]) -> None:
        """Take the use case, and who may send."""
        self._events = events
        self._mailboxes = mailboxes

    async def __call__(self, incoming: Incoming) -> None:
        """Take an event; raise as the use case does, and `MalformedMessage` for what is no service's."""
        if incoming.sender not in self._mailboxes.get(incoming.workflow, frozenset()):
            raise MalformedMessage("not its service's mailbox")
        if incoming.trouble is not None:
            raise MalformedMessage(incoming.trouble.value)
        await self._events.take(incoming.body)
