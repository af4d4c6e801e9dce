"""Visits without a usable number, as intake has others look for them; records of an upload that wait."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from broker.adapters.memory_tail import MemoryInputTail
from broker.core.facts import Details
from broker.core.identifiers import OdsCode
from broker.core.keyed import unnumbered_reference
from broker.core.possible import Clue, Numbered, OnFile, Sought
from broker.core.possible_keys import Window, details_keys
from broker.core.waiting import waiting_keys
from broker.ports import Topic, Write
from broker.services import numberless as numberless_module
from broker.services.also_followed import AlsoFollowed, kept_heard_by
from broker.services.numberless import Numberless
from tests.builders.adt import Adt, Patient
from tests.builders.desk import DeskHouse
from tests.builders.matcher import attendance
from tests.builders.upload import Person, PlanBlock, Record, build_upload

RXX = OdsCode("RXX")
AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NOBODY = Patient(number=None)
DETAILS = Details(family="Sample", given="Robin", birth_date=date(2016, 4, 12))


def message(patient: Patient = NOBODY, *, event: str = "A04", control_id: str = "M1", **pv1: str) -> bytes:
    """Return a message of a visit to A&E."""
    fields = {"class": "E", "location": "ED", "visit": "V1", "arrived": "20260504120000", **pv1}
    adt = Adt(
        event=event,
        control_id=control_id,
        recorded="20260504121500",
        patient=patient,
        pv1=fields,
        processing="P",
    )
    return adt.text().encode()


def clues(house: DeskHouse) -> list[tuple[str, Clue]]:
    """Return what others are told, and where."""
    return [
        (placed.place, placed.clue)
        for record in house.kafka.read(Topic.DETAILS)
        for placed in house.parts.details.decode_clues(record.key or b"", record.value or b"")
    ]


def reference(house: DeskHouse) -> str:
    """Return the reference of the visit without a number."""
    return unnumbered_reference(house.parts.key, system="EDSYS", provider=RXX, visit_number="V1")


@pytest.mark.parametrize("number", [None, "9990000019", "2222222222"])
def test_a_patient_without_a_usable_number_is_looked_for_under_three_keys(number: str | None) -> None:
    """Missing, wrong or a placeholder: it is answered all the same (rulings 21, 35)."""
    house = DeskHouse()

    house.send(message(Patient(number=number)), at=AT)

    keys = details_keys(house.parts.key, DETAILS)
    assert set(keys) == {under for under, _ in clues(house)}
    [told] = {clue for _, clue in clues(house)}
    assert told == Sought(
        visit=reference(house),
        provider=RXX,
        control_id="M1",
        arrived_at=datetime(2026, 5, 4, 11, 0, tzinfo=UTC),
        there_until=datetime(2026, 5, 5, 11, 15, tzinfo=UTC),
        heard_at=AT,
    )
    assert 1 == len(house.kafka.read(Topic.DETAILS))


def test_what_is_kept_of_the_message_names_its_visit() -> None:
    """By that reference its messages are found once somebody says whose it is, or asks (rulings 41, 46)."""
    house = DeskHouse()

    house.send(message(), at=AT)

    [kept] = house.kafka.read(Topic.REJECTED)
    rejected = house.parts.records.mask_rejected(kept.value or b"").rejected
    assert (reference(house), "EDSYS") == (rejected.visit, rejected.system)


@pytest.mark.parametrize(
    ("patient", "pv1"),
    [
        pytest.param(NOBODY, {"type": "11", "class": "P"}, id="scheduled"),
        pytest.param(Patient(number=None, family="UNKNOWN", given="BABY"), {}, id="nothing said"),
    ],
)
def test_where_nobody_could_be_told_nobody_is_looked_for(patient: Patient, pv1: dict[str, str]) -> None:
    """A scheduled visit tells nobody (ruling 3), and without details there is no key (ruling 21)."""
    house = DeskHouse()

    house.send(message(patient, **pv1), at=AT)

    assert [] == clues(house)


def test_the_message_that_brings_the_number_ends_the_search() -> None:
    """It is told under the visit, and the fact lies under the number (ruling 21)."""
    house = DeskHouse()
    house.send(message(), at=AT)
    house.send(message(Patient(), event="A08", control_id="M2"), at=AT + timedelta(minutes=5))

    [told] = [(under, clue) for under, clue in clues(house) if isinstance(clue, Numbered)]
    assert (reference(house), Numbered(visit=reference(house), heard_at=AT + timedelta(minutes=5))) == told
    assert 1 == len(house.kafka.read(Topic.ATTENDANCES))


def test_a_visit_that_always_had_its_number_is_nobodys_search() -> None:
    """Nothing is written about it but its fact."""
    house = DeskHouse()
    house.send(message(Patient()), at=AT)

    assert [] == clues(house)


OTHER = Details(family="Other", given="Alex", birth_date=date(2015, 2, 3))
ALEX = Patient(number=None, family="Other", given="Alex", born="20150203")


@pytest.mark.parametrize(
    ("patient", "sought"),
    [
        pytest.param(ALEX, OTHER, id="another"),
        pytest.param(replace(ALEX, number="9990000019"), OTHER, id="with a wrong number"),
        pytest.param(replace(ALEX, born=""), Details(family="Other", given="Alex"), id="born some day"),
        pytest.param(NOBODY, None, id="the same"),
        pytest.param(replace(NOBODY, given="Alex"), None, id="perhaps a twin"),
        pytest.param(Patient(number=None, family="", given="", born=""), None, id="no details"),
    ],
)
def test_a_message_without_a_number_that_tells_of_another_has_that_one_looked_for(
    patient: Patient, sought: Details | None
) -> None:
    """Its visit keeps the number that it has, and leaves nobody (rulings 20, 21, 44)."""
    house = DeskHouse(follows=True)
    house.send(message(Patient()), at=AT)
    house.send(message(patient, event="A08", control_id="M2"), at=AT + timedelta(minutes=5))

    keys = [] if sought is None else details_keys(house.parts.key, sought)
    assert set(keys) == {under for under, _ in clues(house)}
    assert {reference(house)} >= {clue.visit for _, clue in clues(house) if isinstance(clue, Sought)}
    assert 2 == len({record.value for record in house.kafka.read(Topic.ATTENDANCES)})
    assert [] == house.kafka.read(Topic.REJECTED)


def test_the_number_of_a_patient_who_was_another_for_a_moment_ends_the_search() -> None:
    """As of any visit that was looked for (ruling 46)."""
    house = DeskHouse(follows=True)
    house.send(message(Patient()), at=AT)
    house.send(message(ALEX, event="A08", control_id="M2"), at=AT + timedelta(minutes=5))
    house.send(message(Patient(), event="A08", control_id="M3"), at=AT + timedelta(minutes=9))

    assert [reference(house)] == [clue.visit for _, clue in clues(house) if isinstance(clue, Numbered)]


def test_what_visits_said_of_their_patients_is_remembered_of_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of an older one nobody is looked for: it goes on as before."""
    monkeypatch.setattr(numberless_module, "_SAID_OF_MAX", 1)
    house = DeskHouse(follows=True)
    house.send(message(Patient(), visit="V2"), at=AT)
    house.send(message(Patient()), at=AT)
    house.send(message(ALEX, event="A08", control_id="M2", visit="V2"), at=AT + timedelta(minutes=5))

    assert [] == clues(house)


