"""
What lies in `cpis.worklist`, as operators see it: open items first of all, sealed records on grounds only.

An item is settled by its matcher, with a tombstone, when later facts answer it; or here, by an operator, with
a record beside it under a key of its own. A settlement covers the record that the operator saw: an item that
the matcher opens again is open again. Of one whose details disagree it has to be said whose the visit is
(ruling 46): a word about the visit answers it, and no settlement hides it while the visit can be told.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from broker.core.desk_errors import CannotDisclose, CannotSettle, NoSuchItem
from broker.core.errors import MalformedMessage
from broker.core.operators import ActionKind, Grounds, OperatorAction, Place, discreet
from broker.core.worklist import ASKS, ItemKind, Reader, WorklistItem, to_do
from broker.ports import INPUTS, Archive, Record, Topic
from broker.services.desk_log import DeskLog
from broker.services.excluding import Excluding
from broker.services.newest import naming
from broker.services.rejected_desk import place_of, told
from broker.wire.records_codec import RecordsCodec, Trouble, Unprocessable

SETTLED_KEY = "{}#settled"
"""Key under which it lies that an item was settled by hand, by its id."""
FORGOTTEN = "the log of the record has forgotten under whose number it lay"
"""Why nothing of it is opened."""
_MILLISECONDS = 1000
_FOR_REGISTRATION = ("id", "state", "to_do", "urgent", "provider", "control_id", "arrived_at", "opened_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """
    One item. `place` is where its newest record lies and `opened_at`, aware UTC, when that was written.

    `trouble` says which record it is about, where it is about one; `settled` is the last settlement.
    """

    item: WorklistItem
    place: Place
    opened_at: datetime
    trouble: Trouble | None = None
    settled: OperatorAction | None = None

    @property
    def open(self) -> bool:
        """Whether nobody has settled it as it stands now."""
        return self.settled is None or self.settled.place != self.place

    def shown_to(self, reader: Reader) -> dict[str, object] | None:
        """
        Return what a reader may see of it without grounds, as JSON; None where it is not theirs to see.

        Nothing of it names a person, and registration staff see neither its kind nor who settled it why (46).
        """
        asked = to_do(self.item.kind, reader)
        if asked is None:
            return None
        shown = {**self.masked(), "to_do": asked}
        return {name: shown[name] for name in _FOR_REGISTRATION} if reader is Reader.REGISTRATION else shown

    def masked(self) -> dict[str, object]:
        """Return what may be shown of it without grounds, as JSON: nothing of it names a person."""
        item, trouble = self.item, self.trouble
        return {
            "id": item.item_id,
            "state": "open" if self.open else "settled",
            "kind": item.kind.value,
            "to_do": ASKS[item.kind].to_do,
            "owner": ASKS[item.kind].owner.value,
            "settled_by": ASKS[item.kind].settled_by,
            "urgent": item.urgent,
            "provider": None if item.provider is None else item.provider.code,
            "control_id": discreet(item.control_id),
            "arrived_at": None if item.arrived_at is None else item.arrived_at.isoformat(),
            "opened_at": self.opened_at.isoformat(),
            "place": str(self.place),
            "about": item.topic if trouble is None else str(trouble.place),
            "cause": None if trouble is None else trouble.cause,
            "settled": None if self.settled is None else told(self.settled),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Worklist:
    """Every item, urgent ones first and then the oldest; `unreadable` are records that are none of ours."""

    items: tuple[Work, ...]
    unreadable: tuple[Place, ...]

    def find(self, item_id: str) -> Work:
        """Return the item of an id; raise `NoSuchItem`."""
        for work in self.items:
            if work.item.item_id == item_id:
                return work
        raise NoSuchItem


class WorklistDesk:
    """Lists the work, opens the record that an item is about, and settles items."""

    def __init__(self, archive: Archive, records: RecordsCodec, log: DeskLog, excluding: Excluding) -> None:
        """
        Read with the archive.

        `log` takes down every unmasking and settling, `excluding` keeps what is opened from whom it must.
        """
        self._archive = archive
        self._records = records
        self._log = log
        self._excluding = excluding

    async def worklist(self) -> Worklist:
        """Return everything that lies in the topic; raise `KafkaUnavailable` or `TopicMissing`."""
        newest: dict[bytes, Record] = {}
        async for records in self._archive.read(Topic.WORKLIST):
            newest |= {record.key or b"": record for record in records}
        items: list[Work] = []
        unreadable: list[Place] = []
        settled: dict[str, OperatorAction] = {}
        for record in newest.values():
            if record.value is None:  # the matcher settled it
                continue
            try:
                if self._records.is_action(record.value):
                    action = self._records.decode_action(record.value)
                    settled[action.item_id] = action
                else:
                    items.append(self._work(record, record.value))
            except MalformedMessage:
                unreadable.append(place_of(record))
        found = [replace(work, settled=settled.get(work.item.item_id)) for work in items]
        return Worklist(items=tuple(sorted(found, key=_by_urgency)), unreadable=tuple(unreadable))

    async def unmask(self, work: Work, grounds: Grounds) -> Unprocessable | None:
        """
        Return the record that an item is about, once the audit trail says who asked for it and why.

        None, and no entry, where the item holds none. Raises `KafkaUnavailable`, `NoSuchItem`,
        `UnsealingFailed`, `CannotDisclose` for a fact whose log has forgotten whose it was, and what
        `Excluding` raises of whoever it is about.
        """
        if work.trouble is None:
            return None
        await self._log.audit(ActionKind.UNMASKED, work.item.item_id, work.place, grounds)
        record = await self._archive.read_one(Topic.WORKLIST, work.place.partition, work.place.offset)
        if record is None:
            raise NoSuchItem
        found = self._records.open_record(record.value or b"")
        parts = (await self._key_at(work.trouble.place), found and found.value)
        await self._excluding.require_bytes(
            b"\n".join(part or b"" for part in parts), work.item.item_id, grounds
        )
        return found

    async def _key_at(self, place: Place) -> bytes | None:
        """Return the number that a fact lies under, None of what is no fact; raise `CannotDisclose`."""
        if place.topic not in INPUTS:
            return None
        source = await self._archive.read_one(Topic(place.topic), place.partition, place.offset)
        if source is None:  # it may be of somebody who is shut to whoever works here (23, 48)
            raise CannotDisclose(FORGOTTEN)
        return source.key

    async def settle(self, work: Work, grounds: Grounds) -> bool:
        """
        Settle an item, audit trail first; return False, writing nothing, where it is settled already.

        Raises `CannotSettle`, having written nothing, where details disagree and the record of a person still
        asks whose the visit is (ruling 46), and of a person on hold.
        """
        if work.item.kind is ItemKind.PERSON_ON_HOLD or await self._is_asked(work.item):
            raise CannotSettle
        if not work.open:
            return False
        action = await self._log.audit(ActionKind.SETTLED, work.item.item_id, work.place, grounds)
        key = SETTLED_KEY.format(work.item.item_id).encode()
        await self._log.mark(action, Topic.WORKLIST, key=key)
        return True

    async def _is_asked(self, item: WorklistItem) -> bool:
        """
        Whether a word about its visit would still tell somebody: until the visit is closed (retention).

        An item that outlives its visit can be answered by no word, and would be urgent for ever.
        """
        return item.kind is ItemKind.DETAILS_DISAGREE and bool(await naming(self._archive, item.item_id))

    def _work(self, record: Record, value: bytes) -> Work:
        """Return the item of a record; raise `MalformedMessage`."""
        return Work(
            item=self._records.decode_item(value),
            place=place_of(record),
            opened_at=datetime.fromtimestamp(record.timestamp / _MILLISECONDS, UTC),
            trouble=self._records.trouble_of(value),
        )


def _by_urgency(work: Work) -> tuple[bool, datetime, str]:
    """Return what items are sorted by."""
    return not work.item.urgent, work.opened_at, work.item.item_id
