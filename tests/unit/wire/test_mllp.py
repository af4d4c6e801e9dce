"""MLLP framing: the same events however the bytes are cut into packets, and no byte is lost unsaid."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import MalformedMessage
from broker.wire.mllp import (
    END_BROKEN,
    FRAME_BYTES_MAX,
    NEED_DATA,
    NO_START,
    NOT_ENDED,
    TOO_LONG,
    Event,
    Frame,
    Framer,
    Unreadable,
    frame,
)

LIMIT = 8
"""Small enough that a test can pass it."""


def events_of(packets: list[bytes]) -> list[Event]:
    """Return what a framer with a small limit says to packets, one after the other."""
    framer = Framer(frame_bytes_max=LIMIT)
    events: list[Event] = []
    for packet in packets:
        framer.receive_data(packet)
        while (event := framer.next_event()) is not NEED_DATA:
            events.append(event)
    return events


CASES: dict[str, tuple[bytes, list[Event]]] = {
    "nothing": (b"", []),
    "one frame": (b"\x0bMSH\x1c\r", [Frame(b"MSH")]),
    "an empty frame": (b"\x0b\x1c\r", [Frame(b"")]),
    "two frames": (b"\x0ba\x1c\r\x0bb\x1c\r", [Frame(b"a"), Frame(b"b")]),
    "line ends between frames": (b"\r\n\x0ba\x1c\r\n\x0bb\x1c\r\r\n", [Frame(b"a"), Frame(b"b")]),
    "as long as allowed": (b"\x0b12345678\x1c\r", [Frame(b"12345678")]),
    "no end yet": (b"\x0b12345678", []),
    "half an end": (b"\x0b1234\x1c", []),
    "junk without a frame": (b"GET", []),
    "junk before a frame": (b"GET\x0ba\x1c\r", [Unreadable(b"GET", NO_START), Frame(b"a")]),
    "junk as long as allowed": (b"12345678\x0ba\x1c\r", [Unreadable(b"12345678", NO_START), Frame(b"a")]),
    "junk between frames": (
        b"\x0ba\x1c\rx\n\x0bb\x1c\r",
        [Frame(b"a"), Unreadable(b"x\n", NO_START), Frame(b"b")],
    ),
    "too much junk": (b"123456789abc\x0ba\x1c\r", [Unreadable(b"12345678", NO_START), Frame(b"a")]),
    "too much junk and no frame": (b"123456789abc", [Unreadable(b"12345678", NO_START)]),
    "a second start": (b"\x0bab\x0bcd\x1c\r", [Unreadable(b"\x0bab", NOT_ENDED), Frame(b"cd")]),
    "an end without return": (
        b"\x0bab\x1c\x0bcd\x1c\r",
        [Unreadable(b"\x0bab\x1c", END_BROKEN), Frame(b"cd")],
    ),
    "an end mark within": (
        b"\x0ba\x1cb\x1c\r\x0bc\x1c\r",
        [Unreadable(b"\x0ba\x1c", END_BROKEN), Unreadable(b"b\x1c\r", NO_START), Frame(b"c")],
    ),
    "too long": (
        b"\x0b123456789abc\x1c\r\x0bd\x1c\r",
        [Unreadable(b"\x0b12345678", TOO_LONG), Frame(b"d")],
    ),
    "one byte too long": (
        b"\x0b123456789\x1c\r\x0bd\x1c\r",
        [Unreadable(b"\x0b12345678", TOO_LONG), Frame(b"d")],
    ),
    "too long and no more": (b"\x0b123456789", [Unreadable(b"\x0b12345678", TOO_LONG)]),
}

CUT_OFF = {"no end yet": NOT_ENDED, "half an end": END_BROKEN, "junk without a frame": NO_START}
"""Cases that wait for more, and what they turn out to be when another frame begins."""


@pytest.mark.parametrize("fed", ["whole", "byte by byte", "with trailing bytes"])
@pytest.mark.parametrize("case", CASES)
def test_bytes_become_the_same_events_however_they_are_fed(case: str, fed: str) -> None:
    """Each case is fed whole, byte by byte, and with the beginning of another frame behind it."""
    data, expected = CASES[case]
    trailing = b"\x0bMS" if fed == "with trailing bytes" else b""
    packets = [bytes([byte]) for byte in data] if fed == "byte by byte" else [data + trailing]

    if trailing and case in CUT_OFF:
        expected = [Unreadable(data, CUT_OFF[case])]

    assert expected == events_of(packets)


@given(
    st.lists(st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\n", b"a", b"bcd", b"123456789"]), max_size=30),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_any_bytes_in_any_packets_give_the_same_events_and_never_an_error(
    pieces: list[bytes], cuts: list[int]
) -> None:
    """Invariant: events depend on the bytes alone, all within the limit, and nothing raises."""
    data = b"".join(pieces)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    packets = [data[start:end] for start, end in pairwise(places)]

    events = events_of(packets)

    assert events_of([data]) == events
    assert all(len(event.data) <= LIMIT for event in events if isinstance(event, Frame))
    marks = len(b"\x0b\x1c")
    assert all(len(event.data) <= LIMIT + marks for event in events if isinstance(event, Unreadable))


@given(st.lists(st.sampled_from([b"\x0b", b"\x1c", b"\r", b"a", b"bc"]), max_size=8))
def test_no_byte_is_lost_while_the_limit_is_kept(pieces: list[bytes]) -> None:
    """Invariant: frames in their marks, unreadable bytes and line ends together are what was received."""
    data = b"".join(pieces) + frame(b"end")

    framer = Framer()
    framer.receive_data(data)
    seen = b""
    while (event := framer.next_event()) is not NEED_DATA:
        assert isinstance(event, Frame | Unreadable)
        seen += frame(event.data) if isinstance(event, Frame) else event.data

    assert data.replace(b"\r", b"") == seen.replace(b"\r", b"")


@given(st.binary(max_size=64).filter(lambda data: not {0x0B, 0x1C} & {*data}))
def test_a_framed_message_comes_back(data: bytes) -> None:
    """Invariant: what `frame` wraps, a framer unwraps."""
    framer = Framer()
    framer.receive_data(frame(data))

    assert Frame(data) == framer.next_event()


@pytest.mark.parametrize("data", [b"a\x0bb", b"a\x1c"])
def test_a_message_with_a_mark_in_it_is_not_framed(data: bytes) -> None:
    """It would arrive as something else."""
    with pytest.raises(MalformedMessage, match="frame mark within the message"):
        frame(data)


def test_a_long_frame_is_put_together_from_many_packets() -> None:
    """The largest message allowed arrives whole, in packets as a socket gives them."""
    data = b"x" * FRAME_BYTES_MAX
    wire = frame(data)
    framer = Framer()
    for start in range(0, len(wire) - 1, 65_536):
        framer.receive_data(wire[start : min(start + 65_536, len(wire) - 1)])
        assert framer.next_event() is NEED_DATA
    framer.receive_data(wire[-1:])

    assert Frame(data) == framer.next_event()


def test_events_do_not_show_their_bytes() -> None:
    """A traceback or a log line with an event in it names nobody."""
    shown = [repr(Frame(b"Sample")), repr(Unreadable(b"Sample", NO_START))]

    assert ["Frame()", "Unreadable(reason='no start of frame')"] == shown
