"""What a hospital writes to its own topic says what its HL7 v2 messages say, and is judged alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.core.errors import MalformedMessage, RealPersonRefused
from broker.core.facts import VisitEvent, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.message_times import stamp
from broker.core.number_ranges import Takes, takes_any, takes_for_tests
from broker.core.policy import Policies, Policy
from broker.core.policy_keys import Selector
from broker.core.visit_reason import Reason
from broker.wire.adt_registers import Fault
from broker.wire.visit_reading import PROCESSING_IDS, Admits, Context, VisitReading
from tests.builders.hl7 import FIXTURES, KEY, RECEIVED, edited, fixture
from tests.builders.hl7 import read as read_hl7
from tests.builders.hospital_record import READER, as_record, record

NEVER = datetime(1899, 12, 31, 23, 59, tzinfo=UTC)
"""A system's default, by which no plan was known."""
BABY, MOTHER, OTHER = NhsNumber("9990000018"), NhsNumber("9990000026"), NhsNumber("9990000034")


def read(
    data: bytes,
    *,
    takes: Takes = takes_any,
    processing_ids: frozenset[str] = PROCESSING_IDS,
    in_use: NhsNumber | None = None,
    confirmed: NhsNumber | None = None,
) -> VisitReading:
    """Read a record as received in the afternoon of 1 March 2025."""
    context = Context(
        key=KEY,
        received_at=RECEIVED,
        admits=Admits(processing_ids, takes),
        in_use=lambda _visit: in_use,
        confirmed=confirmed,
    )
    return READER.read(data, context)


def said(**fields: Any) -> VisitMessage:
    """Return the fact of a registration with these fields otherwise."""
    return read(record(**fields)).message


def readable(name: str) -> bool:
    """Whether a fixture is an HL7 v2 message that is taken."""
    try:
        read_hl7(fixture(name))
    except MalformedMessage:
        return False
    return True


@pytest.mark.parametrize(
    "name", [n for n in sorted(path.stem for path in FIXTURES.glob("a*.hl7")) if readable(n)]
)
def test_the_same_visit_is_the_same_fact(name: str) -> None:
    """By whichever way it comes, it is folded as one: but for the id of its bytes."""
    expected, found = read_hl7(fixture(name)), read(as_record(fixture(name)))

    assert replace(expected.message, message_id="") == replace(found.message, message_id="")
    assert (expected.number, expected.mothers, expected.unnumbered) == (
        found.number,
        found.mothers,
        found.unnumbered,
    )


def test_a_visit_without_a_number_of_its_own_is_the_same_one_too() -> None:
    """Ruling 6: the local identifier and the arrival tell it, and that is counted."""
    data = edited(fixture(), PV1_19="")

    found = read(as_record(data))

    assert read_hl7(data).message.visit == found.message.visit
    assert Fault.VISIT_NUMBER in found.faults


