"""
Tells an authority over the message exchange: an access, or that a number is not in use.

Knows which message an event makes, that most make none, and what a refusal of the exchange means.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.core.delivery import Fault, Outcome, delivered, failed
from broker.core.mailbox import Outgoing, SentMessage
from broker.core.mesh_errors import MailboxUnavailable, MessageRefused
from broker.mesh_ports import Mailbox, SentMessages
from broker.ports import Clock
from broker.services.delivering import Letter
from broker.wire.access_notification import Correspondents, tells_of_access, write_access_notification
from broker.wire.alerts_codec import Published
from broker.wire.answer_codec import Sendable
from broker.wire.hl7v3_writing import message_id
from broker.wire.inactive_notification import tells_of_inactive_number, write_inactive_notification

MESH = "mesh"
"""The last part of the name of such a destination: what the outbox sends."""
_ATTEMPT_SECONDS = 9.0  # less than what a destination is owned for
_MEANINGS = {
    "06": Fault.REFUSED_CONTENT,
    "11": Fault.REFUSED_CONTENT,
    "07": Fault.NOT_ADMITTED,
    "16": Fault.NOT_ADMITTED,
    "17": Fault.NOT_ADMITTED,
    "08": Fault.NOT_THERE,
    "12": Fault.NOT_THERE,
}
"""What a refusal means (dossier 6.1): only the first two are the event's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """An authority's mailbox and destination, and by which workflow it is told what."""

    destination: str
    mailbox: str
    access: str
    inactive: str


def in_one(
    office: Office, between: Correspondents, sendables: Sequence[Sendable], at: datetime, letter_id: str
) -> Letter | None:
    """
    Return the one notification of several accesses, as the national window has it (dossier 3.6).

    None for anything else: a number that is not in use is told in a message of its own.
    """
    told = [one for one in sendables if isinstance(one, Published) and tells_of_access(one.event)]
    if len(told) < len(sendables):
        return None
    notification_id = message_id("notification", letter_id)
    body = write_access_notification(told, between, notification_id=notification_id, at=at)
    return Letter(body=body, letter_id=letter_id, kind=office.access)


class MeshCourier:
    """Sends to one authority's mailbox."""

    def __init__(
        self,
        mailbox: Mailbox,
        office: Office,
        between: Correspondents,
        *,
        sent: SentMessages,
        clock: Clock,
    ) -> None:
        """Take our mailbox, the authority's, who tells whom, and where it is noted what was sent."""
        self._mailbox = mailbox
        self._office = office
        self._between = between
        self._sent = sent
        self._clock = clock

    def write(self, sendable: Sendable, *, at: datetime, told: tuple[str, ...]) -> Letter | None:  # noqa: ARG002
        """Return the notification of an event, None for one that neither message has words for."""
        if not isinstance(sendable, Published):  # the answers that are pushed go to providers alone
            return None
        event = sendable.event
        notification_id = message_id("notification", event.event_id)
        if tells_of_access(event):
            body = write_access_notification(
                [sendable], self._between, notification_id=notification_id, at=at
            )
            return Letter(body=body, letter_id=event.event_id, kind=self._office.access)
        if tells_of_inactive_number(event):
            body = write_inactive_notification(
                sendable, self._between, notification_id=notification_id, at=at
            )
            return Letter(body=body, letter_id=event.event_id, kind=self._office.inactive)
        return None

    async def send(self, letter: Letter) -> Outcome:
        """Return what became of a letter; one that may have been sent is asked for first."""
        message = Outgoing(
            mailbox=self._office.mailbox, workflow=letter.kind, local_id=letter.letter_id, body=letter.body
        )
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                known = await self._mailbox.sent(letter.letter_id) if letter.repeated else None
                taken = await self._mailbox.send(message) if known is None else known
        except TimeoutError:
            return failed(Fault.NO_ANSWER)
        except MailboxUnavailable:
            return failed(Fault.AWAY)
        except MessageRefused as error:
            return failed(_MEANINGS.get(error.fault, Fault.REFUSED))
        await self._follow(taken, letter.letter_id)
        return delivered()

    async def looked_for(self, letter_id: str) -> Outcome | None:
        """Return what became of a letter that may have gone: the exchange knows; None where it has not."""
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                known = await self._mailbox.sent(letter_id)
        except TimeoutError:
            return failed(Fault.NO_ANSWER)
        except MailboxUnavailable:
            return failed(Fault.AWAY)
        if known is None:
            return None
        await self._follow(known, letter_id)
        return delivered()

    async def _follow(self, message_id: str, letter_id: str) -> None:
        """Note what was sent, so that it is asked for until it is collected; of several none is known."""
        if message_id:
            noted = SentMessage(
                message_id=message_id,
                destination=self._office.destination,
                local_id=letter_id,
                sent_at=self._clock(),
            )
            await asyncio.to_thread(self._sent.note, noted)

    async def close(self) -> None:
        """Give the connections back."""
        await self._mailbox.close()
        await asyncio.to_thread(self._sent.close)
