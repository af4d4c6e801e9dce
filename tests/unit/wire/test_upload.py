"""Reading the head of a local authority upload: what is taken from it, and what refuses the whole file."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml.etree import _Element as Element

from broker.core.errors import MalformedMessage, NaiveTime
from broker.core.identifiers import OdsCode
from broker.wire.times import DAY_ONLY, REPEATED_HOUR
from broker.wire.upload import CREATED_AFTER_RECEIPT, RECORD_COUNT_DIFFERS
from tests.builders.damage import misbuilt, remove, rename, repeat, torn
from tests.builders.upload import HL7, Person, Record, build_upload, serialised
from tests.builders.upload_reading import Upload, read_upload

RECEIVED = datetime(2025, 3, 1, 7, 0, tzinfo=UTC)
OFFICE = ("WP", "tel:02079460001")
EMERGENCY = ("EC", "tel:02079460999")


def read(data: bytes) -> Upload:
    """Read an upload as received at seven in the morning of 1 March 2025."""
    return read_upload(data, received_at=RECEIVED)


def refusal(data: bytes) -> tuple[str, str]:
    """Return reason and location of the error that reading ends in."""
    with pytest.raises(MalformedMessage) as caught:
        read(data)
    return caught.value.reason, caught.value.location


def read_or_refused(data: bytes) -> bool:
    """Whether a file is read with at least one record, or refused as a file; other errors come through."""
    try:
        return bool(read(data).records)
    except MalformedMessage as error:
        return error.reason.startswith("CPF01 ")


def altered(path: str, alter: Callable[[Element], object]) -> bytes:
    """Return a valid upload with the elements at an XPath (prefix `v`) altered."""
    root = etree.fromstring(build_upload())
    found = root.findall(path, {"v": HL7})
    assert found
    for element in found:
        alter(element)
    return serialised(root)


def test_the_head_of_a_file_is_read() -> None:
    """File id, creation, author, both numbers and the declared count are what the file says."""
    upload = read(build_upload())

    assert (
        "LA-FILE-0001",
        datetime(2025, 3, 1, 6, 30, tzinfo=UTC),
        OdsCode("Z211"),
        "Exton Borough Council",
        "02079460001",
        "02079460999",
        1,
        (),
    ) == (
        upload.file_id,
        upload.created_at,
        upload.authority,
        upload.authority_name,
        upload.phone_office,
        upload.phone_emergency,
        upload.declared_count,
        upload.faults,
    )


def test_a_creation_time_without_zone_is_london_wall_time() -> None:
    """In summer half past six in London is half past five in UTC."""
    data = build_upload(created="20250701063000")
    upload = read_upload(data, received_at=datetime(2025, 7, 1, 7, 0, tzinfo=UTC))

    assert datetime(2025, 7, 1, 5, 30, tzinfo=UTC) == upload.created_at


def test_the_place_of_a_record_is_its_path_in_the_file() -> None:
    """Records keep the file's order, and each can be found again by its XPath."""
    data = build_upload([Record(), Record(child=Person(number="1")), Record()])
    root = etree.fromstring(data)
    places = [record.location for record in read(data).records]

    assert [f"/File/record[{position}]/CP-ISRecord" for position in (1, 2, 3)] == [
        place.removesuffix("/subject/COCT_TP145101GB01.Child/id") for place in places
    ]
    assert all(root.xpath(place.replace("/", "/v:"), namespaces={"v": HL7}) for place in places)


@pytest.mark.parametrize(
    ("telephones", "expected"),
    [
        ([OFFICE, EMERGENCY], ("02079460001", "02079460999")),
        ([EMERGENCY, OFFICE], ("02079460001", "02079460999")),
        ([EMERGENCY], (None, "02079460999")),
        ([("EC", "tel:+442079460999"), ("AS", "tel:1")], ("1", "+442079460999")),
        ([("WP EC", "tel:02079460999")], ("02079460999", "02079460999")),
    ],
    ids=["both", "other order", "emergency only", "international, other use", "one number for both"],
)
def test_the_emergency_number_is_told_from_the_office_number(
    telephones: list[tuple[str, str]], expected: tuple[str | None, str]
) -> None:
    """The use code EC marks the emergency number, whatever the order; the other one is the office's (R17)."""
    upload = read(build_upload(telephones=telephones))

    assert expected == (upload.phone_office, upload.phone_emergency)


AUTHOR = "/File/communicationFunctionSnd/organisation"

