"""
Lets records out of quarantine: puts what could not be processed back into its input, when that is mended.

A record that raises is set aside alone, in the worklist, with its place; so is each later one of the person
that raises as well, and nobody else's. Facts merge, whatever the order: the others go on, since what waits
for somebody to look is an alert that nobody hears. What is let out is the same bytes under the same number
with its first receipt, in the order of its log, so that twice is once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from broker.core.desk_errors import CannotRelease
from broker.core.operators import ActionKind, Grounds, Place
from broker.core.worklist import ItemKind
from broker.ports import INPUTS, Archive, FactLog, Record, Topic, Write
from broker.services.desk_log import DeskLog
from broker.services.matching_output import cause_of
from broker.services.worklist_desk import SETTLED_KEY, Work
from broker.wire.facts_codec import FactCodec

RELEASED = "released"
"""Outcome: it is in its input again, and the matcher takes it as any other."""
GONE = "gone from its log"
"""Outcome: Kafka no longer holds it; its sender has to send it again."""
READABLE = "can be read now"
"""Outcome of a rehearsal: it would be released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """
    What came of one record, or would come.

    `outcome` is `released`, `can be read now`, `gone from its log` or `still not readable: …` with a code.
    """

    item_id: str
    place: str
    outcome: str

    @property
    def done(self) -> bool:
        """Whether nothing of it is left to be done at the desk."""
        return self.outcome in {RELEASED, READABLE}

    def report(self) -> dict[str, object]:
        """Return it as JSON."""
        return asdict(self)


class Releasing:
    """The use case behind `cpis worklist release`."""

    def __init__(self, archive: Archive, facts: FactLog, codec: FactCodec, log: DeskLog) -> None:
        """Find records with the archive, read them with `codec`, put them back into `facts`."""
        self._archive = archive
        self._facts = facts
        self._codec = codec
        self._log = log

    async def rehearse(self, works: Iterable[Work]) -> list[Released]:
        """Return what a release would come to, in its order; nothing is written. Raises `CannotRelease`."""
        found = []
        for work, place in _in_order(works):
            _, outcome = await self._look(work)
            found.append(Released(item_id=work.item.item_id, place=place, outcome=outcome))
        return found

    async def release(self, works: Iterable[Work], grounds: Grounds) -> list[Released]:
        """
        Put records back, in the order of their logs: audit trail, record, item, one after the other.

        Raises `CannotRelease` before any is touched, and `KafkaUnavailable`: then doing it again is safe.
        """
        found = []
        for work, place in _in_order(works):
            record, outcome = await self._look(work)
            if record is not None:
                outcome = RELEASED
                action = await self._log.audit(
                    ActionKind.RELEASED, work.item.item_id, work.place, grounds, outcome=outcome
                )
                await self._facts.append([_again(record)])
                await self._log.mark(
                    action, Topic.WORKLIST, key=SETTLED_KEY.format(work.item.item_id).encode()
                )
            found.append(Released(item_id=work.item.item_id, place=place, outcome=outcome))
        return found

    async def _look(self, work: Work) -> tuple[Record | None, str]:
        """Return the record to put back, None where that is no use, and what is to be said of it."""
        place = _place_of(work)
        record = await self._archive.read_one(Topic(place.topic), place.partition, place.offset)
        if record is None:
            return None, GONE
        outcome = readable(record, self._codec)
        return record if outcome == READABLE else None, outcome


def readable(record: Record, codec: FactCodec) -> str:
    """Return what is to be said of a record of an input: that it can be read now, or why it cannot."""
    try:
        codec.read(record.topic, record.key or b"", record.value or b"")
    except Exception as error:  # noqa: BLE001 – whatever it was that set the record aside
        return f"still not readable: {cause_of(error)}"
    return READABLE


def _in_order(works: Iterable[Work]) -> Sequence[tuple[Work, str]]:
    """Return items in the order of the logs of what they are about; raise `CannotRelease` for any other."""
    placed = [(_place_of(work), work) for work in works]
    placed.sort(key=lambda one: (one[0].topic, one[0].partition, one[0].offset))
    return [(work, str(place)) for place, work in placed]


def quarantined(work: Work) -> Place | None:
    """Return where the record of an input lies that an item is about, None of any other item."""
    trouble = work.trouble
    if trouble is None or work.item.kind is not ItemKind.UNPROCESSABLE_RECORD:
        return None
    return trouble.place if trouble.place.topic in INPUTS else None


def _place_of(work: Work) -> Place:
    """Return where the record lies that an item is about; raise `CannotRelease` where it is about none."""
    place = quarantined(work)
    if place is None:
        raise CannotRelease(f"{work.item.item_id} is about no record in quarantine")
    return place


def _again(record: Record) -> Write:
    """Return a record to be written once more, as it was: its receipt is in its headers."""
    return Write(record.topic, record.key, record.value, record.headers)
