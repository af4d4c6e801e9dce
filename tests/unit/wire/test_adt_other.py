"""Messages about no visit: merges, persons, and what is not taken. Rulings 24, 25, 26, 36, 42; R44."""

from datetime import date

import pytest

from broker.core.errors import MalformedMessage, RealPersonRefused
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.number_ranges import Takes, takes_any, takes_for_tests
from broker.runtime.senders_file import parse_senders
from broker.wire.adt_other import OtherReading, Person, may_hold_two_numbers, read_other
from broker.wire.visit_reading import PROCESSING_IDS, Admits, Context
from tests.builders.adt import Adt, Patient
from tests.builders.hl7 import KEY, RECEIVED, at, edited

FIRST, SECOND, THIRD = "9990000018", "9990000026", "9990000034"
ROBIN, MOTHER = NhsNumber(FIRST), NhsNumber(SECOND)
SENDER = '[provider.RXX.sender.EDSYS]\naddresses = ["192.0.2.1"]\n'


def merge(
    mrg: str | None, *, event: str = "A40", number: str | None = FIRST, control_id: str = "M1"
) -> bytes:
    """Return a merge; `mrg` is its MRG segment behind the name."""
    text = Adt(
        event=event, control_id=control_id, recorded="20250301113500", patient=Patient(number=number)
    ).text()
    kept = [part for part in text.split("\r") if part and not part.startswith("PV1")]
    return "\r".join([*kept, *([] if mrg is None else [f"MRG|{mrg}"]), ""]).encode()


def person(event: str = "A31", **fields: str) -> bytes:
    """Return a message about a person, with fields as `edited` names them."""
    adt = Adt(event=event, control_id="M1", recorded="20250301113500", patient=Patient(born="20250228"))
    return edited(adt.text().encode(), **fields)


def read(data: bytes, file: str | None = None, takes: Takes = takes_any) -> OtherReading | None:
    """Read a message of a sender, of whom `file` settles something."""
    settled = None if file is None else parse_senders(SENDER + file, "senders.toml").settled
    admits = Admits(PROCESSING_IDS, takes, settled)
    return read_other(data, Context(key=KEY, received_at=RECEIVED, admits=admits))


@pytest.mark.parametrize(
    ("mrg", "number", "two"),
    [
        ("B7^^^RXX", FIRST, False),
        ("B7", FIRST, False),
        (f"{FIRST}^^^NHS~B7^^^RXX", FIRST, False),
        (f"{SECOND}^^^NHS~B7^^^RXX", FIRST, True),
        (f"B7^^^RXX~{SECOND}^^^NHS", FIRST, True),
        (f"B7^^^RXX|||{SECOND}", FIRST, True),
        (f"{SECOND}^^^^NH", FIRST, True),
        (f"{SECOND}^^^RXX", FIRST, False),
        (f"{SECOND}^^^NHS", None, False),
        ("9990000019^^^NHS", FIRST, False),
        (f"{FIRST}^^^NHS~{SECOND}^^^NHS", None, True),
    ],
)
def test_two_usable_numbers_are_two_and_anything_else_is_not(
    mrg: str,
    number: str | None,
    two: bool,  # noqa: FBT001
) -> None:
    """In MRG-1 or MRG-4, labelled as PID-3 and PID-2 are; a hospital's own identifiers are none (36, 42)."""
    expected = OtherReading(provider=OdsCode("RXX"), control_id="M1", event="A40", two_numbers=two)

    assert expected == read(merge(mrg, number=number))


@pytest.mark.parametrize(
    ("more", "two"),
    [
        (f"PID|||{SECOND}^^^NHS\rMRG|B8^^^RXX\r", False),
        (f"PID|||{SECOND}^^^NHS\rMRG|{THIRD}^^^NHS\r", True),
        (f"PID|||B9^^^RXX\rMRG|B8^^^RXX\rMRG|{SECOND}^^^NHS\rMRG|{THIRD}^^^NHS\r", True),
    ],
)
def test_each_patient_of_a_merge_is_looked_at(more: str, two: bool) -> None:  # noqa: FBT001
    """A40 has several, each with what is merged into it (R44): they are not one patient of two numbers."""
    reading = read(merge("B7^^^RXX") + more.encode())

    assert reading is not None
    assert two == reading.two_numbers


@pytest.mark.parametrize(("event", "is_one"), [("A40", True), ("A34", True), ("A08", False), ("A18", False)])
def test_two_events_are_merges(event: str, is_one: bool) -> None:  # noqa: FBT001
    """A40, and A34 of older systems (ruling 25)."""
    data = merge("B7", event=event)

    assert is_one == (read(data) is not None)


TWICE = f"{FIRST}^^^NHS~{SECOND}^^^NHS"
VISIT = Adt(event="A08", control_id="M1", recorded="20250301113500").text().encode()


