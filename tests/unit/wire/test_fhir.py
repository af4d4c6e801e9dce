"""Reading FHIR: what happened, whose visit it is, where it stands, and what refuses a message."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import MalformedMessage, NotItsSender, RealPersonRefused
from broker.core.facts import NumberStatus, VisitEvent, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.message_times import stamp
from broker.core.number_ranges import takes_any, takes_for_tests
from broker.core.sender_keys import Codes, CompanionPlaces
from broker.core.senders import Sender, Unknown
from broker.core.visit_reason import Reason
from broker.wire.adt_registers import Fault
from broker.wire.fhir import read_fhir, read_other, sender_of
from broker.wire.fhir_answer import answer_to_message
from broker.wire.fhir_bundle import ENTRIES_MAX, VALUES_MAX
from broker.wire.fhir_patient import local_identifier
from broker.wire.fhir_unkept import may_hold_two_numbers
from broker.wire.visit_reading import PROCESSING_IDS, Admits, Context, VisitReading
from tests.builders.adt import Adt, Patient
from tests.builders.fhir import VISITS, concept, encounter, message, organisation, transaction, written
from tests.builders.hl7 import KEY, RECEIVED, ROBIN, RXX

UK = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
SNOMED = "http://snomed.info/sct"
ADT = Adt(
    event="A04",
    control_id="M1",
    recorded="20250301101500",
    pv1={"class": "E", "visit": "V-1", "arrived": "20250301101210", "location": "ED^^^RXX01"},
)


def named(_provider: OdsCode, uri: str) -> str | None:
    """Return the sending system that numbers its visits so."""
    return "EDSYS" if uri == VISITS else None


def read(resource: Any, **more: Any) -> VisitReading:
    """Read what is sent in the afternoon of 1 March 2025."""
    return read_fhir(written(resource), Context(key=KEY, received_at=RECEIVED, **more), named)


def put(**more: Any) -> VisitMessage:
    """Return the fact of an Encounter by itself, with its patient within it."""
    return read(alone(**more)).message


def alone(**more: Any) -> dict[str, Any]:
    """Return an Encounter by itself, which names its patient's number alone."""
    subject = {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}}
    return encounter(ADT, **{"subject": subject, **more})


