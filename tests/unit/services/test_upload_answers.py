"""Whatever a file holds, its sender is answered: by the official schema, with true counts and places."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml.etree import _Element as Element

from broker.wire.file_response import write_file_response
from broker.wire.upload_answer import FileAnswer
from broker.wire.upload_codes import FileCode
from tests.builders.damage import misbuilt, torn
from tests.builders.upload import HL7, Person, PlanBlock, Record, build_upload
from tests.builders.upload_desk import NOW, Desk

REPOSITORY = Path(__file__).parents[3]
SAMPLES = sorted((REPOSITORY / "tests" / "fixtures" / "uploads").iterdir())
WHOLE = build_upload(
    [
        Record(child=Person(local_id="4711")),
        Record(plans=[PlanBlock(kind="UCP", end="202506150000")], child=None, mother=Person()),
        Record(plans=[PlanBlock(start=None)]),
        Record(plans=[PlanBlock(kind="LAC", deleted="202501120000")]),
    ]
)


def answered(data: bytes) -> tuple[FileAnswer, Element]:
    """Return the answer to a file and its acknowledgement; the desk compares it with the official schema."""
    answer = Desk().load(data)
    return answer, etree.fromstring(write_file_response(answer, created_at=NOW))


def number(root: Element, path: str) -> int:
    """Return a count of the acknowledgement."""
    (value,) = root.iterfind(path, {"v": HL7})
    return int(value.get("value", ""))


def check(data: bytes) -> None:
    """Check what holds of every answer."""
    answer, root = answered(data)
    loaded = number(root, "v:successfulReturnedCP-ISRecords/v:value")
    failed = number(root, "v:failedReturnedCP-ISRecords/v:value")
    codes = [code.get("code") for code in root.iterfind("v:acknowledgementRecord/*/v:code", {"v": HL7})]
    messages = root.findall("v:message", {"v": HL7})
    valid = root.findall(".//v:validCP-ISRecord", {"v": HL7})

    assert (answer.loaded, answer.failed) == (loaded, failed)
    assert {FileCode.MALFORMED: (0, 0)}.get(answer.code, (loaded, loaded + failed)) == (
        len(valid) if all_said_back(messages) else loaded,
        len(messages),
    )
    assert [record.code.value for record in answer.records] == codes or answer.code is FileCode.MALFORMED
    assert answer.code is file_code(answer, loaded, failed)
    if answer.code is not FileCode.MALFORMED:
        assert len(etree.fromstring(data).findall("v:record", {"v": HL7})) == loaded + failed


def all_said_back(messages: list[Element]) -> bool:
    """Whether no record is answered by an empty message."""
    return all(len(message) for message in messages)


def file_code(answer: FileAnswer, loaded: int, failed: int) -> FileCode:
    """Return the code that the counts ask for, of a file that was read."""
    if answer.code is FileCode.MALFORMED:
        return answer.code
    if not failed:
        return FileCode.LOADED
    return FileCode.PARTLY_LOADED if loaded else FileCode.NOTHING_LOADED


@given(torn(WHOLE))
@settings(deadline=None, max_examples=30)
def test_a_damaged_file_is_answered(data: bytes) -> None:
    """Pieces cut out of it and others put in."""
    check(data)


@given(misbuilt(WHOLE))
@settings(deadline=None, max_examples=30)
def test_a_misbuilt_file_is_answered(data: bytes) -> None:
    """Elements taken away, repeated, renamed, emptied or given other values."""
    check(data)


@given(st.binary(max_size=100))
@settings(deadline=None, max_examples=20)
def test_bytes_of_any_kind_are_answered(data: bytes) -> None:
    """Bare bytes are no upload."""
    check(data)


@given(misbuilt(WHOLE))
@settings(deadline=None, max_examples=30)
def test_every_place_finds_an_element_of_the_file(data: bytes) -> None:
    """Evaluated on the sender's own document, with the prefixes that the acknowledgement declares."""
    _, root = answered(data)

    assert [] == [place for place, found in found_places(root, data) if len(found) == 0]


def found_places(root: Element, data: bytes) -> list[tuple[str, list[Element]]]:
    """Return each place of an acknowledgement with the elements that it finds in the file."""
    file = etree.fromstring(data)
    prefixes = {prefix: name for prefix, name in root.nsmap.items() if prefix}
    places = [str(place.text) for place in root.iter(f"{{{HL7}}}location")]
    return [(place, elements_at(place, file, prefixes)) for place in places]


def elements_at(place: str, file: Element, prefixes: dict[str, str]) -> list[Element]:
    """Return the elements that an XPath finds."""
    found = file.xpath(place, namespaces=prefixes)
    assert isinstance(found, list)
    return [element for element in found if isinstance(element, Element)]


@pytest.mark.parametrize("prefixed", [False, True], ids=["default namespace", "the sender's own prefix"])
def test_a_place_finds_the_very_element_that_is_at_fault(*, prefixed: bool) -> None:
    """Among records and elements that look alike, whatever prefix the sender chose."""
    plans = [PlanBlock(kind="LAC"), PlanBlock(end="202502300000")]
    data = build_upload([Record(), Record(plans=plans), Record(child=Person(number="9990000019"))])
    if prefixed:
        data = data.replace(b"<", b"<v:").replace(b"<v:/", b"</v:").replace(b"<v:?", b"<?")
        data = (
            data.replace(b"<v:loc:", b"<loc:").replace(b"</v:loc:", b"</loc:").replace(b"xmlns=", b"xmlns:v=")
        )
    _, root = answered(data)

    found = [elements for _, elements in found_places(root, data)]
    assert [1, 1, 1] == [len(elements) for elements in found]
    assert [f"{{{HL7}}}CP-ISRecord", {"value": "202502300000"}] == [
        found[0][0].tag,
        {str(key): str(value) for key, value in found[1][0].items()},
    ]
    assert "9990000019" == found[2][0].get("extension")


@pytest.mark.parametrize("sample", [pytest.param(path, id=path.name) for path in SAMPLES])
def test_a_sample_is_answered(sample: Path) -> None:
    """Each file that an authority could send."""
    check(sample.read_bytes())


def test_a_file_that_is_taken_again_is_answered_alike() -> None:
    """Byte for byte, at the same time of day."""
    first, second = (write_file_response(Desk().load(WHOLE), created_at=NOW) for _ in range(2))

    assert first == second