def test_a_null_leaves_alone_and_cleared_clears() -> None:
    """R41."""
    silent = said(arrived_at=None, location=None, family=None, birth_date=None, reasons=[])
    cleared = said(
        cleared=["location", "site", "arrived_at", "birth_date", "reason", "clinician_name", "number_status"]
    )

    assert (None, None, frozenset()) == (silent.location, silent.arrived_at, silent.cleared)
    assert {
        *("location", "site", "arrived_at", "birth_date", "reason", "clinician_name", "clinician_role"),
        "number_status",
    } == cleared.cleared


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reasons": ["no such words", "head injury"]}, {"reason": Reason.HEAD_INJURY}),
        ({"reasons": ["something else"]}, {"reason": Reason.OTHER}),
        ({"restricted": True}, {"restricted": True}),
        ({"restricted": False}, {"restricted": None}),
        ({"disposition": "02"}, {"disposition": "2"}),
        ({"location": "cdu", "site": "rxx01"}, {"location": "CDU", "site": OdsCode("RXX01")}),
        ({"location": "CDU", "site": "?"}, {"site": OdsCode("RXX")}),
        ({"cancel_reason": "ERR"}, {"cancel_reason": None}),
        ({"event": "CANCELLED", "cancel_reason": "err"}, {"cancel_reason": "ERR"}),
        (
            {"clinician_role": "attending", "clinician_name": "Dr A"},
            {"clinician_role": "attending", "clinician_name": "Dr A"},
        ),
        (
            {"clinician_role": "porter", "clinician_name": "B"},
            {"clinician_role": None, "clinician_name": None},
        ),
        (
            {"next_of_kin_relationship": "12", "next_of_kin_name": "Alex Sample"},
            {"next_of_kin_relationship": "12", "next_of_kin_name": "Alex Sample"},
        ),
        ({"next_of_kin_relationship": "BRO", "next_of_kin_name": "Kim"}, {"next_of_kin_name": None}),
        ({"next_of_kin_name": "Alex Sample"}, {"next_of_kin_name": "Alex Sample"}),
        ({"accompanied_by": "Grace Grandmother"}, {"accompanied_by": "Grace Grandmother"}),
        ({"accompanied_by": "her brother"}, {"accompanied_by": None}),
        ({"sequence": 7}, {"sequence": 7}),
    ],
)
def test_a_field_becomes_a_register(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """As ADT's do: rulings 4, 16, 24, 29, 31."""
    message = said(**fields)

    assert expected == {name: getattr(message, name) for name in expected}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"patient_class": "free text, with a comma"}, Fault.CODE),
        ({"number_status": "UNKNOWN"}, Fault.NUMBER_STATUS),
        ({"birth_date_reliability": "UNKNOWN"}, Fault.CODE),
        ({"sequence": -1}, Fault.SEQUENCE),
        ({"recorded_at": RECEIVED + timedelta(minutes=1)}, Fault.RECORDED_LATE),
        ({"recorded_at": NEVER}, Fault.EVENT_TIME),
        ({"sent_at": NEVER}, Fault.MESSAGE_TIME),
        ({"arrived_at": datetime(1899, 1, 1, tzinfo=UTC)}, Fault.ARRIVAL_IGNORED),
        ({"departed_at": datetime(9999, 12, 31, 23, tzinfo=UTC)}, Fault.DEPARTURE_TIME),
        ({"visit_number": ""}, Fault.VISIT_NUMBER),
        ({"nhs_numbers": ["9990000018", "9990000026"]}, Fault.NUMBERS_DIFFER),
    ],
)
def test_a_fault_of_quality_is_counted_and_refuses_nothing(fields: dict[str, Any], fault: Fault) -> None:
    """Ruling 37: no attendance is refused for its times, nor for a code."""
    assert (fault,) == read(record(**fields)).faults


def test_a_visit_without_a_time_that_can_be_true_is_ordered_by_its_receipt() -> None:
    """Whichever door it comes by, it is counted and never refused, or a plan would not count (ruling 37)."""
    records = [record(recorded_at=NEVER), record(recorded_at=NEVER, sent_at=NEVER)]
    hl7 = edited(fixture(), EVN_2="18991231235900", MSH_7="00010101000000")

    readings = [*map(read, records), read_hl7(hl7)]

    assert {RECEIVED} == {at for reading in readings for at in stamp(reading.message)[:2]}
    assert [("event time unreadable",)] + [("event time unreadable", "message time unreadable")] * 2 == [
        reading.faults for reading in readings
    ]


@pytest.mark.parametrize(("age", "faults"), [(2, ()), (1, (Fault.ARRIVAL_IGNORED,))])
def test_an_arrival_is_ignored_by_the_policy_in_force_at_the_receipt(
    age: int, faults: tuple[Fault, ...]
) -> None:
    """How old one may be is a setting of the provider's (ruling 37), from a day on."""
    settled = Policy(overrides={Selector(provider=OdsCode("RXX")): {"arrival_age": timedelta(days=age)}})
    policy = Policies(first=Policy(), later=((RECEIVED, settled),))
    before, data = RECEIVED - timedelta(minutes=1), record(arrived_at=RECEIVED - timedelta(days=2))

    assert faults == READER.read(data, Context(key=KEY, received_at=RECEIVED, policy=policy)).faults
    earlier = READER.read(data, Context(key=KEY, received_at=before, policy=policy))
    assert Fault.ARRIVAL_IGNORED not in earlier.faults


