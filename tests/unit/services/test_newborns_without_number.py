"""A newborn without a usable number, as each door has it looked for by its mother's. Rulings 21, 26, 42."""

import asyncio
from datetime import date

import pytest

from broker.core.identifiers import NhsNumber
from broker.core.possible import Sought
from broker.core.possible_newborns import mother_key
from broker.ports import Topic
from broker.runtime.codecs import load_schemas
from broker.services.dialects import dialects
from broker.wire.records_codec import Door
from tests.builders.adt import Adt, Patient
from tests.builders.fhir import message as bundle
from tests.builders.fhir import written
from tests.builders.hl7 import edited
from tests.builders.hospital_record import as_record
from tests.unit.services.test_fhir_door import SENDERS
from tests.unit.services.test_intake import KEY, Desk

BORN = date(2025, 2, 28)
OTHER = "9990000018"
MOTHER = NhsNumber("9990000085")


def house() -> Desk:
    """Return an intake that every door hands in to."""
    return Desk(dialects=dialects(load_schemas(), SENDERS))


def adt(number: str | None = None, born: date = BORN, event: str = "A04", control_id: str = "M1") -> Adt:
    """Return a message of a baby whose mother it names."""
    return Adt(
        event=event,
        control_id=control_id,
        recorded="20250301113500",
        patient=Patient(number=number, born=f"{born:%Y%m%d}", mother=MOTHER.digits, status=None),
        pv1={"class": "E", "location": "ED", "visit": "V1", "arrived": "20250301113000"},
    )


def by(door: Door, said: Adt) -> bytes:
    """Return a message as it comes by a door."""
    data = said.text().encode()
    return {Door.MLLP: data, Door.FHIR: written(bundle(said)), Door.TOPIC: as_record(data)}[door]


def under_her_number(desk: Desk) -> list[Sought]:
    """Return the visits that are looked for under the mother's number."""
    return [
        one.clue
        for record in desk.kafka.read(Topic.DETAILS)
        for one in desk.details.decode_clues(record.key or b"", record.value or b"")
        if one.place == mother_key(KEY, MOTHER) and isinstance(one.clue, Sought)
    ]


@pytest.mark.parametrize("door", [Door.MLLP, Door.FHIR, Door.TOPIC])
def test_every_door_has_it_looked_for_by_its_mothers_number(door: Door) -> None:
    """PID-21, a RelatedPerson and a hospital's own record name her alike (rulings 21, 26)."""
    desk = house()

    assert asyncio.run(desk.intake.take(by(door, adt()), door)) is None

    assert [(BORN,)] == [sought.births for sought in under_her_number(desk)]
    assert [] == desk.visits()


@pytest.mark.parametrize(
    ("said", "times"),
    [
        pytest.param(adt(event="A08"), 1, id="an update"),
        pytest.param(adt(event="A03"), 1, id="a discharge whose registration was lost"),
        pytest.param(adt("2222222222"), 1, id="a placeholder"),
        pytest.param(adt(born=date(2024, 3, 1)), 1, id="a year old"),
        pytest.param(adt(born=date(2024, 2, 29)), 0, id="a year and a day old"),
        pytest.param(adt(OTHER), 0, id="a number of its own"),
    ],
)
def test_of_which_messages_it_is(said: Adt, times: int) -> None:
    """Whatever the event: a person is asked, and nobody told (rulings 1, 21, 26)."""
    desk = house()

    assert b"AA" in desk.send(said.text().encode())

    assert times == len(under_her_number(desk))


def test_of_two_numbers_that_differ_neither_may_be_the_babys() -> None:
    """It is looked for by its mother's as well as by details (rulings 26, 42)."""
    desk = house()
    two = edited(adt(OTHER).text().encode(), PID_3="9990000018^^^NHS~9990000026^^^NHS")

    assert b"AA" in desk.send(two)

    assert 1 == len(under_her_number(desk))


def test_a_message_that_tells_of_another_than_its_visit_has_that_one_looked_for_by_its_mother() -> None:
    """The visit has a number, and this message none: it may be of a twin (rulings 21, 26, 44)."""
    desk = house()
    desk.send(edited(adt(OTHER).text().encode(), PID_5="Sample^Robin", PID_7="20160412"))

    desk.send(edited(adt(control_id="M2").text().encode(), PID_5="Newborn^BABY"))

    assert 1 == len(under_her_number(desk))