def another_process(house: DeskHouse) -> tuple[Numberless, AlsoFollowed]:
    """Return what another process of intake knows of visits without a number, and how it hears of them."""
    numberless = Numberless(house.parts.details, policy=house.parts.policy, key=house.parts.key)
    tail = MemoryInputTail(house.kafka, Topic.REJECTED)
    return numberless, AlsoFollowed(tail, kept_heard_by(numberless, house.parts.records))


def of_visit(house: DeskHouse, visit: str) -> str:
    """Return the reference that a visit has without a number."""
    return unnumbered_reference(house.parts.key, system="EDSYS", provider=RXX, visit_number=visit)


def is_marked(numberless: Numberless, house: DeskHouse, visit: str) -> bool:
    """Return whether the message that brings a visit's number bears a mark."""
    return numberless.marked(attendance(), of_visit(house, visit)).restricted is True


def test_another_process_knows_which_visits_came_without_a_number() -> None:
    """Also one that starts anew, for H; older ones, and what cannot be read, are none (ruling 21)."""
    house = DeskHouse()
    house.send(message(visit="V0"), at=AT - timedelta(days=24))
    house.send(message(), at=AT)
    house.write(Write(Topic.REJECTED, None, b"no record"))
    house.send(message(visit="V2").replace(b"|P|", b"|D|"), at=AT)  # refused: of no visit that waits
    numberless, following = another_process(house)

    asyncio.run(following.catch_up())
    asyncio.run(following.close())

    ended = [bool(numberless.numbered(attendance(), of_visit(house, one))) for one in ("V0", "V1", "V2")]
    assert [False, True, False] == ended


def test_another_process_knows_which_of_them_were_marked() -> None:
    """As they come, for H with the visits, and no others: else a place would be told (ruling 24)."""
    house = DeskHouse()
    numberless, following = another_process(house)
    house.send(message(visit="V0", restricted="S"), at=AT - timedelta(days=24))
    asyncio.run(following.catch_up())
    assert is_marked(numberless, house, "V0")

    house.send(message(restricted="S"), at=AT)
    house.send(message(visit="V2"), at=AT)
    assert not is_marked(numberless, house, "V1")
    asyncio.run(following.catch_up())

    assert [False, True, False] == [is_marked(numberless, house, visit) for visit in ("V0", "V1", "V2")]


