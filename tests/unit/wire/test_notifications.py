"""
The notifications to an authority as XML: REPC_MT000004GB01 for an access, REPC_MT000005GB01 for a number.

Whatever the alert, each is valid by its official schema, and says no more than may be said (rulings 23, 24).
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from broker.core.alerts import (
    Alert,
    AlertEvent,
    Change,
    EventKind,
    Note,
    Occasion,
    Recipient,
    RecipientKind,
    Route,
    Urgency,
    ViewLine,
    VisitLine,
    VisitState,
)
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.restriction import reduced, unlinked
from broker.wire.access_notification import (
    Correspondents,
    Office,
    tells_of_access,
    write_access_notification,
)
from broker.wire.alerts_codec import Published
from broker.wire.hl7v3_writing import UNKNOWN, message_id
from broker.wire.inactive_notification import tells_of_inactive_number, write_inactive_notification
from tests.builders.upload import HL7
from tests.official_schemas import faults_of, official_schema
from tests.strategies import alert_events

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
CHILD = NhsNumber("9990000018")
BETWEEN = Correspondents(
    authority=Office(code=OdsCode("E09"), name="Exton Borough Council"),
    operator=Office(code=OdsCode("X26"), name="Operator of the broker"),
    asid="200000000001",
)
ACCESS, INACTIVE = "REPC_MT000004GB01", "REPC_MT000005GB01"
ID = message_id("a notification")
CAME = VisitLine(
    visit="v" * 32,
    provider=OdsCode("RXX"),
    provider_name="Exton Hospital",
    state=VisitState.PRESENT,
    arrived_at=NOON,
    clinician_role="consultant",
    clinician_name="Dr A",
)
LOOKED = ViewLine(
    access_id="a1",
    organisation=OdsCode("RYY"),
    organisation_name="Wyton Clinic",
    role="nurse",
    user_name="B Nurse",
    accessed_at=NOON + timedelta(minutes=5),
)


def alert(**said: object) -> Alert:
    """Return what an authority is told of a visit."""
    usual = Alert(
        alert_id="1" * 32,
        subject="v" * 32,
        occasion=Occasion.ATTENDED,
        recipient=Recipient(kind=RecipientKind.AUTHORITY, code=OdsCode("E09")),
        route=Route.DUTY,
        urgency=Urgency.NOW,
        plans=(),
        visit=CAME,
        child_id="C-1",
        file_id="file-7",
    )
    return replace(usual, **said)  # type: ignore[arg-type]  # each test says fields of an alert


def told(
    alert: Alert,
    *,
    revision: int = 1,
    kind: EventKind = EventKind.RAISED,
    changes: tuple[Change, ...] = (),
    caused_at: datetime | None = NOON,
) -> Published:
    """Return an event that tells an alert."""
    event = AlertEvent(
        event_id=f"{revision:032}", subject=CHILD, alert=alert, revision=revision, kind=kind, changes=changes
    )
    return Published(
        event=event, statements=(), caused_received_at=caused_at, rules_version=1, policy_version="p"
    )


def access(*events: Published, at: datetime = NOON) -> bytes:
    """Return the notification of events."""
    return write_access_notification(events, BETWEEN, notification_id=ID, at=at)


def found(data: bytes, path: str) -> list[str]:
    """Return the attributes or texts at an XPath (prefix `h`)."""
    values = etree.fromstring(data).xpath(path, namespaces={"h": HL7})
    assert isinstance(values, list)
    return [str(value) for value in values]


def test_the_oracles_can_say_no() -> None:
    """A notification without its recipient is not let through by either schema."""
    for message, data in (
        (ACCESS, access()),
        (INACTIVE, write_inactive_notification(told(alert()), BETWEEN, notification_id=ID, at=NOON)),
    ):
        official_schema(message)
        root = etree.fromstring(data)
        recipient = root.find(f"{{{HL7}}}primaryInformationRecipient")
        assert recipient is not None
        root.remove(recipient)

        assert faults_of(etree.tostring(root), message)


@settings(deadline=None, max_examples=40)
@given(events=st.lists(alert_events(), max_size=2), caused_at=st.sampled_from([None, NOON]))
def test_every_notification_is_valid_whatever_the_alerts_say(
    events: list[AlertEvent], caused_at: datetime | None
) -> None:
    """A word that XML has no character for holds up nothing (dossier 3.6, 3.7)."""
    published = [told(one.alert, caused_at=caused_at) for one in events]

    assert [] == faults_of(access(*published), ACCESS)
    for one in published:
        data = write_inactive_notification(one, BETWEEN, notification_id=ID, at=NOON)
        assert [] == faults_of(data, INACTIVE)


def test_an_access_is_told_with_who_and_where_and_whose_child() -> None:
    """Organisation, person, time, NHS number, the authority's own id, the upload it came in (29)."""
    data = access(told(alert(views=(LOOKED,))))

    assert [] == faults_of(data, ACCESS)
    query = "//h:pertinentCP-ISNHSQuery"
    assert [
        ["1"],
        ["20260115120000+0000", "20260115120500+0000"],
        ["RXX", "RYY"],
        ["Exton Hospital", "Wyton Clinic"],
        ["Dr A", "B Nurse"],
        ["consultant", "nurse"],
        ["9990000018", "C-1"] * 2,
        ["E09:Exton Borough Council"] * 2,
        ["file-7"],
        ["E09"],
    ] == [
        found(data, path)
        for path in (
            "//h:pertinentTotalReturnedRecords/h:value/@value",
            f"{query}/h:effectiveTime/@value",
            f"{query}//h:maintainingOrganization/h:id/@extension",
            f"{query}//h:maintainingOrganization/h:name/text()",
            f"{query}//h:assignedPerson/h:name/text()",
            f"{query}//h:superiorAssignedEntity/h:code/@displayName",
            f"{query}//h:person.id/h:value/@extension",
            f"{query}//h:person.id/h:value/@assigningAuthorityName",
            "//h:referredToLAUploadFile/h:value/@extension",
            "//h:representedSourceOrganization/h:id/@extension",
        )
    ]


