"""
Facts as they lie in the input topics: what a recorder may see in clear, the rest sealed.

Each input topic has one schema, and the sealed part of a record is a framed record of its own, bound to its
schema's name and the NHS number: moved to another person's key it does not open. What a superseded number
sends on (ruling 22) lies in any input as it was first written, in a wrapper that says how it came.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, assert_never

from broker.core.errors import MalformedMessage
from broker.core.facts import (
    SEALED_REGISTERS,
    Access,
    Birth,
    Cover,
    Fact,
    IdentityNotice,
    LinkEnded,
    PlanFact,
    VisitLeft,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber, to_the_minute
from broker.core.person import Person
from broker.core.succession import Merged, Passage
from broker.wire.avro import Row, Schemas
from broker.wire.avro_values import millis, refusing
from broker.wire.envelope import Sealer, bound_to, open_row, seal_row
from broker.wire.fact_rows import (
    access_details_row,
    access_of,
    access_row,
    left_row,
    message_details_row,
    message_row,
    notice_details_row,
    notice_of,
    notice_row,
    plan_content,
    plan_details_row,
    plan_row,
    visit_message,
)
from broker.wire.newborn_rows import birth_of, birth_row, cover_of, cover_row, link_ended_of, link_ended_row
from broker.wire.state_codec import StateCodec

PLANS_TOPIC = "cpis.in.plans"
ATTENDANCES_TOPIC = "cpis.in.attendances"
ACCESSES_TOPIC = "cpis.in.accesses"
IDENTITY_TOPIC = "cpis.in.identity"

SCHEMA_BY_TOPIC = {
    PLANS_TOPIC: "plan",
    ATTENDANCES_TOPIC: "attendance",
    ACCESSES_TOPIC: "access",
    IDENTITY_TOPIC: "identity",
}
"""
The schema of each input topic: attendances hold `visit_left` too, those and identities hold `kin`, and each
of them may hold `forwarded`.
"""

_WITH_KIN = frozenset({"attendance", "identity"})
_KIN = {"BIRTH": "birth_details", "COVER": "cover_details", "LINK_ENDED": "link_ended_details"}

_NO_NOTICE_DETAILS: Row = dict.fromkeys(("birth_date", "successor"))
_NO_MESSAGE_DETAILS: Row = dict.fromkeys(SEALED_REGISTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """
    What a record of an input holds.

    `value` is the fact as it was first written, under `number`. `passage` says how it came to its key, None
    for one that lies where it was written; a `Merged` always has one.
    """

    fact: Fact | Merged
    value: bytes
    number: NhsNumber
    passage: Passage | None = None


Kin = Birth | Cover | LinkEnded
"""What is said to a mother or a baby of the other."""


def topic_of(fact: Fact) -> str:
    """Return the name of the input topic that a fact belongs to."""
    match fact:
        case PlanFact():
            return PLANS_TOPIC
        case VisitMessage() | VisitLeft() | Birth():
            return ATTENDANCES_TOPIC
        case Access():
            return ACCESSES_TOPIC
        case IdentityNotice() | Cover() | LinkEnded():
            return IDENTITY_TOPIC
        case _:
            assert_never(fact)


def schema_of(fact: Fact) -> str:
    """Return the name of the schema that a fact is written under."""
    match fact:
        case Birth() | Cover() | LinkEnded():
            return "kin"
        case VisitLeft():
            return "visit_left"
        case _:
            return SCHEMA_BY_TOPIC[topic_of(fact)]


class FactCodec:
    """Facts ↔ values of the input topics."""

    def __init__(self, schemas: Schemas, sealer: Sealer) -> None:
        """Take the schemas, and what seals the details."""
        self._schemas = schemas
        self._sealer = sealer
        self._states = StateCodec(schemas)

    def encode(self, fact: Fact, number: NhsNumber) -> bytes:
        """Return the value for `topic_of(fact)` under `number.key`; times are cut to milliseconds."""
        row: Row
        match fact:
            case PlanFact():
                row = plan_row(fact.content)
                row["received_at"] = millis(fact.received_at)
                row["file_id"] = fact.file_id
                details = plan_details_row(fact.content) | {"recorded_at": millis(fact.recorded_at)}
                row["sealed"] = self._seal("plan_details", details, number)
                return self._schemas.encode("plan", row)
            case VisitMessage():
                return self.encode_message(fact, number)
            case VisitLeft():
                return self._schemas.encode("visit_left", left_row(fact))
            case Access():
                row = access_row(fact)
                row["sealed"] = self._seal("access_details", access_details_row(fact), number)
                return self._schemas.encode("access", row)
            case IdentityNotice():
                row = notice_row(fact)
                row["sealed"] = self._seal("identity_details", notice_details_row(fact), number)
                return self._schemas.encode("identity", row)
            case Birth() | Cover() | LinkEnded():
                return self._encode_kin(fact, number)
            case _:
                assert_never(fact)

    def encode_message(self, message: VisitMessage, number: NhsNumber, faults: Iterable[str] = ()) -> bytes:
        """Return the value of a message, with the stable words of what was amiss with it beside it."""
        row = message_row(message)
        row["visit"] = message.visit
        row["faults"] = list(faults)
        row["sealed"] = self._seal("attendance_details", message_details_row(message), number)
        return self._schemas.encode("attendance", row)

    def _encode_kin(self, fact: Kin, number: NhsNumber) -> bytes:
        """Return what is said to a mother or a baby of the other: nothing is in clear but the minute."""
        if isinstance(fact, Birth):
            kind, row = "BIRTH", birth_row(fact)
        elif isinstance(fact, Cover):
            kind, row = "COVER", cover_row(fact)
        else:
            kind, row = "LINK_ENDED", link_ended_row(fact)
        sealed = self._seal(_KIN[kind], row, number)
        at = to_the_minute(fact.received_at)
        return self._schemas.encode("kin", {"kind": kind, "received_at": millis(at), "sealed": sealed})

    def _decode_kin(self, key: bytes, value: bytes) -> Kin:
        """Return what is said to a mother or a baby of the other."""
        row = self._schemas.decode("kin", value)
        with refusing("kin"):
            kind = row["kind"]
            details = self._open(_KIN[kind], row["sealed"], key)
            if kind == "BIRTH":
                return birth_of(details)
            return cover_of(details) if kind == "COVER" else link_ended_of(details)

    def decode(self, topic: str, key: bytes, value: bytes) -> Fact:
        """
        Return the fact of a record of an input topic.

        Raise `MalformedMessage` when the bytes are none of this topic's facts, `UnsealingFailed` when the
        sealed part was made for another key, altered, or outlived its key.
        """
        name = SCHEMA_BY_TOPIC.get(topic)
        if name is None:
            raise MalformedMessage("topic holds no facts", detail=topic)
        if name == "attendance" and self._schemas.subject_of(value) == "visit_left":
            return VisitLeft(**self._schemas.decode("visit_left", value))
        if name in _WITH_KIN and self._schemas.subject_of(value) == "kin":
            return self._decode_kin(key, value)
        row = self._schemas.decode(name, value)
        with refusing(name):
            if name == "plan":
                details = self._open("plan_details", row["sealed"], key)
                return PlanFact(
                    content=plan_content(row, details),
                    recorded_at=details["recorded_at"],
                    received_at=row["received_at"],
                    file_id=row["file_id"],
                )
            if name == "attendance":
                del row["faults"]
                row |= self._open("attendance_details", row.pop("sealed"), key) or _NO_MESSAGE_DETAILS
                return visit_message(row)
            if name == "access":
                row |= self._open("access_details", row.pop("sealed"), key)
                return access_of(row)
            row |= self._open("identity_details", row.pop("sealed"), key) or _NO_NOTICE_DETAILS
            return notice_of(row)

    def attendance_in_clear(self, data: bytes) -> VisitMessage | VisitLeft | None:
        """
        Return what intake wrote of visits, opening nothing sealed; None for births, and for what was sent on.

        Raises `MalformedMessage`.
        """
        match self._schemas.subject_of(data):
            case "visit_left":
                return VisitLeft(**self._schemas.decode("visit_left", data))
            case "forwarded" | "kin":
                return None
            case _:
                return self.message_in_clear(data)

    def is_left(self, data: bytes) -> bool:
        """Return whether a value says that a visit left a number; raise `MalformedMessage`."""
        return self._schemas.subject_of(data) == "visit_left"

    def message_in_clear(self, data: bytes) -> VisitMessage:
        """
        Return the message of an attendance, opening nothing that is sealed: whose it is it does not say.

        Raises `MalformedMessage`.
        """
        return self.message_with_faults(data)[0]

    def message_with_faults(self, data: bytes) -> tuple[VisitMessage, tuple[str, ...]]:
        """Return the same, with the stable words of what was amiss with it; raises `MalformedMessage`."""
        row = self._schemas.decode("attendance", data)
        del row["sealed"]
        faults = tuple(row.pop("faults"))
        with refusing("attendance"):
            return visit_message(row | _NO_MESSAGE_DETAILS), faults

    def encode_merged(self, merged: Merged, number: NhsNumber) -> bytes:
        """Return what goes to the successor of `number`; it is read inside a wrapper alone (`wrap`)."""
        person = Person(
            number=number,
            salt=b"",
            known=merged.known,
            told=merged.told,
            items=merged.items,
            closed=merged.closed,
            untold=merged.untold,
            history=merged.history,
            set_aside=merged.set_aside,
        )
        bond = bound_to("merged", number.key)
        row = {
            "received_at": millis(merged.received_at),
            "sealed": seal_row(self._sealer, self._states.encode_person(person), bond),
            "forgotten": merged.forgotten,
        }
        return self._schemas.encode("merged", row)

    def wrap(self, value: bytes, passage: Passage, number: NhsNumber) -> bytes:
        """Return a fact, as it was first written, for the input of its topic under a successor's `number`."""
        row = {"numbers": [passed.digits for passed in passage.numbers], "stamp": millis(passage.stamp)}
        return self._schemas.encode(
            "forwarded", {"value": value, "sealed": self._seal("passage", row, number)}
        )

    def read(self, topic: str, key: bytes, value: bytes) -> Arrival:
        """Return what a record of an input topic holds, sent on or not; raise as `decode` does."""
        with refusing("key"):
            number = NhsNumber(key.decode("ascii", "replace"))
        if self._schemas.subject_of(value) != "forwarded":
            return Arrival(fact=self.decode(topic, key, value), value=value, number=number)
        row = self._schemas.decode("forwarded", value)
        passed = self._open("passage", row["sealed"], key)
        with refusing("passage"):
            numbers = tuple(NhsNumber(digits) for digits in passed["numbers"])
        if not numbers:
            raise MalformedMessage("avro content refused", detail="no number passed")
        passage = Passage(numbers=numbers, stamp=passed["stamp"])
        inner, first = row["value"], numbers[0]
        if topic == IDENTITY_TOPIC and self._schemas.subject_of(inner) == "merged":
            fact: Fact | Merged = self._merged(inner, passage)
        else:
            fact = self.decode(topic, first.key, inner)
        return Arrival(fact=fact, value=inner, number=first, passage=passage)

    def seal_part(self, topic: str, value: bytes, number: NhsNumber) -> Row:
        """Return a value of an input, or with no topic a person's record, sealed for a number not in use."""
        return {"topic": topic, "sealed": seal_row(self._sealer, value, bound_to("inactive", number.key))}

    def open_part(self, part: Row, number: NhsNumber) -> bytes:
        """Return what was sealed; raise `UnsealingFailed`."""
        return open_row(self._sealer, part["sealed"], bound_to("inactive", number.key))

    def _merged(self, value: bytes, passage: Passage) -> Merged:
        """Return what was known and told under the first number passed."""
        row, former = self._schemas.decode("merged", value), passage.numbers[0]
        held = open_row(self._sealer, row["sealed"], bound_to("merged", former.key))
        person = self._states.decode_person(former, held)
        return Merged(
            stamp=passage.stamp,
            received_at=row["received_at"],
            known=person.known,
            told=person.told,
            items=person.items,
            closed=person.closed,
            untold=person.untold,
            history=person.history,
            set_aside=person.set_aside,
            forgotten=row["forgotten"],
        )

    def _seal(self, name: str, details: Row, number: NhsNumber) -> Row | None:
        """Return the envelope of a record's details, None when it has none."""
        if all(value is None for value in details.values()):
            return None
        return seal_row(self._sealer, self._schemas.encode(name, details), bound_to(name, number.key))

    def _open(self, name: str, envelope: dict[str, Any] | None, key: bytes) -> Row:
        """Return the details in an envelope, an empty row for none."""
        if envelope is None:
            return {}
        return self._schemas.decode(name, open_row(self._sealer, envelope, bound_to(name, key)))