@pytest.mark.parametrize(
    "data",
    [
        merge(f"{SECOND}^^^NHS", event="A40"),
        merge(f"{SECOND}^^^NHS", event="A18"),
        merge(f"{SECOND}^^^NHS", event="A47"),
        merge(None, event="a34"),
        merge(f"{SECOND}^^^NHS").partition(b"MRG")[0],
        merge(f"{SECOND}^^^NHS", event="A47").replace(b"MSH|^~", b"MSH", 1),
        b"junk\r" + merge(f"{SECOND}^^^NHS"),
        merge(f"{SECOND}^^^NHS").replace(b"ADT^A40", b"ADT&1^A40"),
        merge(f"{SECOND}^^^NHS").replace(b"ADT^A40", b"ADT&1^A40").partition(b"MRG")[0],
        merge(f"{SECOND}^^^NHS").decode().encode("utf-16"),
        edited(VISIT, PID_3=TWICE),
        edited(VISIT, PID_2=SECOND, PID_3=f"{FIRST}^^^NHS"),
        b"BHS|^~\\&|A\r" + VISIT + edited(VISIT, PID_3=TWICE) + b"BTS|2\r",
    ],
)
def test_what_may_put_two_numbers_side_by_side_is_known_whatever_else_is_wrong(data: bytes) -> None:
    """A merge by any name, cut off, behind junk or in UTF-16, and two numbers of a patient (ruling 42)."""
    assert may_hold_two_numbers(data)


@pytest.mark.parametrize(
    "data",
    [
        edited(VISIT, PID_3=f"{FIRST}^^^NHS"),
        edited(VISIT, PID_3=f"{FIRST}^^^NHS~{FIRST}^^^NHS~A40^^^RXX"),
        edited(VISIT, PID_3=f"{FIRST}^^^NHS", PID_21=f"{SECOND}^^^NHS"),
        b"BHS|^~\\&|A\r" + VISIT + edited(VISIT, PID_3=f"{SECOND}^^^NHS") + b"BTS|2\r",
    ],
)
def test_one_number_may_be_kept(data: bytes) -> None:
    """However often it is said, and beside the mother's: what cannot be read is then found and redriven."""
    assert not may_hold_two_numbers(data)


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (merge(None), 100, "MRG"),
        (merge("B7", control_id=""), 101, "MSH-10"),
        (merge("B7").replace(b"|RXX|", b"|R-X|", 1), 103, "MSH-4"),
        (merge("B7").replace(b"PID|", b"ZID|"), 100, "PID"),
    ],
)
def test_a_merge_that_cannot_be_read_says_what_must_be_mended(data: bytes, code: int, place: str) -> None:
    """With the sender's own error code (R44)."""
    with pytest.raises(MalformedMessage) as caught:
        read(data)

    assert (code, place) == (caught.value.hl7_code, caught.value.location)


def test_what_is_no_message_is_no_merge() -> None:
    """Its bytes may be kept."""
    assert not may_hold_two_numbers(b"junk")


@pytest.mark.parametrize("event", ["A28", "A31"])
@pytest.mark.parametrize(
    ("fields", "restricted", "mothers"),
    [
        ({}, False, ()),
        ({"PV1_16": "S"}, True, ()),
        ({"ZU8_4": "2"}, True, ()),
        ({"ZU8_4": '""'}, False, ()),
        ({"PID_21": f"{SECOND}^^^NHS"}, False, (MOTHER,)),
        ({"PID_21": f"{SECOND}^^^RXX"}, False, ()),
    ],
)
def test_a_person_is_restricted_or_somebodys_baby(
    event: str,
    fields: dict[str, str],
    restricted: bool,  # noqa: FBT001 - a row of the table above
    mothers: tuple[NhsNumber, ...],
) -> None:
    """A28 and A31 say what A08 says of the person, and nothing of a visit (24, 26)."""
    about = Person(
        number=ROBIN,
        mothers=mothers,
        born=date(2025, 2, 28),
        restricted=restricted,
        recorded_at=at(11, 35),
    )

    assert OtherReading(provider=OdsCode("RXX"), control_id="M1", event=event, person=about) == read(
        person(event, **fields)
    )


@pytest.mark.parametrize(
    ("identifiers", "two"), [(f"{FIRST}^^^NHS~{SECOND}^^^NHS", True), ("A1^^^RXX", False), ("", False)]
)
def test_a_person_of_two_numbers_or_none_is_nobody(
    identifiers: str,
    two: bool,  # noqa: FBT001 - a row of the table above
) -> None:
    """Two NHS numbers are work for the sender (42); of none nothing is known."""
    reading = read(person(PID_3=identifiers, ZU8_4="1"))

    assert reading is not None
    assert (two, None if not two else ROBIN) == (
        reading.two_numbers,
        reading.person and reading.person.number,
    )


def test_a_person_that_a_deployment_for_tests_must_not_hold_is_refused() -> None:
    """As in a message about a visit (27)."""
    with pytest.raises(RealPersonRefused):
        read(person(PID_3="4505577104^^^NHS"), takes=takes_for_tests)


@pytest.mark.parametrize(
    ("event", "file", "taken"),
    [
        ("A40", "", True),
        ("A40", 'events = ["A04"]', False),
        ("A31", "", True),
        ("A31", 'events = ["A04"]', False),
        ("A31", 'events = ["A04"]\nunknown_events = "accept"', True),
        ("A05", "", False),
        ("A05", 'unknown_events = "accept"', True),
        ("A05", 'unknown_events = "refuse"', False),
    ],
)
def test_an_event_that_is_not_taken_is_acknowledged_where_the_site_has_it_so(
    event: str,
    file: str,
    taken: bool,  # noqa: FBT001 - a row of the table above
) -> None:
    """By the file of senders; without a word of it the event is refused."""
    reading = read(merge("B7", event=event), file)

    assert taken is (reading is not None)
    assert reading is None or event == reading.event