def test_the_empty_notification_says_that_there_was_nothing() -> None:
    """It counts none and names nobody (dossier 3.6, D18)."""
    data = access()

    assert [] == faults_of(data, ACCESS)
    assert ["0"] == found(data, "//h:pertinentTotalReturnedRecords/h:value/@value")
    assert [] == found(data, "//h:value/@extension")


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    """The schema wants an upload and a word for the role; no own id, no person stands where there is none."""
    bare = alert(visit=replace(CAME, provider_name=None, clinician_role=None), child_id=None, file_id=None)
    data = access(told(bare))

    assert [] == faults_of(data, ACCESS)
    assert [UNKNOWN] == found(data, "//h:referredToLAUploadFile/h:value/@extension")
    assert ["9990000018"] == found(data, "//h:person.id/h:value/@extension")
    assert [UNKNOWN] == found(data, "//h:superiorAssignedEntity/h:code/@displayName")
    assert ["RXX"] == found(data, "//h:maintainingOrganization/h:name/text()")


@pytest.mark.parametrize(
    "whole", [alert(views=(LOOKED,)), alert(occasion=Occasion.VIEWED, visit=None, views=(LOOKED,))]
)
def test_of_a_restricted_record_neither_place_nor_person_is_told(whole: Alert) -> None:
    """The operator stands where the place would; each access has an id of its own (ruling 24)."""
    data = access(told(unlinked(reduced(whole))))

    assert [] == faults_of(data, ACCESS)
    assert ["X26"] == found(data, "//h:maintainingOrganization/h:id/@extension")
    assert ["20260115120000+0000"] == found(data, "//h:pertinentCP-ISNHSQuery/h:effectiveTime/@value")
    assert not any(word in data for word in (b"RXX", b"RYY", b"Exton Hospital", b"Wyton", b"Dr A", b"Nurse"))


def test_of_a_restricted_look_up_without_a_time_the_message_says_its_own() -> None:
    """What caused it is not known any more after rules have changed: the message's own time stands for it."""
    looked = alert(occasion=Occasion.VIEWED, visit=None, views=(LOOKED,))
    data = access(told(reduced(looked), caused_at=None), at=NOON + timedelta(hours=1))

    assert ["20260115130000+0000"] == found(data, "//h:pertinentCP-ISNHSQuery/h:effectiveTime/@value")