def with_resource(resource: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a message to which a resource is added, and elements to its Encounter."""
    bundle = message(ADT)
    bundle["entry"][1]["resource"] |= more
    bundle["entry"].append({"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource})
    return bundle


def refusal(resource: Any, **more: Any) -> tuple[str, int, str]:
    """Return reason, code and place of the error that reading ends in."""
    with pytest.raises(MalformedMessage) as caught:
        read_fhir(
            resource if isinstance(resource, bytes) else written(resource),
            Context(key=KEY, received_at=RECEIVED, **more),
            named,
        )
    return caught.value.reason, caught.value.hl7_code, caught.value.location


@pytest.mark.parametrize(
    ("status", "code", "event"),
    [
        ("arrived", "EMER", VisitEvent.REGISTERED),
        ("triaged", "EMER", VisitEvent.REGISTERED),
        ("in-progress", "AMB", VisitEvent.REGISTERED),
        ("in-progress", "IMP", VisitEvent.ADMITTED),
        ("onleave", "ACUTE", VisitEvent.ADMITTED),
        ("finished", "EMER", VisitEvent.DISCHARGED),
        ("cancelled", "EMER", VisitEvent.CANCELLED),
        ("entered-in-error", "EMER", VisitEvent.CANCELLED),
        ("unknown", "EMER", VisitEvent.UPDATED),
    ],
)
def test_a_visit_by_itself_says_by_its_state_what_happened(status: str, code: str, event: VisitEvent) -> None:
    """There is no message that names an event."""
    assert event is put(status=status, **{"class": {"code": code}}).event


def test_a_planned_visit_is_attended_by_nobody() -> None:
    """It is nothing to be told of until somebody comes; whatever else is not taken is no planned visit."""
    planned, context = written(alone(status="planned")), Context(key=KEY, received_at=RECEIVED)
    assert ("event not taken", 201, "Encounter.status") == refusal(planned)
    other = read_other(planned, context, named)
    assert other is not None
    assert (RXX, "planned", 32, None) == (other.provider, other.event, len(other.control_id), other.person)

    bundle = message(ADT)
    bundle["entry"][0]["resource"]["eventCoding"]["code"] = "A40"
    assert read_other(written(bundle), context, named) is None


@pytest.mark.parametrize(
    ("system", "code", "status", "event"),
    [
        ("v2", "A08", "in-progress", VisitEvent.UPDATED),
        ("v2", "A08", "cancelled", VisitEvent.CANCELLED),
        ("v2", "A08", "finished", VisitEvent.UPDATED),
        ("v2", "A13", "in-progress", VisitEvent.DISCHARGE_CANCELLED),
        ("v2", "Z99", "in-progress", VisitEvent.REGISTERED),
        ("v2", "Z99", "finished", VisitEvent.DISCHARGED),
        ("alerts", "notification-admit", "finished", VisitEvent.REGISTERED),
        ("alerts", "notification-transfer", "in-progress", VisitEvent.TRANSFERRED),
        ("alerts", "notification-discharge", "finished", VisitEvent.DISCHARGED),
    ],
)
def test_a_message_says_what_happened(system: str, code: str, status: str, event: VisitEvent) -> None:
    """An event that nobody knows is no reason to miss a visit: its state is told as well."""
    systems = {
        "v2": "http://terminology.hl7.org/CodeSystem/v2-0003",
        "alerts": "http://hl7.org/fhir/us/davinci-alerts/CodeSystem/notification-event",
    }
    bundle = message(ADT)
    bundle["entry"][0]["resource"]["eventCoding"] = {"system": systems[system], "code": code}
    bundle["entry"][1]["resource"]["status"] = status

    assert event is read(bundle).message.event


@pytest.mark.parametrize("code", ["A01", "A02", "A03", "A04", "A13", "notification-admit"])
@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_an_event_in_a_void_visit_counts_and_the_contradiction_is_told(code: str, status: str) -> None:
    """
    Of two values that conflict the one that alerts wins (ruling 37): nobody is withdrawn by the status alone.

    A reason goes with a cancellation: else the next one, which has none, would be taken for an error (16).
    """
    bundle = message(ADT)
    coding, visit = bundle["entry"][0]["resource"]["eventCoding"], bundle["entry"][1]["resource"]
    coding["code"] = code
    if code == "notification-admit":
        coding["system"] = "http://hl7.org/fhir/us/davinci-alerts/CodeSystem/notification-event"
    told = read(bundle).message
    visit["status"] = status
    found = read(bundle)

    assert (told.event, None) == (found.message.event, found.message.cancel_reason)
    assert (Fault.STATUS,) == found.faults
    answer = answer_to_message(bundle)["entry"]
    header, outcome = (one["resource"] for one in answer)
    warning = outcome["issue"][1]
    assert ("warning", "business-rule", ["Encounter.status"]) == (
        warning["severity"],
        warning["code"],
        warning["expression"],
    )
    assert answer[1]["fullUrl"] == header["response"]["details"]["reference"]


@pytest.mark.parametrize("code", ["A11", "A08", "Z99"])
@pytest.mark.parametrize(
    ("status", "reason"), [("cancelled", None), ("entered-in-error", "ENTERED-IN-ERROR")]
)
def test_a_visit_is_void_by_both_where_neither_says_otherwise(
    code: str, status: str, reason: str | None
) -> None:
    """With an update, or an event that nobody knows, the status says it; it may say why (ruling 16)."""
    bundle = message(ADT)
    bundle["entry"][0]["resource"]["eventCoding"]["code"] = code
    bundle["entry"][1]["resource"]["status"] = status
    found = read(bundle)

    assert (VisitEvent.CANCELLED, reason, ()) == (
        found.message.event,
        found.message.cancel_reason,
        found.faults,
    )
    assert 1 == len(answer_to_message(bundle)["entry"])


def test_an_event_that_is_named_by_an_address_is_told_by_the_state() -> None:
    """Da Vinci and others name theirs by a code."""
    bundle = message(ADT)
    header = bundle["entry"][0]["resource"]
    del header["eventCoding"]
    header["eventUri"] = "urn:riverside:arrived"

    assert VisitEvent.REGISTERED is read(bundle).message.event


def test_who_is_said_to_be_there_has_not_left() -> None:
    """An upsert says how things stand: an earlier departure and disposition stand no more (ruling 7)."""
    assert {"departed_at", "disposition"} <= put(status="in-progress").cleared
    assert frozenset() == read(message(ADT)).message.cleared

    period = {"start": "2025-03-01T10:12:10Z", "end": "2025-03-01T11:00:00Z"}
    assert {"disposition"} == put(status="onleave", period=period).cleared


def test_a_transaction_says_the_same_as_its_visit_alone() -> None:
    """What happened is told by the state; the Bundle's id is how its sender finds it."""
    reading = read(transaction(ADT))

    assert (ROBIN, VisitEvent.REGISTERED, "M1") == (reading.number, reading.event, reading.control_id)
    assert put().visit == reading.message.visit


def test_a_visit_in_error_says_why_it_is_void() -> None:
    """A site may name that code among those that withdraw an alert (ruling 16)."""
    assert "ENTERED-IN-ERROR" == put(status="entered-in-error").cancel_reason
    assert put(status="cancelled").cancel_reason is None


@pytest.mark.parametrize(
    ("code", "told"), [("EMER", "E"), ("AMB", "O"), ("PRENC", "P"), ("VR", "VR"), ("free text, long", None)]
)
def test_the_class_is_told_as_hl7_has_it(code: str, told: str | None) -> None:
    """What is no code of a class at all decides nothing: it alerts (rulings 2, 4)."""
    assert told == put(**{"class": {"code": code}}).patient_class


@pytest.mark.parametrize("label", ["R", "V", "REDACTED", "r"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_any_label_of_restriction_restricts(label: str, place: int) -> None:
    """On header, visit or patient (ruling 24)."""
    bundle = message(ADT)
    meta = bundle["entry"][place]["resource"].setdefault("meta", {})
    meta["security"] = [
        {"code": "N"},
        {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": label},
    ]

    assert read(bundle).message.restricted is True


def test_a_label_on_the_bundle_restricts_and_none_never_lifts() -> None:
    """Absence, or `N`, says nothing (ruling 24)."""
    assert read(message(ADT, meta={"security": [{"code": "V"}]})).message.restricted is True
    assert put(meta={"lastUpdated": "2025-03-01T10:15:00Z", "security": [{"code": "N"}]}).restricted is None


def test_several_numbers_that_differ_move_nothing() -> None:
    """Two are told as two; a number that is old is none (rulings 36, 42)."""
    bundle = message(ADT)
    identifiers = bundle["entry"][2]["resource"]["identifier"]
    identifiers.append({"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "999 000 0026"})
    reading = read(bundle)
    assert ("several NHS numbers",) == reading.faults
    assert reading.message.several_numbers is True

    identifiers[-1]["use"] = "old"
    assert () == read(bundle).faults


def test_a_number_without_a_visit_goes_on_as_before() -> None:
    """A visit that was recorded under a number keeps it (rulings 21, 42)."""
    reading = read(alone(subject={"display": "somebody"}), in_use=lambda _visit: ROBIN)

    assert (ROBIN, ("NHS number missing, as before",)) == (reading.number, reading.faults)


@pytest.mark.parametrize(
    ("codes", "status", "faults"),
    [
        (["01"], NumberStatus.VERIFIED, ()),
        (["number-present-and-verified"], NumberStatus.VERIFIED, ()),
        (["01", "trace-required"], NumberStatus.TRACE_REQUIRED, ()),
        (["99"], None, ("number status unknown",)),
        ([], None, ()),
    ],
)
def test_how_far_the_number_was_traced(
    codes: list[str], status: NumberStatus | None, faults: tuple[str, ...]
) -> None:
    """By either code system of the UK Core; of two the one that says less (ruling 20)."""
    bundle = message(ADT)
    number = bundle["entry"][2]["resource"]["identifier"][0]
    number["extension"] = [
        {"url": f"{UK}NHSNumberVerificationStatus", "valueCodeableConcept": concept(code)} for code in codes
    ]
    reading = read(bundle)

    assert (status, faults) == (reading.message.number_status, reading.faults)


def test_names_and_birth_are_the_registered_ones() -> None:
    """A year by itself is no date to compare (ruling 20)."""
    bundle = message(ADT)
    person = bundle["entry"][2]["resource"]
    person["name"] = [
        {"use": "nickname", "text": "Bob"},
        {"use": "usual", "family": "Usual", "given": ["Ada", "Kim"]},
    ]
    person["birthDate"] = "2016"
    reading = read(bundle)
    del person["identifier"]
    assert "" == local_identifier(person)
    assert ("Usual", "Ada", None) == (
        reading.message.family,
        reading.message.given,
        reading.message.birth_date,
    )
    assert ("birth date unreadable",) == reading.faults

    person["name"], person["birthDate"] = [{"family": "Only"}], "2016-02-30"
    assert ("Only", None) == (read(bundle).message.family, read(bundle).message.given)
    assert ("birth date unreadable",) == read(bundle).faults

    del person["name"]
    person["birthDate"] = "2016-02-28"
    assert (None, date(2016, 2, 28)) == (read(bundle).message.family, read(bundle).message.birth_date)


def test_no_attendance_is_refused_for_its_times() -> None:
    """What is no time is left out and counted (ruling 37)."""
    period = {"start": "2025-03-01T10:12:10", "end": "soon"}
    reading = read(alone(period=period, statusHistory=[{"status": "planned", "period": {"start": "x"}}]))

    assert (
        "another time unreadable",
        "arrival time unreadable",
        "departure time unreadable",
    ) == reading.faults


@pytest.mark.parametrize(
    ("said", "told", "faults"),
    [
        ("2025-03-01T10:12:10.123456789Z", datetime(2025, 3, 1, 10, 12, 10, 123000, UTC), ()),
        ("2025-03-01T10:12:10+01:00", datetime(2025, 3, 1, 9, 12, 10, tzinfo=UTC), ()),
        ("2025-03-01", datetime(2025, 3, 1, tzinfo=UTC), ("time without hour",)),
        ("2025-03", None, ("arrival time unreadable",)),
        ("2020-03-01T10:12:10Z", datetime(2020, 3, 1, 10, 12, 10, tzinfo=UTC), ("arrival time ignored",)),
    ],
)
def test_when_somebody_arrived(said: str, told: datetime | None, faults: tuple[str, ...]) -> None:
    """To the millisecond; a day is its first moment in London."""
    reading = read(alone(period={"start": said}))

    assert (told, faults) == (reading.message.arrived_at, reading.faults)


def test_when_it_was_recorded() -> None:
    """The visit's own time, failing that the Bundle's, never one after receipt uncounted (ruling 37)."""
    bundle = message(ADT, timestamp="2025-03-01T11:00:00Z")
    assert (10, 11) == (read(bundle).message.recorded_at.hour, read(bundle).message.sent_at.hour)

    bundle["entry"][1]["resource"]["meta"] = {"lastUpdated": "yesterday", "versionId": "a"}
    reading = read(bundle)
    assert ("event time unreadable",) == reading.faults
    assert (11, None) == (reading.message.recorded_at.hour, reading.message.sequence)

    bundle["timestamp"] = "2025-02-30T10:15:00Z"
    assert ("no readable time", 101, "Encounter.meta.lastUpdated") == refusal(bundle)
    bundle["timestamp"] = "then"
    assert ("no readable time", 101, "Encounter.meta.lastUpdated") == refusal(bundle)

    never = alone(meta={"lastUpdated": "1899-12-31T23:59:59Z"})
    assert ("event time unreadable",) == read(never).faults
    assert [RECEIVED] * 2 == [*stamp(read(never).message)[:2]]

    late = alone(meta={"lastUpdated": "2025-03-02T10:15:00Z", "versionId": "3"})
    assert (("record time after receipt",), 3) == (read(late).faults, read(late).message.sequence)


def test_a_place_is_told_by_the_hospitals_own_name_and_the_ods_code() -> None:
    """As the site lists it (rulings 4, 47)."""
    site = {"system": "https://fhir.nhs.uk/Id/ods-site-code", "value": "RXX02"}
    ward = {
        "resourceType": "Location",
        "id": "ward",
        "identifier": [{"system": "urn:riverside:places", "value": "paeds-ed"}],
        "partOf": {"identifier": site},
    }
    here = [
        {"location": {"display": "before"}, "status": "completed"},
        {"location": {"reference": "urn:uuid:ward"}},
    ]
    told = read(with_resource(ward, location=here)).message
    assert ("PAEDS-ED", "RXX02") == (told.location, str(told.site))

    named_only = {"resourceType": "Location", "id": "ward", "name": "Paeds", "identifier": [site]}
    told = read(with_resource(named_only, location=here)).message
    assert ("PAEDS", "RXX02") == (told.location, str(told.site))

    told = put(location=[{"location": {"display": "Majors"}}])
    assert ("MAJORS", "RXX") == (told.location, str(told.site))

    told = put(location=[{"location": {"reference": "Location/elsewhere"}, "status": "active"}])
    assert (None, "RXX") == (told.location, str(told.site))

    told = put(location=[{"location": {"display": "Before"}, "status": "completed"}])
    assert (None, None) == (told.location, told.site)


def test_who_treats_is_told_by_role_and_name() -> None:
    """The attending one, else the consulting one, each as far as it has a name (ruling 29)."""
    person = {
        "resourceType": "Practitioner",
        "id": "p",
        "name": [{"prefix": ["Dr"], "given": ["Ada"], "family": "Attending"}],
    }
    role = {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "urn:uuid:p"}}
    bundle = with_resource(
        role,
        participant=[
            {"type": [concept("CON")], "individual": {"display": "Grace Consulting"}},
            {"type": [concept("ATND")], "individual": {"reference": "urn:uuid:r"}},
        ],
    )
    bundle["entry"].append({"fullUrl": "urn:uuid:p", "resource": person})
    told = read(bundle).message
    assert ("attending", "Dr Ada Attending") == (told.clinician_role, told.clinician_name)

    person["name"] = [{"text": "A. Attending"}]
    assert "A. Attending" == read(bundle).message.clinician_name

    del person["name"]
    told = read(bundle).message
    assert ("consulting", "Grace Consulting") == (told.clinician_role, told.clinician_name)

    del bundle["entry"][1]["resource"]["participant"]
    assert read(bundle).message.clinician_name is None


ESCORT = Sender(accompanied_in=CompanionPlaces(participants=frozenset({"ESC"})))


@pytest.mark.parametrize(
    ("sender", "kind", "relationship", "told"),
    [
        (ESCORT, "ESC", "GRPRN", "Grace Grandmother"),
        (ESCORT, "ESC", "BRO", None),
        (ESCORT, "EMC", "GRPRN", None),
        (Sender(), "ESC", "GRPRN", None),
    ],
)
def test_who_came_is_a_participant_of_a_type_that_the_site_has_declared(
    sender: Sender, kind: str, relationship: str, told: str | None
) -> None:
    """No other one, and no child (rulings 29, 31)."""
    person = {
        "resourceType": "RelatedPerson",
        "id": "kin",
        "patient": {"reference": "urn:uuid:patient"},
        "relationship": [concept(relationship)],
        "name": [{"given": ["Grace"], "family": "Grandmother"}],
    }
    came = [{"type": [concept(kind)], "individual": {"reference": "urn:uuid:kin"}}]

    reading = read(with_resource(person, participant=came), admits=admits(sender))

    assert told == reading.message.accompanied_by


def test_who_came_may_be_named_in_the_reference() -> None:
    """Of one without any name nothing is told (ruling 29)."""
    named_there = [{"type": [concept("ESC")], "individual": {"display": "Grace"}}]
    unnamed = [{"type": [concept("ESC")]}]

    assert ["Grace", None] == [
        read(alone(participant=came), admits=admits(ESCORT)).message.accompanied_by
        for came in (named_there, unnamed)
    ]


def test_a_resource_that_only_adds_words_is_left_out_where_it_is_none() -> None:
    """It costs nobody an alert, and is counted."""
    person = {"resourceType": "Practitioner", "id": "p", "name": "Dr Attending"}
    reading = read(
        with_resource(
            person, participant=[{"type": [concept("ATND")], "individual": {"reference": "urn:uuid:p"}}]
        )
    )

    assert (None, ("resource unreadable",)) == (reading.message.clinician_name, reading.faults)


@pytest.mark.parametrize("kind", ["Condition", "Observation"])
def test_why_somebody_came_is_a_code_of_the_short_list(kind: str) -> None:
    """Whether it is said in the visit or in a resource that it points at (ruling 29)."""
    assert (
        Reason.HEAD_INJURY is put(reasonCode=[{"coding": [{"code": "1", "display": "Head injury"}]}]).reason
    )
    assert Reason.OTHER is put(reasonCode=[{"text": "something else"}]).reason
    assert put().reason is None

    found = {"resourceType": kind, "id": "why", "code": {"text": "Head injury"}}
    found |= {"subject": {"reference": "Patient/patient"}} if kind == "Condition" else {"status": "final"}
    told = read(with_resource(found, reasonReference=[{"reference": "urn:uuid:why"}])).message
    assert Reason.HEAD_INJURY is told.reason


@pytest.mark.parametrize(
    ("where", "code", "told"),
    [
        ("EmergencyCareDischargeStatus", (SNOMED, "1066321000000107"), "12"),
        ("EmergencyCareDischargeStatus", (SNOMED, "182992009"), None),
        ("DischargeMethod", ("", "4"), "10"),
        ("DischargeMethod", ("", "5"), "5"),
        ("DischargeMethod", ("", "1"), None),
    ],
)
def test_how_somebody_left(where: str, code: tuple[str, str], told: str | None) -> None:
    """Death, a stillbirth, leaving before treatment or against advice are loud (ruling 7)."""
    system, value = code
    extension = [{"url": f"{UK}{where}", "valueCodeableConcept": concept(value, system)}]

    assert told == put(status="finished", extension=extension).disposition


def test_how_somebody_came_is_known_by_its_code_alone() -> None:
    """Suppliers have it in extensions of their own."""
    extension = [
        {
            "url": "urn:riverside:triage",
            "valueCodeableConcept": {**concept("3"), "coding": [{"display": "three"}, {"code": "3"}]},
        },
        {"url": "urn:riverside:mode", "valueCodeableConcept": concept("1048031000000100", SNOMED)},
    ]

    assert "1048031000000100" == put(extension=extension).arrival_mode


def test_next_of_kin_is_told_as_one_and_never_another_child() -> None:
    """What is lacking is cleared (rulings 29, 31)."""
    bundle = message(ADT)
    person = bundle["entry"][2]["resource"]
    person["contact"] = [{"relationship": [concept("MTH")], "name": {"text": "Alex Sample"}}]
    told = read(bundle).message
    assert ("12", "Alex Sample", frozenset()) == (
        told.next_of_kin_relationship,
        told.next_of_kin_name,
        told.cleared,
    )

    person["contact"] = [{"relationship": [{"text": "older sister"}], "name": {"text": "Kim Sample"}}]
    told = read(bundle).message
    assert (None, None) == (told.next_of_kin_relationship, told.next_of_kin_name)
    assert {"next_of_kin_relationship", "next_of_kin_name"} == told.cleared


def test_a_mother_is_named_by_a_related_person_alone() -> None:
    """Of this patient, and as the mother (ruling 26)."""
    bundle = message(ADT)
    bundle["entry"][2]["resource"]["identifier"] = [{"system": "urn:riverside:patients", "value": "A1"}]
    assert read(bundle).number is None

    related = {
        "resourceType": "RelatedPerson",
        "id": "mum",
        "patient": {"reference": "Patient/patient"},
        "relationship": [concept("MTH")],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}],
    }
    assert (NhsNumber("9990000026"),) == read(with_resource(related)).mothers
    assert () == read(with_resource({**related, "relationship": [concept("FTH")]})).mothers
    assert () == read(with_resource({**related, "patient": {"reference": "Patient/other"}})).mothers


NAMELESS = {"resourceType": "Location"}
"""A resource within another that nothing can refer to."""


def test_a_patient_within_the_visit_is_read() -> None:
    """It need not be a resource of its own."""
    person = message(ADT)["entry"][2]["resource"]

    assert (
        "Sample" == put(subject={"reference": "#patient"}, contained=[person, NAMELESS, "no resource"]).family
    )


def test_the_visit_is_the_identifier_that_is_settled() -> None:
    """Failing that the visit number by its type, else the official one (ruling 6)."""
    number = {"system": "urn:riverside:episodes", "value": "E-1"}
    settled = {"system": VISITS, "value": "V-1"}
    assert put().visit == put(identifier=[number, settled]).visit
    assert "EDSYS" == put(identifier=[number, settled]).system

    typed = {"system": "urn:other", "value": "V-1", "type": concept("VN")}
    assert "urn:other" == put(identifier=[number, typed]).system
    assert "urn:riverside:episodes" == put(identifier=[number]).system
    official = {"system": "urn:other", "value": "V-1", "use": "official"}
    assert "urn:other" == put(identifier=[number, official]).system

    bundle = message(ADT)
    bundle["entry"][1]["resource"]["identifier"] = [{"value": "V-1"}]
    assert "EDSYS" == read(bundle).message.system


def test_a_message_without_an_id_is_found_by_its_digest() -> None:
    """An Encounter's own id would be the same under two numbers, and is never told (ruling 42)."""
    assert 32 == len(put().control_id)
    bundle = message(ADT, identifier={"value": "ENGINE-7"})
    assert "ENGINE-7" == read(bundle).control_id
    del bundle["identifier"], bundle["id"], bundle["entry"][0]["resource"]["id"]
    assert 32 == len(read(bundle).control_id)
    assert 32 == len(read({**bundle, "identifier": {"value": "two words"}}).control_id)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"status": "cheerful"}, ("status unknown", 103, "Encounter.status")),
        ({"status": None}, ("element missing", 101, "Encounter.status")),
        ({"class": None}, ("element missing", 101, "Encounter.class")),
        ({"period": 3}, ("element no valid value", 102, "Encounter.period")),
        ({"location": [{}]}, ("element missing", 101, "Encounter.location[0].location")),
        ({"Robin Sample": 1}, ("unknown element", 102, "Encounter")),
        ({"hospitalization": {"robin": 1}}, ("unknown element", 102, "Encounter.hospitalization")),
        ({"serviceProvider": None}, ("provider missing", 101, "Encounter.serviceProvider")),
        (
            {"serviceProvider": organisation("Riverside")},
            ("provider is no ODS code", 103, "Encounter.serviceProvider"),
        ),
        ({"identifier": [{"value": {}}]}, ("element no valid value", 102, "Encounter.identifier[0].value")),
        (
            {"reasonCode": [{"text": "x"}] * VALUES_MAX},
            ("too many values to read", 102, "Encounter"),
        ),
    ],
)
def test_what_is_no_visit_is_refused_at_its_place(change: dict[str, Any], told: tuple[str, int, str]) -> None:
    """In FHIRPath, and never with a value or a name that the sender made up."""
    assert told == refusal(alone(**change))


