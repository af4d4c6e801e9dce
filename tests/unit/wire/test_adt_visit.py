"""Which visit an ADT message is about, when and where it was, and what is counted about it."""

from datetime import UTC, datetime

import pytest

from broker.core.errors import NaiveTime
from broker.core.visit_reason import Reason
from tests.builders.hl7 import (
    RECEIVED,
    at,
    edited,
    fixture,
    message_of,
    read,
)


def test_the_same_visit_number_of_two_people_cannot_be_compared() -> None:
    """References are keyed per number (6, 42)."""
    other = edited(fixture(), PID_3="9990000026^^^NHS")

    assert message_of(fixture()).visit != message_of(other).visit


def test_without_a_visit_number_patient_and_arrival_say_which_visit_it_is() -> None:
    """Two messages with the same local id and arrival are of one visit; it is counted (6)."""
    first = edited(fixture(), PV1_19="")
    second = edited(fixture("a03-discharged"), PV1_19='""')
    later = edited(first, PV1_44="20250301120000")
    stranger = edited(first, PID_3="9990000018^^^NHS~A77777^^^RXX")

    assert message_of(first).visit == message_of(second).visit
    assert ("visit number missing",) == read(first).faults == read(second).faults
    assert 4 == len({message_of(data).visit for data in (fixture(), first, later, stranger)})


def test_without_arrival_and_local_id_the_recording_says_which_visit_it_is() -> None:
    """The worst of feeds still makes one visit per record time."""
    data = edited(fixture(), PV1_19="", PV1_44="", PID_3="9990000018^^^NHS~^^^RXX")

    assert message_of(data).visit == message_of(edited(data, MSH_10="EDSYS0002")).visit
    assert message_of(data).visit != message_of(edited(data, EVN_2="20250301101501")).visit


@pytest.mark.parametrize(
    ("fields", "faults", "recorded", "sent"),
    [
        ({"EVN_2": "20250301111500"}, (), at(11, 15), at(10, 15)),
        ({"EVN_2": ""}, (), at(10, 15), at(10, 15)),
        ({"EVN_0": None}, (), at(10, 15), at(10, 15)),
        ({"EVN_2": "soon"}, ("event time unreadable",), at(10, 15), at(10, 15)),
        ({"EVN_2": "00010101000000"}, ("event time unreadable",), at(10, 15), at(10, 15)),
        ({"EVN_2": "18991231235959"}, ("event time unreadable",), at(10, 15), at(10, 15)),
        ({"EVN_2": "19000101000000"}, (), datetime(1900, 1, 1, tzinfo=UTC), at(10, 15)),
        ({"MSH_7": "18991231235959"}, ("message time unreadable",), at(10, 15), at(10, 15)),
        ({"MSH_7": "", "EVN_2": "20250301111500"}, (), at(11, 15), at(11, 15)),
        ({"MSH_7": "x"}, ("message time unreadable",), at(10, 15), at(10, 15)),
        ({"EVN_2": "20250301164500"}, ("record time after receipt",), at(16, 45), at(10, 15)),
        ({"EVN_2": "20250301"}, ("time without hour",), at(0, 0), at(10, 15)),
    ],
)
def test_the_record_time_is_the_event_s_failing_that_the_message_s(
    fields: dict[str, str | None], faults: tuple[str, ...], recorded: datetime, sent: datetime
) -> None:
    """EVN-2, else MSH-7; what is odd about them is counted and refuses nothing (37)."""
    data = edited(fixture(), **fields)

    message = message_of(data)

    assert (faults, recorded, sent) == (read(data).faults, message.recorded_at, message.sent_at)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"PV1_44": "yesterday"}, "arrival time unreadable"),
        ({"PV1_45": "20250230"}, "departure time unreadable"),
        ({"EVN_6": "x"}, "occurred time unreadable"),
        ({"PID_7": "12/04/2016"}, "birth date unreadable"),
        ({"MSH_13": "first"}, "sequence number unreadable"),
        ({"MSH_13": "1" * 16}, "sequence number unreadable"),
        ({"PID_32": "NSTS99"}, "number status unknown"),
        ({"PV1_2": "Emergency, resus"}, "code unreadable"),
        ({"PV2_25": "see Alex Sample"}, "code unreadable"),
        ({"MSH_18": "ASCII", "PID_5": "Zoë"}, "character set not as declared"),
    ],
)
def test_an_optional_field_that_cannot_be_read_is_left_alone_and_counted(
    fields: dict[str, str], fault: str
) -> None:
    """No attendance is refused for it, and no register is touched."""
    data = edited(fixture(), **fields)
    names = {"PV1_44": "arrived_at", "PV1_45": "departed_at", "EVN_6": "occurred_at", "PID_7": "birth_date"}
    names |= {"MSH_13": "sequence", "PID_32": "number_status", "PV1_2": "patient_class", "PV2_25": "acuity"}

    message = message_of(data)

    assert (fault,) == read(data).faults
    assert [None] == [getattr(message, names.get(next(iter(fields)), "departed_at"))]
    assert frozenset() == message.cleared


