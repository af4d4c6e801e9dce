"""
Standing alerts as Avro rows; the same rows stand in alert events and in a person's told ledger.

Reading takes a row apart: it must not be used afterwards.
"""

from collections.abc import Mapping
from typing import Any

from broker.core.alerts import (
    Alert,
    Contact,
    EventKind,
    Mark,
    Note,
    Occasion,
    PlanLine,
    PlanState,
    Recipient,
    RecipientKind,
    Route,
    SubjectRole,
    Urgency,
    ViewLine,
    VisitLine,
    VisitState,
)
from broker.core.worklist import ItemKind, WorklistItem
from broker.wire.avro import Row
from broker.wire.avro_values import (
    Symbols,
    maybe_code,
    maybe_millis,
    maybe_ods,
    millis,
    ods,
    read_reason,
    write_reason,
)
from broker.wire.fact_rows import PLAN_TYPES

OCCASIONS = Symbols(Occasion)
RECIPIENTS = Symbols(RecipientKind)
EVENT_KINDS = Symbols(EventKind)
_ROUTES = Symbols(Route)
_URGENCIES = Symbols(Urgency)
_NOTES = Symbols(Note)
_ROLES = Symbols(SubjectRole)
_PLAN_STATES = Symbols(PlanState)
_MARKS = Symbols(Mark)
VISIT_STATES = Symbols(VisitState)
_ITEM_KINDS = Symbols(ItemKind)


def alert_row(alert: Alert) -> Row:
    """Return an alert's fields but the authority's own ids."""
    return {
        "alert_id": alert.alert_id,
        "subject_reference": alert.subject,
        "occasion": OCCASIONS.write(alert.occasion),
        "recipient_kind": RECIPIENTS.write(alert.recipient.kind),
        "recipient": alert.recipient.code.code,
        "route": _ROUTES.write(alert.route),
        "urgency": _URGENCIES.write(alert.urgency),
        "plans": [_plan_line_row(line) for line in alert.plans],
        "visit": None if alert.visit is None else _visit_line_row(alert.visit),
        "views": [_view_line_row(line) for line in alert.views],
        "other_authorities": [_contact_row(contact) for contact in alert.other_authorities],
        "earlier_visits": alert.earlier_visits,
        "last_visit_at": maybe_millis(alert.last_visit_at),
        "asked_again": alert.asked_again,
        "notes": _NOTES.write_all(alert.notes),
    }


def own_ids(alert: Alert) -> Row:
    """Return the authority's own ids of an alert, which go to that authority alone (ruling 28)."""
    return {"authority_child_id": alert.child_id, "authority_file_id": alert.file_id}


def alert_of(row: Mapping[str, Any]) -> Alert:
    """Return the alert of a row with its own ids; raise `MalformedMessage` or `InvalidOdsCode`."""
    visit = row["visit"]
    return Alert(
        alert_id=row["alert_id"],
        subject=row["subject_reference"],
        occasion=OCCASIONS.read(row["occasion"]),
        recipient=Recipient(kind=RECIPIENTS.read(row["recipient_kind"]), code=ods(row["recipient"])),
        route=_ROUTES.read(row["route"]),
        urgency=_URGENCIES.read(row["urgency"]),
        plans=tuple([_plan_line(line) for line in row["plans"]]),
        visit=None if visit is None else _visit_line(visit),
        views=tuple([_view_line(line) for line in row["views"]]),
        other_authorities=tuple([_contact(contact) for contact in row["other_authorities"]]),
        earlier_visits=row["earlier_visits"],
        last_visit_at=row["last_visit_at"],
        asked_again=row["asked_again"],
        notes=_NOTES.read_all(row["notes"]),
        child_id=row["authority_child_id"],
        file_id=row["authority_file_id"],
    )


def _plan_line_row(line: PlanLine) -> Row:
    """Return one plan as told."""
    return {
        "authority": line.authority.code,
        "authority_name": line.authority_name,
        "phone_emergency": line.phone_emergency,
        "phone_office": line.phone_office,
        "plan_type": PLAN_TYPES.write(line.plan_type),
        "role": _ROLES.write(line.role),
        "start": line.start,
        "end": line.end,
        "state": _PLAN_STATES.write(line.state),
        "marks": _MARKS.write_all(line.marks),
    }


def _plan_line(row: Row) -> PlanLine:
    """Return the plan as told."""
    row["authority"] = ods(row["authority"])
    row["plan_type"] = PLAN_TYPES.read(row["plan_type"])
    row["role"] = _ROLES.read(row["role"])
    row["state"] = _PLAN_STATES.read(row["state"])
    row["marks"] = _MARKS.read_all(row["marks"])
    return PlanLine(**row)


def _visit_line_row(line: VisitLine) -> Row:
    """Return the visit as told."""
    return {
        "visit": line.visit,
        "provider": maybe_code(line.provider),
        "provider_name": line.provider_name,
        "site": maybe_code(line.site),
        "location": line.location,
        "state": VISIT_STATES.write(line.state),
        "arrived_at": millis(line.arrived_at),
        "departed_at": maybe_millis(line.departed_at),
        "patient_class": line.patient_class,
        "arrival_mode": line.arrival_mode,
        "reason": write_reason(line.reason),
        "acuity": line.acuity,
        "disposition": line.disposition,
        "clinician_role": line.clinician_role,
        "clinician_name": line.clinician_name,
        "call_back": line.call_back,
        "next_of_kin_relationship": line.next_of_kin_relationship,
        "next_of_kin_name": line.next_of_kin_name,
        "accompanied_by": line.accompanied_by,
    }


def _visit_line(row: Row) -> VisitLine:
    """Return the visit as told."""
    row["provider"] = maybe_ods(row["provider"])
    row["site"] = maybe_ods(row["site"])
    row["state"] = VISIT_STATES.read(row["state"])
    row["reason"] = read_reason(row["reason"])
    return VisitLine(**row)


def _view_line_row(line: ViewLine) -> Row:
    """Return one look-up as told."""
    return {
        "access_id": line.access_id,
        "organisation": line.organisation.code,
        "organisation_name": line.organisation_name,
        "role": line.role,
        "user_name": line.user_name,
        "accessed_at": millis(line.accessed_at),
    }


def _view_line(row: Row) -> ViewLine:
    """Return the look-up as told."""
    row["organisation"] = ods(row["organisation"])
    return ViewLine(**row)


def _contact_row(contact: Contact) -> Row:
    """Return another authority as told."""
    return {
        "authority": contact.authority.code,
        "name": contact.name,
        "phone_emergency": contact.phone_emergency,
        "phone_office": contact.phone_office,
    }


def _contact(row: Row) -> Contact:
    """Return the other authority as told."""
    row["authority"] = ods(row["authority"])
    return Contact(**row)


def item_row(item: WorklistItem) -> Row:
    """Return a worklist item's fields."""
    return {
        "item_id": item.item_id,
        "kind": _ITEM_KINDS.write(item.kind),
        "urgent": item.urgent,
        "provider": maybe_code(item.provider),
        "visit": item.visit,
        "control_id": item.control_id,
        "arrived_at": maybe_millis(item.arrived_at),
    }


def item_of(row: Mapping[str, Any]) -> WorklistItem:
    """Return the worklist item of a row that may hold more; raise `MalformedMessage`, `InvalidOdsCode`."""
    return WorklistItem(
        item_id=row["item_id"],
        kind=_ITEM_KINDS.read(row["kind"]),
        urgent=row["urgent"],
        provider=maybe_ods(row["provider"]),
        visit=row["visit"],
        control_id=row["control_id"],
        arrived_at=row["arrived_at"],
    )
