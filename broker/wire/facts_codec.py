"""
Facts as they lie in the input topics: what a recorder may see in clear, the rest sealed.

Each input topic has one schema, and the sealed part of a record is a framed record of its own, bound to its
schema's name and the NHS number: moved to another person's key it does not open.
"""

from typing import Any, assert_never

from broker.core.errors import MalformedMessage
from broker.core.facts import Access, Fact, IdentityNotice, PlanFact, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.wire.avro import Row, Schemas
from broker.wire.avro_values import millis, ods, refusing
from broker.wire.envelope import Sealer, bound_to, open_row, seal_row
from broker.wire.fact_rows import (
    access_details_row,
    access_of,
    access_row,
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
"""The one schema that each input topic holds."""

_NO_PLAN_DETAILS: Row = dict.fromkeys(("family", "given", "birth_date", "child_id"))
_NO_MESSAGE_DETAILS: Row = dict.fromkeys(
    ("clinician_name", "next_of_kin_name", "family", "given", "birth_date")
)
_NO_NOTICE_DETAILS: Row = {"birth_date": None}


def topic_of(fact: Fact) -> str:
    """Return the name of the input topic that a fact belongs to."""
    match fact:
        case PlanFact():
            return PLANS_TOPIC
        case VisitMessage():
            return ATTENDANCES_TOPIC
        case Access():
            return ACCESSES_TOPIC
        case IdentityNotice():
            return IDENTITY_TOPIC
        case _:
            assert_never(fact)


class FactCodec:
    """Facts ↔ values of the input topics."""

    def __init__(self, schemas: Schemas, sealer: Sealer) -> None:
        """Take the schemas, and what seals the details."""
        self._schemas = schemas
        self._sealer = sealer

    def encode(self, fact: Fact, number: NhsNumber) -> bytes:
        """Return the value for `topic_of(fact)` under `number.key`; times are cut to milliseconds."""
        row: Row
        match fact:
            case PlanFact():
                row = plan_row(fact.content)
                row["recorded_at"] = millis(fact.recorded_at)
                row["received_at"] = millis(fact.received_at)
                row["file_id"] = fact.file_id
                row["sealed"] = self._seal("plan_details", plan_details_row(fact.content), number)
                return self._schemas.encode("plan", row)
            case VisitMessage():
                row = message_row(fact)
                row["visit"] = fact.visit
                row["sealed"] = self._seal("attendance_details", message_details_row(fact), number)
                return self._schemas.encode("attendance", row)
            case Access():
                row = access_row(fact)
                row["sealed"] = self._seal("access_details", access_details_row(fact), number)
                return self._schemas.encode("access", row)
            case IdentityNotice():
                row = notice_row(fact)
                row["sealed"] = self._seal("identity_details", notice_details_row(fact), number)
                return self._schemas.encode("identity", row)
            case _:
                assert_never(fact)

    def decode(self, topic: str, key: bytes, value: bytes) -> Fact:
        """
        Return the fact of a record of an input topic.

        Raise `MalformedMessage` when the bytes are none of this topic's facts, `UnsealingFailed` when the
        sealed part was made for another key, altered, or outlived its key.
        """
        name = SCHEMA_BY_TOPIC.get(topic)
        if name is None:
            raise MalformedMessage("topic holds no facts", detail=topic)
        row = self._schemas.decode(name, value)
        with refusing(name):
            if name == "plan":
                details = self._open("plan_details", row["sealed"], key) or _NO_PLAN_DETAILS
                return PlanFact(
                    content=plan_content(row, details),
                    recorded_at=row["recorded_at"],
                    received_at=row["received_at"],
                    file_id=row["file_id"],
                )
            if name == "attendance":
                row |= self._open("attendance_details", row.pop("sealed"), key) or _NO_MESSAGE_DETAILS
                return visit_message(row)
            if name == "access":
                row |= self._open("access_details", row.pop("sealed"), key)
                return access_of(row)
            row |= self._open("identity_details", row.pop("sealed"), key) or _NO_NOTICE_DETAILS
            return notice_of(row)

    def visit_in_clear(self, data: bytes) -> tuple[str, OdsCode, str]:
        """
        Return reference, provider and sending system of an attendance, opening nothing that is sealed.

        Raises `MalformedMessage`.
        """
        row = self._schemas.decode("attendance", data)
        with refusing("attendance"):
            return row["visit"], ods(row["provider"]), row["system"]

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
