"""Recorded HL7 v2 messages of the fixtures, read, edited and taken apart for tests of the reader."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker.core.facts import REGISTERS, VisitMessage
from broker.core.identifiers import LONDON, NhsNumber, OdsCode
from broker.core.keyed import IdentityKey
from broker.wire.adt import read_adt
from broker.wire.visit_reading import Context, VisitReading

FIXTURES = Path(__file__).parents[1] / "fixtures" / "hl7"
KEY = IdentityKey(bytes(range(32)))
RECEIVED = datetime(2025, 3, 1, 15, 45, tzinfo=UTC)
ROBIN = NhsNumber("9990000018")
RXX = OdsCode("RXX")


def wall_time(moment: datetime) -> str:
    """Return an aware moment as HL7 writes one that has no offset: by the clock in London."""
    return f"{moment.astimezone(LONDON):%Y%m%d%H%M%S}"


def fixture(name: str = "a04-registered") -> bytes:
    """Return one recorded message."""
    return (FIXTURES / f"{name}.hl7").read_bytes()


def edited(data: bytes, **fields: str | None) -> bytes:
    """
    Return a message with fields replaced, each named as in `PV1_44`; None removes the segment.

    A segment that is not there is added at the end.
    """
    segments = data.decode().rstrip("\r").split("\r")
    for place, value in fields.items():
        name, position = place.split("_")
        index = next((n for n, segment in enumerate(segments) if segment.startswith(name)), None)
        if value is None:
            segments = [segment for segment in segments if not segment.startswith(name)]
            continue
        if index is None:
            segments.append(name)
            index = len(segments) - 1
        parts = segments[index].split("|")
        place_in_parts = int(position) - (name == "MSH")
        parts += [""] * (place_in_parts + 1 - len(parts))
        parts[place_in_parts] = value
        segments[index] = "|".join(parts)
    return "".join(f"{segment}\r" for segment in segments).encode()


def read(data: bytes, received_at: datetime = RECEIVED) -> VisitReading:
    """Read a message as received in the afternoon of 1 March 2025."""
    return read_adt(data, Context(key=KEY, received_at=received_at))


def message_of(data: bytes, received_at: datetime = RECEIVED) -> VisitMessage:
    """Return the fact in a message that has a usable number."""
    message = read(data, received_at).message
    assert message is not None
    return message


def registers_of(message: VisitMessage) -> dict[str, Any]:
    """Return the registers that a message sets."""
    values = {name: getattr(message, name) for name in REGISTERS}
    return {name: value for name, value in values.items() if value is not None}


def at(hour: int, minute: int, second: int = 0) -> datetime:
    """Return a time of 1 March 2025."""
    return datetime(2025, 3, 1, hour, minute, second, tzinfo=UTC)
