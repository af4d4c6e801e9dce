"""
What lies in `cpis.rejected`, as operators see it: without the bytes, until one of them gives grounds.

The same bytes refused for the same reason are one item, however often they came. An item is open until all of
it was taken in a redrive; a copy that came after that opens it again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from broker.core.desk_errors import NoSuchItem
from broker.core.errors import MalformedMessage, UnsealingFailed
from broker.core.operators import ActionKind, Grounds, OperatorAction, Place, discreet
from broker.ports import Archive, Record, Topic
from broker.services.desk_log import DeskLog
from broker.services.excluding import Excluding
from broker.wire.cloudevents import read_headers
from broker.wire.mllp import END_BROKEN, NO_START, NOT_ENDED, TOO_LONG
from broker.wire.records_codec import Door, Masked, RecordsCodec, Rejected

TAKEN = "taken"
"""Outcome of a redrive that left nothing rejected."""

_NO_MESSAGE = frozenset({END_BROKEN, NO_START, NOT_ENDED, TOO_LONG})
_PART = re.compile(r"[0-9a-f]+\.\d+")  # the id of a whole, and a number
_WHOLE_FILE = "CPF01"  # the code of a file of which nothing could be read: then all of it is kept


_NO_WAY_BACK = {
    Door.KAFKA: "it is a record of our own, which came through no door",
    Door.MESH: "nothing handles messages of its workflow",
    Door.NOTICE: "its service signals; what it was about is put in as a fact, or asked of the source",
}
"""Doors that what they kept is not put through again, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedItem:
    """
    One rejected message.

    `message` has no bytes and the receipt of the first copy held, `size` counts the bytes, `kept` says
    whether they can be opened at all. `newest` is where the newest of `times` copies lies. `redriven` is the
    last redrive, None where there was none.
    """

    item_id: str
    message: Rejected
    size: int
    kept: bool
    newest: Place
    times: int
    redriven: OperatorAction | None = None

    @property
    def open(self) -> bool:
        """Whether something of it is still rejected."""
        last = self.redriven
        return last is None or last.outcome != TAKEN or last.place != self.newest

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be put through its door again, None where it can."""
        if self.message.door in _NO_WAY_BACK:
            return _NO_WAY_BACK[self.message.door]
        if not self.kept:
            return "its bytes may not be kept"
        if _PART.fullmatch(self.item_id):
            return "it is one part of a message larger than a record"
        if self.message.reason in _NO_MESSAGE:
            return "it was no whole message"
        if self.message.door is Door.UPLOAD and not self.message.reason.startswith(_WHOLE_FILE):
            return "it is one record of a file"
        return None

    def masked(self) -> dict[str, object]:
        """Return what may be shown of it without grounds, as JSON: nothing of it names a person."""
        message, last = self.message, self.redriven
        return {
            "id": self.item_id,
            "state": "open" if self.open else TAKEN,
            "door": message.door.value,
            "reason": message.reason,
            "location": message.location,
            "sender": None if message.sender is None else message.sender.code,
            "control_id": discreet(message.control_id),
            "received_at": message.received_at.isoformat(),
            "size": self.size,
            "times": self.times,
            "place": str(self.newest),
            "obstacle": self.obstacle,
            "outcome": None if last is None else last.outcome,
            "redriven": None if last is None else told(last),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedBoard:
    """Every item, oldest receipt first; `unreadable` are the places of records that are none of ours."""

    items: tuple[RejectedItem, ...]
    unreadable: tuple[Place, ...]

    def find(self, item_id: str) -> RejectedItem:
        """Return the item of an id; raise `NoSuchItem`."""
        for item in self.items:
            if item.item_id == item_id:
                return item
        raise NoSuchItem


def told(action: OperatorAction) -> dict[str, object]:
    """Return what is shown of an action, as JSON."""
    return {
        "by": action.grounds.by,
        "reason": action.grounds.reason,
        "at": action.at.isoformat(),
        "outcome": action.outcome,
    }


def place_of(record: Record) -> Place:
    """Return where a record lies."""
    return Place(topic=record.topic, partition=record.partition, offset=record.offset)


class RejectedDesk:
    """Lists what was rejected, and opens it on grounds."""

    def __init__(self, archive: Archive, records: RecordsCodec, log: DeskLog, excluding: Excluding) -> None:
        """Read with the archive; `log` takes down every unmasking, `excluding` keeps from whom it must."""
        self._archive = archive
        self._records = records
        self._log = log
        self._excluding = excluding

    async def board(self) -> RejectedBoard:
        """Return everything that lies in the topic; raise `KafkaUnavailable` or `TopicMissing`."""
        reading = _Reading(self._records)
        async for records in self._archive.read(Topic.REJECTED):
            reading.take(records)
        return reading.board()

    async def at(self, place: Place) -> RejectedItem:
        """Return what one record holds of an item; raise `NoSuchItem` where it holds none."""
        record = await self._archive.read_one(Topic.REJECTED, place.partition, place.offset)
        reading = _Reading(self._records)
        reading.take([] if record is None else [record])
        for item in reading.board().items:
            return item
        raise NoSuchItem

    async def raw(self, item: RejectedItem) -> bytes:
        """Return an item's bytes, shown to nobody; raise `NoSuchItem` or `UnsealingFailed`."""
        place = item.newest
        record = await self._archive.read_one(Topic.REJECTED, place.partition, place.offset)
        if record is None:
            raise NoSuchItem
        raw = self._records.decode_rejected(record.value or b"").raw
        if raw is None:
            raise UnsealingFailed("the bytes of this item may not be kept")
        return raw

    async def unmask(self, item: RejectedItem, grounds: Grounds) -> bytes:
        """
        Return an item's bytes to be shown, once the audit trail says who asked for them and why.

        Raises `KafkaUnavailable`, `NoSuchItem` or `UnsealingFailed`, and what `Excluding` raises of whoever's
        number stands in them.
        """
        await self._log.audit(ActionKind.UNMASKED, item.item_id, item.newest, grounds)
        raw = await self.raw(item)
        await self._excluding.require_bytes(raw, item.item_id, grounds)
        return raw


