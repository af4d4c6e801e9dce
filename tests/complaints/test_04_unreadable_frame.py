"""Complaint 4: an unreadable frame leaves no trace. Ours lies sealed, with the byte that was wrong."""

import asyncio

import pytest

from broker.ports import Topic
from broker.wire.mllp import NEED_DATA, Framer, Unreadable
from tests.builders.desk import DeskHouse

FRAMES = {
    "no start": (b"GET / \x0b", b"GET / ", "no start of frame", "byte 1"),
    "no end": (b"\x0bMSH|half\x0b", b"\x0bMSH|half", "frame not ended", "byte 10"),
    "a broken end": (b"\x0bMSH|a\x1cb", b"\x0bMSH|a\x1c", "end of frame broken", "byte 8"),
    "too long": (b"\x0bMSH|0123456789", b"\x0bMSH|012345", "frame too long", "byte 12"),
}


@pytest.mark.parametrize("case", FRAMES)
def test_an_unreadable_frame_is_kept_with_the_byte_that_was_wrong(case: str) -> None:
    """
    Complaint 4: keep the raw bytes (sealed) and say which byte was wrong.

    Every byte of it is in `cpis.rejected`, readable with the day's key alone, with reason and place.
    """
    sent, kept, reason, place = FRAMES[case]
    framer, house = Framer(frame_bytes_max=10), DeskHouse()
    framer.receive_data(sent)
    event = framer.next_event()
    assert isinstance(event, Unreadable)

    answer = asyncio.run(house.intake.receive_unreadable(event.data, event.reason))

    [record] = house.kafka.read(Topic.REJECTED)
    rejected = house.parts.records.decode_rejected(record.value or b"")
    assert (kept, reason, place) == (rejected.raw, rejected.reason, rejected.location)
    assert kept not in (record.value or b"")
    assert answer is None or f"{reason} at {place}".encode() in answer
    assert framer.next_event() is NEED_DATA
