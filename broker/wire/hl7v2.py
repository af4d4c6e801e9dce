"""
Reading of HL7 version 2 messages: delimiters, character sets, escapes, repeats, components.

Lazy: a field is split and its escapes are decoded only where it is read. Knows no segment but MSH; what the
fields mean, `adt` knows; what is answered, `acknowledgement` knows.
"""

import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from broker.core.errors import MalformedMessage
from broker.wire.hl7v2_lines import SEGMENT, whole

SEGMENT_SEQUENCE: Final = 100
REQUIRED_FIELD: Final = 101
DATA_TYPE: Final = 102
TABLE_VALUE: Final = 103
MESSAGE_TYPE: Final = 200
EVENT: Final = 201
PROCESSING_ID: Final = 202
VERSION: Final = 203
INTERNAL: Final = 207
"""Codes of HL7 table 0357 (dossier 6.5)."""

SEGMENTS_MAX: Final = 5_000
REPEATS_MAX: Final = 15_000
"""
Of one message: one in real use has some thirty of either, and a mebibyte of text in lines of 76 signs has not
as many repeats. To read one of nothing else takes a third of a second, for which every other sender waits.
"""

_TWO_QUOTES = '""'


class Cleared(Enum):
    """What a field says that holds two quotes and nothing else: forget the value (R41)."""

    CLEARED = _TWO_QUOTES


CLEARED: Final = Cleared.CLEARED

Value = str | Literal[Cleared.CLEARED] | None
"""A text, `CLEARED`, or None for what the message leaves alone."""

