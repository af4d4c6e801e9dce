"""
Reading of the segments that say whose message one is, of what kind and when: MSH and EVN (dossier 6.4).

Knows what is let in (ruling 27), what the file of senders settles of that, and the times of ruling 37.
"""

from datetime import datetime

from broker.core.errors import MalformedMessage
from broker.core.facts import VisitEvent
from broker.core.identifiers import OdsCode
from broker.core.senders import UNSETTLED, VISITS, Sender
from broker.wire.adt_registers import Fault, Registers
from broker.wire.hl7v2 import (
    DATA_TYPE,
    EVENT,
    MESSAGE_TYPE,
    PROCESSING_ID,
    SEGMENT_SEQUENCE,
    VERSION,
    Message,
    Segment,
    Value,
    parse,
)
from broker.wire.visit_reading import Admits, Envelope, control_id_of, provider_of, stamps_of

_SEQUENCE_DIGITS_MAX = 15  # MSH-13 is a number of at most 15 digits
_PROFILE, _CHARACTER_SET = 21, 18


def parse_settled(data: bytes, admits: Admits) -> tuple[Message, Sender]:
    """
    Read a message as it is settled for its sender, and return what that is.

    Raises `MalformedMessage` without a usable MSH or with more than is read, and `NotItsSender` before
    anything else is looked at.
    """
    message, sender = parse(data), UNSETTLED
    if admits.sender is not None:
        sender = admits.sender(read_provider(message.header), said(message.header.field(3)))
        if sender.character_set is not None and not message.header.raw(_CHARACTER_SET):
            message = parse(data, character_set=sender.character_set)
    if message.excess:
        raise MalformedMessage(message.excess, hl7_code=DATA_TYPE)
    refuse_second(message, "MSH")  # two messages in one frame: only one of them would be answered
    return message, sender


def event_of(header: Segment, sender: Sender) -> str:
    """Return the trigger event of MSH-9, as the one that it is settled to be read as."""
    return sender.read_as.of(said(header.field(9, 2)))


def read_envelope(message: Message, sender: Sender, registers: Registers, admits: Admits) -> Envelope:
    """Read MSH and EVN; what is not taken here is refused before what is amiss with it."""
    header = message.header
    if said(header.field(9)) != "ADT":
        raise MalformedMessage("message type not taken", hl7_code=MESSAGE_TYPE, location="MSH-9")
    if said(header.field(12)) not in sender.versions:
        raise MalformedMessage("version not taken", hl7_code=VERSION, location="MSH-12")
    if said(header.field(11)) not in admits.processing_ids:
        raise MalformedMessage("processing id not taken", hl7_code=PROCESSING_ID, location="MSH-11")
    event = event_of(header, sender)
    if event not in VISITS & sender.events:
        raise MalformedMessage("event not taken", hl7_code=EVENT, location="MSH-9")
    control_id = read_control_id(header)
    provider = read_provider(header)
    if sender.profile is not None and said(header.field(_PROFILE)) != sender.profile:
        registers.faults.add(Fault.PROFILE)
    recorded_at, sent_at = read_recording(message, registers)
    return Envelope(
        provider=provider,
        system=said(header.field(3)),
        control_id=control_id,
        event=VisitEvent(event),
        recorded_at=recorded_at,
        sent_at=sent_at,
        sequence=_read_sequence(header, registers),
        occurred_at=registers.read_moment(field_of(message.first("EVN"), 6), Fault.OCCURRED_TIME),
    )


def read_recording(message: Message, registers: Registers) -> tuple[datetime, datetime]:
    """Return EVN-2 and MSH-7, each failing the other; raise `MalformedMessage` without either."""
    sent_at = registers.read_moment(message.header.field(7), Fault.MESSAGE_TIME)
    recorded_at = registers.read_moment(field_of(message.first("EVN"), 2), Fault.EVENT_TIME)
    return stamps_of(recorded_at, sent_at, registers, "MSH-7")


def read_control_id(header: Segment) -> str:
    """Read MSH-10, by which a sender finds its message; raise `MalformedMessage`."""
    return control_id_of(said(header.field(10, subcomponent=0)), "MSH-10")


def read_provider(header: Segment) -> OdsCode:
    """Read MSH-4, by which everything of the message is attributed; raise `MalformedMessage`."""
    return provider_of(said(header.field(4)), "MSH-4")


def _read_sequence(header: Segment, registers: Registers) -> int | None:
    """Read MSH-13; what is no count of the sender's is left out and counted."""
    text = said(header.field(13))
    if text.isascii() and text.isdigit() and len(text) <= _SEQUENCE_DIGITS_MAX:
        return int(text)
    if text:
        registers.faults.add(Fault.SEQUENCE)
    return None


def sole(message: Message, name: str) -> Segment:
    """Return the segment of this name; refuse a message without it, or with another beside it."""
    refuse_second(message, name)
    return required(message, name)


def refuse_second(message: Message, name: str) -> None:
    """
    Refuse a message in which a segment stands twice that may stand once, and says two things.

    Of which patient or visit the rest speaks nobody knows, and of the second nothing would be told. What is
    said twice alike does no harm. Raises `MalformedMessage` at the second.
    """
    if message.differ(name):
        raise MalformedMessage(f"second {name} segment", hl7_code=SEGMENT_SEQUENCE, location=f"{name}[2]")


def required(message: Message, name: str) -> Segment:
    """Return the first segment of this name; refuse a message without it with `MalformedMessage`."""
    segment = message.first(name)
    if segment is None:
        raise MalformedMessage(f"no {name} segment", hl7_code=SEGMENT_SEQUENCE, location=name)
    return segment


def field_of(segment: Segment | None, position: int) -> Value:
    """Return a field of a segment that may be absent."""
    return segment.field(position) if segment is not None else None


def said(value: Value) -> str:
    """Return a text, empty where there is none or it is cleared."""
    return value if isinstance(value, str) else ""
