"""
MLLP framing without a socket: bytes in, messages out (dossier 6.5, [S51]).

A frame is 0x0B, the message, 0x1C 0x0D. What is no frame is handed over too, byte for byte, so that it can be
kept; the framer then looks for the next 0x0B and goes on. No byte sequence makes it raise.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from broker.core.errors import MalformedMessage

START: Final = b"\x0b"
END: Final = b"\x1c\r"

FRAME_BYTES_MAX: Final = 1_048_576
"""An ADT message has some 2 KiB; beyond 1 MiB a sender forgot the end, and waiting would fill the memory."""

NO_START: Final = "no start of frame"
"""Bytes between two frames: nobody waits for their answer."""
NOT_ENDED: Final = "frame not ended"
"""A second 0x0B within a frame: the sender began anew, and waits for the second message's answer only."""
END_BROKEN: Final = "end of frame broken"
"""0x1C without 0x0D behind it: the sender thinks that it sent a message, and waits."""
TOO_LONG: Final = "frame too long"
"""No end within the limit; what follows up to the next 0x0B is dropped, since keeping it had no limit."""

_BETWEEN_FRAMES = b"\r\n"  # line ends that some senders add behind a frame: no junk worth keeping
_END_MARK = END[:1]


class Want(Enum):
    """What the framer waits for when it has no event."""

    NEED_DATA = "more bytes"


NEED_DATA: Final = Want.NEED_DATA


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it stood between the marks."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no frame, marks included, and why: `NO_START`, `NOT_ENDED`, `END_BROKEN`, `TOO_LONG`."""

    data: bytes = field(repr=False)
    reason: str


Event = Frame | Unreadable | Literal[Want.NEED_DATA]


class Framer:
    """
    Cuts one connection's bytes into messages.

    Feed it with `receive_data`, then take events with `next_event` until it says `NEED_DATA`. How the bytes
    were cut into packets makes no difference. It holds at most `frame_bytes_max` + 2 bytes beside the last
    packet.
    """

    def __init__(self, *, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        """Take the longest message accepted, in bytes without the marks."""
        self._bytes_max = frame_bytes_max
        self._buffer = bytearray()
        self._searched = 0  # no mark stands before this place
        self._dropping = False  # since a frame or junk was too long

    def receive_data(self, data: bytes) -> None:
        """Take what the peer sent."""
        self._buffer += data

    @property
    def begun(self) -> bool:
        """Whether more than line ends has come since the last event: a frame or junk that is to end."""
        return self._dropping or bool(self._buffer.strip(_BETWEEN_FRAMES))

    def next_event(self) -> Event:
        """Return the next message, the next bytes that are none, or `NEED_DATA`."""
        if self._buffer[:1] == START and not self._dropping:
            return self._within_frame()
        start = self._buffer.find(START, self._searched)
        if self._dropping:
            del self._buffer[: start if start >= 0 else len(self._buffer)]
            self._dropping = start < 0
            return NEED_DATA if self._dropping else self.next_event()
        junk_bytes = start if start >= 0 else len(self._buffer)
        if junk_bytes > self._bytes_max:
            self._dropping = True
            return Unreadable(self._take(self._bytes_max), NO_START)
        if start < 0:
            self._searched = junk_bytes
            return NEED_DATA
        junk = self._take(start)
        return Unreadable(junk, NO_START) if junk.strip(_BETWEEN_FRAMES) else self.next_event()

    def _within_frame(self) -> Event:
        """Look for the end of the frame that the buffer begins with."""
        longest = len(START) + self._bytes_max
        place = _mark_in(self._buffer, max(self._searched, len(START)), longest + 1)
        if place < 0:
            if len(self._buffer) > longest:
                self._dropping = True
                return Unreadable(self._take(longest), TOO_LONG)
            self._searched = len(self._buffer)
            return NEED_DATA
        if not self._buffer.startswith(_END_MARK, place):
            return Unreadable(self._take(place), NOT_ENDED)
        ended = place + len(END)
        if len(self._buffer) < ended:
            self._searched = place
            return NEED_DATA
        if self._buffer[place:ended] != END:
            return Unreadable(self._take(place + 1), END_BROKEN)
        return Frame(self._take(ended)[len(START) : -len(END)])

    def _take(self, count: int) -> bytes:
        """Remove the first `count` bytes and return them."""
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._searched = 0
        return taken


def place_of(data: bytes, reason: str) -> str:
    """Return where bytes that are no frame went wrong, as `byte 17`, counted from 1, marks included."""
    return f"byte {1 if reason == NO_START else len(data) + 1}"


def frame(data: bytes) -> bytes:
    """Put a message between the marks; raise `MalformedMessage` when it contains one of them."""
    if _mark_in(data, 0, len(data)) >= 0:
        raise MalformedMessage("frame mark within the message")
    return START + data + END


def _mark_in(data: bytes | bytearray, start: int, stop: int) -> int:
    """Return the place of the first mark of a frame from `start` to before `stop`, negative without one."""
    ended = data.find(_END_MARK, start, stop)
    begun = data.find(START, start, stop if ended < 0 else ended)  # two searches cost less than a pattern
    return ended if begun < 0 else begun
