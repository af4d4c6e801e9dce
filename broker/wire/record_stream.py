"""
The records of an upload file, one after the other as its bytes come, in memory that does not grow with it.

Knows which XML is refused (`broker.wire.hl7v3`) and how much of a file may have to be held at once: a record,
and its head. What either says others know.
"""

from typing import cast

from lxml import etree
from lxml.etree import _Element as Element

from broker.core.errors import MalformedMessage
from broker.wire.hl7v3 import pull_parser, qualified

PART_BYTES_MAX = 2_097_152
"""What one record, or one part of the head, may have: a thousand times what one has."""
HEAD_PARTS_MAX = 1_000
"""How many parts a head may have: it has four."""

FILE = qualified("File")
"""The root of an upload file."""
RECORD = qualified("record")
"""The element of a record, directly below the root."""
FILE_PARTS = frozenset(
    {RECORD, *map(qualified, ("creationTime", "id", "transmissionQuantity", "communicationFunctionSnd"))}
)
"""What may stand directly below the root."""


class RecordStream:
    """
    Takes a file piece by piece; `unexpected` tells whether something stood in it that has no place there.

    Raises `MalformedMessage` for a file that is no well-formed XML, has a document type, is no upload, or has
    a part that would fill memory.
    """

    def __init__(self) -> None:
        """Begin."""
        self.unexpected = False
        self._parser = pull_parser(("start", "end"), (FILE, RECORD))
        self._probe: etree.XMLPullParser | None = pull_parser(("start",))
        self._root: Element | None = None
        self._past: list[Element] = []
        self._seen = 0
        self._since = 0

    def feed(self, piece: bytes) -> list[Element]:
        """Return the records that are complete now; each is there until the next call."""
        self._forget()
        try:
            if self._probe is not None:
                self._look_at_root(self._probe, piece)
            self._parser.feed(piece)
            complete = self._complete()
        except etree.XMLSyntaxError as error:
            line = error.lineno
        else:
            self._bound(len(piece), complete)
            self._past += complete
            return complete
        # Outside the handler: the parser's own words may repeat what it read.
        raise MalformedMessage("not well-formed XML", location=f"line {line}")

    def close(self) -> Element:
        """Return the root, without its records, at the end of the file."""
        try:
            root = self._parser.close()
        except etree.XMLSyntaxError as error:
            line = error.lineno
        else:
            return root
        raise MalformedMessage("not well-formed XML", location=f"line {line}")

    def _look_at_root(self, probe: etree.XMLPullParser, piece: bytes) -> None:
        """Refuse a document by its beginning, before more of it is read."""
        probe.feed(piece)
        for _, found in probe.read_events():
            root = cast("Element", found)
            self._probe = None
            if root.getroottree().docinfo.internalDTD is not None:
                raise MalformedMessage("document type refused", location="/")
            if root.tag != FILE:
                raise MalformedMessage("not an upload", location="/")
            return

    def _complete(self) -> list[Element]:
        """Return the records whose end was read."""
        found: list[Element] = []
        for event, one in self._parser.read_events():
            element = cast("Element", one)
            if self._root is None:
                self._root = element
            elif event == "end" and element.tag == RECORD and element.getparent() is self._root:
                found.append(element)
        return found

    def _bound(self, size: int, complete: list[Element]) -> None:
        """Refuse a file of which more would have to be held than any part has."""
        self._since += size
        parts = 0 if self._root is None else len(self._root)
        if complete or parts != self._seen:
            self._seen, self._since = parts, size
        if self._since > PART_BYTES_MAX or parts - len(complete) - len(self._past) > HEAD_PARTS_MAX:
            raise MalformedMessage("a part of the file is too large", location="/File")

    def _forget(self) -> None:
        """Drop what was handed out, and what has no place here; not the last: its end may come still."""
        if self._root is None:
            return
        for part in [one for one in self._root if one.tag not in FILE_PARTS]:
            self.unexpected = True
            if part.getnext() is not None:
                self._root.remove(part)
        kept: list[Element] = []
        for record in self._past:
            if record.getnext() is None:
                kept.append(record)
            else:
                self._root.remove(record)
        self._past, self._seen = kept, len(self._root)