@pytest.mark.parametrize(("again", "marked"), [(timedelta(0), False), (timedelta(minutes=1), True)])
def test_a_mark_that_stands_under_the_number_is_taken_up_again_with_a_newer_message_alone(
    again: timedelta, *, marked: bool
) -> None:
    """The demographic source may have lifted it meanwhile; the same message says nothing new (24)."""
    house = DeskHouse()
    house.send(message(restricted="S"), at=AT)
    house.send(message(control_id="M9", restricted="S"), at=AT + again)
    numberless, following = another_process(house)
    asyncio.run(following.catch_up())

    said = numberless.marked(attendance(), of_visit(house, "V1"), borne_at=AT)

    assert marked is (said.restricted is True)


def test_visits_are_forgotten_after_h() -> None:
    """The number that comes later finds no search any more, and neither does it find an item (ruling 21)."""
    house = DeskHouse()
    house.send(message(), at=AT)
    house.send(message(visit="V2"), at=AT + timedelta(days=24))
    house.send(message(Patient(), event="A08", control_id="M2"), at=AT + timedelta(days=24))

    assert [] == [clue for _, clue in clues(house) if isinstance(clue, Numbered)]


CHILD = Person(number="9990000019", family="Sample", given="Robin", born="20160412")
PLACEHOLDER = Person(number="2222222222", family="Sample", given="Robin", born="20160412")


def test_a_record_without_a_usable_number_waits_to_be_found() -> None:
    """It is on file under its details from its start for 35 days, and kept for its authority (21, 35)."""
    house = DeskHouse()

    house.load(build_upload([Record(child=CHILD)]), at=AT)

    found = clues(house)
    keys = {under for under, _ in found}
    assert {*details_keys(house.parts.key, DETAILS), *waiting_keys(house.parts.key, DETAILS)} == keys
    assert (6, 6) == (len(found), len(keys))
    windows = {clue.window for _, clue in found if isinstance(clue, OnFile)}
    assert [AT.date() + timedelta(days=35)] == [window.last for window in windows if window is not None]
    assert 1 == len(house.kafka.read(Topic.REJECTED))


def test_a_record_that_is_sent_again_waits_once() -> None:
    """The same authority's record of the same details has the same reference."""
    house = DeskHouse()

    house.load(build_upload([Record(child=CHILD)]), at=AT)
    house.load(build_upload([Record(child=PLACEHOLDER)]), at=AT + timedelta(days=1))

    places = [(under, clue.reference) for under, clue in clues(house) if isinstance(clue, OnFile)]
    assert (12, 6) == (len(places), len(set(places)))


def test_two_plans_of_one_subject_wait_as_one() -> None:
    """The window holds both: from the first day of the one to the last of the other."""
    house = DeskHouse()
    early = PlanBlock(kind="CPP", start="202401010000", end="202402010000")
    late = PlanBlock(kind="LAC", start="202601010000")

    house.load(build_upload([Record(child=CHILD, plans=(early, late))]), at=AT)

    windows = {clue.window for _, clue in clues(house) if isinstance(clue, OnFile)}
    assert {Window(first=date(2024, 1, 1), last=AT.date() + timedelta(days=35))} == windows


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(Record(child=Person()), id="a good number"),
        pytest.param(
            Record(child=CHILD, plans=(PlanBlock(kind="CPP", start="202601010000", deleted="202602010000"),)),
            id="a removed plan",
        ),
    ],
)
def test_what_does_not_wait_is_not_on_file(record: Record) -> None:
    """What is taken is found by its matcher's own copy; what nobody would be shown is not looked for."""
    house = DeskHouse()

    house.load(build_upload([record]), at=AT)

    assert [] == clues(house)


def test_a_record_with_another_fault_too_waits_for_every_visit_until_its_days_are_over() -> None:
    """Nobody knows the days of its plan (rulings 21, 35)."""
    house = DeskHouse()

    house.load(build_upload([Record(child=CHILD, plans=(PlanBlock(kind="CPP", start=None),))]), at=AT)

    found = [clue for _, clue in clues(house) if isinstance(clue, OnFile)]
    window = Window(first=date.min, last=AT.date() + timedelta(days=35))
    assert (6, {window}) == (len(found), {clue.window for clue in found})


def test_a_record_and_a_visit_meet_under_the_same_keys() -> None:
    """The two sides fold alike."""
    house = DeskHouse()
    house.load(build_upload([Record(child=CHILD)]), at=AT)
    house.send(message(), at=AT)

    on_file = {under for under, clue in clues(house) if isinstance(clue, OnFile)}
    sought = {under for under, clue in clues(house) if isinstance(clue, Sought)}
    assert (3, sought) == (len(sought), on_file & sought)