@pytest.mark.parametrize("address", [3, ["x"]])
def test_an_address_that_is_no_text_is_refused(address: Any) -> None:
    """The library that holds the models takes it for one, and falls over it."""
    bundle = message(ADT)
    bundle["entry"][0]["resource"]["source"]["endpoint"] = address

    assert ("element no valid value", 102, "MessageHeader") == refusal(bundle)


def test_a_time_within_a_text_is_no_time_that_can_be_left_out() -> None:
    """The library reads JSON in texts; that is no element of ours."""
    assert 102 == refusal(alone(period='{"start": "x"}'))[1]


@pytest.mark.parametrize(
    ("resource", "told"),
    [
        ({"resourceType": "Observation"}, ("resource type not taken", 200, "")),
        ({}, ("resource type not taken", 200, "")),
        ({"resourceType": "Bundle", "type": "searchset"}, ("type of Bundle not taken", 200, "Bundle.type")),
        ({"resourceType": "Bundle", "type": ["message"]}, ("type of Bundle not taken", 200, "Bundle.type")),
        ({"resourceType": "Bundle", "type": "message"}, ("no entries", 101, "Bundle.entry")),
        (
            {"resourceType": "Bundle", "type": "message", "entry": []},
            ("message header is not first", 100, "Bundle.entry[0].resource"),
        ),
        (
            {"resourceType": "Bundle", "type": "transaction", "entry": []},
            ("no Encounter", 100, "Bundle.entry"),
        ),
        (
            {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {}}]},
            ("no resource", 102, "Bundle.entry[0].resource"),
        ),
        (
            {"resourceType": "Bundle", "type": "transaction", "entry": [3] * (ENTRIES_MAX + 1)},
            ("too many entries", 102, "Bundle.entry"),
        ),
        (b"{", ("no JSON", 102, "")),
    ],
)
def test_what_is_none_of_the_three_ways_is_refused(resource: Any, told: tuple[str, int, str]) -> None:
    """A message, a transaction, one Encounter."""
    assert told == refusal(resource)


