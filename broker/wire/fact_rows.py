"""
Facts as Avro rows, field by field; the same rows stand in inputs and in a person's record.

Written out, not derived: this is the hot path, and a new field of a fact is to be a decision here.
Reading takes a row apart: it must not be used afterwards.
"""

from typing import Any

from broker.core.facts import (
    Access,
    Details,
    IdentityKind,
    IdentityNotice,
    NumberStatus,
    PlanContent,
    PlanType,
    Reliability,
    VisitEvent,
    VisitLeft,
    VisitMessage,
)
from broker.wire.avro import Row
from broker.wire.avro_values import (
    Symbols,
    maybe_code,
    maybe_digits,
    maybe_millis,
    maybe_number,
    maybe_ods,
    millis,
    ods,
    read_reason,
    write_reason,
)

PLAN_TYPES = Symbols(PlanType)
_EVENTS = Symbols(VisitEvent)
_STATUSES = Symbols(NumberStatus)
_RELIABILITIES = Symbols(Reliability)
_NOTICES = Symbols(IdentityKind)


def plan_row(content: PlanContent) -> Row:
    """Return what a plan carries in clear: whose it is, as every plan of that authority says."""
    return {
        "authority": content.authority.code,
        "authority_name": content.authority_name,
        "phone_office": content.phone_office,
        "phone_emergency": content.phone_emergency,
    }


def plan_details_row(content: PlanContent) -> Row:
    """Return what a plan carries sealed in inputs: all by which two could be told to be one (ruling 23)."""
    details = content.details
    return {
        "plan_type": PLAN_TYPES.write(content.plan_type),
        "start": content.start,
        "end": content.end,
        "deleted": content.deleted,
        "verified": content.verified,
        "restricted": content.restricted,
        "family": details.family,
        "given": details.given,
        "birth_date": details.birth_date,
        "child_id": content.child_id,
    }


def plan_content(row: Row, details: Row) -> PlanContent:
    """Return the plan of both rows; raise `MalformedMessage`, `InvalidFact` or `InvalidOdsCode`."""
    return PlanContent(
        authority=ods(row["authority"]),
        plan_type=PLAN_TYPES.read(details["plan_type"]),
        start=details["start"],
        end=details["end"],
        deleted=details["deleted"],
        authority_name=row["authority_name"],
        phone_office=row["phone_office"],
        phone_emergency=row["phone_emergency"],
        details=Details(family=details["family"], given=details["given"], birth_date=details["birth_date"]),
        child_id=details["child_id"],
        verified=details["verified"],
        restricted=details["restricted"],
    )


def message_row(message: VisitMessage) -> Row:
    """Return a hospital message's fields but those of `message_details_row` and the visit's reference."""
    return {
        "message_id": message.message_id,
        "provider": message.provider.code,
        "system": message.system,
        "control_id": message.control_id,
        "event": _EVENTS.write(message.event),
        "recorded_at": millis(message.recorded_at),
        "sent_at": millis(message.sent_at),
        "received_at": millis(message.received_at),
        "sequence": message.sequence,
        "occurred_at": maybe_millis(message.occurred_at),
        "patient_class": message.patient_class,
        "admission_type": message.admission_type,
        "location": message.location,
        "site": maybe_code(message.site),
        "arrived_at": maybe_millis(message.arrived_at),
        "departed_at": maybe_millis(message.departed_at),
        "disposition": message.disposition,
        "reason": write_reason(message.reason),
        "acuity": message.acuity,
        "arrival_mode": message.arrival_mode,
        "number_status": _STATUSES.write_maybe(message.number_status),
        "birth_date_reliability": _RELIABILITIES.write_maybe(message.birth_date_reliability),
        "restricted": message.restricted,
        "cancel_reason": message.cancel_reason,
        "next_of_kin_relationship": message.next_of_kin_relationship,
        "clinician_role": message.clinician_role,
        "cleared": sorted(message.cleared),
        "several_numbers": message.several_numbers,
    }


def message_details_row(message: VisitMessage) -> Row:
    """Return the registers of `SEALED_REGISTERS`."""
    return {
        "clinician_name": message.clinician_name,
        "next_of_kin_name": message.next_of_kin_name,
        "accompanied_by": message.accompanied_by,
        "family": message.family,
        "given": message.given,
        "birth_date": message.birth_date,
        "mothers": None if message.mothers is None else list(message.mothers),
    }


def visit_message(row: Row) -> VisitMessage:
    """Return the message of a row with its every field; raise `MalformedMessage` or `InvalidOdsCode`."""
    row["provider"] = ods(row["provider"])
    row["event"] = _EVENTS.read(row["event"])
    row["site"] = maybe_ods(row["site"])
    row["reason"] = read_reason(row["reason"])
    row["number_status"] = _STATUSES.read_maybe(row["number_status"])
    row["birth_date_reliability"] = _RELIABILITIES.read_maybe(row["birth_date_reliability"])
    row["cleared"] = frozenset(row["cleared"])
    row["mothers"] = None if row["mothers"] is None else tuple(row["mothers"])
    return VisitMessage(**row)


def left_row(left: VisitLeft) -> Row:
    """Return every field of what is said of a visit that goes on under another number."""
    return {
        "visit": left.visit,
        "message_id": left.message_id,
        "control_id": left.control_id,
        "recorded_at": millis(left.recorded_at),
        "sent_at": millis(left.sent_at),
        "received_at": millis(left.received_at),
        "sequence": left.sequence,
    }


def access_row(access: Access) -> Row:
    """Return a look-up's fields but the user's name."""
    return {
        "access_id": access.access_id,
        "organisation": access.organisation.code,
        "organisation_name": access.organisation_name,
        "role": access.role,
        "user": access.user,
        "unscheduled": access.unscheduled,
        "accessed_at": millis(access.accessed_at),
        "recorded_at": millis(access.recorded_at),
        "received_at": millis(access.received_at),
    }


def access_details_row(access: Access) -> Row:
    """Return what a look-up carries sealed in inputs."""
    return {"user_name": access.user_name}


def access_of(row: dict[str, Any]) -> Access:
    """Return the look-up of a row that holds its every field; raise `InvalidOdsCode`."""
    row["organisation"] = ods(row["organisation"])
    return Access(**row)


def notice_row(notice: IdentityNotice) -> Row:
    """Return a notice's fields but those of `notice_details_row`."""
    return {
        "notice_id": notice.notice_id,
        "kind": _NOTICES.write(notice.kind),
        "user": notice.user,
        "named_by": None if notice.named_by is None else notice.named_by.code,
        "visit": notice.visit,
        "recorded_at": millis(notice.recorded_at),
        "received_at": millis(notice.received_at),
    }


def notice_details_row(notice: IdentityNotice) -> Row:
    """Return what a notice carries sealed in inputs."""
    return {
        "birth_date": notice.birth_date,
        "successor": maybe_digits(notice.successor),
        "mother": notice.mother,
    }


def notice_of(row: Row) -> IdentityNotice:
    """Return the notice of a row with its every field; raise `MalformedMessage` or as its parts do."""
    row["kind"] = _NOTICES.read(row["kind"])
    row["successor"] = maybe_number(row["successor"])
    row["named_by"] = None if row["named_by"] is None else ods(row["named_by"])
    return IdentityNotice(**row)
