"""
Puts a rejected message through its door again: the very same use case, as if it had just come.

Facts are derived from the bytes, the first receipt and the settings alone, so redriving twice is redriving
once. What is still refused stays where it lies, with the new reason: nothing is kept for longer than it would
have been (rulings, Recording the decision).
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from broker.core.desk_errors import CannotRedrive, NoSuchItem
from broker.core.errors import UnsealingFailed
from broker.core.operators import ActionKind, Grounds
from broker.ports import INPUTS, FactLog, Topic, Write
from broker.services.desk_log import DeskLog
from broker.services.intake import Intake
from broker.services.rejected_desk import TAKEN, RejectedDesk, RejectedItem
from broker.services.replay import SteppedClock, Taken
from broker.services.uploads import Uploads
from broker.upload_ports import in_memory
from broker.wire.records_codec import Door, RecordsCodec

UNOPENED = "not opened"
"""Outcome: the sealing key was destroyed, or the record has gone with its retention."""

_WRITES_PER_APPEND = 50
_REFUSALS_TOLD_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The use cases of intake over a log that hands on what they write, and the clock that they read."""

    intake: Intake
    uploads: Uploads
    taken: Taken
    clock: SteppedClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """
    What came of one item, or would come.

    `facts` were made of it; `refusals` are reason and place of what is still refused. `outcome` is `taken`,
    `refused: …`, `taken in part, refused: …` or `not opened`; never a value.
    """

    item_id: str
    outcome: str
    facts: int = 0
    refusals: tuple[str, ...] = ()

    @property
    def taken(self) -> bool:
        """Whether nothing of it is rejected any more."""
        return self.outcome == TAKEN

    def report(self) -> dict[str, object]:
        """Return it as JSON."""
        return asdict(self)


class Redriving:
    """The use case behind `cpis rejected redrive`."""

    def __init__(
        self, desk: RejectedDesk, doors: Doors, facts: FactLog, records: RecordsCodec, log: DeskLog
    ) -> None:
        """Open items with `desk`, judge them at `doors`, make the facts durable in `facts`."""
        self._desk = desk
        self._doors = doors
        self._facts = facts
        self._records = records
        self._log = log

    async def rehearse(self, item: RejectedItem) -> Redriven:
        """Return what a redrive would come to; nothing is written. Raise as `redrive` does."""
        return (await self._put_through(item))[0]

    async def redrive(self, item: RejectedItem, grounds: Grounds) -> Redriven:
        """
        Make an item's facts durable, and note what came of it: audit trail, facts, item, in this order.

        Raise `CannotRedrive` where there is an obstacle, and `KafkaUnavailable`: then doing it again is safe.
        """
        redriven, facts = await self._put_through(item)
        if redriven.outcome == UNOPENED:
            return redriven
        action = await self._log.audit(
            ActionKind.REDRIVEN, item.item_id, item.newest, grounds, outcome=redriven.outcome
        )
        for writes in _portions(facts):
            await self._facts.append(writes)
        await self._log.mark(action, Topic.REJECTED)
        return redriven

    async def _put_through(self, item: RejectedItem) -> tuple[Redriven, list[Write]]:
        """Return what an item comes to, and what is to be written of it: facts, and whom it may be about."""
        if item.obstacle is not None:
            raise CannotRedrive(f"{item.item_id} cannot be redriven: {item.obstacle}")
        try:
            raw = await self._desk.raw(item)
        except (NoSuchItem, UnsealingFailed):
            return Redriven(item_id=item.item_id, outcome=UNOPENED), []
        self._doors.clock.now = item.message.received_at  # rules ask for the first receipt of the same bytes
        if item.message.door is Door.UPLOAD:
            await self._doors.uploads.load(in_memory(raw))
        else:
            await self._doors.intake.take(raw, item.message.door)
        writes = self._doors.taken.take()
        facts = [write for write in writes if write.topic in INPUTS]
        written = [write for write in writes if write.topic != Topic.REJECTED]
        refusals = [self._refusal(write) for write in writes if write.topic == Topic.REJECTED]
        outcome = _outcome(facts, refusals)
        return Redriven(
            item_id=item.item_id, outcome=outcome, facts=len(facts), refusals=tuple(refusals)
        ), written

    def _refusal(self, write: Write) -> str:
        """Return reason and place of what a door refused."""
        rejected = self._records.mask_rejected(write.value or b"").rejected
        return f"{rejected.reason} at {rejected.location}" if rejected.location else rejected.reason


def _outcome(facts: Sequence[Write], refusals: Sequence[str]) -> str:
    """Return the outcome in stable words."""
    if not refusals:
        return TAKEN
    told = "; ".join(refusals[:_REFUSALS_TOLD_MAX])
    more = len(refusals) - _REFUSALS_TOLD_MAX
    told += f" and {more} more" if more > 0 else ""
    return f"{'taken in part, ' if facts else ''}refused: {told}"


def _portions(writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
    """Yield writes, so many at a time as Kafka acknowledges in one append."""
    for start in range(0, len(writes), _WRITES_PER_APPEND):
        yield writes[start : start + _WRITES_PER_APPEND]
