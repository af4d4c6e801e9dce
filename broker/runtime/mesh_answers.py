"""What intake sends over the message exchange: answers to what came in."""

from broker.core.mailbox import FAULTS
from broker.mesh_ports import Mailbox
from broker.ports import Clock
from broker.runtime import mesh_events as events
from broker.runtime.logs import Log
from broker.runtime.mesh_sent import MeshSent
from broker.runtime.metrics import Metrics
from broker.services.mesh_uploads import ANSWERS


class MeshAnswers(MeshSent):
    """The answers of one intake."""

    def __init__(self, url: str, box: Mailbox, *, every: float, clock: Clock, metrics: Metrics) -> None:
        """Open the database at a URL, to look every so many seconds; raise as `MeshSent`."""
        super().__init__(
            url, box, channel=ANSWERS, log=Log("intake"), every=every, clock=clock, metrics=metrics
        )

    def traced(self, mailbox: str, records: int) -> None:
        """Log whose file of people was answered, and how many it named."""
        self._log.write(events.MeshPeopleTraced(mailbox=mailbox, records=records))

    def refused(self, mailbox: str, fault: str) -> None:
        """Log that the exchange does not take an answer, by its code for what is wrong."""
        reason = FAULTS.get(fault, "for a reason that has no code of ours")
        self._log.write(events.MeshAnswerRefused(mailbox=mailbox, reason=reason))