@pytest.mark.parametrize(
    ("sent", "recorded", "arrived", "faults"),
    [
        ("20250701101500+0000", "20250701101500", "20250701101210", ("message time of another zone",)),
        ("20250701101500+0000", "20250701101500+0000", "20250701101210", ("message time of another zone",)),
        ("20250701101500+0000", "20250701101500+0000", "20250701101210+0000", ()),
        ("20250701111500+0100", "20250701111500", "20250701111210", ()),
        ("20250701111500", "20250701111500", "20250701111210", ()),
        ("0000+0000", "20250701111500", "20250701111210", ("message time unreadable",)),
    ],
)
def test_a_message_time_whose_zone_is_not_that_of_the_others_is_counted(
    sent: str, recorded: str, arrived: str, faults: tuple[str, ...]
) -> None:
    """By the standard it is theirs, here they are wall time: it may be an hour, and the site has to say."""
    data = edited(fixture(), MSH_7=sent, EVN_2=recorded, EVN_6="", PV1_44=arrived)
    received = datetime(2025, 7, 1, 10, 16, tzinfo=UTC)

    assert faults == read(data, received).faults


@pytest.mark.parametrize("departed", ["99991231235959", "22000101000000", "18991231235959", "00010102000000"])
def test_a_departure_that_is_some_systems_never_is_none(departed: str) -> None:
    """Who has not left yet is there, and no sum with that time fails: it is counted and left alone (37)."""
    data = edited(fixture(), PV1_45=departed)

    assert ("departure time unreadable",) == read(data).faults
    assert message_of(data).departed_at is None


def test_a_departure_within_the_calendars_in_use_is_passed_on() -> None:
    """However odd it is (37)."""
    for year in (1900, 2199):
        departed = message_of(edited(fixture(), PV1_45=f"{year}0601120000")).departed_at
        assert departed is not None
        assert year == departed.year


@pytest.mark.parametrize(
    ("arrived", "departed", "faults"),
    [
        ("20250301101210", "20250301101209", ("departure time ignored",)),
        ("20250301101210", "20250301101210", ()),
        ("20250303101210", "20250301101210", ("arrival time ignored",)),
        ("", "20240301101210", ()),
    ],
)
def test_a_departure_before_the_arrival_is_counted_and_passed_on(
    arrived: str, departed: str, faults: tuple[str, ...]
) -> None:
    """The core ignores it by all that was said of the arrival; here it is only counted (37)."""
    data = edited(fixture(), PV1_44=arrived, PV1_45=departed)

    assert faults == read(data).faults
    assert message_of(data).departed_at is not None


@pytest.mark.parametrize(
    ("arrived", "faults"),
    [
        ("18991231", ("arrival time ignored", "time without hour")),
        ("20240126154459", ("arrival time ignored",)),
        ("20240126154500", ()),
        ("20250302154459", ()),
        ("20250302154500", ("arrival time ignored",)),
    ],
)
def test_an_arrival_that_cannot_be_true_is_counted_and_passed_on(
    arrived: str, faults: tuple[str, ...]
) -> None:
    """The core ignores it by first receipt; here it is only counted (37)."""
    data = edited(fixture(), PV1_44=arrived)

    assert faults == read(data).faults
    assert message_of(data).arrived_at is not None


