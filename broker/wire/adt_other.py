"""
Reading of ADT messages about no visit: merges (A40, A34), persons (A28, A31), and events that are not taken.

Rulings 24, 25, 26, 36, 42; R44. Three things of them matter: whether one puts two NHS numbers side by side,
whether it restricts a person's record, and whose baby a person is. Local identifiers that are merged under
one number, or under none, join nothing; nor do a person's details: a visit's own next message has them.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from broker.core.errors import MalformedMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.number_ranges import Taking
from broker.core.sender_keys import AS_RULED
from broker.core.senders import MERGES, PERSONS, Sender, Unknown
from broker.wire.adt_header import (
    event_of,
    parse_settled,
    read_control_id,
    read_provider,
    read_recording,
    required,
    said,
    sole,
)
from broker.wire.adt_patient import is_hidden, numbers_named, usable_numbers
from broker.wire.adt_registers import Fault, Registers
from broker.wire.hl7v2 import Message, parse
from broker.wire.visit_reading import Context, mothers_of, number_of

_IDENTIFIERS_THAT_GO = 1  # MRG-1, as PID-3
_NUMBER_THAT_GOES = 4  # MRG-4, as PID-2
_OF_MERGE = re.compile(rb"ADT[^A-Z0-9]A(?:34|40)|(?:\A|[\r\n\x0b])MRG[^A-Z0-9]", re.IGNORECASE)

_IN_A_BATCH = re.compile(rb"[\r\n]MSH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """
    What a message says of a person.

    `restricted`: their record (24). `mothers` are the numbers given as the mother's (26), `born` is the date
    of birth, None where it says none; `recorded_at` when its sender recorded that, aware.
    """

    number: NhsNumber = field(repr=False)
    mothers: tuple[NhsNumber, ...] = field(repr=False)
    born: date | None = field(repr=False)
    restricted: bool
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherReading:
    """
    A message about no visit, by its sender and control id.

    `event` is its trigger event, `two_numbers` that it names two NHS numbers for one local patient, `person`
    whom it is about, where it is about one with a usable number. `restricted` are all usable numbers in a
    message that restricts a record and names several (24): each is marked, and nothing puts them together.
    """

    provider: OdsCode
    control_id: str
    event: str
    two_numbers: bool = False
    person: Person | None = None
    restricted: frozenset[NhsNumber] = field(default=frozenset(), repr=False)


def read_other(data: bytes, context: Context) -> OtherReading | None:
    """
    Read a message whose type, version and processing id are taken here, and which is about no visit.

    None for one whose event is neither taken nor, as is settled for its sender, acknowledged unread. Raises
    `MalformedMessage` with a code of table 0357, 100 to 103.
    """
    message, sender = parse_settled(data, context.admits)
    event = event_of(message.header, sender)
    if event in MERGES & sender.events:
        return _merge(message, sender, event)
    if event in PERSONS & sender.events:
        return _person(message, sender, event, context)
    if sender.unknown_events is Unknown.ACCEPT:
        return OtherReading(
            provider=read_provider(message.header), control_id=read_control_id(message.header), event=event
        )
    return None


def may_hold_two_numbers(data: bytes) -> bool:
    """
    Whether bytes may put two NHS numbers of one patient side by side: they are kept nowhere (ruling 42).

    Those of a merge do, whatever its event is called, cut off or within no frame; those of any message that
    names two numbers in the usual places of PID (36); those of which there is too much to look.
    """
    if _OF_MERGE.search(data.replace(b"\x00", b"")):  # as UTF-16 has it, too
        return True
    try:
        message = parse(data)
    except MalformedMessage:
        return any(may_hold_two_numbers(b"MSH" + one) for one in _IN_A_BATCH.split(data)[1:])
    if (
        message.excess
        or said(message.header.field(9, 2)).upper() in MERGES
        or message.first("MRG") is not None
    ):
        return True
    return len({number for one in message.all("PID") for number in usable_numbers(one, AS_RULED)}) > 1


def _merge(message: Message, sender: Sender, event: str) -> OtherReading:
    """Read a merge, as which A34 is taken, too."""
    for name in ("PID", "MRG"):
        required(message, name)
    return OtherReading(
        provider=read_provider(message.header),
        control_id=read_control_id(message.header),
        event=event,
        two_numbers=any(len(numbers) > 1 for numbers in _merged(message, sender)),
    )


def _merged(message: Message, sender: Sender) -> list[set[NhsNumber]]:
    """Return the NHS numbers of each patient of a merge: a PID, and what is merged into it until the next."""
    that_go = replace(sender.number_in, alone=(_NUMBER_THAT_GOES,))
    patients: list[set[NhsNumber]] = [set()]  # an MRG that stands before its PID, too
    for segment in message.every():
        name = segment.raw(0)
        if name == "PID":
            patients.append(set(usable_numbers(segment, sender.number_in)))
        elif name == "MRG":
            patients[-1].update(usable_numbers(segment, that_go, identifiers=_IDENTIFIERS_THAT_GO))
    return patients


def _person(message: Message, sender: Sender, event: str, context: Context) -> OtherReading:
    """Read what a message says of a person: one number or several, mothers, that the record is restricted."""
    provider, control_id = read_provider(message.header), read_control_id(message.header)
    patient, registers = sole(message, "PID"), Registers(context.received_at, sender.time_zone)
    named = numbers_named(message, patient, sender.number_in)
    number, _ = number_of(named, provider, context, registers)
    mothers = mothers_of(named, provider, context.admits.takes)
    registers.day("birth_date", patient.field(7), Fault.BIRTH_DATE)
    recorded_at, _ = read_recording(message, registers)
    hidden, differ = is_hidden(message, message.first("PV1")), Fault.NUMBERS_DIFFER in registers.faults
    taken = (one for one in named.numbers if context.admits.takes(one, provider) is Taking.TAKEN)
    return OtherReading(
        provider=provider,
        control_id=control_id,
        event=event,
        two_numbers=differ,
        person=None
        if number is None
        else Person(
            number=number,
            mothers=mothers,
            born=registers.values.get("birth_date"),
            restricted=hidden,
            recorded_at=recorded_at,
        ),
        restricted=frozenset(taken) if hidden and differ else frozenset(),
    )