def test_of_one_alert_the_newest_event_is_told_and_each_access_keeps_its_id() -> None:
    """Two events of a thread in one window are one record; nothing is double by id."""
    first, second = told(alert()), told(alert(views=(LOOKED,)), revision=2)
    other = told(alert(alert_id="2" * 32))
    ids = "//h:pertinentCP-ISNHSQuery/h:id/@root"

    data = access(first, second, other)
    assert data == access(second, first, other)
    assert ["2"] == found(data, "//h:pertinentTotalReturnedRecords/h:value/@value")
    assert found(access(first), ids) == found(data, ids)[:1]
    assert len(set(found(data, ids))) == len(found(data, ids))


TOLD = [
    (Occasion.ATTENDED, EventKind.RAISED, (), "access"),
    (Occasion.VIEWED, EventKind.RAISED, (), "access"),
    (Occasion.ATTENDED, EventKind.UPDATED, (Change.VIEW,), "access"),
    (Occasion.ATTENDED, EventKind.UPDATED, (Change.REINSTATED,), "access"),
    (Occasion.ATTENDED, EventKind.UPDATED, (Change.NOTE, Change.IDENTITY), "access"),
    (Occasion.ATTENDED, EventKind.UPDATED, (Change.RESTRICTED,), "access"),
    (Occasion.ATTENDED, EventKind.UPDATED, (Change.DISCHARGED,), "neither"),
    (Occasion.ATTENDED, EventKind.UPDATED, (Change.CANCELLED,), "neither"),
    (Occasion.ATTENDED, EventKind.WITHDRAWN, (), "neither"),
    (Occasion.ATTENDED, EventKind.RETRACTED, (), "neither"),
    (Occasion.BORN, EventKind.RAISED, (), "neither"),
    (Occasion.OUTCOME_AWAITED, EventKind.UPDATED, (Change.ASKED_AGAIN,), "neither"),
    (Occasion.NUMBER_INACTIVE, EventKind.RAISED, (), "inactive"),
    (Occasion.NUMBER_INACTIVE, EventKind.UPDATED, (Change.ASKED_AGAIN,), "inactive"),
    (Occasion.NUMBER_INACTIVE, EventKind.WITHDRAWN, (), "neither"),
]


@pytest.mark.parametrize(("occasion", "kind", "changes", "message"), TOLD)
def test_which_events_a_message_can_tell(
    occasion: Occasion, kind: EventKind, changes: tuple[Change, ...], message: str
) -> None:
    """An access that is new or counts again, a number not in use; for all else there is no message."""
    event = told(alert(occasion=occasion), kind=kind, changes=changes).event

    said = {"access": tells_of_access(event), "inactive": tells_of_inactive_number(event)}
    assert {message} - {"neither"} == {name for name, tells in said.items() if tells}


def test_a_visit_that_may_be_somebody_elses_is_not_told_as_an_access() -> None:
    """The message has no word for doubt (ruling 46)."""
    assert not tells_of_access(told(alert(notes=(Note.NOT_CONFIRMED,))).event)


def test_a_number_not_in_use_is_told_with_the_authoritys_own_ids_and_no_other_number() -> None:
    """So that the authority finds its case; nothing of a successor is said (ruling 23)."""
    event = told(alert(occasion=Occasion.NUMBER_INACTIVE, visit=None))
    data = write_inactive_notification(event, BETWEEN, notification_id=ID, at=NOON)

    assert [] == faults_of(data, INACTIVE)
    assert ["9990000018", "C-1"] == found(data, "//h:pDSInactivePatient/h:id/@extension")
    assert ["file-7"] == found(data, "//h:lAUploadFile/h:value/@extension")
    assert [] == found(data, "//h:replacedBy")


def test_a_message_has_the_same_id_whenever_it_is_made_anew() -> None:
    """By it a resend is known; another has another."""
    assert message_id("event", "1") == message_id("event", "1")
    assert message_id("event", "1") != message_id("event1", "")
