"""Reading the records of a local authority upload: whose plan is which, and what refuses one record."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from lxml import etree
from lxml.etree import _Element as Element

from broker.core.facts import Details, PlanContent, PlanFact, PlanType
from broker.core.identifiers import NhsNumber, OdsCode
from broker.wire.upload_codes import RecordCode
from broker.wire.upload_record import FaultyRecord, ReadRecord
from tests.builders.damage import remove, repeat
from tests.builders.upload import HL7, Person, PlanBlock, Record, build_upload, serialised
from tests.builders.upload_reading import read_upload

RECEIVED = datetime(2025, 3, 1, 7, 0, tzinfo=UTC)
CHILD = NhsNumber("9990000018")
MOTHER = NhsNumber("9990000026")
RECORD = "/File/record[1]"
LOCATION = f"{RECORD}/CP-ISRecord"
PLAN_PLACE = f"{LOCATION}/pertinentInformation/COCT_TP146101GB01.CPPInformation"
CHILD_PLACE = f"{LOCATION}/subject/COCT_TP145101GB01.Child"
DATE_PLACE = f"{PLAN_PLACE}/component/cPPStartDate"
START_PLACE = f"{DATE_PLACE}/value"
PERSON_PLACE = f"{CHILD_PLACE}/childPerson"
BIRTH_PLACE = f"{PERSON_PLACE}/birthTime"
UNBORN_PLACE = f"{LOCATION}/pertinentInformation/COCT_TP146102GB01.UCPInformation"
UNBORN_PLAN = PlanBlock(kind="UCP", end="202506150000")


def read(records: Sequence[Record]) -> tuple[ReadRecord | FaultyRecord, ...]:
    """Return the records of an upload of these."""
    return read_upload(build_upload(records), received_at=RECEIVED).records


def plans(record: Record) -> list[tuple[NhsNumber, PlanContent]]:
    """Return number and content of each plan of a record that can be read."""
    (reading,) = read([record])
    assert isinstance(reading, ReadRecord)
    return [(number, fact.content) for number, fact in reading.plans]


def altered(path: str, alter: Callable[[Element], object], record: Record) -> ReadRecord | FaultyRecord:
    """Return the reading of a record whose elements at an XPath (prefix `v`) were altered."""
    root = etree.fromstring(build_upload([record]))
    found = root.findall(f".//v:record{path}", {"v": HL7})
    assert found
    for element in found:
        alter(element)
    (reading,) = read_upload(serialised(root), received_at=RECEIVED).records
    return reading


def change(name: str, value: str) -> Callable[[Element], None]:
    """Return the alteration that sets an attribute."""
    return lambda element: element.set(name, value)


def test_a_plan_is_read_as_a_fact_of_the_file() -> None:
    """A plan carries author, dates and details; its time of record is the file's creation (ruling 10)."""
    plan = PlanBlock(kind="LAC", start="202401150930", end="202502281700", deleted="202503010000")
    (reading,) = read([Record(plans=[plan], child=Person(local_id="LCS-4711"))])
    content = PlanContent(
        authority=OdsCode("Z211"),
        plan_type=PlanType.LOOKED_AFTER,
        start=date(2024, 1, 15),
        end=date(2025, 2, 28),
        deleted=date(2025, 3, 1),
        authority_name="Exton Borough Council",
        phone_office="02079460001",
        phone_emergency="02079460999",
        details=Details(family="Sample", given="Robin", birth_date=date(2016, 4, 12)),
        child_id="LCS-4711",
    )
    fact = PlanFact(
        content=content,
        recorded_at=datetime(2025, 3, 1, 6, 30, tzinfo=UTC),
        received_at=RECEIVED,
        file_id="LA-FILE-0001",
    )

    assert ReadRecord(location=LOCATION, plans=((CHILD, fact),)) == reading


@pytest.mark.parametrize(
    ("kind", "plan_type"),
    [("CPP", PlanType.CHILD_PROTECTION), ("LAC", PlanType.LOOKED_AFTER)],
)
def test_a_child_s_plan_is_held_on_the_child_s_number(kind: str, plan_type: PlanType) -> None:
    """Child protection and looked-after plans belong to the child (R1)."""
    found = plans(Record(plans=[PlanBlock(kind=kind)]))

    assert [(CHILD, plan_type)] == [(number, content.plan_type) for number, content in found]


