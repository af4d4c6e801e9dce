"""The acknowledgement of an upload as XML: what it says of a file, and that its XPaths find what they say."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from lxml import etree
from lxml.etree import _Element as Element

from broker.wire.file_response import write_file_response, xpath
from broker.wire.hl7v3_writing import PREFIX, UNKNOWN
from broker.wire.record_answers import RecordAnswer, RecordAnswers
from broker.wire.upload_answer import FileAnswer, Refused, refuse_file
from broker.wire.upload_codes import FileCode, RecordCode
from broker.wire.upload_reading import UnreadableFile
from broker.wire.upload_sent import SentRecord
from tests.builders.upload import HL7, SCHEMA_INSTANCE, Person, PlanBlock, Record, build_upload
from tests.builders.upload_reading import SentFile, read_file, read_sent
from tests.official_schemas import KNOWN_FAULT, faults_of, official_schema

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
NAMESPACES = {PREFIX: HL7}
PLACE = "/File/record[1]/CP-ISRecord"
UNBORN = Record(
    plans=[PlanBlock(kind="UCP", end="202506150000"), PlanBlock(deleted="202502010000", nil_end=True)],
    child=Person(),
    mother=Person(number="9990000026", local_id="M-1"),
)
SAMPLES = Path(__file__).parents[3] / "tests" / "fixtures" / "uploads"


def answer_to(data: bytes, *codes: RecordCode) -> FileAnswer:
    """Return an answer that gives the records of a file these codes."""
    sent = read_sent(data, NOW)
    records = RecordAnswers(
        RecordAnswer(code=code, location=f"/File/record[{position}]/CP-ISRecord", sent=record)
        for position, (code, record) in enumerate(zip(codes, sent.records, strict=True), start=1)
    )
    return FileAnswer(code=FileCode.PARTLY_LOADED, head=sent.head, found=len(sent.records), records=records)


def written(answer: FileAnswer) -> Element:
    """Return the acknowledgement as an element, having compared it with the official schema."""
    data = write_file_response(answer, created_at=NOW)
    assert [] == faults_of(data)
    return etree.fromstring(data)


def found(root: Element, path: str) -> list[str]:
    """Return the attributes or texts at an XPath (prefix `hl7`)."""
    values = root.xpath(path, namespaces=NAMESPACES)
    assert isinstance(values, list)
    return [str(value) for value in values]


def messages(root: Element) -> list[str]:
    """Return what is said of each record: the name of the element in its message, `nil` for none."""
    said = []
    for message in root.iterfind(f"{{{HL7}}}message"):
        bodies = message.findall("*/*/*")
        said.append(etree.QName(bodies[0]).localname if bodies else "nil")
        assert bool(bodies) != (message.get(f"{{{SCHEMA_INSTANCE}}}nil") == "true")
    return said


def test_the_published_schema_has_only_the_known_fault() -> None:
    """It is loaded laxly for that fault alone."""
    schema = official_schema("REPC_MT000003GB01")

    assert {KNOWN_FAULT} == {error.message for error in schema.all_errors}


def test_the_oracle_can_say_no() -> None:
    """An acknowledgement that lacks its counts is not let through."""
    official_schema("REPC_MT000003GB01")
    root = written(refuse_file("not an upload"))
    root.remove(root[-1])

    assert faults_of(etree.tostring(root))


def test_head_and_counts_are_the_files() -> None:
    """File id and quantity are as sent, the receiver is the author, the counts add up (dossier 3.3)."""
    root = written(
        answer_to(
            build_upload([Record()] * 3, file_id="F1", count="7"),
            RecordCode.LOADED,
            RecordCode.NOT_LOADED,
            RecordCode.LOADED,
        )
    )

    organisation = "hl7:communicationFunctionRcv/hl7:organisation"
    assert [
        ["20250301120000+0000"],
        ["F1"],
        ["7"],
        ["CPF03", "Partial File Upload"],
        ["2"],
        ["1"],
        ["Z211"],
        ["Exton Borough Council"],
        ["WP", "tel:02079460001", "EC", "tel:02079460999"],
    ] == [
        found(root, path)
        for path in (
            "hl7:creationTime/@value",
            "hl7:id/@extension",
            "hl7:transmissionQuantity/@value",
            "hl7:acknowledgementFile/hl7:acknowledgementFileDetail/hl7:code/@*",
            "hl7:successfulReturnedCP-ISRecords/hl7:value/@value",
            "hl7:failedReturnedCP-ISRecords/hl7:value/@value",
            f"{organisation}/hl7:id/@extension",
            f"{organisation}/hl7:name/text()",
            f"{organisation}/hl7:telecom/@*",
        )
    ]


@pytest.mark.parametrize("code", FileCode)
def test_every_file_code_can_be_said(code: FileCode) -> None:
    """Those that nobody gives yet as well: the schema knows them all."""
    root = written(FileAnswer(code=code, found=2))

    path = "hl7:acknowledgementFile/hl7:acknowledgementFileDetail/hl7:code/@*"
    assert [code.value, code.display_name] == found(root, path)
    assert [] == root.findall(f"{{{HL7}}}acknowledgementRecord")


@pytest.mark.parametrize("code", RecordCode)
def test_every_record_code_can_be_said(code: RecordCode) -> None:
    """Taken, its record is valid; with any other code it is not."""
    root = written(answer_to(build_upload(), code))

    path = "hl7:acknowledgementRecord/hl7:acknowledgementRecordDetail/hl7:code/@displayName"
    assert [code.display_name] == found(root, path)
    assert ["validCP-ISRecord" if code is RecordCode.LOADED else "invalidCP-ISRecord"] == messages(root)


@pytest.mark.parametrize("code", [RecordCode.LOADED, RecordCode.NOT_LOADED])
@pytest.mark.parametrize("sample", [path.name for path in SAMPLES.iterdir()])
def test_what_is_said_back_of_a_record_is_what_was_sent(sample: str, code: RecordCode) -> None:
    """Its subjects, with the plans where it was refused, as they stood in the file."""
    data = (SAMPLES / sample).read_bytes()
    count = len(read_sent(data, NOW).records)
    root = written(answer_to(data, *[code] * count))

    parts = ["subject"] if code is RecordCode.LOADED else ["pertinentInformation", "subject"]
    for part in parts:
        sent = etree.fromstring(data).iterfind(f".//{{{HL7}}}{part}")
        assert [plain(one) for one in sent] == [plain(one) for one in root.iterfind(f".//{{{HL7}}}{part}")]


def plain(element: Element) -> list[tuple[str, dict[str, str], str]]:
    """Return an element and all below it as values; a date that was nil is left out."""
    nil = f"{{{SCHEMA_INSTANCE}}}nil"
    return [
        (
            str(one.tag),
            {str(name): str(value) for name, value in one.attrib.items()},
            (one.text or "").strip(),
        )
        for one in element.iter("*")
        if nil not in one.attrib and not (len(one) == 1 and nil in one[0].attrib)
    ]


def test_two_subjects_and_two_plans_are_said_back() -> None:
    """A child with plans of her own who expects one."""
    root = written(answer_to(build_upload([UNBORN]), RecordCode.NOT_LOADED))

    assert ["9990000018", "9990000026", "M-1"] == found(root, ".//hl7:subject//hl7:id/@extension")
    assert ["202501100930", "202506150000", "202501100930", "202502010000"] == found(
        root, ".//hl7:pertinentInformation//hl7:value/@value"
    )


def test_a_record_for_which_the_schema_has_no_room_is_nil_in_its_place() -> None:
    """Its code and its place are said, and the order of the file is kept."""
    data = build_upload([Record(), Record(plans=[]), Record()])
    root = written(answer_to(data, RecordCode.LOADED, RecordCode.NOT_LOADED, RecordCode.NOT_LOADED))

    assert ["validCP-ISRecord", "nil", "invalidCP-ISRecord"] == messages(root)
    assert ["CPR06", "CPR07", "CPR07"] == found(root, "hl7:acknowledgementRecord//hl7:code/@code")


def test_the_words_stand_beside_the_code() -> None:
    """Where there are any."""
    records = RecordAnswers(
        [
            RecordAnswer(code=RecordCode.NOT_LOADED, location=PLACE, words="plan missing"),
            RecordAnswer(code=RecordCode.LOADED, location=PLACE),
        ]
    )
    root = written(FileAnswer(code=FileCode.PARTLY_LOADED, found=2, records=records))

    details = root.findall(f".//{{{HL7}}}acknowledgementRecordDetail")
    assert [["plan missing"], []] == [found(detail, "hl7:code/hl7:originalText/text()") for detail in details]


def test_a_file_that_is_no_xml_is_answered_with_what_there_is() -> None:
    """One code, the words with the line, no name that was made up but `unknown`."""
    root = written(refuse_file("not well-formed XML", location="line 3"))

    assert [UNKNOWN] * 3 == found(root, "hl7:id/@extension | .//hl7:organisation/hl7:id/@extension") + found(
        root, ".//hl7:organisation/hl7:name/text()"
    )
    assert ["not well-formed XML, line 3", "/*"] == found(
        root, ".//hl7:originalText/text() | .//hl7:location/text()"
    )
    assert ["0", "0", "0"] == found(
        root, "hl7:transmissionQuantity/@value | hl7:failedReturnedCP-ISRecords/hl7:value/@value"
    ) + found(root, "hl7:successfulReturnedCP-ISRecords/hl7:value/@value")


def test_a_file_refused_for_its_head_has_its_records_counted() -> None:
    """None is said back, since none was looked at."""
    file = read_file(build_upload([Record()] * 3, authority="no code"), NOW)
    assert isinstance(file, UnreadableFile)
    root = written(refuse_file(file.reason, location=file.location, sent=file.sent, found=file.found))

    assert (["3"], []) == (
        found(root, "hl7:failedReturnedCP-ISRecords/hl7:value/@value"),
        messages(root),
    )


def test_the_same_answer_makes_the_same_bytes() -> None:
    """But for the time, which is its maker's, in whatever zone that is told."""
    answer = answer_to(build_upload(), RecordCode.LOADED)
    first = write_file_response(answer, created_at=NOW)
    abroad = NOW.astimezone(timezone(timedelta(hours=5)))

    assert first == write_file_response(answer, created_at=abroad)
    assert first != write_file_response(answer, created_at=NOW + timedelta(seconds=1))


