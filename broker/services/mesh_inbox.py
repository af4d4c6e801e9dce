"""
What becomes of the messages in our mailbox at the message exchange: each goes to the handler of its workflow.

A message is acknowledged only once what it says is durable. One that cannot be handled is kept in
`cpis.rejected` and acknowledged, so that it holds up no other; one that must be taken again stays there.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from enum import StrEnum

from broker.core.errors import BrokerError, MalformedMessage
from broker.core.identifiers import aware
from broker.core.mailbox import Incoming
from broker.core.mesh_errors import MailboxUnavailable, MessageUnderWay
from broker.mesh_ports import Mailbox
from broker.ports import Clock, FactLog
from broker.services.rejections import Rejections
from broker.wire.records_codec import Door, Rejected
from broker.wire.upload_codes import DEFECT

NO_HANDLER = "no handler for its workflow"
"""Reason: its workflow id is none that the settings name."""


class Fate(StrEnum):
    """What became of a message."""

    TAKEN = "taken"
    REPORT = "report"
    KEPT = "kept"
    POSTPONED = "postponed"
    UNDER_WAY = "under way"


_LEFT = frozenset({Fate.POSTPONED, Fate.UNDER_WAY})
"""After these a message stays in the mailbox."""


Handler = Callable[[Incoming], Awaitable[None]]
"""
Makes durable what a message says; raises `MalformedMessage` where that is nothing, `MessageUnderWay` where it
takes longer than one look, any other `BrokerError` where the message must be taken again, later.
"""
Told = Callable[[Incoming, Fate], None]
"""Hears what became of each message, each time it was looked at."""


class MeshInbox:
    """Takes what lies in one mailbox; `poll` again and again, by one caller at a time."""

    def __init__(
        self,
        mailbox: Mailbox,
        handlers: Mapping[str, Handler],
        *,
        by_heading: Collection[str] = (),
        facts: FactLog,
        rejections: Rejections,
        clock: Clock,
        told: Told,
    ) -> None:
        """
        Take the mailbox, the handlers by workflow id, and where the rest is kept.

        Of messages by the workflows of `by_heading` the heading alone is read: their handlers fetch the rest.
        """
        self._mailbox = mailbox
        self._handlers = handlers
        self._by_heading = frozenset(by_heading)
        self._headings: dict[str, Incoming] = {}  # of what is under way: they are not asked for again
        self._facts = facts
        self._rejections = rejections
        self._clock = clock
        self._told = told
        self._postponed: set[str] = set()  # at the last look

    async def poll(self) -> bool:
        """
        Take every message that waits, the oldest first; return whether none must be taken again.

        One that cannot be read or answered now holds up no other: what was postponed before comes after what
        was not looked at yet. Raises `MailboxUnavailable`, having taken some, where the exchange does not
        even say what waits.
        """
        looked_at: set[str] = set()
        again: set[str] = set()
        while fresh := [one for one in await self._mailbox.waiting() if one not in looked_at]:
            for message_id in sorted(fresh, key=self._postponed.__contains__):
                looked_at.add(message_id)
                try:
                    if await self._take(message_id) in _LEFT:
                        again.add(message_id)
                except MailboxUnavailable:
                    again.add(message_id)
                    self._told(Incoming(message_id=message_id, sender="", workflow=""), Fate.POSTPONED)
                    break  # is it this message, or is nobody there? What waits is asked again
        self._postponed = again
        self._headings = {one: heading for one, heading in self._headings.items() if one in again}
        return not again

    async def _take(self, message_id: str) -> Fate | None:
        """Take one message and return what became of it, None for one that is gone."""
        incoming = self._headings.get(message_id)
        incoming = incoming or await self._mailbox.read(message_id, heading_of=self._by_heading)
        if incoming is None:
            return None
        fate = await self._fate(incoming)
        if incoming.workflow in self._by_heading:
            self._headings[message_id] = incoming
        if fate not in _LEFT:
            await self._mailbox.acknowledge(message_id)
        self._told(incoming, fate)
        return fate

    async def _fate(self, incoming: Incoming) -> Fate:
        """Handle a message and return what became of it; raise `MailboxUnavailable`."""
        if incoming.report is not None:
            return Fate.REPORT
        handler = self._handlers.get(incoming.workflow)
        try:
            if handler is None:
                return await self._keep(incoming, NO_HANDLER)
            await handler(incoming)
        except MailboxUnavailable:
            raise
        except MessageUnderWay:
            return Fate.UNDER_WAY
        except MalformedMessage as fault:
            return await self._keep(incoming, fault.reason)
        except BrokerError:
            return Fate.POSTPONED
        except Exception:  # noqa: BLE001 - a defect of ours loses no message and holds up no other
            return await self._keep(incoming, DEFECT)
        return Fate.TAKEN

    async def _keep(self, incoming: Incoming, reason: str) -> Fate:
        """Keep a message that nobody can handle, with what it holds."""
        if incoming.workflow in self._by_heading:
            incoming = await self._mailbox.read(incoming.message_id) or incoming
        rejected = Rejected(
            door=Door.MESH,
            reason=reason if incoming.trouble is None else incoming.trouble.value,
            control_id=incoming.message_id,
            received_at=aware(self._clock()),
            raw=None if incoming.trouble is not None else incoming.body,
        )
        try:
            await self._facts.append(self._rejections.writes(rejected))
        except BrokerError:
            return Fate.POSTPONED
        return Fate.KEPT
