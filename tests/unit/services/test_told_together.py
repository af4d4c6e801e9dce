"""
What came within one window goes in one notification, as it does nationally (dossier 3.6, D18).

Its id is the first event's, and stands beside every event before it is sent, so that it is sent once whatever
happens. Where the exchange calls it wrong, each event goes alone: one of them is at fault.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from broker.core.alerts import Change, EventKind, Occasion
from broker.core.delivery import Delivery, Fault, Outcome, State, delivered, failed
from broker.services.delivering import TOGETHER_MAX, Letter
from broker.services.mesh_courier import MeshCourier
from broker.wire.hl7v3_writing import message_id
from tests.builders.delivering import HERE, database, work
from tests.builders.upload import HL7
from tests.official_schemas import faults_of
from tests.unit.services.test_told_in_a_window import CAME, HOUR, UNDER_WINDOW, House
from tests.unit.wire.test_notifications import ACCESS, LOOKED, alert


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Lend the inbox of an authority that is told hourly, and its mailbox."""
    made = House(database(tmp_path))
    yield made
    asyncio.run(made.courier.close())
    made.desk.close()


def arrive(house: House, *events: str) -> None:
    """Have a child come for each of these events, each an alert of its own."""
    for event in events:
        house.desk.arrive(event, event, alert=CAME)


def sent(house: House) -> list[tuple[str, list[str]]]:
    """Return each notification's count, and the ids of the accesses in it; each is valid by its schema."""
    found = []
    for held in house.exchange.held().values():
        assert [] == faults_of(held.incoming.body, ACCESS)
        root = etree.fromstring(held.incoming.body)
        total = str(
            root.xpath("string(//h:pertinentTotalReturnedRecords/h:value/@value)", namespaces={"h": HL7})
        )
        ids = root.xpath("//h:pertinentCP-ISNHSQuery/h:id/@root", namespaces={"h": HL7})
        assert isinstance(ids, list)
        found.append((total, [str(one) for one in ids]))
    return found


def visit_of(event: str) -> str:
    """Return the id of the access of a visit."""
    return message_id(event, "visit")


class Choosy:
    """A courier whose exchange answers as a test says, and keeps what it was sent."""

    def __init__(self, courier: MeshCourier, *outcomes: Outcome, loses: bool = False) -> None:
        """Take the courier that writes, and the first answers; with `loses` a letter goes all the same."""
        self._courier = courier
        self._outcomes = list(outcomes)
        self._loses = loses
        self.letters: list[Letter] = []
        self.write, self.close, self.looked_for = courier.write, courier.close, courier.looked_for

    async def send(self, letter: Letter) -> Outcome:
        """Keep a letter, and answer it; without answers left, send it."""
        self.letters.append(letter)
        if not self._outcomes:
            return await self._courier.send(letter)
        if self._loses:
            await self._courier.send(letter)
        return self._outcomes.pop(0)


def of(house: House, *events: str) -> list[Delivery]:
    """Return the deliveries of these events."""
    return [house.desk.found(event) for event in events]


def test_all_that_came_within_a_window_is_told_in_one_notification(house: House) -> None:
    """With their number; each access under the id that it would have alone."""
    arrive(house, "e1", "e2", "e3")
    house.end_of_window()

    assert [("3", [visit_of(event) for event in ("e1", "e2", "e3")])] == sent(house)
    assert {State.DELIVERED} == {one.state for one in of(house, "e1", "e2", "e3")}


def test_of_one_child_the_visit_and_who_looked_are_told_once(house: House) -> None:
    """Of several events of one alert the newest says it all."""
    house.desk.arrive("e1", "e1", alert=CAME)
    looked = replace(CAME, views=(LOOKED,))
    house.desk.arrive("e2", "e1", alert=looked, kind=EventKind.UPDATED, changes=(Change.VIEW,))
    house.end_of_window()

    assert [("1", [visit_of("e1"), message_id("e1", LOOKED.access_id)])] == sent(house)


def test_what_comes_in_the_next_window_is_told_in_the_next(house: House) -> None:
    """A window is an hour, or a day."""
    arrive(house, "e1")
    house.end_of_window()
    arrive(house, "e2", "e3")
    house.end_of_window()

    assert ["1", "2"] == [count for count, _ in sent(house)]


def test_what_was_taken_back_is_left_out_and_the_others_go(house: House) -> None:
    """Rulings 16, 44, 46."""
    arrive(house, "e1", "e2", "e3")
    house.desk.arrive("e4", "e1", alert=CAME, kind=EventKind.RETRACTED)
    house.end_of_window()

    assert [("2", [visit_of("e2"), visit_of("e3")])] == sent(house)
    assert [State.SUPERSEDED, State.DELIVERED] == [one.state for one in of(house, "e1", "e2")]


