"""What the file of senders settles of how a message is read: a row on each side of every setting."""

from datetime import UTC, datetime
from typing import Any

import pytest

from broker.core.errors import MalformedMessage
from broker.core.facts import VisitEvent
from broker.core.identifiers import NhsNumber
from broker.core.number_ranges import takes_any
from broker.runtime.senders_file import parse_senders
from broker.wire.adt import read_adt
from broker.wire.visit_reading import PROCESSING_IDS, Admits, Context, VisitReading
from tests.builders.hl7 import KEY, RECEIVED, ROBIN, at, edited, fixture

ALEX = NhsNumber("9990000026")
IDENTIFIERS = "A55501^^^RXX~9990000018^^^NHS"


def read(file: str, data: bytes) -> VisitReading:
    """Read a message of a sender of whom `file` settles something."""
    text = f'[provider.RXX.sender.EDSYS]\naddresses = ["192.0.2.1"]\n{file}'
    admits = Admits(PROCESSING_IDS, takes_any, parse_senders(text, "senders.toml").settled)
    return read_adt(data, Context(key=KEY, received_at=RECEIVED, admits=admits))


@pytest.mark.parametrize(
    ("file", "fields", "code"),
    [
        ("", {"MSH_12": "2.4"}, None),
        ("", {"MSH_12": "2.6"}, 203),
        ('versions = ["2.6"]', {"MSH_12": "2.6"}, None),
        ('versions = ["2.6"]', {"MSH_12": "2.4"}, 203),
        ("", {"MSH_9": "ADT^A08"}, None),
        ('events = ["A04"]', {"MSH_9": "ADT^A08"}, 201),
        ('events = ["A04"]', {"MSH_9": "ADT^A04"}, None),
        ("", {"MSH_9": "ADT^A06"}, 201),
        ('unknown_events = "accept"', {"MSH_9": "ADT^A06"}, 201),
        ('read_as = { A06 = "A01" }', {"MSH_9": "ADT^A06"}, None),
        ('read_as = { A06 = "A01" }', {"MSH_9": "ADT^A07"}, 201),
        ('read_as = { A06 = "A01" }\nevents = ["A04"]', {"MSH_9": "ADT^A06"}, 201),
    ],
)
def test_what_is_taken_of_a_sender(file: str, fields: dict[str, str], code: int | None) -> None:
    """Its versions and its events, with the code of table 0357 for any other (dossier 6.4, 6.5)."""
    found = None
    try:
        read(file, edited(fixture(), **fields))
    except MalformedMessage as error:
        found = error.hl7_code

    assert code == found


def test_an_event_is_read_as_the_one_that_the_site_means() -> None:
    """In capitals or not; the message is an admission then."""
    reading = read('read_as = { a06 = "a01" }', edited(fixture(), MSH_9="ADT^a06"))

    assert VisitEvent.ADMITTED is reading.event is reading.message.event


@pytest.mark.parametrize(
    ("file", "profile", "faults"),
    [
        ("", "OTHER", ()),
        ('profile = "ITKv1.0"', "ITKv1.0", ()),
        ('profile = "ITKv1.0"', "ITKv1.0^NHS", ()),
        ('profile = "ITKv1.0"', "OTHER", ("profile not as declared",)),
        ('profile = "ITKv1.0"', "", ("profile not as declared",)),
    ],
)
def test_another_profile_is_counted_and_taken(file: str, profile: str, faults: tuple[str, ...]) -> None:
    """MSH-21 says how a message was meant; a child is not missed over it."""
    assert faults == read(file, edited(fixture(), MSH_21=profile)).faults


