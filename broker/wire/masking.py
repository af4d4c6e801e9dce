"""
A message as it may be shown to anybody at the desk: its structure and its codes, and nothing of a person.

What is shown is listed, field by field, each with the form that it must have; everything else, whatever it
holds and wherever it stands, is a sign that something was there. So a name in the wrong field stays hidden.
"""

import re
from collections.abc import Iterator, Mapping

from broker.core.errors import MalformedMessage
from broker.core.operators import discreet
from broker.wire.hl7v2 import Message, Segment, parse

HIDDEN = "…"
"""What stands where something is not shown."""

_TIME = re.compile(
    r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])([01]\d|2[0-3])[0-5]\d([0-5]\d(\.\d{1,4})?)?([+-]\d{4})?"
)  # to the minute at least: a day alone could be one of birth
_CODE = re.compile(r"[A-Z]|\d{1,2}|\d[A-Z]")
_ORGANISATION = re.compile(r"[A-Z0-9]{3,8}")
_AUTHORITY = re.compile(r"NHS|NHSNBR|NHSNMBR|NH|NI|MR|PI|PT|PAS|R[A-Z0-9]{2,4}")
_RELATIONSHIP = re.compile(r"\d{1,2}|MTH|FTH|PAR|GRD|SIB|BRO|SIS|GRP|SPO|OTH|UNK")
_APPLICATION = re.compile(r"(?!.*\d{4})[A-Za-z][A-Za-z0-9_.-]{0,39}")
_TYPE = re.compile(r"ADT|ACK|ORU|[A-Z]\d{2}|[A-Z]{3}_[A-Z]\d{2}")
_CONTROL_ID = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
_VERSION = re.compile(r"2\.\d(\.\d)?")
_CHARACTER_SET = re.compile(r"(ASCII|8859/\d{1,2}|UNICODE( UTF-8)?|UTF-8)")
_STATUS = re.compile(r"NSTS|NSTS\d{2}|ED|\d{2}")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_TWO_QUOTES = '""'

_ALL = 0  # every component of a field
_IDENTIFIER = {4: _AUTHORITY, 5: _AUTHORITY}  # who gave it and what it is, never itself

_SHOWN: Mapping[tuple[str, int], Mapping[int, re.Pattern[str]]] = {
    ("MSH", 3): {1: _APPLICATION},
    ("MSH", 4): {1: _ORGANISATION},
    ("MSH", 5): {1: _APPLICATION},
    ("MSH", 6): {1: _ORGANISATION},
    ("MSH", 7): {1: _TIME},
    ("MSH", 9): {_ALL: _TYPE},
    ("MSH", 10): {1: _CONTROL_ID},
    ("MSH", 11): {1: re.compile("[PTD]")},
    ("MSH", 12): {1: _VERSION},
    ("MSH", 18): {_ALL: _CHARACTER_SET},
    ("EVN", 1): {1: _TYPE},
    ("EVN", 2): {1: _TIME},
    ("EVN", 4): {1: _CODE},
    ("EVN", 6): {1: _TIME},
    ("PID", 2): _IDENTIFIER,
    ("PID", 3): _IDENTIFIER,
    ("PID", 32): {_ALL: _STATUS},
    ("MRG", 1): _IDENTIFIER,
    ("NK1", 3): {1: _RELATIONSHIP},
    ("PV1", 2): {1: _CODE},
    ("PV1", 4): {1: _CODE},
    ("PV1", 16): {1: _CODE},
    ("PV1", 36): {1: _CODE},
    ("PV1", 44): {1: _TIME},
    ("PV1", 45): {1: _TIME},
    ("PV2", 25): {1: _CODE},
    ("PV2", 38): {1: _CODE},
    ("ZU8", 4): {1: _CODE},
}
"""What is shown of an HL7 v2 message: segment and field, then component and the form it must have."""


def outline(data: bytes) -> str | None:
    """Return an HL7 v2 message with its personal content hidden; None for what is no such message."""
    try:
        message = parse(data)
    except MalformedMessage:
        return None
    return "\n".join(_segments(message))


def _segments(message: Message) -> Iterator[str]:
    """Yield each segment, masked."""
    separator = message.delimiters.field
    for segment in message.every():
        name = segment.raw(0)
        shown = name if _SEGMENT.fullmatch(name) else HIDDEN
        first = 1
        if name == "MSH":
            shown, first = f"MSH{separator}{segment.raw(2)}", 3
        fields = [_field(message, segment, name, at) for at in range(first, segment.last + 1)]
        yield separator.join([shown, *fields]) if name or any(fields) else ""


def _field(message: Message, segment: Segment, name: str, position: int) -> str:
    """Return one field, masked: repeats, components and sub-components stay apart."""
    forms = _SHOWN.get((name, position), {})
    signs = message.delimiters
    repeats = _parts(segment.raw(position), signs.repetition)
    masked = []
    for repeat in repeats:
        components = _parts(repeat, signs.component)
        masked.append(
            signs.component.join(
                _component(component, forms.get(at) or forms.get(_ALL), signs.subcomponent)
                for at, component in enumerate(components, start=1)
            )
        )
    return (signs.repetition or "").join(masked)


def _component(component: str, form: re.Pattern[str] | None, sign: str | None) -> str:
    """Return one component, masked."""
    return (sign or "").join(_leaf(part, form) for part in _parts(component, sign))


def _leaf(text: str, form: re.Pattern[str] | None) -> str:
    """Return what cannot be divided: as it is where it has the form that is shown, else hidden."""
    if not text.strip() or text == _TWO_QUOTES:
        return text.strip()
    if form is None or form.fullmatch(text) is None:
        return HIDDEN
    return (discreet(text) or HIDDEN) if form is _CONTROL_ID else text


def _parts(text: str, sign: str | None) -> list[str]:
    """Return the parts of a text, itself where nothing divides it."""
    return [text] if sign is None else text.split(sign)