def test_an_unborn_plan_is_held_on_the_mother_s_number() -> None:
    """An unborn plan carries the mother's number, details and local id, and its due date as its end."""
    mother = Person(number=MOTHER.digits, local_id="M-1", given="Alex", family="Parent", born="19950203")
    ((number, content),) = plans(Record(plans=[UNBORN_PLAN], child=None, mother=mother))

    assert (
        MOTHER,
        PlanType.UNBORN,
        date(2025, 6, 15),
        "M-1",
        Details(family="Parent", given="Alex", birth_date=date(1995, 2, 3)),
    ) == (number, content.plan_type, content.end, content.child_id, content.details)


def test_a_pregnant_child_has_her_own_plans_and_the_unborn_one() -> None:
    """Up to three plans stand in one record, each under the subject that holds it."""
    record = Record(
        plans=[PlanBlock(kind="LAC"), UNBORN_PLAN, PlanBlock(kind="CPP")],
        child=Person(number=CHILD.digits),
        mother=Person(number=MOTHER.digits),
    )

    assert [
        (CHILD, PlanType.LOOKED_AFTER),
        (MOTHER, PlanType.UNBORN),
        (CHILD, PlanType.CHILD_PROTECTION),
    ] == [(number, content.plan_type) for number, content in plans(record)]


def test_two_plans_of_one_type_with_different_starts_are_two_plans() -> None:
    """A child that was looked after twice has two plans: the start day tells them apart (ruling 10)."""
    first = PlanBlock(kind="LAC", start="202401010000", end="202406010000")
    second = PlanBlock(kind="LAC", start="202411050000")
    found = plans(Record(plans=[first, second]))

    assert [date(2024, 1, 1), date(2024, 11, 5)] == [content.start for _, content in found]


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("202507010000", date(2025, 7, 1)),
        ("202507012359", date(2025, 7, 1)),
        ("202503300130", date(2025, 3, 30)),
        ("202410270130", date(2024, 10, 27)),
        ("202402291200", date(2024, 2, 29)),
        ("203001010000", date(2030, 1, 1)),
    ],
    ids=[
        "first minute in summer",
        "last minute in summer",
        "missing hour",
        "repeated hour",
        "leap day",
        "years ahead",
    ],
)
def test_a_plan_date_is_the_london_day_that_is_written(value: str, day: date) -> None:
    """The wall clock of a plan date is London's: its day is the one written, ahead or not."""
    ((_, content),) = plans(Record(plans=[PlanBlock(start=value)]))

    assert day == content.start


@pytest.mark.parametrize(
    "plan", [PlanBlock(), PlanBlock(nil_end=True)], ids=["component left out", "date marked nil"]
)
def test_a_plan_without_end_is_open(plan: PlanBlock) -> None:
    """An end that is left out or nil is no end (R2)."""
    ((_, content),) = plans(Record(plans=[plan]))

    assert content.end is None


def test_a_plan_may_end_on_the_day_it_starts() -> None:
    """Dates are whole days: an hour earlier on the same day is no end before the start."""
    ((_, content),) = plans(Record(plans=[PlanBlock(start="202501101700", end="202501100000")]))

    assert content.start == content.end


@pytest.mark.parametrize(
    ("person", "details"),
    [
        (Person(given=None), Details(family="Sample", birth_date=date(2016, 4, 12))),
        (Person(family=" "), Details(given="Robin", birth_date=date(2016, 4, 12))),
        (
            Person(given=" Anna\n Maria ", born="201604122359"),
            Details(family="Sample", given="Anna Maria", birth_date=date(2016, 4, 12)),
        ),
    ],
    ids=["no given name", "blank family name", "two given names, hour of birth"],
)
def test_names_are_read_as_far_as_they_are_sent(person: Person, details: Details) -> None:
    """A name that is not there counts neither way later (ruling 20): it does not refuse the plan."""
    ((_, content),) = plans(Record(child=person))

    assert details == content.details


