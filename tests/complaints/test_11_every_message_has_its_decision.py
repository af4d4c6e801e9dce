"""Complaint 11: nobody sees which rule filtered a message. Each of ours has its decision."""

import asyncio
from dataclasses import replace

import pytest

from broker.core.desk_errors import NotForThisRole, NothingToExplain
from broker.core.desk_roles import Role
from broker.core.facts import VisitLeft
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import visit_reference
from broker.core.messages import Sought, control_digest
from broker.core.operators import ActionKind
from broker.core.person import Person, lift, merge
from broker.ports import Topic, Write
from broker.services.explanations import ReferenceAsked
from tests.builders.desk import CHILD, GROUNDS, RECEIVED, DeskHouse, attendance
from tests.builders.matcher import fact_write, plan

NUMBER = NhsNumber("9990000018")


def decision(house: DeskHouse, control_id: str) -> str:
    """Return what was decided of the one message of a control id, in words."""
    sought = Sought(control=control_digest(house.parts.key, control_id))
    [message] = asyncio.run(house.messages.search(sought))
    return " ".join(asyncio.run(house.messages.decision(message.place, GROUNDS)))


def on_file(house: DeskHouse) -> None:
    """Put the child, with a plan and the visit V1, on file as a matcher does."""
    [fact] = [fact for _, fact in house.learned()]
    person = Person(number=NUMBER, salt=b"salt", known=merge(lift(plan()), lift(fact)))
    house.write(Write(Topic.PEOPLE, NUMBER.key, house.parts.states.encode_person(person)))


def test_every_message_says_what_was_decided_of_it() -> None:
    """
    Complaint 11: a decision record for every message, including "no alert because …".

    Of a child on file by the rules; of one without a plan; of a message without a number; of a refused one.
    """
    house = DeskHouse()
    house.send(attendance(processing="P", control_id="FILED"))
    on_file(house)
    other = replace(CHILD, number="9990000026")
    house.send(attendance(processing="P", control_id="NO-PLAN", patient=other, visit="V2"))
    house.send(attendance(processing="P", control_id="NO-NUMBER", patient=replace(CHILD, number=None)))
    house.send(attendance(processing="T", control_id="REFUSED"))

    told = {name: decision(house, name) for name in ("FILED", "NO-PLAN", "NO-NUMBER", "REFUSED")}

    assert "unscheduled" in told["FILED"]
    assert "no plan" in told["NO-PLAN"].lower()
    assert "number_missing at PID-3" in told["NO-NUMBER"]
    assert "refused (processing id not taken at MSH-11)" in told["REFUSED"]
    assert [ActionKind.EXPLAINED] * 2 == [action.kind for action in house.actions(Topic.AUDIT)]


def test_a_decision_opens_a_person_and_is_for_whom_it_is() -> None:
    """Complaint 11, and 13: a reader sees what became of a message, not what is known of its person."""
    house = DeskHouse(role=Role.READER)
    house.send(attendance(processing="P", control_id="NO-PLAN"))

    with pytest.raises(NotForThisRole):
        decision(house, "NO-PLAN")

    assert [] == house.actions(Topic.AUDIT)


def test_a_reference_is_that_of_its_own_visit_alone() -> None:
    """Complaint 11: what stands beside it in a record, or cannot be read, is no answer."""
    house = DeskHouse()
    house.send(attendance(processing="P", control_id="M1"))
    named = visit_reference(
        house.parts.key, NUMBER, system="EDSYS", provider=OdsCode("RXX"), visit_number="V1"
    )
    left = VisitLeft(
        visit=named,
        message_id="b" * 32,
        control_id="M1",
        recorded_at=RECEIVED,
        sent_at=RECEIVED,
        received_at=RECEIVED,
    )
    house.write(
        fact_write(house.parts.facts, left, NUMBER), Write(Topic.ATTENDANCES, NUMBER.key, named.encode())
    )

    assert "no plan" in decision(house, "M1").lower()
    [record, *_] = house.kafka.read(Topic.ATTENDANCES)
    house.kafka.delete_before(Topic.ATTENDANCES, record.partition, record.offset + 1)
    with pytest.raises(NothingToExplain):
        asyncio.run(house.explanations.explain(ReferenceAsked(reference=named), GROUNDS))
