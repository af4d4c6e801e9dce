"""Complaint 7: reprocessed messages vanish. Ours stay as they are; what comes of them is a linked copy."""

import asyncio

from broker.core.messages import Outcome, Sought, control_digest
from broker.ports import Topic
from tests.builders.desk import DeskHouse, attendance


def test_the_original_is_as_it_was_and_the_copy_leads_to_it() -> None:
    """
    Complaint 7: originals immutable; reprocess makes a linked copy.

    The record of what was rejected is byte for byte the same after two redrives; both copies are found by the
    control id, the original with what came of it; and the two copies are one fact.
    """
    house = DeskHouse()
    house.send(attendance(processing="T", control_id="M7"))
    before = [record.value for record in house.kafka.read(Topic.REJECTED)]

    for _ in range(2):
        house.redrive(house.only())

    sought = Sought(control=control_digest(house.parts.key, "M7"))
    found = asyncio.run(house.messages.search(sought))
    assert before == [record.value for record in house.kafka.read(Topic.REJECTED)][: len(before)]
    assert [(Outcome.REFUSED, "taken")] == [
        (one.outcome, one.redriven) for one in found if one.place.topic == Topic.REJECTED
    ]
    assert [Outcome.TAKEN] * 2 == [one.outcome for one in found if one.place.topic == Topic.ATTENDANCES]
    assert 1 == len({repr(fact) for fact in house.learned()})