def test_several_given_names_are_one_given_name() -> None:
    """A second given element is read behind the first."""
    reading = altered("//v:given", repeat, Record())

    assert isinstance(reading, ReadRecord)
    assert "Robin Robin" == reading.plans[0][1].content.details.given


def test_the_order_of_the_identifiers_does_not_matter() -> None:
    """The NHS number is known by its root, not by standing first."""

    def turn_round(child: Element) -> None:
        child.insert(0, child[1])

    reading = altered("//v:COCT_TP145101GB01.Child", turn_round, Record(child=Person(local_id="4711")))

    assert isinstance(reading, ReadRecord)
    assert [(CHILD, "4711")] == [(number, fact.content.child_id) for number, fact in reading.plans]


def test_a_blank_local_id_is_none() -> None:
    """An identifier of the authority without content is not sent."""
    ((_, content),) = plans(Record(child=Person(local_id=" ")))

    assert content.child_id is None


def test_a_subject_without_a_plan_is_left_aside() -> None:
    """A mother who is named beside a child's plan only gets no plan."""
    found = plans(Record(mother=Person(number=MOTHER.digits)))

    assert [CHILD] == [number for number, _ in found]


NUMBER_FAULTS = [
    pytest.param("9990000019", "wrong check digit", id="wrong check digit"),
    pytest.param("999000001", "not ten digits", id="nine digits"),
    pytest.param("999 000 0018", "not ten digits", id="with blanks"),
    pytest.param("unknown", "not ten digits", id="a word"),
    pytest.param("٩٩٩٠٠٠٠٠١٨", "not ten digits", id="digits of another script"),
    pytest.param("4444444444", "placeholder", id="ten equal digits"),
    pytest.param("0123456789", "placeholder", id="counting up"),
]


@pytest.mark.parametrize(("number", "reason"), NUMBER_FAULTS)
def test_what_is_no_nhs_number_is_cpr04(number: str, reason: str) -> None:
    """A wrong number or a placeholder is CPR04 (ruling 35), with the rule it broke and never the value."""
    fault = FaultyRecord(location=f"{CHILD_PLACE}/id", code=RecordCode.NUMBER_FORMAT, reason=reason)

    assert (fault,) == read([Record(child=Person(number=number))])


