"""What operators see of what was rejected: nothing of a person, until they say who they are and why."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import NoReturn

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.core.desk_errors import NoSuchItem
from broker.core.errors import KafkaUnavailable, UnsealingFailed
from broker.core.operators import ActionKind
from broker.ports import Topic, Write
from broker.services.rejected_desk import RejectedItem
from broker.services.rejections import Rejections
from broker.wire.mllp import TOO_LONG
from broker.wire.records_codec import Door, Rejected
from tests.builders.desk import ACTED, CHILD, GROUNDS, RECEIVED, DeskHouse, attendance
from tests.builders.upload import Person, Record, build_upload


class RefusingPen(MemoryFactLog):
    """A pen whose Kafka is away."""

    async def append(self, writes: Sequence[Write]) -> NoReturn:  # noqa: ARG002 - the port's signature
        """Refuse."""
        raise KafkaUnavailable


def unmask(house: DeskHouse, item: RejectedItem) -> bytes:
    """Unmask an item."""
    return asyncio.run(house.rejected.unmask(item, GROUNDS))


def kept(house: DeskHouse, rejected: Rejected, *, part_bytes_max: int = 1_000) -> None:
    """Keep something as a door does."""
    rejections = Rejections(house.parts.records, house.parts.key, part_bytes_max=part_bytes_max)
    house.write(*rejections.writes(rejected))


def test_an_item_is_shown_without_anything_of_a_person() -> None:
    """Reason, place, sender, sizes and times; no name, no number, no date of birth."""
    house = DeskHouse()
    raw = attendance(control_id="9990000018")

    house.send(raw)

    shown = house.only().masked()
    assert {
        "state": "open",
        "door": "HL7 v2 over MLLP",
        "reason": "processing id not taken",
        "location": "MSH-11",
        "sender": "RXX",
        "control_id": "…",
        "received_at": RECEIVED.isoformat(),
        "size": len(raw),
        "times": 1,
        "place": "cpis.rejected-0-0",
        "obstacle": None,
        "outcome": None,
        "redriven": None,
    } == {name: value for name, value in shown.items() if name != "id"}
    persons = (CHILD.number, CHILD.family, CHILD.given, CHILD.born)
    assert [] == [word for word in persons if word and word in repr(shown)]


def test_the_same_bytes_are_one_item_with_the_first_receipt() -> None:
    """However often the sender sent them."""
    house = DeskHouse()
    for hours in (2, 0, 1):
        house.send(attendance(), at=RECEIVED + timedelta(hours=hours))

    item = house.only()

    assert (3, RECEIVED, 2) == (item.times, item.message.received_at, item.newest.offset)


def test_items_are_listed_oldest_first() -> None:
    """By their first receipt."""
    house = DeskHouse()
    house.send(attendance(control_id="LATER"), at=RECEIVED + timedelta(hours=1))
    house.send(attendance(control_id="EARLIER"))

    assert ["EARLIER", "LATER"] == [item.message.control_id for item in house.board().items]


def test_unmasking_gives_the_bytes_and_is_on_the_audit_trail() -> None:
    """Who, why, when, and which record."""
    house = DeskHouse()
    house.send(attendance())
    item = house.only()

    assert attendance() == unmask(house, item)
    [action] = house.actions(Topic.AUDIT)
    assert (ActionKind.UNMASKED, item.item_id, item.newest, GROUNDS, ACTED) == (
        action.kind,
        action.item_id,
        action.place,
        action.grounds,
        action.at,
    )
    assert [] == house.actions(Topic.REJECTED)


def test_nothing_is_unmasked_that_the_audit_trail_does_not_have() -> None:
    """Where the entry cannot be made durable, nothing is shown."""
    house = DeskHouse(pen=RefusingPen)
    house.send(attendance())

    with pytest.raises(KafkaUnavailable):
        unmask(house, house.only())


def test_what_can_no_longer_be_opened_says_so() -> None:
    """Its key is destroyed, its record has gone, or its bytes were never kept (ruling 42)."""
    house = DeskHouse()
    house.send(attendance())
    item = house.only()
    house.sealer.destroy_before(date.max)
    with pytest.raises(UnsealingFailed):
        unmask(house, item)
    house.kafka.delete_before(Topic.REJECTED, 0, 1)
    with pytest.raises(NoSuchItem):
        unmask(house, item)

    kept(house, Rejected(door=Door.MLLP, reason="two numbers", received_at=RECEIVED, raw=None))
    [item] = house.board().items
    with pytest.raises(UnsealingFailed, match="may not be kept"):
        unmask(house, item)


def test_an_unknown_id_is_no_item() -> None:
    """And the refusal does not repeat it: it may be anything."""
    with pytest.raises(NoSuchItem) as refused:
        DeskHouse().board().find("9990000018")

    assert "999" not in str(refused.value)


def test_an_item_is_found_by_its_id() -> None:
    """As the list shows it."""
    house = DeskHouse()
    house.send(attendance(control_id="A"))
    house.send(attendance(control_id="B"))
    board = house.board()

    assert list(board.items) == [board.find(item.item_id) for item in board.items]


def test_a_record_without_headers_is_known_by_its_place() -> None:
    """Nothing that lies in the topic is left out of the list."""
    house = DeskHouse()
    rejected = Rejected(door=Door.MLLP, reason="odd", received_at=RECEIVED, raw=b"x")
    house.write(Write(Topic.REJECTED, None, house.parts.records.encode_rejected(rejected)))

    assert ("cpis.rejected-0-0", None) == (house.only().item_id, house.only().obstacle)


def test_a_record_that_is_none_of_ours_is_told_by_its_place() -> None:
    """And the others are listed all the same."""
    house = DeskHouse()
    house.write(Write(Topic.REJECTED, None, b"nonsense"), Write(Topic.REJECTED, None, None))
    house.send(attendance())

    board = house.board()

    assert (["cpis.rejected-0-0", "cpis.rejected-0-1"], 1) == (
        [str(place) for place in board.unreadable],
        len(board.items),
    )


@pytest.mark.parametrize(
    ("rejected", "obstacle"),
    [
        (Rejected(door=Door.KAFKA, reason="avro", received_at=RECEIVED, raw=b"x"), "record of our own"),
        (Rejected(door=Door.MLLP, reason="two", received_at=RECEIVED, raw=None), "may not be kept"),
        (Rejected(door=Door.MLLP, reason="long", received_at=RECEIVED, raw=bytes(2_000)), "one part"),
        (Rejected(door=Door.MLLP, reason=TOO_LONG, received_at=RECEIVED, raw=b"x"), "no whole message"),
        (Rejected(door=Door.UPLOAD, reason="CPR04 x", received_at=RECEIVED, raw=b"x"), "one record"),
    ],
)
def test_what_cannot_be_redriven_says_why(rejected: Rejected, obstacle: str) -> None:
    """Half a message must not become a fact."""
    house = DeskHouse()
    kept(house, rejected)

    assert {True} == {obstacle in (item.obstacle or "") for item in house.board().items}


def test_a_whole_file_can_be_redriven() -> None:
    """Nothing of it could be read, so all of it is kept; of a file that was read, only the record is."""
    house = DeskHouse()
    house.load(b"nonsense")
    assert house.only().obstacle is None

    house.load(build_upload((Record(child=Person(number="9990000019")),)))
    assert {None, "it is one record of a file"} == {item.obstacle for item in house.board().items}


def test_a_later_redrive_counts_whatever_the_order_of_the_records() -> None:
    """Several operators may write at once."""
    house = DeskHouse()
    house.send(attendance())
    house.redrive(house.only())
    [action] = house.actions(Topic.REJECTED)
    earlier = replace(action, at=ACTED - timedelta(days=1), outcome="refused: odd")
    house.write(Write(Topic.REJECTED, None, house.parts.records.encode_action(earlier)))

    assert not house.only().open