def test_a_message_is_about_one_visit() -> None:
    """The one in its focus, or the only one (Da Vinci notifications): another is counted and told."""
    bundle = message(ADT)
    other = {**encounter(ADT), "id": "other"}
    bundle["entry"].append({"fullUrl": "urn:uuid:other", "resource": other})
    found = read(bundle)
    assert (VisitEvent.REGISTERED, ("another visit unread",)) == (found.event, found.faults)
    outcome = answer_to_message(bundle)["entry"][1]["resource"]
    assert ["Bundle.entry[3].resource"] == outcome["issue"][1]["expression"]
    assert ("warning", "not-supported") == (outcome["issue"][1]["severity"], outcome["issue"][1]["code"])

    del bundle["entry"][0]["resource"]["focus"]
    assert ("more than one Encounter", 100, "Bundle.entry") == refusal(bundle)


def test_so_much_is_read_and_no_more() -> None:
    """It takes time in which others wait: the mother's number is not passed over in silence."""
    related = {"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/patient"}}
    names = [{"family": "x"}] * (VALUES_MAX // 20)
    bundle = with_resource(related)
    bundle["entry"] += [{"resource": {**related, "id": f"r{number}", "name": names}} for number in range(20)]

    assert ("too many values to read", 102, "RelatedPerson") == refusal(bundle)


def test_a_sender_that_may_not_send_is_refused_before_all_else() -> None:
    """By its provider and system, as over MLLP."""

    def admitted(provider: OdsCode, system: str) -> Sender:
        """Admit nobody."""
        assert (RXX, "EDSYS") == (provider, system)
        raise NotItsSender("sending facility not registered", location="MSH-4")

    admits = Admits(PROCESSING_IDS, takes_for_tests, admitted)
    assert "sending facility not registered" == refusal(alone(status="planned"), admits=admits)[0]


def test_test_data_are_not_taken_where_only_live_ones_are() -> None:
    """What is labelled so stands for MSH-11 `T` (ruling 27)."""
    live = Admits(frozenset({"P"}), takes_for_tests)
    labelled = message(ADT, meta={"tag": [{"code": "HTEST"}]})
    assert "T" in PROCESSING_IDS
    assert ROBIN == read(labelled).number
    assert ("marked as test data", 202, "Encounter.meta") == refusal(labelled, admits=live)
    assert ROBIN == read(message(ADT), admits=live).number


def test_a_real_person_is_refused_where_tests_are() -> None:
    """The patient's number, and the mother's (ruling 27)."""
    tests = Admits(PROCESSING_IDS, takes_for_tests)
    real = message(
        Adt(event="A04", control_id="M", recorded="20250301101500", patient=Patient(number="4000000004"))
    )
    with pytest.raises(RealPersonRefused, match=r"Patient\.identifier"):
        read(real, admits=tests)

    mother = Patient(mother="4000000004")
    real = message(Adt(event="A04", control_id="M", recorded="20250301101500", patient=mother))
    with pytest.raises(RealPersonRefused, match=r"RelatedPerson\.identifier"):
        read(real, admits=tests)


@pytest.mark.parametrize("event", ["A40", "A34"])
def test_a_merge_is_not_taken_and_no_byte_of_it_is_kept(event: str) -> None:
    """It may hold two numbers (rulings 25, 42)."""
    bundle = message(ADT)
    bundle["entry"][0]["resource"]["eventCoding"]["code"] = event
    without = {
        **bundle,
        "entry": [one for one in bundle["entry"] if one["resource"]["resourceType"] != "Encounter"],
    }

    told = ("merge not taken in FHIR, send A40 over MLLP", 201, "MessageHeader.event")
    assert (told, told) == (refusal(bundle), refusal(without))
    assert may_hold_two_numbers(written(bundle))
    assert may_hold_two_numbers(written(without))
    assert not may_hold_two_numbers(written(message(ADT)))
    assert not may_hold_two_numbers(written(message(ADT) | {"entry": [{"fullUrl": "urn:x"}]}))
    assert not may_hold_two_numbers(b"{")


OLD = {"use": "old", "system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}


@pytest.mark.parametrize(
    ("patient", "two"),
    [
        ({}, False),
        ({"identifier": [OLD]}, False),
        ({"identifier": [OLD, OLD | {"use": "official", "value": "999 000 0026"}]}, False),
        ({"identifier": [OLD, OLD | {"value": "9990000018"}]}, True),
        ({"identifier": [OLD, OLD | {"value": "9990000019"}]}, False),
        ({"link": [{"type": "replaced-by", "other": {"reference": "Patient/2"}}]}, True),
        ({"contained": [{"resourceType": "Patient", "identifier": [OLD | {"value": "9990000018"}]}]}, None),
    ],
)
def test_bytes_that_name_two_numbers_of_a_patient_are_kept_nowhere(
    *, patient: dict[str, object], two: bool | None
) -> None:
    """An adopted child's old number beside the new, or a link to the record that goes (rulings 23, 42)."""
    bundle = message(ADT)
    [sent] = [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient"]
    for visit in (one["resource"] for one in bundle["entry"]):
        visit.get("subject", {}).pop("identifier", None)
    before = {"identifier": [OLD]} if two is None else {}
    sent.clear()
    sent |= {"resourceType": "Patient", **before, **patient}

    assert (two is None or two) == may_hold_two_numbers(written(bundle))


@pytest.mark.parametrize(
    ("data", "two"),
    [
        (b'{"a": "9990000018", "b": "9990000018"', False),
        (b'{"a": "9990000018", "b": "999 000 0026"', True),
        ('{"a": "9990000018", "b": "9990000026"}'.encode("utf-16"), True),
        (b'{"a": "9990000018", "b": "9990000027"', False),
        (b'{"a": "99900000180", "b": "19990000026"', False),
    ],
)
def test_bytes_that_are_no_json_are_kept_where_they_name_no_two_numbers(*, data: bytes, two: bool) -> None:
    """Cut off, or in another character set: any two may be one person's (ruling 42)."""
    assert two == may_hold_two_numbers(data)


def test_who_sent_what_could_not_be_read_is_told_as_far_as_it_is_said() -> None:
    """So that it is found at its sender."""
    bundle = message(ADT)
    bundle["entry"][1]["resource"]["status"] = "cheerful"
    assert (RXX, "M1") == sender_of(written(bundle))

    del bundle["entry"][1]["resource"]["class"]
    assert (None, "M1") == sender_of(written(bundle))
    assert (None, None) == sender_of(b"{")


def test_an_entity_in_narrative_is_never_looked_at() -> None:
    """It is taken out unread: nobody resolves it, and nobody refuses the visit for it."""
    evil = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><div>&e;</div>'
    message_put = put(text={"status": "generated", "div": evil})

    assert put().visit == message_put.visit
    assert "passwd" not in repr(message_put)


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.text(max_size=5) | st.integers(0, 9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "status",
                        "class",
                        "period",
                        "start",
                        "meta",
                        "security",
                        "subject",
                        "identifier",
                        "extension",
                        "location",
                        "coding",
                        "code",
                        "contained",
                        "participant",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ).map(lambda value: written({**alone(), **(value if isinstance(value, dict) else {"extension": value})}))
)
def test_any_bytes_end_in_a_reading_or_a_refusal(data: bytes) -> None:
    """Whatever is sent, nothing else comes of it."""
    with suppress(MalformedMessage):
        read_fhir(data, Context(key=KEY, received_at=RECEIVED), named)


def test_a_null_in_a_text_is_left_out() -> None:
    """As in HL7 version 2: databases take none, and one name would hold up everybody's alerts."""
    bundle = message(ADT)
    bundle["entry"][2]["resource"]["name"] = [{"family": "Sam\x00ple\\u0000", "given": ["A\x00"]}]
    told = read(bundle).message

    assert ("Sample\\u0000", "A") == (told.family, told.given)


def test_who_could_be_either_of_two_is_nobody() -> None:
    """Two patients of one name are refused: an alert must not be on the wrong child."""
    bundle = message(ADT)
    twice = dict(bundle["entry"][2])
    bundle["entry"].append(twice)
    assert ROBIN == read(bundle).number

    twice["resource"] = {**twice["resource"], "birthDate": "2019-01-01"}
    assert ("two resources of one name", 102, "Patient") == refusal(bundle)


def test_words_that_could_be_either_of_two_are_left_out() -> None:
    """They are no reason to miss a visit; a visit that could be either is."""
    condition = {
        "resourceType": "Condition",
        "id": "why",
        "subject": {"reference": "Patient/patient"},
        "code": {"text": "Head injury"},
    }
    bundle = with_resource(condition, reasonReference=[{"reference": "urn:uuid:why"}])
    bundle["entry"].append({"fullUrl": "urn:uuid:why", "resource": {**condition, "code": {"text": "Fall"}}})
    reading = read(bundle)
    assert (None, ("resource unreadable",)) == (reading.message.reason, reading.faults)

    other = {**bundle["entry"][1]["resource"], "status": "finished"}
    bundle["entry"].append({**bundle["entry"][1], "resource": other})
    assert ("more than one Encounter", 100, "Bundle.entry") == refusal(bundle)


def admits(sender: Sender) -> Admits:
    """Return that a sender is let in of which something is settled."""
    return Admits(PROCESSING_IDS, takes_any, lambda _provider, _system: sender)


def test_an_event_that_is_not_taken_of_a_sender_is_answered_as_is_settled() -> None:
    """It is refused, or acknowledged and counted, as over MLLP; by a message's event or a visit's state."""
    sender = Sender(events=frozenset({"A01", "A03"}))
    assert ("event not taken", 201, "MessageHeader.event") == refusal(message(ADT), admits=admits(sender))
    assert ("event not taken", 201, "Encounter.status") == refusal(alone(), admits=admits(sender))
    assert VisitEvent.DISCHARGED is read(alone(status="finished"), admits=admits(sender)).event

    context = Context(key=KEY, received_at=RECEIVED, admits=admits(sender))
    assert read_other(written(message(ADT)), context, named) is None
    accepting = replace(sender, unknown_events=Unknown.ACCEPT)
    context = Context(key=KEY, received_at=RECEIVED, admits=admits(accepting))
    other = read_other(written(message(ADT)), context, named)
    assert other is not None
    assert (RXX, "A04", "M1", None) == (other.provider, other.event, other.control_id, other.person)


def test_codes_of_a_site_mean_what_is_settled_of_its_sender() -> None:
    """Class, admission method, how it ended, and the event of a message (rulings 4, R46)."""
    sender = Sender(
        read_as=Codes((("A06", "A01"),)),
        patient_classes=Codes((("ED1", "E"), ("BED", "I"))),
        admission_types=Codes((("WALK", "21"),)),
        dispositions=Codes((("GONE", "12"),)),
    )
    stay = {
        "extension": [{"url": f"{UK}AdmissionMethod", "valueCodeableConcept": concept("walk")}],
        "dischargeDisposition": concept("gone", "urn:riverside:left"),
    }
    bundle = message(ADT)
    bundle["entry"][1]["resource"] |= {"class": {"code": "ed1"}, "hospitalization": stay}
    bundle["entry"][0]["resource"]["eventCoding"]["code"] = "A06"
    told = read(bundle, admits=admits(sender)).message
    assert ("E", "21", "12") == (told.patient_class, told.admission_type, told.disposition)
    assert VisitEvent.ADMITTED is told.event

    assert VisitEvent.ADMITTED is read(alone(**{"class": {"code": "BED"}}), admits=admits(sender)).event
    assert VisitEvent.REGISTERED is read(bundle).event


def test_a_reference_to_a_version_names_the_resource() -> None:
    """A message has each resource once, in whichever version: it is the same patient, and the same visit."""
    bundle = message(ADT)
    for entry in bundle["entry"]:
        _version(entry["resource"])

    assert read(message(ADT)).message.family == read(bundle).message.family
    assert read(message(ADT)).number == read(bundle).number


def _version(value: Any) -> None:
    """Let every reference name a version."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str) and not value["reference"].startswith("#"):
            value["reference"] += "/_history/2"
        for one in value.values():
            _version(one)
    elif isinstance(value, list):
        for one in value:
            _version(one)


def test_an_identifier_that_is_old_says_nothing() -> None:
    """Neither an NHS number nor how far it was traced, nor the hospital's own (ruling 36)."""
    current = {"system": NHS, "value": "9990000018", **traced("01")}
    old = {"use": "old", "system": NHS, "value": "9990000026", **traced("02")}
    both = read(alone(subject={"identifier": current}, contained=[])).number
    patient = {"resourceType": "Patient", "id": "p", "identifier": [old, current]}

    reading = read(alone(subject={"reference": "#p"}, contained=[patient]))

    assert both == reading.number == NhsNumber("9990000018")
    assert NumberStatus.VERIFIED is reading.message.number_status
    assert "" == local_identifier({"identifier": [{"use": "old", "value": "H1"}]})


NHS = "https://fhir.nhs.uk/Id/nhs-number"


def traced(code: str) -> dict[str, Any]:
    """Return what an identifier says of how far it was traced."""
    return {"extension": [{"url": f"{UK}NHSNumberVerificationStatus", "valueCodeableConcept": concept(code)}]}


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ({"deceasedBoolean": True}, True),
        ({"deceasedDateTime": "2025-03-01T11:00:00Z"}, True),
        ({"deceasedBoolean": False}, False),
        ({}, False),
    ],
)
def test_a_death_of_the_patient_is_counted_and_tells_of_no_visit(
    said: dict[str, Any], *, counted: bool
) -> None:
    """How the visit ended says it, as in HL7 version 2 (ruling 7)."""
    bundle = message(ADT)
    bundle["entry"][2]["resource"] |= said
    found = read(bundle)

    assert (counted, None) == (Fault.DEATH in found.faults, found.message.disposition)