@pytest.mark.parametrize(
    ("file", "written", "moment"),
    [
        ("", "20240701101500", datetime(2024, 7, 1, 9, 15, tzinfo=UTC)),
        ('time_zone = "UTC"', "20240701101500", datetime(2024, 7, 1, 10, 15, tzinfo=UTC)),
        ('time_zone = "Europe/Paris"', "20240701101500", datetime(2024, 7, 1, 8, 15, tzinfo=UTC)),
        ('time_zone = "UTC"', "20240701101500+0100", datetime(2024, 7, 1, 9, 15, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_of_the_senders_clock(file: str, written: str, moment: datetime) -> None:
    """Europe/London where nothing is settled; an offset that is written counts (rulings, Time)."""
    assert moment == read(file, edited(fixture(), EVN_2=written)).message.recorded_at


@pytest.mark.parametrize(
    ("file", "declared", "written", "name", "faults"),
    [
        ("", "", "Müller".encode("cp1252"), "Müller", ()),
        ("", "", "O’Brien".encode("cp1252"), "O\x92Brien", ()),
        ('character_set = "WINDOWS-1252"', "", "O’Brien".encode("cp1252"), "O’Brien", ()),
        ('character_set = "WINDOWS-1252"', "UNICODE UTF-8", "O’Brien".encode(), "O’Brien", ()),
        ('character_set = "8859/15"', "", "Œuvre".encode("iso8859_15"), "Œuvre", ()),
        (
            'character_set = "UNICODE UTF-8"',
            "",
            "Müller".encode("latin-1"),
            "Müller",
            ("character set not as declared",),
        ),
    ],
)
def test_a_text_is_in_the_senders_character_set(
    file: str, declared: str, written: bytes, name: str, faults: tuple[str, ...]
) -> None:
    """Where MSH-18 says nothing; what does not fit is read all the same, and counted."""
    data = edited(fixture(), PID_5="NAME^Robin", MSH_18=declared).replace(b"NAME", written)
    reading = read(file, data)

    assert (name, faults) == (reading.message.family, reading.faults)


@pytest.mark.parametrize(
    ("file", "fields", "number"),
    [
        ("", {"PID_3": IDENTIFIERS}, ROBIN),
        ("", {"PID_3": "9990000018^^^NHS0"}, None),
        ('["PID-3 authority NHS0"]', {"PID_3": "9990000018^^^NHS0"}, ROBIN),
        ('["PID-3 authority NHS0"]', {"PID_3": IDENTIFIERS}, None),
        ('["PID-3 type NHS"]', {"PID_3": "9990000018^^^X^NHS"}, ROBIN),
        ('["PID-3 type NI"]', {"PID_3": "9990000018^^^X^NI"}, ROBIN),
        ("", {"PID_3": "9990000018^^^X^NI"}, None),
        ('["PID-3 unlabelled"]', {"PID_3": "9990000018"}, ROBIN),
        ('["PID-3 unlabelled"]', {"PID_3": "9990000018^^^RXX"}, None),
        ('["PID-3 unlabelled"]', {"PID_3": "9990000018^^^^MR"}, None),
        ("", {"PID_3": "9990000018"}, None),
        ("", {"PID_3": "A1^^^RXX", "PID_2": "9990000018"}, ROBIN),
        ('["PID-3 authority NHS"]', {"PID_3": "A1^^^RXX", "PID_2": "9990000018"}, None),
        ('["PID-19"]', {"PID_3": "A1^^^RXX", "PID_19": "9990000018"}, ROBIN),
        ("", {"PID_3": "A1^^^RXX", "PID_19": "9990000018"}, None),
        ('["PID-19", "PID-2"]', {"PID_3": "A1^^^RXX", "PID_2": "9990000018"}, ROBIN),
    ],
)
def test_the_number_stands_where_the_site_says(
    file: str, fields: dict[str, str], number: NhsNumber | None
) -> None:
    """Instead of the usual places, not beside them (ruling 36)."""
    settled = f"number_in = {file}" if file else ""

    assert number == read(settled, edited(fixture(), **{"PID_2": "", **fields})).number


def test_the_mothers_number_is_labelled_as_the_patients() -> None:
    """PID-21 goes by the same rule, and so does which identifier is the hospital's own (6, 26, 36)."""
    data = edited(fixture(), PID_3="9990000018^^^NHS0", PID_21="9990000026^^^NHS0", PV1_19="")
    usual, settled = read("", data), read('number_in = ["PID-3 authority NHS0"]', data)

    assert ((), (ALEX,)) == (usual.mothers, settled.mothers)
    assert usual.unnumbered != settled.unnumbered


@pytest.mark.parametrize(
    ("file", "fields", "register", "value"),
    [
        ("", {"PV1_4": "EMER"}, "admission_type", "EMER"),
        ('admission_types = { EMER = "21" }', {"PV1_4": "emer"}, "admission_type", "21"),
        ('admission_types = { EMER = "21" }', {"PV1_4": "11"}, "admission_type", "11"),
        ('admission_types = { "Via A&E" = "21" }', {"PV1_4": "via A\\T\\E"}, "admission_type", "21"),
        ('patient_classes = { AE = "E" }', {"PV1_2": "AE"}, "patient_class", "E"),
        ("", {"PV1_2": "AE"}, "patient_class", "AE"),
        ('dispositions = { LWBS = "12" }', {"PV1_36": "LWBS"}, "disposition", "12"),
        ('dispositions = { 99 = "12" }', {"PV1_36": "99"}, "disposition", "12"),
        ('dispositions = { LWBS = "12" }', {"PV1_36": "", "ZU3_4": "LWBS"}, "disposition", "12"),
        ("", {"PV1_36": "", "ZU3_4": "12"}, "disposition", "12"),
        ("", {"PV1_36": "03", "ZU3_4": "12"}, "disposition", "3"),
        ("", {"PV1_36": "", "ZU3_4": ""}, "disposition", None),
    ],
)
def test_a_code_of_the_sites_own_means_what_it_says(
    file: str, fields: dict[str, str], register: str, value: Any
) -> None:
    """Admission types, classes (4) and dispositions (R46); without PV1-36 the outcome of ZU3-4 counts."""
    assert value == getattr(read(file, edited(fixture(), **fields)).message, register)


def test_what_is_not_read_of_a_message_is_listed() -> None:
    """By the names of its segments, each once; nothing is dropped in silence."""
    data = edited(fixture(), ZU1_1="1", OBX_1="1", ZU3_4="12", PD1_1="1") + b"OBX|2\rno segment\r"

    assert ("OBX", "PD1", "ZU1") == read("", data).unread
    assert at(10, 15) == read("", data).message.recorded_at


OWN = "ZU1|1||||Grace Grandmother^Auntie"
PERSON_WHO_CAME = "NK1|1|GRANDMOTHER^GRACE|PRN^Parent"
IN_FIELD, IN_COMPONENT = 'accompanied_in = ["ZU1-5"]', 'accompanied_in = ["ZU1-5.2"]'
IN_KIN = 'accompanied_in = ["NK1 relationship PRN"]'


@pytest.mark.parametrize(
    ("file", "segments", "told"),
    [
        ("", (OWN, PERSON_WHO_CAME), None),
        (IN_FIELD, (OWN,), "Grace Grandmother"),
        (IN_FIELD, (OWN, "ZU1|2||||Another"), "Grace Grandmother"),
        (IN_FIELD, ("ZU1|1||||", "ZU1|2||||Another"), "Another"),
        (IN_COMPONENT, (OWN,), "Auntie"),
        (IN_FIELD, ("ZU1|1",), None),
        (IN_FIELD, (PERSON_WHO_CAME,), None),
        (IN_KIN, (PERSON_WHO_CAME,), "GRACE GRANDMOTHER"),
        (IN_KIN, ("NK1|1|UNCLE^U|12", PERSON_WHO_CAME), "GRACE GRANDMOTHER"),
        (IN_KIN, ("NK1|1|UNCLE^U|12",), None),
    ],
)
def test_who_came_is_read_where_the_site_has_declared_it(
    file: str, segments: tuple[str, ...], told: str | None
) -> None:
    """A field of the site's own, or a next of kin of one relationship; else of nothing (ruling 29)."""
    reading = read(file, fixture() + "".join(f"{one}\r" for one in segments).encode())

    assert told == reading.message.accompanied_by
    assert ("ZU1" in reading.unread) == (any("ZU1" in one for one in segments) and "ZU1" not in file)


@pytest.mark.parametrize(
    ("said", "told", "cleared", "faults"),
    [
        ("X" * 60, "X" * 60, False, ()),
        ("X" * 61, None, True, ("companion no name",)),
        ("Gran 07700 900123", None, True, ("companion no name",)),
        ("her sister Kim", None, True, ("companion no name",)),
        ('""', None, True, ()),
        ("", None, False, ()),
    ],
)
def test_what_is_no_name_of_an_adult_is_not_told(
    said: str, told: str | None, *, cleared: bool, faults: tuple[str, ...]
) -> None:
    """Neither a telephone nor another child (ruling 31); nobody named before stands in its place."""
    reading = read(IN_FIELD, fixture() + f"ZU1|1||||{said}\r".encode())

    message = reading.message
    assert (told, cleared, faults) == (
        message.accompanied_by,
        "accompanied_by" in message.cleared,
        reading.faults,
    )


def test_a_child_among_the_next_of_kin_is_no_companion() -> None:
    """Whatever the site has declared (ruling 31)."""
    reading = read('accompanied_in = ["NK1 relationship BRO"]', fixture() + b"NK1|1|SAMPLE^KIM|BRO^Brother\r")

    assert (None, ("companion no name",)) == (reading.message.accompanied_by, reading.faults)