BUILT_FAULTS = [
    pytest.param(
        Record(child=Person(number=None, local_id="4711")), "NHS number missing", CHILD_PLACE, id="no number"
    ),
    pytest.param(Record(child=Person(number=" ")), "NHS number missing", CHILD_PLACE, id="blank number"),
    pytest.param(Record(plans=[]), "plan missing", LOCATION, id="no plan"),
    pytest.param(
        Record(plans=[PlanBlock(start=f"20{year}01010000") for year in range(20, 24)]),
        "too many plans",
        LOCATION,
        id="four plans",
    ),
    pytest.param(
        Record(plans=[PlanBlock(), PlanBlock(end="202503010000")]),
        "plan repeated",
        f"{LOCATION}/pertinentInformation[2]",
        id="the same plan twice",
    ),
    pytest.param(Record(child=None), "plan without its subject", PLAN_PLACE, id="no subject"),
    pytest.param(
        Record(child=None, mother=Person()),
        "plan without its subject",
        PLAN_PLACE,
        id="a child's plan, a mother",
    ),
    pytest.param(
        Record(plans=[UNBORN_PLAN]),
        "plan without its subject",
        UNBORN_PLACE,
        id="an unborn plan, a child",
    ),
    pytest.param(Record(plans=[PlanBlock(start=None)]), "start date missing", PLAN_PLACE, id="no start"),
    pytest.param(
        Record(plans=[PlanBlock(kind="UCP")], child=None, mother=Person()),
        "an unborn plan must carry its end date",
        UNBORN_PLACE,
        id="unborn plan without due date",
    ),
    pytest.param(
        Record(plans=[PlanBlock(kind="UCP", nil_end=True)], child=None, mother=Person()),
        "an unborn plan must carry its end date",
        UNBORN_PLACE,
        id="unborn plan with a nil due date",
    ),
    pytest.param(
        Record(plans=[PlanBlock(start="202501100000", end="202501092359")]),
        "end before start",
        PLAN_PLACE,
        id="end on the day before",
    ),
    pytest.param(
        Record(plans=[PlanBlock(start="202502300000")]),
        "plan date unreadable",
        START_PLACE,
        id="start on 30 February",
    ),
    pytest.param(
        Record(plans=[PlanBlock(end="202502290000")]),
        "plan date unreadable",
        f"{PLAN_PLACE}/component1/cPPEndDate/value",
        id="end on no leap day",
    ),
    pytest.param(
        Record(plans=[PlanBlock(deleted="202513010000")]),
        "plan date unreadable",
        f"{PLAN_PLACE}/component2/cPPDeleteDate/value",
        id="deleted in month 13",
    ),
    pytest.param(
        Record(plans=[PlanBlock(start="20250110")]),
        "plan date unreadable",
        START_PLACE,
        id="day only",
    ),
    pytest.param(
        Record(plans=[PlanBlock(start="202501102400")]),
        "plan date unreadable",
        START_PLACE,
        id="hour 24",
    ),
    pytest.param(
        Record(plans=[PlanBlock(start="202501100960")]),
        "plan date unreadable",
        START_PLACE,
        id="minute 60",
    ),
    pytest.param(
        Record(plans=[PlanBlock(start="189901100900")]),
        "plan date unreadable",
        START_PLACE,
        id="before 1900",
    ),
    pytest.param(
        Record(plans=[PlanBlock(start="20250110093000")]),
        "plan date unreadable",
        START_PLACE,
        id="with seconds",
    ),
    pytest.param(
        Record(plans=[PlanBlock(start="202501100930+0000")]),
        "plan date unreadable",
        START_PLACE,
        id="with a zone",
    ),
    pytest.param(
        Record(child=Person(born="20150229")),
        "birth date unreadable",
        BIRTH_PLACE,
        id="born on no leap day",
    ),
    pytest.param(
        Record(child=Person(born="2015")),
        "birth date unreadable",
        BIRTH_PLACE,
        id="year of birth only",
    ),
    pytest.param(
        Record(child=Person(born="")),
        "birth date unreadable",
        BIRTH_PLACE,
        id="blank birth date",
    ),
]


@pytest.mark.parametrize(("record", "reason", "location"), BUILT_FAULTS)
def test_a_faulty_record_is_cpr07(record: Record, reason: str, location: str) -> None:
    """Every fault but the number's is CPR07 with a stable reason and its place (dossier 3.2, ruling 40)."""
    assert (FaultyRecord(location=location, code=RecordCode.NOT_LOADED, reason=reason),) == read([record])


PLAN = "//v:COCT_TP146101GB01.CPPInformation"
SUBJECT = "//v:COCT_TP145101GB01.Child"

