"""What was compressed with gzip comes out whole, however many members it has, and bounded (RFC 1952)."""

import gzip
import zlib

import pytest

from broker.core.errors import MalformedMessage
from broker.wire.gunzip import Gunzip

TEXT = b"a plan of a child, " * 20_000
PARTS = [TEXT[: len(TEXT) // 3], TEXT[len(TEXT) // 3 :], b""]
SEVERAL = b"".join(map(gzip.compress, PARTS))
MEMBERS_MAX = 4_096
PIECE_MAX = 65_536


def unpacked(data: bytes, step: int) -> tuple[bytes, bool]:
    """Return what bytes were that came `step` at a time, and whether that is all."""
    unpacking = Gunzip()
    pieces = [piece for at in range(0, len(data), step) for piece in unpacking.pieces(data[at : at + step])]
    assert max(map(len, pieces), default=0) <= PIECE_MAX
    assert all(pieces)
    return b"".join(pieces), unpacking.whole


@pytest.mark.parametrize("step", [1, 7, 4_096, len(SEVERAL)])
def test_every_member_comes_out_wherever_the_bytes_are_parted(step: int) -> None:
    """What lies behind the first one is no less of the file."""
    assert (TEXT, True) == unpacked(SEVERAL, step)


@pytest.mark.parametrize(
    "data",
    [b"", SEVERAL[:-1], SEVERAL + b"\x1f", gzip.compress(b"x") + gzip.compress(b"y")[:-9]],
    ids=["nothing", "broken off", "a first byte more", "the second broken off"],
)
def test_what_does_not_end_with_a_member_is_not_whole(data: bytes) -> None:
    """By then nothing tells it from one that is still on its way."""
    assert not unpacked(data, len(data) or 1)[1]


@pytest.mark.parametrize(
    "data",
    [b"no gzip", SEVERAL + b"more", zlib.compress(TEXT), SEVERAL + bytes(2)],
    ids=["something else", "something behind it", "zlib", "zeros behind it"],
)
def test_what_is_no_gzip_is_refused(data: bytes) -> None:
    """Whatever came before it."""
    with pytest.raises(MalformedMessage) as caught:
        unpacked(data, len(data))
    assert "no gzip" == caught.value.reason


def test_a_changed_byte_is_found_by_its_checksum() -> None:
    """A member that unpacks to something else is none."""
    damaged = bytearray(gzip.compress(b"a child"))
    damaged[-5] ^= 1
    with pytest.raises(MalformedMessage):
        unpacked(bytes(damaged), len(damaged))


def test_so_many_members_are_taken_and_no_more() -> None:
    """Empty ones cost time, and nothing comes out that would end at a limit of bytes."""
    empty = gzip.compress(b"")
    assert (b"", True) == unpacked(empty * MEMBERS_MAX, 65_536)
    with pytest.raises(MalformedMessage) as caught:
        unpacked(empty * (MEMBERS_MAX + 1), 65_536)
    assert "gzip in too many members" == caught.value.reason


def test_a_bomb_comes_in_pieces_that_are_small() -> None:
    """Whoever counts them ends it: a piece comes before the next is made."""
    bomb = gzip.compress(bytes(50_000_000), 1)
    first = next(Gunzip().pieces(bomb))
    assert 0 < len(first) <= PIECE_MAX