HEAD_FAULTS = [
    pytest.param(b'<File xmlns="urn:hl7-org:v3">', "not well-formed XML", "line 1", id="not XML"),
    pytest.param(b"<!DOCTYPE File><File/>", "document type refused", "/", id="document type"),
    pytest.param(b"<File/>", "not an upload", "/", id="no namespace"),
    pytest.param(
        b'<Bundle xmlns="urn:hl7-org:v3"/>', "not an upload", "/", id="another message of the namespace"
    ),
    pytest.param(altered("v:record", rename), "unexpected element", "/File", id="misspelt record"),
    pytest.param(build_upload([]), "record missing", "/File", id="no record"),
    pytest.param(altered("v:id", remove), "id missing", "/File", id="no file id"),
    pytest.param(altered("v:id", repeat), "id repeated", "/File/id[2]", id="two file ids"),
    pytest.param(build_upload(file_id=" "), "file id missing", "/File/id", id="blank file id"),
    pytest.param(
        altered("v:transmissionQuantity", remove), "transmissionQuantity missing", "/File", id="no count"
    ),
    pytest.param(
        build_upload(count="many"),
        "record count unreadable",
        "/File/transmissionQuantity",
        id="count in words",
    ),
    pytest.param(
        build_upload(count="-1"),
        "record count unreadable",
        "/File/transmissionQuantity",
        id="negative count",
    ),
    pytest.param(
        build_upload(count="9" * 5000),
        "record count unreadable",
        "/File/transmissionQuantity",
        id="endless count",
    ),
    pytest.param(altered("v:creationTime", remove), "creationTime missing", "/File", id="no creation"),
    pytest.param(
        build_upload(created="20250230120000"), "time unreadable", "/File/creationTime", id="30 February"
    ),
    pytest.param(
        build_upload(created="this morning"), "time unreadable", "/File/creationTime", id="time in words"
    ),
    pytest.param(
        build_upload(created="20250302070001"),
        "creation time too far ahead",
        "/File/creationTime",
        id="a second more than 24 h ahead",
    ),
    pytest.param(
        build_upload(created="18991231235959"),
        "creation time before 1900",
        "/File/creationTime",
        id="before 1900",
    ),
    pytest.param(
        altered("v:communicationFunctionSnd", remove),
        "communicationFunctionSnd missing",
        "/File",
        id="no sender",
    ),
    pytest.param(
        altered("v:communicationFunctionSnd/v:organisation", remove),
        "organisation missing",
        "/File/communicationFunctionSnd",
        id="no organisation",
    ),
    pytest.param(
        altered("v:communicationFunctionSnd/v:organisation/v:id", remove),
        "id missing",
        AUTHOR,
        id="no authority code",
    ),
    pytest.param(
        altered(
            "v:communicationFunctionSnd/v:organisation/v:id",
            lambda identifier: identifier.set("root", "1.2.3"),
        ),
        "authority code of an unknown kind",
        f"{AUTHOR}/id",
        id="code of another system",
    ),
    pytest.param(
        build_upload(authority="Exton"), "authority code unreadable", f"{AUTHOR}/id", id="no ODS code"
    ),
    pytest.param(
        altered("v:communicationFunctionSnd/v:organisation/v:name", remove),
        "name missing",
        AUTHOR,
        id="no authority name",
    ),
    pytest.param(
        build_upload(authority_name=" "), "authority name missing", f"{AUTHOR}/name", id="blank name"
    ),
    pytest.param(build_upload(telephones=[]), "emergency telephone missing", AUTHOR, id="no telephone"),
    pytest.param(
        build_upload(telephones=[OFFICE]),
        "emergency telephone missing",
        AUTHOR,
        id="office number only",
    ),
    pytest.param(
        build_upload(telephones=[EMERGENCY, EMERGENCY]),
        "emergency telephone repeated",
        f"{AUTHOR}/telecom[2]",
        id="two emergency numbers",
    ),
    pytest.param(
        build_upload(telephones=[OFFICE, EMERGENCY, OFFICE]),
        "office telephone repeated",
        f"{AUTHOR}/telecom[3]",
        id="two office numbers",
    ),
    pytest.param(
        build_upload(telephones=[OFFICE, ("EC", "tel:")]),
        "telephone without digits",
        f"{AUTHOR}/telecom[2]",
        id="emergency number without digits",
    ),
    pytest.param(
        build_upload(telephones=[("WP", "tel:+"), EMERGENCY]),
        "telephone without digits",
        f"{AUTHOR}/telecom[1]",
        id="office number without digits",
    ),
    pytest.param(
        build_upload(telephones=[("WP", "tel:020 7946 0001"), EMERGENCY]),
        "telephone without digits",
        f"{AUTHOR}/telecom[1]",
        id="number with blanks",
    ),
]


