"""Alerts as `ORU^R01`, and what a receiver's answer means."""

from dataclasses import replace
from datetime import UTC, datetime

import hl7
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.alerts import AlertEvent, Change, EventKind
from broker.core.clinician import Reader
from broker.core.delivery import Fault, Outcome, delivered, failed
from broker.core.wording import statements
from broker.wire.acknowledgement import answer
from broker.wire.alerts_codec import Published
from broker.wire.mllp import frame
from broker.wire.oru import CONTROL_ID_LENGTH, Address, control_id, judge, observation
from tests.strategies import alert_events
from tests.unit.core.test_clinician import RESTRICTED, TO_PROVIDER, event

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
ADDRESS = Address(application="EPR", facility="RXX", processing_id="P")
EVERYBODY = Reader(hours={})


def published(one: AlertEvent) -> Published:
    """Return an event as it was published."""
    said = statements(one.alert, one.changes, kind=one.kind)
    return Published(event=one, statements=said, caused_received_at=AT, rules_version=1, policy_version="p")


def segments(one: AlertEvent, *told: str) -> list[str]:
    """Return the segments of an event's message to a receiver that has these lines."""
    message, _ = observation(published(one), EVERYBODY, ADDRESS, at=AT, told=told)
    return message.decode().split("\r")[:-1]


def rows(one: AlertEvent, *told: str) -> list[str]:
    """Return OBX of an event's message."""
    return [segment for segment in segments(one, *told) if segment.startswith("OBX|")]


def test_a_raised_alert_is_a_final_report_about_the_patient() -> None:
    """Header, patient by NHS number alone, arrival with its offset, the alert as OBR-3."""
    assert [
        r"MSH|^~\&|CPIS|CPIS|EPR|RXX|20260701130000+0100||ORU^R01^ORU_R01|e1|P|2.4||||||UNICODE UTF-8",
        "PID|1||9990000018^^^NHS^NH||^^^^^^U",
        "PV1|1|U|" + "|" * 41 + "20260110100000+0000",
        "OBR|1||x^CPIS|CPIS^Child Protection - Information Sharing^99CPIS|||20260110100000+0000"
        + "|" * 15
        + "20260701130000+0100|||F",
        "OBX|1|TX|EVENT^Event^99CPIS|1|raised||||||F",
    ] == segments(event())[:5]


def test_each_line_is_a_row_of_its_type() -> None:
    """Words, days, times and counts, told apart by code and place."""
    assert [
        "OBX|4|TX|PLAN^Plan^99CPIS|1|LAC, looked-after child||||||F",
        "OBX|6|DT|PLAN_START^Plan start^99CPIS|1|20250101||||||F",
        "OBX|14|NM|EARLIER_VISITS^Other unscheduled visits in 7 days^99CPIS|1|2||||||F",
        "OBX|15|TS|LAST_VISIT^Last of them^99CPIS|1|20260110100000+0000||||||F",
    ] == [rows(event())[number - 1] for number in (4, 6, 14, 15)]


@pytest.mark.parametrize(
    ("kind", "report", "row"),
    [
        (EventKind.RAISED, "F", "F"),
        (EventKind.UPDATED, "C", "C"),
        (EventKind.WITHDRAWN, "X", "C"),
        (EventKind.RETRACTED, "X", "C"),
    ],
)
def test_the_status_says_what_the_event_does(kind: EventKind, report: str, row: str) -> None:
    """OBR-25 of table 0123, OBX-11 of table 0085."""
    sent = segments(event(kind=kind))

    assert sent[3].endswith(f"|||{report}")
    assert all(one.endswith(f"|{row}") for one in sent[4:])


@pytest.mark.parametrize(
    ("kind", "status"),
    [(EventKind.UPDATED, "D"), (EventKind.WITHDRAWN, "D"), (EventKind.RETRACTED, "W")],
)
def test_what_is_told_no_more_is_deleted_row_by_row(kind: EventKind, status: str) -> None:
    """Without its value; of a wrong patient it is called wrong (rulings 24, 44)."""
    last = rows(event(kind=kind), "EVENT.1", "PLAN.9", "PLAN_MARK.9.DELAYED")[-2:]

    assert [f"PLAN^Plan^99CPIS|9|||||||{status}", f"PLAN_MARK^Mark^99CPIS|9.DELAYED|||||||{status}"] == [
        one.split("||", 1)[1] for one in last
    ]


def test_a_record_restricted_afterwards_takes_back_every_plan() -> None:
    """Nothing of the plan is in the reduced message but that it is to be deleted (ruling 24)."""
    _, told = observation(published(event()), EVERYBODY, ADDRESS, at=AT, told=())
    reduced = event(RESTRICTED, EventKind.UPDATED, (Change.RESTRICTED,))

    sent = rows(reduced, *told)

    gone = {one.split("|")[3].split("^")[0] for one in sent if one.endswith("|D")}
    assert {"PLAN", "AUTHORITY", "RING_NOW", "EMERGENCY", "OFFICE"} <= gone
    assert not [one for one in sent if "Exton" in one or "0207" in one]


def test_the_keys_told_are_those_of_its_rows() -> None:
    """What the next message of the alert is compared with."""
    _, keys = observation(published(event()), EVERYBODY, ADDRESS, at=AT, told=("PLAN.9",))

    assert len(keys) == len(rows(event()))
    assert "PLAN.9" not in keys