@pytest.mark.parametrize(
    ("arrived", "received_at", "moment", "fault"),
    [
        (
            "20251026013000",
            datetime(2025, 10, 26, 1, 45, tzinfo=UTC),
            datetime(2025, 10, 26, 1, 30, tzinfo=UTC),
            "repeated hour",
        ),
        (
            "20251026013000",
            datetime(2025, 10, 26, 0, 45, tzinfo=UTC),
            datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
            "repeated hour",
        ),
        (
            "20250330013000",
            datetime(2025, 3, 30, 2, tzinfo=UTC),
            datetime(2025, 3, 30, 1, 30, tzinfo=UTC),
            "missing hour",
        ),
    ],
)
def test_the_two_difficult_hours_are_read_by_receipt_and_counted(
    arrived: str, received_at: datetime, moment: datetime, fault: str
) -> None:
    """Rulings, "Time": the repeated and the missing hour of Europe/London."""
    data = edited(fixture(), PV1_44=arrived)

    assert (moment, (fault,)) == (
        message_of(data, received_at).arrived_at,
        read(data, received_at).faults,
    )


def test_a_receipt_without_a_zone_is_our_own_defect() -> None:
    """It is never guessed."""
    with pytest.raises(NaiveTime):
        read(fixture(), RECEIVED.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("location", "place", "site"),
    [
        ("ed^^^rxx01", "ED", "RXX01"),
        ("Minor injuries", "MINOR INJURIES", "RXX"),
        ("ED^^^MAIN HOSPITAL", "ED", "RXX"),
        ('ED^^^""', "ED", "RXX"),
        ("^^^RXX01", None, "RXX01"),
        ("^1", None, None),
        ('""^^^RXX01', None, "RXX01"),
    ],
)
def test_the_site_is_the_facility_s_code_else_the_sender_s(
    location: str, place: str | None, site: str | None
) -> None:
    """A point of care stands in capitals, as a site lists it; nothing said writes nothing."""
    message = message_of(edited(fixture(), PV1_3=location))

    assert (place, site) == (message.location, message.site and message.site.code)


@pytest.mark.parametrize(
    ("attending", "consulting", "role", "name"),
    [
        ("C1^Attending^A^^^Dr", "C2^Consulting^B", "attending", "Dr A Attending"),
        ("C1", "C2^Consulting", "consulting", "Consulting"),
        ("C1", "C2", None, None),
        ('""', "C2^Consulting^B", "consulting", "B Consulting"),
    ],
)
def test_the_clinician_is_the_attending_else_the_consulting_one(
    attending: str, consulting: str, role: str | None, name: str | None
) -> None:
    """Role and name are written together, and a bare id names nobody (29)."""
    message = message_of(edited(fixture(), PV1_7=attending, PV1_9=consulting))

    assert (role, name, frozenset()) == (message.clinician_role, message.clinician_name, message.cleared)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"PV2_3": "FALL^something"}, Reason.FALL),
        ({"PV2_3": "^see notes", "PV2_12": "overdose"}, Reason.POISONING),
        ({"PV2_3": "^mother says he fell", "PV2_12": ""}, Reason.OTHER),
        ({"PV2_3": '""', "PV2_12": "Fall"}, Reason.FALL),
        ({"PV2_3": "^D & V", "PV2_12": ""}, Reason.UNWELL),
        ({"PV2_3": "", "PV2_12": ""}, None),
    ],
)
def test_the_reason_is_a_code_of_the_short_list(fields: dict[str, str], reason: Reason | None) -> None:
    """The hospital's own words never enter a fact (29)."""
    message = message_of(edited(fixture(), **fields))

    assert (reason, frozenset()) == (message.reason, message.cleared)


@pytest.mark.parametrize(("written", "read_as"), [("12", "12"), ("02", "2"), ("0", "0"), ('""', None)])
def test_a_disposition_is_read_with_one_digit_or_two(written: str, read_as: str | None) -> None:
    """The data dictionary writes `02` for what the messaging standard writes `2`."""
    assert read_as == message_of(edited(fixture("a03-discharged"), PV1_36=written)).disposition


def test_a_cancel_reason_belongs_to_a_cancellation() -> None:
    """EVN-4 of any other event says something else (16)."""
    assert message_of(edited(fixture(), EVN_4="ERR")).cancel_reason is None
    assert message_of(edited(fixture("a11-cancelled"), EVN_0=None)).cancel_reason is None