_UTF_8 = "utf-8"
_LATIN_1 = "iso8859_1"  # every byte means something in it: the reading of last resort
_CODECS = {
    "ASCII": "ascii",
    "UNICODE UTF-8": _UTF_8,
    "UNICODE": _UTF_8,  # what senders write that were configured before table 0211 had the longer name
    "UTF-8": _UTF_8,
    "8859/1": _LATIN_1,
    **{f"8859/{part}": f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "WINDOWS-1252": "cp1252",
}
"""MSH-18 (table 0211, and Windows') → codec. ISO 2022 switching and two-byte sets are not used in England."""

_CHARACTER_SET_FIELD = 18
_SIGN = rb"[!#-/:-@\[-`{-~]"  # any printable ASCII sign but the quote, which clears values
# MSH-2 declares component, repetition, escape, sub-component and, since 2.7, truncation.
_DELIMITERS = re.compile(rb"MSH(" + _SIGN + rb")(" + _SIGN + rb"{1,5}?)(?:\1|\Z)")
_USUAL_BEGINNING = b"MSH|^~\\&|"
_LINE_ENDS = b"\r\n"
_NEXT_LINE = re.compile(rb"\n[A-Z][A-Z0-9]{2}" + _SIGN)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BATCH = (b"FHS", b"BHS")  # heads of files and batches, in which messages are wrapped
_NULL = "\x00"
_TWO_BYTES = (b"\xff\xfeM\x00", b"\xfe\xff\x00M", b"M\x00S\x00", b"\x00M\x00S")  # UTF-16, as no ASCII reads
_MARKED = {"H": "", "N": ""}  # highlighting on and off
_SWITCHES = "CM"  # to another character set, of one or of several bytes: no text of their own
_LINE_BREAKS = (".br", ".sp")


class Delimiters(NamedTuple):
    """MSH-1 and MSH-2; a delimiter that the message does not declare is None and never occurs."""

    field: str
    component: str
    repetition: str | None
    escape: str | None
    subcomponent: str | None


STANDARD: Final = Delimiters("|", "^", "~", "\\", "&")


class Segment:
    """One segment; fields, components and sub-components count from 1, as the standard does."""

    __slots__ = ("_codec", "_delimiters", "_fields", "_repeats")

    def __init__(self, raw: str, delimiters: Delimiters, codec: str) -> None:
        self._repeats: dict[int, list[Repeat]] = {}
        self._fields = raw.split(delimiters.field)
        if raw.startswith("MSH"):  # its first separator is itself the first field
            self._fields.insert(1, delimiters.field)
        self._delimiters = delimiters
        self._codec = codec

    @property
    def last(self) -> int:
        """The position of the last field; 0 where there is none behind the name."""
        return len(self._fields) - 1

    def raw(self, position: int) -> str:
        """Return a field as it stands, escapes included; empty where the segment ends before it."""
        return self._fields[position] if position < len(self._fields) else ""

    def field(self, position: int, component: int = 1, subcomponent: int = 1) -> Value:
        """
        Read a part of a field's first repeat; sub-component 0 is the whole component.

        None where it is absent, `CLEARED` where the field or the part is `""` (R41), else its text without
        surrounding blanks.
        """
        fields = self._fields
        raw = fields[position] if position < len(fields) else ""
        if not raw:
            return None
        if raw.isalnum():  # most are: no delimiter, blank, quote or escape is a letter or a digit
            return raw if component == 1 and subcomponent <= 1 else None
        return self.repeats(position)[0].part(component, subcomponent)

    def repeats(self, position: int) -> "list[Repeat]":
        """Return a field's repeats in order; an absent field has none, a cleared one has one."""
        found = self._repeats.get(position)
        if found is None:
            raw = self.raw(position)
            parts = _split(raw, self._delimiters.repetition) if raw else []
            found = self._repeats[position] = [Repeat(part, self._delimiters, self._codec) for part in parts]
        return found


class Repeat:
    """One repeat of a field."""

    __slots__ = ("_cleared", "_codec", "_components", "_delimiters")

    def __init__(self, raw: str, delimiters: Delimiters, codec: str) -> None:
        self._components = _split(raw, delimiters.component)
        self._cleared = raw.strip() == _TWO_QUOTES
        self._delimiters = delimiters
        self._codec = codec

    def part(self, component: int = 1, subcomponent: int = 1) -> Value:
        """Read a component as `Segment.field` does; a repeat that is `""` is cleared in every part."""
        if self._cleared:
            return CLEARED
        components = self._components
        if component > len(components):
            return None
        return self._read(components[component - 1], subcomponent)

    def parts(self) -> list[Value]:
        """Read the first sub-component of every component, in order."""
        return [self._read(component, 1) for component in self._components]

    def _read(self, component: str, subcomponent: int) -> Value:
        """Decode one component, or one sub-component of it."""
        if not component:
            return None
        if component.isalnum():
            return component if subcomponent <= 1 else None
        if subcomponent and component.strip() != _TWO_QUOTES:
            component = _nth(component, self._delimiters.subcomponent, subcomponent)
        text = unescape(component, self._delimiters, self._codec).strip()
        return CLEARED if text == _TWO_QUOTES else text or None


class Message:
    """
    One message; `codec` is what it was read with, `misdeclared` whether MSH-18 names another or none we know.

    `excess` says of what there is too much to be read, empty where there is not: then it has its MSH alone.
    `broken`: there is a line in it that is no segment.
    Its `repr` shows nothing of the content.
    """

    __slots__ = (
        "_lines",
        "_named",
        "_segments",
        "broken",
        "codec",
        "delimiters",
        "excess",
        "header",
        "misdeclared",
    )

    def __init__(
        self,
        segments: list[str],
        delimiters: Delimiters,
        codec: str,
        *,
        misdeclared: bool,
        lines: list[str],
        broken: bool = False,
        excess: str = "",
    ) -> None:
        self.broken = broken
        self.excess = excess
        self._segments = segments
        self._lines = lines
        self.delimiters = delimiters
        self.codec = codec
        self.misdeclared = misdeclared
        self.header = Segment(segments[0], delimiters, codec)
        self._named: dict[str, list[str | Segment]] = {}
        separator = delimiters.field
        for raw in segments:
            self._named.setdefault(raw.partition(separator)[0], []).append(raw)

    def first(self, name: str) -> Segment | None:
        """Return the first segment of this name, or None."""
        named = self._named.get(name)
        return None if named is None else self._made(named, 0)

    def all(self, name: str) -> list[Segment]:
        """Return every segment of this name in order."""
        named = self._named.get(name, [])
        return [self._made(named, place) for place in range(len(named))]

    def differ(self, name: str) -> bool:
        """Whether there are several segments of this name, and not all alike."""
        if len(self._named.get(name, ())) < 2:  # noqa: PLR2004 - several
            return False
        separator = self.delimiters.field
        return len({raw for raw in self._segments if raw.partition(separator)[0] == name}) > 1

    def every(self) -> Iterator[Segment]:
        """Read the lines one after the other, whatever they are: also what is no segment by itself."""
        for raw in self._lines:
            yield Segment(raw, self.delimiters, self.codec)

    def names(self) -> Iterator[str]:
        """Return the names of the segments, each once, those only that could be names."""
        return filter(SEGMENT.fullmatch, self._named)

    def _made(self, named: list[str | Segment], place: int) -> Segment:
        """Return a segment, taken apart once."""
        found = named[place]
        if isinstance(found, str):
            found = named[place] = Segment(found, self.delimiters, self.codec)
        return found


def parse(data: bytes, *, character_set: str | None = None, header_alone: bool = False) -> Message:
    """
    Read a message whose segments end with CR, CRLF or LF; raise `MalformedMessage` without a usable MSH.

    `character_set` is what the sender writes where MSH-18 says nothing. One that does not fit the bytes, or
    that is unknown, refuses nothing: UTF-8, else 8859/1. With `header_alone` the message has its MSH alone.
    """
    if data[:1] in _LINE_ENDS:
        data = data.lstrip(_LINE_ENDS)
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if data.startswith(_TWO_BYTES):
        raise MalformedMessage("character set of two bytes", hl7_code=DATA_TYPE, location="MSH-18")
    if data[:3] in _BATCH:
        raise MalformedMessage("a batch, send its messages one by one", hl7_code=MESSAGE_TYPE, location="MSH")
    if data[:3] != b"MSH":
        raise MalformedMessage("no MSH segment", hl7_code=SEGMENT_SEQUENCE, location="MSH")
    # With any CR that is the segment end and a stray LF is text; but not where an LF ends the header.
    header = data.partition(b"\r")[0]
    end = "\r" if b"\r" in data and _NEXT_LINE.search(header) is None else "\n"
    header = header.partition(end.encode())[0]
    delimiters = _delimiters(header)
    text, codec, misdeclared = _decode(data, _declared_set(header, delimiters) or character_set or "")
    if _NULL in text:  # no character of a text, and databases take none
        text, misdeclared = text.replace(_NULL, ""), True
    excess = "" if header_alone else _excess(text, end, delimiters.repetition)
    segments = text.split(end, 1)[:1] if excess or header_alone else text.split(end)
    beside = "\n" if end == "\r" else "\r"
    if beside in text:
        segments = [segment.strip(beside) for segment in segments]
    lines, (segments, broken) = segments, whole(segments, delimiters.field)
    return Message(
        segments, delimiters, codec, misdeclared=misdeclared, lines=lines, broken=broken, excess=excess
    )


def _excess(text: str, end: str, repetition: str | None) -> str:
    """Return of what a text has too much, empty where it does not."""
    if len(text) <= min(SEGMENTS_MAX, REPEATS_MAX):  # most are, and need no counting
        return ""
    if text.count(end) > SEGMENTS_MAX:
        return "too many segments"
    return "too many repeats" if repetition is not None and text.count(repetition) > REPEATS_MAX else ""


def unescape(text: str, delimiters: Delimiters, codec: str) -> str:
    r"""
    Decode escapes: delimiters, `\Xhh…\` in the message's character set, `\.br\` and `\.sp\` as line breaks.

    Highlighting, other formatting and switches of the character set (`\Cxxyy\`, `\Mxxyyzz\`) are dropped;
    what the standard gives no meaning, such as a site's own `\Z…\`, stays as it is written.
    """
    escape = delimiters.escape
    if escape is None or escape not in text:
        return text
    meanings = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent or "&",
        "R": delimiters.repetition or "~",
        "E": escape,
        **_MARKED,
    }

    def meaning(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] == "X":
            return _decode_escaped(bytes.fromhex(code[1:]), codec).replace(_NULL, "")
        if code[0] in _SWITCHES:
            return ""
        if code[0] == ".":
            return "\n" if code[:3] in _LINE_BREAKS else ""
        return meanings[code]

    return _escapes(escape).sub(meaning, text)


