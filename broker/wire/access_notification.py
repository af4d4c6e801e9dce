"""
The Access to Service Notification, HL7 v3 message REPC_MT000004GB01 (dossier 3.6): alert events → bytes.

Knows which events tell of an access, what the message can say of it, and what it must not: of a restricted
record nobody learns where or who (ruling 24). Setting, reason and outcome have no place in it; they stand in
the alert itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml.etree import _Element as Element

from broker.core.alerts import AlertEvent, Change, EventKind, Note, Occasion
from broker.core.identifiers import OdsCode
from broker.wire.alerts_codec import Published
from broker.wire.hl7v3_writing import (
    UNKNOWN,
    add,
    add_organisation,
    add_recipient,
    add_template,
    add_text,
    begin,
    message_id,
    timestamp,
    written,
)
from broker.wire.upload_record import LOCAL_ID_ROOT, NHS_NUMBER_ROOT

ASID_ROOT = "1.2.826.0.1285.0.2.0.107"
"""Says of an identifier that it is an accredited system's."""

_OCCASIONS = frozenset({Occasion.ATTENDED, Occasion.VIEWED})
_NEWS = frozenset({Change.VIEW, Change.REINSTATED, Change.IDENTITY, Change.RESTRICTED})
"""What an update must bring to be told: another access, one that counts again, or one to be told anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """An organisation in a message: its ODS code and what it is called."""

    code: OdsCode
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondents:
    """Who tells whom: the authority, the operator of the broker and the id (ASID) of its system."""

    authority: Office
    operator: Office
    asid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Access:
    """One access as the message says it: its id, when, at whose place, and by whom where that is known."""

    access_id: str
    at: datetime
    place: Office
    role: str | None = None
    name: str | None = None


def tells_of_access(event: AlertEvent) -> bool:
    """
    Whether an event says that somebody came or was looked up, so that a notification says it.

    What became of a visit afterwards, and what an authority is asked, has no place in the message; nor has it
    a word for a visit that may be somebody else's (ruling 46): that waits until it is confirmed.
    """
    if event.alert.occasion not in _OCCASIONS or Note.NOT_CONFIRMED in event.alert.notes:
        return False
    if event.kind is EventKind.RAISED:
        return True
    return event.kind is EventKind.UPDATED and not _NEWS.isdisjoint(event.changes)


def write_access_notification(
    told: Sequence[Published], between: Correspondents, *, notification_id: str, at: datetime
) -> bytes:
    """
    Return the notification of events, in UTF-8; of none it is the empty one.

    Of several events of one alert the newest is told. Each access has the same id whenever it is told;
    `notification_id` is a UUID, `at` (aware) when the message is made.
    """
    root = begin("CP-ISAccessToServiceNotification")
    add(root, "effectiveTime", value=timestamp(at))
    add(root, "id", root=notification_id)
    records = _newest(told)
    total = add(add(root, "pertinentInformation"), "pertinentTotalReturnedRecords")
    add(total, "value", value=str(len(records)))
    for published in records:
        record = add(add(root, "pertinentInformation1"), "pertinentCP-ISRecordAccess")
        for access in _accesses(published, between, at):
            _add_query(record, access, published.event, between)
        file = add(add(record, "reference"), "referredToLAUploadFile")
        add(file, "value", extension=published.event.alert.file_id or UNKNOWN)
    add_recipient(root, code=between.authority.code.code, called=between.authority.name)
    return written(root)


def access_ids(published: Published, between: Correspondents, at: datetime) -> tuple[str, ...]:
    """Return the ids under which the accesses of an alert are told, at whatever time (aware) they are."""
    return tuple(access.access_id for access in _accesses(published, between, at))


def add_person_ids(parent: Element, name: str, event: AlertEvent, authority: Office) -> None:
    """Append the child's NHS number and, where it is known, the authority's own id (ruling 29)."""
    add(parent, name, root=NHS_NUMBER_ROOT, extension=event.subject.digits)
    if event.alert.child_id:
        whose = f"{authority.code}:{authority.name}"
        add(parent, name, root=LOCAL_ID_ROOT, extension=event.alert.child_id, assigningAuthorityName=whose)


def _newest(told: Iterable[Published]) -> Sequence[Published]:
    """Return the newest event of each alert, in the order in which the alerts were first told of."""
    newest: dict[str, Published] = {}
    for published in told:
        alert_id = published.event.alert.alert_id
        held = newest.get(alert_id)
        if held is None or held.event.revision < published.event.revision:
            newest[alert_id] = published
    return list(newest.values())


def _accesses(published: Published, between: Correspondents, at: datetime) -> Iterator[_Access]:
    """Yield the accesses of an alert: the visit, and each time somebody looked the child up."""
    alert = published.event.alert
    visit = alert.visit
    if visit is not None:
        yield _Access(
            access_id=message_id(alert.alert_id, "visit"),
            at=visit.arrived_at,
            place=_place(visit.provider, visit.provider_name, between),
            role=visit.clinician_role,
            name=visit.clinician_name,
        )
    for view in alert.views:
        yield _Access(
            access_id=message_id(alert.alert_id, view.access_id),
            at=view.accessed_at,
            place=_place(view.organisation, view.organisation_name, between),
            role=view.role,
            name=view.user_name,
        )
    if visit is None and not alert.views:  # of a restricted record not even who looked it up is told
        yield _Access(
            access_id=message_id(alert.alert_id, "view"),
            at=published.caused_received_at or at,
            place=between.operator,
        )


def _place(code: OdsCode | None, name: str | None, between: Correspondents) -> Office:
    """Return where an access was; the broker's operator stands where that may not be told (ruling 24)."""
    return between.operator if code is None else Office(code=code, name=name or code.code)


def _add_query(record: Element, access: _Access, event: AlertEvent, between: Correspondents) -> None:
    """Append one access as the query that it would have been nationally."""
    query = add(add(record, "pertinentInformation2"), "pertinentCP-ISNHSQuery")
    add(query, "effectiveTime", value=timestamp(access.at))
    add(query, "id", root=access.access_id)
    system = add_template(add(query, "author"), "COCT_TP145104GB01.System")
    add(system, "id", root=ASID_ROOT, extension=between.asid)
    if access.name:
        person = add(add(system, "indirectAuthority"), "superiorAssignedEntity")
        add(person, "code", displayName=access.role or UNKNOWN)
        add_text(add(person, "assignedPerson"), "name", access.name)
    add_organisation(system, "maintainingOrganization", code=access.place.code.code, called=access.place.name)
    person_id = add(add(query, "queryByParameter"), "person.id")
    add_person_ids(person_id, "value", event, between.authority)