@dataclass(slots=True)
class _Reading:
    """What was read of the topic so far."""

    records: RecordsCodec
    items: dict[str, RejectedItem] = field(default_factory=dict)
    redriven: dict[str, OperatorAction] = field(default_factory=dict)
    unreadable: list[Place] = field(default_factory=list)

    def take(self, records: Iterable[Record]) -> None:
        """Take records in the order of their partition."""
        for record in records:
            value = record.value or b""
            try:
                if self.records.is_action(value):
                    self._redrive(self.records.decode_action(value))
                else:
                    self._copy(record, self.records.mask_rejected(value))
            except MalformedMessage:
                self.unreadable.append(place_of(record))

    def board(self) -> RejectedBoard:
        """Return what it comes to."""
        items = [replace(item, redriven=self.redriven.get(item.item_id)) for item in self.items.values()]
        return RejectedBoard(
            items=tuple(sorted(items, key=lambda item: (item.message.received_at, item.newest.offset))),
            unreadable=tuple(self.unreadable),
        )

    def _redrive(self, action: OperatorAction) -> None:
        """Keep the last redrive of each item."""
        last = self.redriven.get(action.item_id)
        if last is None or action.at >= last.at:
            self.redriven[action.item_id] = action

    def _copy(self, record: Record, masked: Masked) -> None:
        """Add a copy of an item, or the first."""
        item = RejectedItem(
            item_id=id_of(record),
            message=masked.rejected,
            size=masked.size,
            kept=masked.kept,
            newest=place_of(record),
            times=1,
        )
        known = self.items.get(item.item_id)
        if known is not None:
            first = min(known.message.received_at, item.message.received_at)
            message = replace(item.message, received_at=first)
            item = replace(item, message=message, times=known.times + 1)
        self.items[item.item_id] = item


def id_of(record: Record) -> str:
    """Return the keyed id in a record's headers; failing that, its place."""
    try:
        return read_headers(record.headers).event_id
    except MalformedMessage:
        return str(place_of(record))