def _delimiters(header: bytes) -> Delimiters:
    """Read MSH-1 and MSH-2; refuse what could not delimit."""
    if header.startswith(_USUAL_BEGINNING):
        return STANDARD
    match = _DELIMITERS.match(header)
    declared = (match[1] + match[2]).decode("ascii") if match else ""
    if not declared or len({*declared}) != len(declared):
        raise MalformedMessage("delimiters unusable", hl7_code=DATA_TYPE, location="MSH-2")
    separator, component, repetition, escape, subcomponent = (*declared, None, None, None)[:5]
    return Delimiters(str(separator), str(component), repetition, escape, subcomponent)


def _declared_set(header: bytes, delimiters: Delimiters) -> str:
    """Return the first repeat of MSH-18; further ones announce switches within the text."""
    fields = header.split(delimiters.field.encode(), _CHARACTER_SET_FIELD)
    if len(fields) < _CHARACTER_SET_FIELD or not fields[_CHARACTER_SET_FIELD - 1]:
        return ""
    declared = Segment(header.decode(_LATIN_1), delimiters, _LATIN_1).field(_CHARACTER_SET_FIELD)
    return declared if isinstance(declared, str) else ""


def _decode(data: bytes, declared: str) -> tuple[str, str, bool]:
    """Return the text, the codec it was read with, and whether the sender had declared another."""
    codec = _CODECS.get(declared.upper())
    for candidate in (codec, _UTF_8):
        if candidate is not None:
            try:
                return data.decode(candidate), candidate, bool(declared) and candidate != codec
            except UnicodeDecodeError:
                continue
    return data.decode(_LATIN_1), _LATIN_1, bool(declared)


@lru_cache(maxsize=8)  # senders differ in the escape sign hardly ever
def _escapes(escape: str) -> re.Pattern[str]:
    """Return the pattern of every escape that the standard gives a meaning."""
    sign = re.escape(escape)
    return re.compile(
        rf"{sign}([FSTREHN]|X(?:[0-9A-Fa-f]{{2}})+|C[0-9A-Fa-f]{{4}}|M[0-9A-Fa-f]{{4,6}}|\.[a-z]{{2}}[+-]?[0-9]*){sign}"
    )


def _decode_escaped(data: bytes, codec: str) -> str:
    """Read bytes given in hexadecimal; those outside the message's character set are 8859/1."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return data.decode(_LATIN_1)


def _split(text: str, delimiter: str | None) -> list[str]:
    """Split at a delimiter that may not exist."""
    return [text] if delimiter is None else text.split(delimiter)


def _nth(text: str, delimiter: str | None, position: int) -> str:
    """Return the part at `position`, counted from 1, or an empty text."""
    if delimiter is None or delimiter not in text:
        return text if position == 1 else ""
    parts = text.split(delimiter)
    return parts[position - 1] if position <= len(parts) else ""
