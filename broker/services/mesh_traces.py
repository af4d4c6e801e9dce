"""
A file of people that came over the message exchange, traced, and answered to its sender's own mailbox.

Nothing is guessed: one exact match, or a line that says why there is none (rulings 21, 23, 42). A long file
holds up no other message: it is worked on for a few seconds at each look, and stays in the mailbox until its
answer has been sent. A process that ends begins it anew, which costs questions and changes nothing.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from broker.core.errors import MalformedMessage
from broker.core.mailbox import Incoming, Outgoing
from broker.core.mesh_errors import MessageRefused, MessageUnderWay
from broker.ports import Clock, Demographics
from broker.services.batch_trace import Traced, TraceOutcome, trace_all
from broker.services.mesh_post import MeshPost
from broker.wire.batch_trace import ANSWER_COLUMNS, TraceRow, read_asked, write_row

ROWS_MAX = 10_000
"""So many people may stand in one file."""
UNDER_WAY_MAX = 8
"""So many files are worked on in turns; the next ones wait."""
LOOK_LASTS = timedelta(seconds=5)
"""For so long one file is worked on at one look."""
FORGOTTEN_AFTER = timedelta(hours=1)
"""A file that was not looked at for so long is gone from the mailbox: its place is another's."""
TRACES = "trace-"
"""What the local id of an answer begins with; behind it stands the exchange's id of the file."""


@dataclass(slots=True)
class _Progress:
    """How far a file is: its answers so far, as lines, and when it was worked on last."""

    looked_at: datetime
    lines: list[bytes] = field(default_factory=list, repr=False)


class MeshTraces:
    """
    The handler of files of people; `mailboxes` are those that may ask.

    `at_once` so many people are asked about together. `told` hears whose file was answered, and how many
    people it named; `refused` of an answer that the exchange did not take, by its mailbox and the exchange's
    code.
    """

    def __init__(
        self,
        source: Demographics,
        post: MeshPost,
        *,
        mailboxes: Collection[str],
        workflow: str,
        at_once: int,
        clock: Clock,
        told: Callable[[str, int], None],
        refused: Callable[[str, str], None],
    ) -> None:
        """Take whom to ask, what sends, and the workflow id of answers."""
        self._source = source
        self._post = post
        self._mailboxes = frozenset(mailboxes)
        self._workflow = workflow
        self._at_once = at_once
        self._clock = clock
        self._told = told
        self._refused = refused
        self._under_way: dict[str, _Progress] = {}

    async def __call__(self, incoming: Incoming) -> None:
        """
        Go on with a file, and answer it once everybody has been asked about.

        Raises `MessageUnderWay` while it is not done, `DemographicsUnavailable` while the source is away,
        `MalformedMessage` for a mailbox that may not ask, and as the mailbox does.
        """
        if incoming.sender not in self._mailboxes:
            raise MalformedMessage("not a mailbox that may have people traced")
        try:
            rows = _rows(incoming)
        except MalformedMessage as fault:
            unreadable = Traced(outcome=TraceOutcome.UNREADABLE, detail=fault.reason)
            await self._answer(incoming, [write_row("", *unreadable.cells)])
            return
        progress = self._progress(incoming.message_id)
        await self._go_on(rows, progress)
        await self._answer(incoming, progress.lines)
        self._told(incoming.sender, len(progress.lines))
        del self._under_way[incoming.message_id]

    def _progress(self, message_id: str) -> _Progress:
        """Return how far a file is; raise `MessageUnderWay` where too many are worked on already."""
        now = self._clock()
        self._under_way = {
            name: one for name, one in self._under_way.items() if now - one.looked_at < FORGOTTEN_AFTER
        }
        if message_id not in self._under_way and len(self._under_way) >= UNDER_WAY_MAX:
            raise MessageUnderWay
        progress = self._under_way.setdefault(message_id, _Progress(looked_at=now))
        progress.looked_at = now
        return progress

    async def _go_on(self, rows: tuple[TraceRow, ...], progress: _Progress) -> None:
        """Ask about who has no answer yet; raise `MessageUnderWay` when the time of a look is over."""
        left = islice(rows, len(progress.lines), None)
        async for row, answer in trace_all(self._source, left, at_once=self._at_once):
            progress.lines.append(write_row(row.reference, *answer.cells))
            if self._clock() - progress.looked_at >= LOOK_LASTS and len(progress.lines) < len(rows):
                raise MessageUnderWay

    async def _answer(self, incoming: Incoming, lines: list[bytes]) -> None:
        """Send the answer to who asked, once."""
        answer = Outgoing(
            mailbox=incoming.sender,
            workflow=self._workflow,
            local_id=f"{TRACES}{incoming.message_id}",
            body=b"".join([write_row(*ANSWER_COLUMNS), *lines]),
        )
        try:
            await self._post.once(answer, f"{incoming.sender}.traces.answers")
        except MessageRefused as error:  # sending it again would be refused again
            self._refused(incoming.sender, error.fault)


def _rows(incoming: Incoming) -> tuple[TraceRow, ...]:
    """Return who is asked about; raise `MalformedMessage` for what is no such file."""
    if incoming.trouble is not None:
        raise MalformedMessage(incoming.trouble.value)
    return read_asked(incoming.body, most=ROWS_MAX)
