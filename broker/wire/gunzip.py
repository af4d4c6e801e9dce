"""
Bytes that were compressed with gzip, in small pieces: every member, one behind the other (RFC 1952, 2.2).

A sender that packs a file in parts makes several. What lies behind the first is no less of the file: left out
it would be lost in silence. Whoever takes the pieces counts them, so that a bomb ends at the limit.
"""

import zlib
from collections.abc import Iterator

from broker.core.errors import MalformedMessage

_WINDOW = 31  # zlib: a header and a trailer of gzip, and the widest window
_PIECE_BYTES = 65_536  # of what comes out: a piece of one that is a bomb is no larger
_SLICE_BYTES = 4_096  # of what goes in: each member copies what lies behind it
_MEMBERS_MAX = 4_096  # of a file in blocks of 64 KiB, 256 MiB; empty ones of 20 bytes would hold the loop


class Gunzip:
    """Takes compressed bytes as they come; `whole` once everything that came is members to their end."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._member = zlib.decompressobj(_WINDOW)
        self._members = 1

    @property
    def whole(self) -> bool:
        """Whether the last member has come to its end, by its own checksum."""
        return self._member.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what some bytes were, at most 64 KiB at once; raise `MalformedMessage` for no gzip."""
        for start in range(0, len(data), _SLICE_BYTES):
            yield from self._slice(data[start : start + _SLICE_BYTES])

    def _slice(self, data: bytes) -> Iterator[bytes]:
        """Yield what a few bytes were, going on to the next member where one ends."""
        while data:
            if self._member.eof:
                self._begin()
            try:
                piece = self._member.decompress(data, _PIECE_BYTES)
            except zlib.error:
                raise MalformedMessage("no gzip") from None
            if piece:
                yield piece
            data = self._member.unconsumed_tail or self._member.unused_data

    def _begin(self) -> None:
        """Begin another member; raise `MalformedMessage` where there are too many."""
        if self._members == _MEMBERS_MAX:
            raise MalformedMessage("gzip in too many members")
        self._members += 1
        self._member = zlib.decompressobj(_WINDOW)