def test_nothing_that_is_shown_of_an_answer_names_a_person() -> None:
    """A traceback holds no number, name or date of birth."""
    shown = repr(answer_to(build_upload([UNBORN]), RecordCode.LOADED)) + repr(
        read_sent(build_upload([UNBORN]), NOW)
    )

    assert [] == [word for word in ("9990000018", "Robin", "Sample", "2016", "M-1") if word in shown]


@pytest.mark.parametrize(
    ("location", "expected"),
    [("/", "/*"), ("/File", "/hl7:File"), ("/File/record[2]", "/hl7:File/hl7:record[2]")],
)
def test_a_place_becomes_an_xpath_with_prefixes(location: str, expected: str) -> None:
    """The prefix is declared at the root of the acknowledgement."""
    root = written(refuse_file("not an upload", location=location))

    assert expected == xpath(location)
    assert HL7 == root.nsmap[PREFIX]


def test_nothing_is_said_back_of_what_is_no_upload() -> None:
    """Bytes, another message, an upload of another namespace."""
    others = [b"nonsense", b"<File/>", b'<Bundle xmlns="urn:hl7-org:v3"><id extension="1"/></Bundle>']

    assert [SentFile()] * 3 == [read_sent(data, NOW) for data in others]


def test_nothing_is_said_back_of_subjects_and_plans_of_another_kind() -> None:
    """All of a record's, or none: a part would look like the whole."""
    data = build_upload([UNBORN]).replace(b"COCT_TP145100GB01.UnbornChild", b"COCT_TP145104GB01.Other")
    data = data.replace(b"COCT_TP146101GB01.CPPInformation", b"COCT_TP146105GB01.Other")

    assert (SentRecord(),) == read_sent(data, NOW).records