def test_a_time_before_1900_gives_way_to_the_other() -> None:
    """The record's own, or that of its sending (ruling 37)."""
    sent_at = RECEIVED - timedelta(minutes=2)

    message = said(recorded_at=NEVER, sent_at=sent_at)

    assert (sent_at, sent_at) == (message.recorded_at, message.sent_at)


@pytest.mark.parametrize(
    ("fields", "code", "location"),
    [
        ({"control_id": ""}, 101, "control_id"),
        ({"control_id": "x" * 200}, 102, "control_id"),
        ({"provider": ""}, 101, "provider"),
        ({"provider": "not a code"}, 103, "provider"),
        ({"processing_id": "X"}, 202, "processing_id"),
        ({"event": "UNKNOWN"}, 201, "event"),
    ],
)
def test_what_is_refused_names_the_field(fields: dict[str, Any], code: int, location: str) -> None:
    """With the code that HL7 v2 has for it, and the name in the schema."""
    with pytest.raises(MalformedMessage) as caught:
        read(record(**fields))

    assert (code, location) == (caught.value.hl7_code, caught.value.location)


@pytest.mark.parametrize(
    ("numbers", "number", "fault"),
    [
        (["999 000-0018"], BABY, None),
        (["9990000019", "9990000018"], BABY, None),
        (["9990000019"], None, "wrong check digit"),
        ([], None, "missing"),
    ],
)
def test_a_number_is_usable_or_says_why_not(
    numbers: list[str], number: NhsNumber | None, fault: str | None
) -> None:
    """Rulings 21, 35: such a visit is kept, and looked for."""
    reading = read(record(nhs_numbers=numbers))

    assert (number, fault) == (reading.number, reading.number_fault)


def test_a_visit_without_a_number_goes_on_under_the_one_in_use() -> None:
    """Or under the one that a person found out (rulings 21, 46)."""
    data = record(nhs_numbers=[])

    assert OTHER == read(data, in_use=OTHER).number
    assert OTHER == read(data, confirmed=OTHER).number


def test_a_baby_has_a_mother() -> None:
    """Ruling 26: each usable number once."""
    assert (MOTHER,) == read(record(mothers=["9990000026", "9990000026", "1"])).mothers


@pytest.mark.parametrize("fields", [{"nhs_numbers": ["4505577104"]}, {"mothers": ["4505577104"]}])
def test_a_real_person_has_no_place_in_a_deployment_for_tests(fields: dict[str, Any]) -> None:
    """Ruling 27: the place is named, in the words of the schema."""
    with pytest.raises(RealPersonRefused) as caught:
        read(record(**fields), takes=takes_for_tests)

    assert next(iter(fields)) == caught.value.location


def test_what_is_no_record_is_refused_and_has_no_header() -> None:
    """Whatever its bytes are."""
    for data in (b"", b"MSH|", record()[:-3], b"\0\0\0\0\1x"):
        with pytest.raises(MalformedMessage):
            read(data)
        assert (None, None) == READER.header(data)


@pytest.mark.parametrize(
    ("numbers", "two"),
    [
        ([BABY.digits, OTHER.digits], True),
        ([BABY.digits, BABY.digits, "9990000019"], False),
    ],
)
def test_a_record_of_two_numbers_is_not_to_be_kept(numbers: list[str], two: bool) -> None:  # noqa: FBT001
    """Where it is refused no byte of it is (ruling 42); what is no record names none."""
    assert two == READER.unkept(record(nhs_numbers=numbers, event="UNKNOWN"))
    assert not READER.unkept(b"junk")


def test_a_header_is_read_of_what_cannot_be() -> None:
    """By it the sender finds its record."""
    assert (OdsCode("RXX"), "K1") == READER.header(record(event="UNKNOWN"))
    assert (None, None) == READER.header(record(provider="?", control_id=""))


def test_the_events_are_those_of_the_core() -> None:
    """Each can be written by its name."""
    assert [*VisitEvent] == [said(event=event.name).event for event in VisitEvent]
