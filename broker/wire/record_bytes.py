"""
The bytes of each record of an upload file, cut where it begins and ends, as the bytes come.

Knows where an element begins and ends in the bytes; what it says `broker.wire.upload_record` knows.
"""

from xml.parsers import expat

from broker.wire.upload_heading import HEAD_BYTES_MAX

_RECORD = "record"
_RECORD_DEPTH = 1  # records stand directly below the root
_WIDE = {b"\xff\xfe": "utf-16-le", b"<\x00": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\x00<": "utf-16-be"}


class RecordBytes:
    """
    Takes a file piece by piece; `cut` has the records that were complete and not taken, in the file's order.

    A record runs from its start tag up to the next record, or to the root's end tag. What cannot be cut, in
    an encoding that only the other parser knows, is `lost`; so is all of a file with a long head, which would
    be held once for each record. No entity can be expanded here: a file with a
    document type was refused before.
    """

    def __init__(self) -> None:
        """Begin."""
        self.cut: list[bytes] = []
        self.lost = False
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.XmlDeclHandler = self._declare
        self._held = bytearray()
        self._base = 0
        self._starts: list[int] = []
        self._depth = 0
        self._head: bytes | None = None
        self._root = ""
        self._codec = "utf-8"

    def feed(self, piece: bytes, *, last: bool = False) -> None:
        """Take what came next."""
        if self.lost:
            return
        self._held += piece
        try:
            self._parser.Parse(piece, last)
        except (expat.ExpatError, ValueError, LookupError):
            self.lost = True
            return
        self._take()

    def alone(self, record: bytes) -> bytes:
        """Return a record that was cut as a file of its own, with the head of its file."""
        head = self._head or b""
        return head + record + f"</{self._root}>".encode(_WIDE.get(head[:2], self._codec))

    def _take(self) -> None:
        """Cut what is complete, and hold on to the rest alone."""
        if not self._starts:
            return
        if self._head is None:
            self._head = bytes(self._held[: self._starts[0] - self._base])
            if len(self._head) > HEAD_BYTES_MAX:
                self.lost = True
                self._held.clear()
                return
        for start, end in zip(self._starts, self._starts[1:], strict=False):
            self.cut.append(bytes(self._held[start - self._base : end - self._base]))
        newest = self._starts[-1]
        del self._held[: newest - self._base]
        self._base, self._starts = newest, [newest]

    def _declare(self, _version: str, encoding: str | None, _standalone: int) -> None:
        """Note in what a file is written; one of two bytes a character says so by its first two."""
        self._codec = encoding or self._codec

    def _begin(self, name: str, _attributes: dict[str, str]) -> None:
        """Note where an element begins."""
        if self._depth == 0:
            self._root = name
        if self._depth == _RECORD_DEPTH and name.rpartition(":")[2] == _RECORD:
            self._starts.append(self._parser.CurrentByteIndex)
        self._depth += 1

    def _end(self, _name: str) -> None:
        """Note where the root ends."""
        self._depth -= 1
        if self._depth == 0:
            self._starts.append(self._parser.CurrentByteIndex)