def test_nothing_is_said_back_of_a_record_without_its_body() -> None:
    """It has neither plans nor subjects, and keeps its place among the others."""
    data = build_upload([Record()]).replace(b"CP-ISRecord", b"Other")

    assert (SentRecord(),) == read_sent(data, NOW).records


def test_a_telephone_and_a_mother_that_cannot_be_said_back_are_left_out() -> None:
    """A number that is none, and a mother without the part that holds her identifiers."""
    telephones = [("WP", "020 7946 0001"), ("EC", "tel:02079460999")]
    numbered = read_sent(build_upload([UNBORN], telephones=telephones), NOW)
    motherless = read_sent(build_upload([UNBORN]).replace(b"playedMother", b"playedOther"), NOW)

    assert (("EC", "tel:02079460999"),) == numbered.head.telephones
    assert [()] == [record.subjects for record in motherless.records]


def test_what_was_refused_is_told_without_what_was_not() -> None:
    """The summary of an answer: code, words and place of each fault."""
    records = RecordAnswers(
        [
            RecordAnswer(code=RecordCode.LOADED, location=PLACE),
            RecordAnswer(code=RecordCode.NOT_LOADED, location="/File/record[2]", words="CP-ISRecord missing"),
        ]
    )
    answer = FileAnswer(code=FileCode.PARTLY_LOADED, found=2, records=records)
    fault = Refused(code="CPR07", reason="CP-ISRecord missing", location="/File/record[2]")

    assert [fault] == list(answer.refused())
    assert ("CPF01",) == tuple(one.code for one in refuse_file("not an upload").refused())