@pytest.mark.parametrize(("data", "reason", "location"), HEAD_FAULTS)
def test_a_fault_of_the_head_refuses_the_file(data: bytes, reason: str, location: str) -> None:
    """What is wrong with document, file id, count, creation or author is CPF01 and says where (ruling 40)."""
    assert (f"CPF01 {reason}", location) == refusal(data)


@pytest.mark.parametrize("count", ["0", "3", "+3"])
def test_a_wrong_count_is_noted_and_the_records_are_read(count: str) -> None:
    """A declared count that differs from the records loses none of them."""
    upload = read(build_upload([Record(), Record()], count=count))

    assert ((RECORD_COUNT_DIFFERS,), 2) == (upload.faults, len(upload.records))


def test_a_creation_exactly_24_hours_ahead_is_noted_and_read() -> None:
    """The sender's clock may be ahead by a day; it is counted, and what the file says stands."""
    upload = read(build_upload(created="20250302070000"))

    assert ((CREATED_AFTER_RECEIPT,), RECEIVED + timedelta(hours=24)) == (upload.faults, upload.created_at)


def test_a_creation_in_the_year_1900_is_read() -> None:
    """The year 1900 is the first that is no fault."""
    assert datetime(1900, 1, 1, tzinfo=UTC) == read(build_upload(created="19000101000000")).created_at


def test_a_creation_that_had_to_be_chosen_is_noted() -> None:
    """The hour that October repeats is the later instant not after receipt, and is counted."""
    data = build_upload(created="20241027013000")
    upload = read_upload(data, received_at=datetime(2024, 10, 27, 1, 0, tzinfo=UTC))

    assert ((REPEATED_HOUR,), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)) == (upload.faults, upload.created_at)


def test_every_fault_of_a_file_that_was_read_is_noted() -> None:
    """A creation given to the day, on the day after receipt, and a wrong count are three faults."""
    upload = read(build_upload(created="20250302", count="7"))

    assert (DAY_ONLY, CREATED_AFTER_RECEIPT, RECORD_COUNT_DIFFERS) == upload.faults


def test_a_receipt_without_zone_is_refused() -> None:
    """The time of receipt must be aware: it is ours to know."""
    with pytest.raises(NaiveTime):
        read_upload(build_upload(), received_at=datetime(2025, 3, 1, 7, 0))  # noqa: DTZ001


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1"])
def test_an_upload_is_read_in_the_encoding_it_declares(encoding: str) -> None:
    """The same file in another encoding reads the same."""
    data = build_upload(authority_name="Exton Bôrough")
    other = serialised(etree.fromstring(data), encoding)

    assert read(data) == read(other)


def test_the_prefix_a_sender_chose_does_not_matter() -> None:
    """A file that writes every element with a prefix reads as the one that writes none."""
    data = build_upload()
    prefixed = data.replace(b"<", b"<v:").replace(b"<v:/", b"</v:").replace(b"<v:?", b"<?")
    prefixed = prefixed.replace(b"<v:loc:", b"<loc:").replace(b"xmlns=", b"xmlns:v=")

    assert etree.fromstring(prefixed).prefix == "v"
    assert read(data) == read(prefixed)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_bytes_of_any_kind_end_in_one_kind_of_error(data: bytes) -> None:
    """Whatever arrives, reading returns an upload or raises `MalformedMessage`; bare bytes are no upload."""
    assert refusal(data)[0].startswith("CPF01 ")


WHOLE = build_upload([Record(), Record(child=Person(local_id="4711"))])


@given(torn(WHOLE))
@settings(deadline=None)
def test_a_damaged_file_ends_in_an_upload_or_in_the_one_kind_of_error(data: bytes) -> None:
    """Pieces cut out of a file and others put in never end in any other error."""
    assert read_or_refused(data)


@given(misbuilt(WHOLE))
@settings(deadline=None)
def test_a_file_of_misplaced_elements_ends_in_an_upload_or_in_the_one_kind_of_error(data: bytes) -> None:
    """Elements taken away, repeated, renamed, emptied or given other values never end in any other error."""
    assert read_or_refused(data)


def test_a_refusal_repeats_nothing_of_the_file() -> None:
    """The words of an error never hold a number, a name or a date of the file."""
    spoilt = build_upload(authority="9990000018", authority_name="Robin Sample", created="20160412")
    with pytest.raises(MalformedMessage) as caught:
        read(spoilt)

    assert "CPF01 authority code unreadable at /File/communicationFunctionSnd/organisation/id" == str(
        caught.value
    )
