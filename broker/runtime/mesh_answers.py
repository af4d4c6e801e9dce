"""
What intake sends over the message exchange: answers to what came in, each once, followed until collected.

What cannot be asked now is asked at the next look: that the exchange is away, the door tells.
"""

import asyncio
from contextlib import suppress

from broker.adapters.sent_messages import SqlSentMessages
from broker.core.errors import BrokerError
from broker.core.mailbox import FAULTS, SentMessage
from broker.mesh_ports import Mailbox
from broker.ports import Clock
from broker.runtime import mesh_events as events
from broker.runtime.logs import Log
from broker.runtime.mesh_metrics import MESH_UNCOLLECTED
from broker.runtime.metrics import Metrics
from broker.services.mesh_post import MeshPost
from broker.services.mesh_uploads import ANSWERS
from broker.services.mesh_watch import MeshWatch


class MeshAnswers:
    """The answers of one intake from its `mailbox`: `post` sends them, `run` follows them until cancelled."""

    def __init__(self, url: str, box: Mailbox, *, every: float, clock: Clock, metrics: Metrics) -> None:
        """Open the database at a URL, to look every so many seconds; raise as `SqlSentMessages`."""
        self.mailbox = box
        self._metrics = metrics
        self._log = Log("intake")
        self._every = every
        self._sent = SqlSentMessages(url)
        self.post = MeshPost(box, self._sent, clock=clock, unnoted=self._unnoted)
        self._watch = MeshWatch(box, self._sent, channel=ANSWERS, clock=clock, overdue=self._overdue)

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Ask what became of every answer that is not known to be collected."""
        with suppress(BrokerError):
            overdue = await self._watch.look()
            self._metrics.set(MESH_UNCOLLECTED, sum(overdue.values()), channel=ANSWERS)

    async def close(self) -> None:
        """Give the connections back."""
        await asyncio.to_thread(self._sent.close)

    def traced(self, mailbox: str, records: int) -> None:
        """Log whose file of people was answered, and how many it named."""
        self._log.write(events.MeshPeopleTraced(mailbox=mailbox, records=records))

    def refused(self, mailbox: str, fault: str) -> None:
        """Log that the exchange does not take an answer, by its code for what is wrong."""
        reason = FAULTS.get(fault, "for a reason that has no code of ours")
        self._log.write(events.MeshAnswerRefused(mailbox=mailbox, reason=reason))

    def _overdue(self, message: SentMessage) -> None:
        """Log an answer that nobody collects."""
        self._log.write(events.MeshNotCollected(destination=message.destination))

    def _unnoted(self, destination: str) -> None:
        """Log that an answer is not followed."""
        self._log.write(events.MeshNotFollowed(destination=destination))