ALTERED_FAULTS = [
    pytest.param("/v:CP-ISRecord", remove, "CP-ISRecord missing", RECORD, id="empty record"),
    pytest.param(
        "/v:CP-ISRecord",
        repeat,
        "CP-ISRecord repeated",
        f"{LOCATION}[2]",
        id="two records in one",
    ),
    pytest.param("", change("updateMode", "removed"), "removal not understood", RECORD, id="record removed"),
    pytest.param(PLAN, change("updateMode", "removed"), "removal not understood", RECORD, id="plan removed"),
    pytest.param(PLAN, remove, "plan type unknown", f"{LOCATION}/pertinentInformation", id="empty plan"),
    pytest.param(
        PLAN, repeat, "plan type unknown", f"{LOCATION}/pertinentInformation", id="two plans in one block"
    ),
    pytest.param(
        f"{PLAN}/v:component",
        repeat,
        "plan date repeated",
        f"{PLAN_PLACE}/component[2]/cPPStartDate",
        id="two starts",
    ),
    pytest.param("//v:cPPStartDate", remove, "start date missing", PLAN_PLACE, id="component without date"),
    pytest.param(
        "//v:cPPStartDate/v:value",
        remove,
        "value missing",
        DATE_PLACE,
        id="date without value",
    ),
    pytest.param(
        "//v:cPPStartDate/v:value",
        repeat,
        "value repeated",
        f"{PLAN_PLACE}/component/cPPStartDate/value[2]",
        id="date with two values",
    ),
    pytest.param(
        "//v:cPPStartDate/v:value",
        Element.clear,
        "plan date unreadable",
        START_PLACE,
        id="value of nothing",
    ),
    pytest.param(SUBJECT, remove, "subject unknown", f"{LOCATION}/subject", id="empty subject"),
    pytest.param(SUBJECT, repeat, "subject unknown", f"{LOCATION}/subject", id="two children in one subject"),
    pytest.param("//v:subject", repeat, "subject repeated", f"{LOCATION}/subject[2]", id="two children"),
    pytest.param(
        f"{SUBJECT}/v:id", repeat, "identifier repeated", f"{CHILD_PLACE}/id[2]", id="two NHS numbers"
    ),
    pytest.param(
        f"{SUBJECT}/v:id",
        change("root", "1.2.3"),
        "NHS number missing",
        CHILD_PLACE,
        id="number of another kind",
    ),
    pytest.param("//v:childPerson", remove, "childPerson missing", CHILD_PLACE, id="child without person"),
    pytest.param(
        "//v:childPerson/v:name",
        remove,
        "name missing",
        PERSON_PLACE,
        id="person without name",
    ),
    pytest.param(
        "//v:childPerson/v:birthTime",
        remove,
        "birthTime missing",
        PERSON_PLACE,
        id="person without birth",
    ),
]


@pytest.mark.parametrize(("path", "alter", "reason", "location"), ALTERED_FAULTS)
def test_a_record_of_another_structure_is_cpr07(
    path: str, alter: Callable[[Element], object], reason: str, location: str
) -> None:
    """What is missing, repeated or unknown in a record is named, and nothing is guessed."""
    expected = FaultyRecord(location=location, code=RecordCode.NOT_LOADED, reason=reason)

    assert expected == altered(path, alter, Record())


@pytest.mark.parametrize(
    ("part", "place"), [("parentMotherPerson", ""), ("playedMother", "/parentMotherPerson")]
)
def test_an_unborn_subject_without_its_mother_is_cpr07(part: str, place: str) -> None:
    """The mother's person and her role are both needed."""
    record = Record(plans=[UNBORN_PLAN], child=None, mother=Person())
    location = f"{LOCATION}/subject/COCT_TP145100GB01.UnbornChild{place}"
    expected = FaultyRecord(location=location, code=RecordCode.NOT_LOADED, reason=f"{part} missing")

    assert expected == altered(f"//v:{part}", remove, record)


def test_a_record_that_was_altered_or_added_is_read() -> None:
    """Only the removing update mode is a fault: every upload says the whole of what stands."""
    reading = altered("//v:CP-ISRecord", change("updateMode", "altered"), Record())

    assert isinstance(reading, ReadRecord)


def test_one_faulty_plan_refuses_its_whole_record() -> None:
    """A record is acknowledged as one: nothing of it is read when one plan is at fault."""
    (reading,) = read([Record(plans=[PlanBlock(kind="LAC"), PlanBlock(start=None)])])

    place = f"{LOCATION}/pertinentInformation[2]/COCT_TP146101GB01.CPPInformation"
    assert FaultyRecord(location=place, code=RecordCode.NOT_LOADED, reason="start date missing") == reading


ROBIN = Details(family="Sample", given="Robin", birth_date=date(2016, 4, 12))
NO_START = [PlanBlock(start=None)]