def test_an_event_without_a_visit_has_no_arrival() -> None:
    """OBR-7 is then the time of sending."""
    sent = segments(event(replace(TO_PROVIDER, visit=None)))

    assert sent[2] == "PV1|1|U|" + "|" * 41
    assert "|||20260701130000+0100|" in sent[3]


def test_place_and_class_are_the_visits_own() -> None:
    """A class that is none of table 0004 is unknown."""
    visit = replace(TO_PROVIDER.visit, location="ED^1", patient_class="E")  # type: ignore[type-var]

    assert segments(event(replace(TO_PROVIDER, visit=visit)))[2].startswith("PV1|1|E|ED\\S\\1|")


def test_a_control_id_fits_and_follows_from_the_event() -> None:
    """MSH-10 of 2.4 has twenty signs; the same event has the same one."""
    assert ("0123456789abcdef0123", CONTROL_ID_LENGTH) == (
        control_id("0123456789abcdef0123456789abcdef"),
        len(control_id("0" * 32)),
    )


@settings(max_examples=40)
@given(one=alert_events())
def test_an_independent_reader_reads_every_message(one: AlertEvent) -> None:
    """Whatever is told fits into a frame and is read back by another parser, row for row."""
    message, keys = observation(published(one), EVERYBODY, ADDRESS, at=AT, told=())

    assert frame(message)
    read = hl7.parse(message.decode())
    assert one.subject.digits == read.segment("PID")[3][0][0][0]
    assert list(keys) == [f"{row[3][0][0][0]}.{row[4][0]}" for row in read.segments("OBX")]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("AA", delivered()),
        ("CA", delivered()),
        ("AE", failed(Fault.IN_ERROR)),
        ("CE", failed(Fault.IN_ERROR)),
        ("AR", failed(Fault.REFUSED)),
        ("CR", failed(Fault.REFUSED)),
        ("XX", failed(Fault.ANSWER_UNREADABLE)),
        ("", failed(Fault.ANSWER_UNREADABLE)),
    ],
)
def test_an_answer_says_what_became_of_the_message(code: str, outcome: Outcome) -> None:
    """MSA-1, original and enhanced; a code that is none says nothing (dossier 6.5)."""
    assert outcome == judge(f"MSH|^~\\&|EPR|RXX|CPIS|CPIS\rMSA|{code}|e1\r".encode(), "e1")


@pytest.mark.parametrize(
    ("named", "fault"),
    [
        ("MSA|AE|e1||||102^Data type error", Fault.REFUSED_CONTENT),
        ("MSA|AE|e1\rERR|PID^1^3^103&Table value not found&HL70357", Fault.REFUSED_CONTENT),
        ("MSA|CE|e1\rERR||PID^1^3|203^Unsupported version|E", Fault.REFUSED_CONTENT),
        ("MSA|AE|e1||||207^Application internal error", Fault.IN_ERROR),
        ("MSA|AE|e1|102\rERR|PID^1^102", Fault.IN_ERROR),
        ("MSA|AR|e1||||201^Unsupported event", Fault.REFUSED),
    ],
)
def test_an_error_is_the_contents_fault_where_the_answer_says_so(named: str, fault: Fault) -> None:
    """By table 0357; an engine whose database is away answers `AE` too, and takes it a minute later."""
    assert failed(fault) == judge(f"MSH|^~\\&|EPR|RXX|CPIS|CPIS\r{named}\r".encode(), "e1")


@pytest.mark.parametrize(
    ("answered", "fault"),
    [
        ("AE|", Fault.IN_ERROR),
        ('AR|""', Fault.REFUSED),
        ("AE||what is it||||102", Fault.IN_ERROR),
        ("AA|", Fault.ANSWER_OF_ANOTHER),
        ("AE|e2", Fault.ANSWER_OF_ANOTHER),
    ],
)
def test_a_refusal_may_name_no_message_and_a_yes_may_not(answered: str, fault: Fault) -> None:
    """Who could not read it does not know its name; it would come again for ever, and ask for nobody."""
    assert failed(fault) == judge(f"MSH|^~\\&|EPR|RXX|CPIS|CPIS\rMSA|{answered}\r".encode(), "e1")


@pytest.mark.parametrize("data", [b"", b"what?", b"MSH|^~\\&|EPR|RXX\r"])
def test_an_answer_that_says_nothing_is_none(data: bytes) -> None:
    """No header, or no MSA: nobody knows whether it was taken."""
    assert failed(Fault.ANSWER_UNREADABLE) == judge(data, "e1")


@given(noise=st.binary(max_size=60), at=st.integers(0, 60))
def test_whatever_a_receiver_answers_is_an_outcome(noise: bytes, at: int) -> None:
    """Bytes put anywhere into an answer end in one of our words, and in no error."""
    right = b"MSH|^~\\&|EPR\rMSA|AA|e1\r"

    outcome = judge(right[:at] + noise + right[at:], "e1")

    assert outcome.fault is None or outcome.fault in Fault


def test_an_answer_to_another_message_is_not_taken_for_this_ones() -> None:
    """A late answer is never credited to the next message (peers.md 3.2, complaint 1)."""
    assert failed(Fault.ANSWER_OF_ANOTHER) == judge(b"MSH|^~\\&|EPR\rMSA|AA|e0\r", "e1")


def test_a_receiver_like_our_own_door_is_understood() -> None:
    """The answer of an engine that is as strict as we are."""
    message, _ = observation(published(event()), EVERYBODY, ADDRESS, at=AT, told=())

    assert delivered() == judge(answer(message), control_id("e1"))
