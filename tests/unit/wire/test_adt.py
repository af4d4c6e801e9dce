"""Reading ADT messages: what a whole message becomes, what refuses it, and any bytes whatever."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import MalformedMessage
from broker.core.facts import NumberStatus, Reliability, VisitEvent, VisitMessage
from broker.core.identifiers import OdsCode
from broker.core.keyed import message_reference, unnumbered_reference, visit_named, visit_reference
from broker.core.number_ranges import takes_any
from broker.core.visit_reason import Reason
from broker.wire.adt import read_adt
from broker.wire.visit_reading import PROCESSING_IDS, Admits, Context, VisitReading
from tests.builders.hl7 import (
    FIXTURES,
    KEY,
    RECEIVED,
    ROBIN,
    RXX,
    at,
    edited,
    fixture,
    message_of,
    read,
    registers_of,
)


def refusal(data: bytes, processing_ids: frozenset[str] = PROCESSING_IDS) -> tuple[int, str]:
    """Return code and place of the error that reading ends in."""
    admits = Admits(processing_ids, takes_any)
    with pytest.raises(MalformedMessage) as caught:
        read_adt(data, Context(key=KEY, received_at=RECEIVED, admits=admits))
    return caught.value.hl7_code, caught.value.location


def test_a_registration_becomes_a_fact() -> None:
    """Every field of an ordinary A04 stands where the matcher looks for it."""
    data = fixture()

    assert VisitReading(
        number=ROBIN,
        number_fault=None,
        mothers=(),
        provider=RXX,
        control_id="EDSYS0001",
        event=VisitEvent.REGISTERED,
        faults=(),
        unnumbered=unnumbered_reference(KEY, system="EDSYS", provider=RXX, visit_number="V-778812"),
        content=visit_named(KEY, system="EDSYS", provider=RXX, visit_number="V-778812"),
        message=VisitMessage(
            message_id=message_reference(KEY, data),
            visit=visit_reference(KEY, ROBIN, system="EDSYS", provider=RXX, visit_number="V-778812"),
            provider=RXX,
            system="EDSYS",
            control_id="EDSYS0001",
            event=VisitEvent.REGISTERED,
            recorded_at=at(10, 15),
            sent_at=at(10, 15),
            received_at=RECEIVED,
            sequence=17,
            occurred_at=at(10, 12, 10),
            patient_class="E",
            admission_type="21",
            location="ED",
            site=OdsCode("RXX01"),
            arrived_at=at(10, 12, 10),
            reason=Reason.HEAD_INJURY,
            acuity="3",
            arrival_mode="A",
            number_status=NumberStatus.VERIFIED,
            birth_date_reliability=Reliability.STATED,
            clinician_role="attending",
            clinician_name="Dr A Attending",
            next_of_kin_relationship="12",
            next_of_kin_name="Alex Sample",
            family="Sample",
            given="Robin",
            birth_date=date(2016, 4, 12),
            several_numbers=False,
        ),
    ) == read(data)


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        (
            "a01-admitted",
            VisitEvent.ADMITTED,
            {
                "patient_class": "I",
                "location": "WARD 7",
                "reason": Reason.SELF_HARM,
                "clinician_role": "consulting",
                "clinician_name": "Prof Sam Consulting",
                "next_of_kin_relationship": "6",
            },
        ),
        (
            "a02-transferred",
            VisitEvent.TRANSFERRED,
            {"location": "CDU", "site": OdsCode("RXX01"), "occurred_at": at(13, 5), "disposition": None},
        ),
        ("a12-transfer-cancelled", VisitEvent.TRANSFER_CANCELLED, {"location": "ED", "departed_at": None}),
        ("a03-discharged", VisitEvent.DISCHARGED, {"disposition": "2", "departed_at": at(14, 15)}),
        ("a11-cancelled", VisitEvent.CANCELLED, {"cancel_reason": "ERR"}),
        ("a13-discharge-cancelled", VisitEvent.DISCHARGE_CANCELLED, {"departed_at": None}),
        (
            "restricted",
            VisitEvent.REGISTERED,
            {
                "restricted": True,
                "number_status": NumberStatus.NOT_TRACED,
                "birth_date_reliability": Reliability.ESTIMATED,
                "birth_date": None,
                "family": "Example",
            },
        ),
        (
            "escapes",
            VisitEvent.REGISTERED,
            {
                "family": "O&Neil",
                "given": "Zoë Ann",
                "clinician_name": r"Dr C|D~E\F A^B",
                "reason": Reason.UNWELL,
            },
        ),
        ("latin-1", VisitEvent.REGISTERED, {"given": "Zoë"}),
        ("own-delimiters", VisitEvent.REGISTERED, {"family": "Sa#mple", "site": OdsCode("RXX01")}),
    ],
)
def test_each_event_brings_its_own_fields(name: str, event: VisitEvent, expected: dict[str, Any]) -> None:
    """Each recorded message is read as its event, with what is particular to it."""
    message = message_of(fixture(name))

    assert (event, expected) == (message.event, {field: getattr(message, field) for field in expected})


def test_two_quotes_clear_every_register_but_the_restriction() -> None:
    """A value that the hospital takes back is named, an absent one is not (R41); S-flags are sticky (24)."""
    message = message_of(fixture("a08-updated"))

    assert {
        *("admission_type", "location", "site", "arrived_at", "reason", "acuity", "arrival_mode"),
        *("number_status", "birth_date_reliability", "clinician_role", "clinician_name"),
        *("next_of_kin_relationship", "next_of_kin_name", "family", "given", "birth_date"),
    } == message.cleared
    assert {"patient_class": "E"} == registers_of(message)


def test_absent_fields_leave_everything_alone() -> None:
    """A message of bare segments sets nothing and clears nothing."""
    data = edited(fixture(), PID_5="", PID_7="", PID_32="", NK1_0=None, PV2_0=None)
    bare = edited(data, **{f"PV1_{field}": "" for field in (2, 3, 4, 7, 44)})

    message = message_of(bare)

    assert ({}, frozenset()) == (registers_of(message), message.cleared)


def test_a_resend_is_the_same_fact() -> None:
    """Message and visit references depend on the bytes alone."""
    assert message_of(fixture()) == message_of(fixture())


def test_nothing_personal_is_shown() -> None:
    """A traceback or a log line with a reading in it names nobody."""
    shown = repr(read(fixture()))

    assert not [
        word for word in ("9990000018", "Robin", "Sample", "Attending", "2016", "V-778812") if word in shown
    ]


@pytest.mark.parametrize(
    ("fields", "code", "place"),
    [
        ({"MSH_9": "ORU^R01"}, 200, "MSH-9"),
        ({"MSH_9": ""}, 200, "MSH-9"),
        ({"MSH_9": "ADT^A40"}, 201, "MSH-9"),
        ({"MSH_9": "ADT"}, 201, "MSH-9"),
        ({"MSH_11": "X"}, 202, "MSH-11"),
        ({"MSH_11": ""}, 202, "MSH-11"),
        ({"MSH_12": "2.2"}, 203, "MSH-12"),
        ({"MSH_12": "3.0"}, 203, "MSH-12"),
        ({"MSH_10": ""}, 101, "MSH-10"),
        ({"MSH_10": "1" * 200}, 102, "MSH-10"),
        ({"MSH_4": ""}, 101, "MSH-4"),
        ({"MSH_4": "Our hospital"}, 103, "MSH-4"),
        ({"MSH_7": "", "EVN_2": ""}, 101, "MSH-7"),
        ({"MSH_7": "x", "EVN_2": "y"}, 101, "MSH-7"),
        ({"PID_0": None}, 100, "PID"),
        ({"PV1_0": None}, 100, "PV1"),
    ],
)
def test_a_message_is_refused_with_code_and_place(
    fields: dict[str, str | None], code: int, place: str
) -> None:
    """200 to 203 are not taken here, the others are for the sender to mend (dossier 6.5)."""
    assert (code, place) == refusal(edited(fixture(), **fields))


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("MSH", fixture("a03-discharged")),
        ("PID", b"PID|||9990000026^^^NHS||Other^Kim\r"),
        ("PV1", b"PV1||E|ED|||||||||||||||||V-2\r"),
    ],
)
def test_of_two_patients_visits_or_messages_in_one_neither_is_dropped_in_silence(
    name: str, second: bytes
) -> None:
    """The first of them would be answered and the other never told of; said twice alike it does no harm."""
    lines = [line + b"\r" for line in fixture().split(b"\r") if line.startswith(name.encode())]

    assert (100, f"{name}[2]") == refusal(fixture() + second)
    assert ROBIN == read(fixture() + lines[0]).number


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.4^GBR"])
def test_neighbouring_versions_are_read(version: str) -> None:
    """The fields read here mean the same in all of them."""
    assert ROBIN == read(edited(fixture(), MSH_12=version)).number


def test_a_live_deployment_takes_live_messages_only() -> None:
    """Which processing ids are taken is a setting (27)."""
    assert (202, "MSH-11") == refusal(fixture(), processing_ids=frozenset({"P"}))


@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_reading_or_one_kind_of_error(data: bytes) -> None:
    """Invariant: whatever arrives is read or refused with `MalformedMessage`."""
    try:
        reading = read(data)
    except MalformedMessage:
        return
    assert isinstance(reading, VisitReading)


@given(
    st.sampled_from(sorted(path.stem for path in FIXTURES.glob("*.hl7"))),
    st.lists(
        st.tuples(
            st.integers(0, 700),
            st.integers(0, 40),
            st.one_of(
                st.binary(max_size=12), st.sampled_from([b'""', b"|", b"^", b"~", b"\r", b"\\", b"NHS"])
            ),
        ),
        max_size=4,
    ),
)
def test_any_damage_to_a_message_ends_in_a_reading_or_one_kind_of_error(
    name: str, damages: list[tuple[int, int, bytes]]
) -> None:
    """Invariant: a damaged message is read or refused, what is read is a fact, no error shows a value."""
    data = fixture(name)
    for place, length, replacement in damages:
        data = data[:place] + replacement + data[place + length :]
    try:
        reading = read(data)
    except MalformedMessage as error:
        shown = str(error)
    else:
        shown = repr(reading.number_fault)
        nobody = reading.message.visit == reading.unnumbered
        assert (reading.number is None) == nobody == (reading.number_fault is not None)
    assert not [word for word in ("999000", "Sample", "Robin", "2016") if word in shown]


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.sampled_from(["EVN_2", "PV1_44"]))  # noqa: DTZ001 - wall times are what is tested
def test_no_attendance_is_refused_for_its_times(wall: datetime, place: str) -> None:
    """Invariant: any time in the calendar leaves a fact with the same visit (37)."""
    data = edited(fixture(), **{place: wall.strftime("%Y%m%d%H%M%S")})

    assert message_of(fixture()).visit == message_of(data).visit
    assert timedelta(0) == message_of(data).recorded_at.utcoffset()
