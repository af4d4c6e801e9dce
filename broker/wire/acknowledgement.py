"""
The answer to an HL7 version 2 message: MSH, MSA and, unless it is `AA`, ERR as in 2.4 (dossier 6.5).

A function of the request's bytes and the verdict alone, so that a resend gets the same answer: times and ids
are the request's own, never a clock's. It speaks the request's delimiters and character set.
"""

import re
from enum import StrEnum

from broker.core.errors import BrokerError, MalformedMessage
from broker.wire.hl7v2 import (
    DATA_TYPE,
    EVENT,
    INTERNAL,
    MESSAGE_TYPE,
    PROCESSING_ID,
    REQUIRED_FIELD,
    SEGMENT_SEQUENCE,
    STANDARD,
    TABLE_VALUE,
    VERSION,
    Delimiters,
    Message,
    parse,
)


class Verdict(StrEnum):
    """MSA-1 in original mode [S50]."""

    ACCEPTED = "AA"
    ERROR = "AE"
    """The sender must mend the content before it sends again."""
    REJECTED = "AR"
    """Trouble on our side, or a type, version or processing id not taken here: content is not at fault."""


TEXTS = {
    SEGMENT_SEQUENCE: "Segment sequence error",
    REQUIRED_FIELD: "Required field missing",
    DATA_TYPE: "Data type error",
    TABLE_VALUE: "Table value not found",
    MESSAGE_TYPE: "Unsupported message type",
    EVENT: "Unsupported event code",
    PROCESSING_ID: "Unsupported processing id",
    VERSION: "Unsupported version id",
    INTERNAL: "Application internal error",
}
"""HL7 table 0357, as far as the broker uses it."""

_REJECTING = frozenset({MESSAGE_TYPE, EVENT, PROCESSING_ID, VERSION})
_VERSION = "2.4"  # of an answer to bytes that name none
_LIVE = "P"
_NO_ID = "0"  # MSH-10 must not be empty
_CONTROLS = re.compile(r"[\x00-\x1f]")  # a copied one could end a segment or the frame
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[([0-9]+)\])?(?:-([0-9]+))?")  # segment, occurrence, field


def verdict(error: BrokerError | None) -> Verdict:
    """Return what is answered: content is the sender's to mend, everything else may be sent again."""
    if error is None:
        return Verdict.ACCEPTED
    if isinstance(error, MalformedMessage) and error.hl7_code not in _REJECTING:
        return Verdict.ERROR
    return Verdict.REJECTED


def answer(data: bytes, error: BrokerError | None = None) -> bytes:
    """Return the answer to the received bytes, whatever they are; without an error it is `AA`."""
    try:
        message = parse(data, header_alone=True)
    except MalformedMessage:
        message = None
    return acknowledge(message, verdict(error), error=error)


def said_in(answered: bytes) -> str:
    """Return MSA-1 of an answer of ours, which speaks the sender's delimiters."""
    separator = answered[3:4]  # MSH-1
    [acknowledgement] = [part for part in answered.split(b"\r") if part.startswith(b"MSA")]
    return acknowledgement.split(separator)[1].decode("ascii")


def acknowledge(message: Message | None, code: Verdict, *, error: BrokerError | None = None) -> bytes:
    """
    Return the acknowledgement of a message, None for one whose MSH cannot be read; segments end with CR.

    MSH-7 and MSH-10 are the request's, MSA-2 echoes MSH-10; sender and receiver change places. The ERR
    segment names the error's place, its code in table 0357, our own code and its reason, never a value.
    """
    delimiters = message.delimiters if message else STANDARD
    answering = _Answer(message, delimiters)
    segments = [answering.header(), answering.verdict(code, error)]
    if error is not None:
        segments.append(answering.error(error))
    text = "".join(f"{segment}\r" for segment in segments)
    return text.encode(message.codec if message else "ascii")


class _Answer:
    """The segments of one answer."""

    def __init__(self, message: Message | None, delimiters: Delimiters) -> None:
        self._message = message
        self._delimiters = delimiters

    def header(self) -> str:
        """Return MSH."""
        copied = self._copied
        signs = "".join(sign or "" for sign in self._delimiters[1:])
        event = _component(copied(9), self._delimiters.component, 2)
        kind = self._delimiters.component.join(("ACK", event, "ACK")) if event else "ACK"
        fields = [
            *("MSH", signs, copied(5), copied(6), copied(3), copied(4), copied(7), "", kind),
            *(copied(10) or _NO_ID, copied(11) or _LIVE, copied(12) or _VERSION),
        ]
        character_set = copied(18)
        if character_set:
            fields += ["", "", "", "", "", character_set]
        return self._delimiters.field.join(fields)

    def verdict(self, code: Verdict, error: BrokerError | None) -> str:
        """Return MSA."""
        fields = ["MSA", code.value, self._copied(10)]
        if error is not None:
            fields.append(self._escaped(_reason(error)))
        return self._delimiters.field.join(fields)

    def error(self, error: BrokerError) -> str:
        """Return ERR: segment, its sequence, field, and the code with its text (2.4, ELD)."""
        code, location = INTERNAL, ""
        if isinstance(error, MalformedMessage):
            code, location = error.hl7_code, error.location
        place = _PLACE.fullmatch(location)
        segment, occurrence, field = (place[1], place[2] or "1", place[3] or "") if place else ("", "", "")
        coded: tuple[str, ...] = (str(code),)
        if self._delimiters.subcomponent is not None:
            own = (error.code, self._escaped(_reason(error)), "L")
            coded = (str(code), self._escaped(TEXTS.get(code, "")), "HL70357", *own)
        fault = (self._delimiters.subcomponent or "").join(coded)
        return self._delimiters.field.join(
            ("ERR", self._delimiters.component.join((segment, occurrence, field, fault)))
        )

    def _copied(self, position: int) -> str:
        """Copy a field of the request's MSH as it stands, without control characters."""
        raw = self._message.header.raw(position) if self._message else ""
        return raw if raw.isprintable() else _CONTROLS.sub("", raw)

    def _escaped(self, text: str) -> str:
        """Write a text of ours in the request's delimiters."""
        escape = self._delimiters.escape
        for name, sign in zip("EFSTR", _in_escaping_order(self._delimiters), strict=True):
            if sign is not None:
                text = text.replace(sign, f"{escape}{name}{escape}" if escape else " ")
        return text


def _in_escaping_order(delimiters: Delimiters) -> tuple[str | None, ...]:
    """Return the delimiters, the escape sign first: it occurs in what the others become."""
    separator, component, repetition, escape, subcomponent = delimiters
    return (escape, separator, component, subcomponent, repetition)


def _component(field: str, delimiter: str, position: int) -> str:
    """Return a component of a raw field, or an empty text."""
    parts = field.split(delimiter)
    return parts[position - 1] if position <= len(parts) else ""


def _reason(error: BrokerError) -> str:
    """
    Return the stable words for a fault; trouble on our side is not explained to the sender.

    A place that is no segment, such as a byte of a frame, is told in words.
    """
    if not isinstance(error, MalformedMessage):
        return TEXTS[INTERNAL]
    in_words = error.location and not _PLACE.fullmatch(error.location)
    return f"{error.reason} at {error.location}" if in_words else error.reason