@pytest.mark.parametrize(
    ("record", "numbers", "details"),
    [
        pytest.param(Record(plans=NO_START), [CHILD], [ROBIN], id="no start"),
        pytest.param(Record(plans=[PlanBlock(end="202501090000")]), [CHILD], [ROBIN], id="end before start"),
        pytest.param(
            Record(plans=[PlanBlock(kind="UCP")], child=None, mother=Person(number=MOTHER.digits)),
            [MOTHER],
            [ROBIN],
            id="no due date",
        ),
        pytest.param(Record(plans=[]), [CHILD], [ROBIN], id="no plan"),
        pytest.param(
            Record(plans=NO_START, mother=Person(number=MOTHER.digits, given=None)),
            [CHILD, MOTHER],
            [ROBIN, replace(ROBIN, given=None)],
            id="two subjects",
        ),
        pytest.param(
            Record(plans=NO_START, child=Person(number="9990000019")), [], [ROBIN], id="a wrong number"
        ),
        pytest.param(Record(plans=NO_START, child=Person(number=None)), [], [ROBIN], id="no number"),
        pytest.param(
            Record(child=Person(born="unknown")),
            [CHILD],
            [replace(ROBIN, birth_date=None)],
            id="no date of birth",
        ),
    ],
)
def test_of_a_record_without_readable_plans_every_number_and_person_is_read(
    record: Record, numbers: list[NhsNumber], details: list[Details]
) -> None:
    """So that it waits for whoever it is about (rulings 21, 41)."""
    (reading,) = read([record])

    assert isinstance(reading, FaultyRecord)
    assert reading.unread is not None
    assert (numbers, details) == (list(reading.unread.numbers), list(reading.unread.details))
    assert (OdsCode("Z211"), (), ()) == (reading.unread.authority, reading.waiting, reading.numbered)


@pytest.mark.parametrize("part", ["name", "birthTime"])
def test_of_a_subject_that_says_a_detail_twice_the_other_is_read(part: str) -> None:
    """Nobody knows which is right, and what is said once is."""
    reading = altered(f"//v:childPerson/v:{part}", repeat, Record())

    left = {"name": Details(birth_date=ROBIN.birth_date), "birthTime": replace(ROBIN, birth_date=None)}
    assert isinstance(reading, FaultyRecord)
    assert reading.unread is not None
    assert (left[part],) == reading.unread.details


def test_of_a_subject_with_two_numbers_both_are_read() -> None:
    """Nobody knows which is right; a local id is none (rulings 41, 42)."""
    both = Record(child=Person(local_id="4711"), mother=Person(number=MOTHER.digits))
    reading = altered("//v:id", repeat, both)

    assert isinstance(reading, FaultyRecord)
    assert reading.unread is not None
    assert {CHILD, MOTHER} == set(reading.unread.numbers)


@pytest.mark.parametrize("number", ["9990000019", None])
def test_a_record_whose_plans_can_be_read_waits_with_these(number: str | None) -> None:
    """Of both its subjects, one of whom has a usable number (rulings 21, 35, 41)."""
    plans = [PlanBlock(), UNBORN_PLAN]
    (reading,) = read([Record(plans=plans, child=Person(number=number), mother=Person(number=MOTHER.digits))])

    assert isinstance(reading, FaultyRecord)
    kinds = [PlanType.CHILD_PROTECTION, PlanType.UNBORN]
    assert kinds == [content.plan_type for content in reading.waiting]
    assert [(MOTHER, PlanType.UNBORN)] == [(one, content.plan_type) for one, content in reading.numbered]
    assert reading.unread is None


def test_faulty_records_do_not_stop_the_others() -> None:
    """Records before, between and behind faulty ones are read, in the file's order."""
    records = [Record(), Record(plans=[]), Record(), Record(child=Person(number="1")), Record()]

    assert [ReadRecord, FaultyRecord, ReadRecord, FaultyRecord, ReadRecord] == [
        type(reading) for reading in read(records)
    ]


def test_nothing_that_is_shown_of_a_reading_names_a_person() -> None:
    """What an upload looks like in a traceback holds no number, name, birth date or local id."""
    person = Person(given="Robin", family="Sample", born="20160412", local_id="LCS-4711")
    upload = read_upload(
        build_upload([Record(child=person), Record(child=Person(number="9990000019"))]), received_at=RECEIVED
    )
    shown = repr(upload)

    assert [] == [
        word for word in ("Robin", "Sample", "2016", "LCS-4711", "9990000018", "9990000019") if word in shown
    ]