def test_a_number_that_is_not_in_use_is_told_in_a_message_of_its_own(house: House) -> None:
    """It has one for itself (ruling 23), also where it waited for the exchange with others."""
    inactive = alert(occasion=Occasion.NUMBER_INACTIVE, visit=None)
    for event in ("e1", "e2"):
        house.desk.arrive(event, event, alert=inactive)
    arrive(house, "e3", "e4")
    house.end_of_window()

    workflows = [held.incoming.workflow for held in house.exchange.held().values()]
    assert ["ACCESS", "INACTIVE", "INACTIVE"] == sorted(workflows)
    assert {State.DELIVERED} == {one.state for one in of(house, "e1", "e2", "e3", "e4")}


def test_a_letter_that_may_have_been_sent_is_not_sent_again_and_what_came_since_goes_in_another(
    house: House,
) -> None:
    """By the id that stands beside each of its events; the exchange knows it."""
    arrive(house, "e1", "e2")
    work(house.desk, house.courier)
    house.desk.now += HOUR
    work(house.desk, Choosy(house.courier, failed(Fault.NO_ANSWER), loses=True))
    assert ["e1", "e1"] == [one.letter for one in of(house, "e1", "e2")]
    arrive(house, "e3")
    house.end_of_window()

    assert ["2", "1"] == [count for count, _ in sent(house)]
    assert {State.DELIVERED} == {one.state for one in of(house, "e1", "e2", "e3")}


def test_a_letter_that_was_not_sent_goes_without_what_was_taken_back_meanwhile(house: House) -> None:
    """The exchange was away: it is the same letter still, and says less."""
    arrive(house, "e1", "e2")
    work(house.desk, house.courier)
    house.desk.now += HOUR
    choosy = Choosy(house.courier, failed(Fault.AWAY))
    work(house.desk, choosy)
    house.desk.arrive("e3", "e1", alert=CAME, kind=EventKind.WITHDRAWN)
    house.desk.now += HOUR
    work(house.desk, choosy)

    assert [("1", [visit_of("e2")])] == sent(house)
    assert ["e1", "e1"] == [letter.letter_id for letter in choosy.letters]


@pytest.mark.parametrize("fault", [Fault.REFUSED_CONTENT, Fault.REFUSED])
def test_where_a_letter_is_refused_each_event_goes_alone(house: House, fault: Fault) -> None:
    """One is at fault and is put aside; nobody is kept from being told by it."""
    arrive(house, "e1", "e2", "e3")
    work(house.desk, house.courier)
    house.desk.now += HOUR
    for_the_letter = 1 if fault is Fault.REFUSED_CONTENT else 30
    answers = [failed(fault)] * for_the_letter + [delivered(), failed(Fault.REFUSED_CONTENT), delivered()]
    choosy = Choosy(house.courier, *answers)
    while any(one.state is State.WAITING for one in of(house, "e1", "e2", "e3")):
        work(house.desk, choosy)
        house.desk.now += HOUR

    assert [State.DELIVERED, State.DEAD, State.DELIVERED] == [
        one.state for one in of(house, "e1", "e2", "e3")
    ]
    assert ["e1"] * for_the_letter + ["e1", "e2", "e3"] == [letter.letter_id for letter in choosy.letters]


def test_events_that_cannot_be_written_into_one_go_alone(house: House) -> None:
    """A defect of ours in the letter of several keeps nobody from being told."""

    def broken(*_: object) -> Letter:
        """Write nothing."""
        raise ValueError

    house.desk.here = replace(UNDER_WINDOW, together=broken)
    arrive(house, "e1", "e2")
    house.end_of_window()

    assert ["1", "1"] == [count for count, _ in sent(house)]


def test_no_more_than_fifty_go_in_one(house: House) -> None:
    """The next go in the next."""
    arrive(house, *(f"e{number}" for number in range(TOGETHER_MAX + 1)))
    house.end_of_window()

    assert [str(TOGETHER_MAX), "1"] == [count for count, _ in sent(house)]


def test_what_was_lost_with_its_letter_is_sent_again_by_hand_alone(house: House) -> None:
    """Under its own id, so that it is not taken for the letter that was lost."""
    arrive(house, "e1", "e2")
    house.end_of_window()
    house.desk.store.put(house.desk.found("e2").again(house.desk.now))
    work(house.desk, house.courier)

    assert [["e1", "e2"], ["e2"]] == [
        [event for event in ("e1", "e2") if visit_of(event) in ids] for _, ids in sent(house)
    ]
    assert HERE.name == house.desk.found("e2").destination
