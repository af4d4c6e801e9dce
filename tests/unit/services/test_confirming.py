"""A person says whose a visit without a number is: its messages become facts, and nobody else is joined."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.adapters.memory_demographics import MemoryDemographics
from broker.core.demographics import Current, NotKnown, NumberAnswer, SupersededBy
from broker.core.desk_errors import CannotConfirm
from broker.core.errors import KeysUnreadable
from broker.core.facts import Details, IdentityKind, IdentityNotice, VisitEvent, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.keyed import visit_reference
from broker.core.operators import ActionKind
from broker.core.possible import Numbered, possible_match_id
from broker.core.worklist import ItemKind, WorklistItem
from broker.ports import Topic, Write
from tests.builders.adt import Patient
from tests.builders.desk import ACTED, GROUNDS, DeskHouse
from tests.unit.services.test_numberless import AT, RXX, clues, message, reference

ROBIN = NhsNumber("9990000018")


def ask(house: DeskHouse, kind: ItemKind = ItemKind.POSSIBLE_MATCH) -> str:
    """Open an item about the visit as a matcher does, and return its id."""
    visit = reference(house)
    item = WorklistItem(
        item_id=possible_match_id(house.parts.key, visit), kind=kind, urgent=True, visit=visit
    )
    value = house.parts.records.encode_item(item)
    house.write(Write(Topic.WORKLIST, item.item_id.encode(), value))
    return item.item_id


def confirm(house: DeskHouse, item_id: str, number: NhsNumber = ROBIN) -> int:
    """Confirm whose the visit is."""
    return asyncio.run(house.confirming.confirm(house.work().find(item_id), number, GROUNDS))


def test_the_visits_messages_become_facts_under_the_number() -> None:
    """All of them and no other's, received when it was confirmed (rulings 11, 46)."""
    house = DeskHouse()
    house.send(message(), at=AT)
    house.send(message(event="A08", control_id="M2"), at=AT + timedelta(minutes=5))
    house.send(message(visit="V2", control_id="M3"), at=AT)

    assert 2 == confirm(house, ask(house))

    facts = [fact for _, fact in house.learned() if isinstance(fact, VisitMessage)]
    visit = visit_reference(house.parts.key, ROBIN, system="EDSYS", provider=RXX, visit_number="V1")
    assert {VisitEvent.REGISTERED, VisitEvent.UPDATED} == {fact.event for fact in facts}
    assert {(visit, ACTED)} == {(fact.visit, fact.received_at) for fact in facts}
    assert {ROBIN.key} == {record.key for record in house.kafka.read(Topic.ATTENDANCES)}


PROTECTED = Current(details=Details(), restricted=True, recorded_at=ACTED)


@pytest.mark.parametrize(
    ("answer", "marked"),
    [
        (PROTECTED, True),
        (replace(PROTECTED, restricted=False), False),
        (SupersededBy(successor=NhsNumber("9990000026"), restricted=True, recorded_at=ACTED), True),
        (NotKnown(), False),
    ],
)
def test_whom_the_source_protects_is_restricted_before_the_visit_is_a_fact(
    answer: NumberAnswer,
    marked: bool,  # noqa: FBT001
) -> None:
    """A person who finds out whose it is need not know that nobody may hear of the place (ruling 24)."""
    source = MemoryDemographics()
    source.put(ROBIN, answer)
    house = DeskHouse(source=source)
    house.send(message(), at=AT)

    confirm(house, ask(house))

    learned = [fact for _, fact in house.learned()]
    marks = [fact for fact in learned if isinstance(fact, IdentityNotice)]
    assert [IdentityKind.RESTRICTED] * marked == [one.kind for one in marks]
    assert [marked] == [bool(fact.restricted) for fact in learned if isinstance(fact, VisitMessage)]


def test_a_source_that_is_away_holds_up_no_patient() -> None:
    """What is on file counts: nobody waits at the door for it (rulings 24, 46)."""
    source = MemoryDemographics()
    source.available = False
    house = DeskHouse(source=source)
    house.send(message(), at=AT)

    assert 1 == confirm(house, ask(house))
    assert not house.kafka.read(Topic.IDENTITY)


def test_the_search_ends_and_the_trail_says_who_confirmed() -> None:
    """The entry comes first, and names nobody."""
    house = DeskHouse()
    house.send(message(), at=AT)
    item_id = ask(house)

    confirm(house, item_id)

    [action] = house.actions(Topic.AUDIT)
    assert (ActionKind.CONFIRMED, item_id, GROUNDS) == (action.kind, action.item_id, action.grounds)
    told = [clue for _, clue in clues(house) if isinstance(clue, Numbered)]
    assert [Numbered(visit=reference(house), heard_at=ACTED)] == told


def test_a_message_with_a_number_of_its_own_is_not_joined_to_another() -> None:
    """What came with a number lies under that one, and is none of the visit's unnumbered messages (42)."""
    house = DeskHouse()
    house.send(message(Patient(number="9990000026")), at=AT)

    with pytest.raises(CannotConfirm):
        confirm(house, ask(house))

    assert [] == house.actions(Topic.AUDIT)


def test_only_a_visit_without_a_number_can_be_confirmed() -> None:
    """Another kind of item is not settled this way, and nothing is written."""
    house = DeskHouse()
    house.send(message(), at=AT)

    with pytest.raises(CannotConfirm):
        confirm(house, ask(house, ItemKind.DETAILS_DISAGREE))

    assert [] == house.learned()


def test_what_cannot_be_opened_any_more_cannot_be_confirmed() -> None:
    """The day's key is destroyed: the hospital has to send the visit again."""
    house = DeskHouse()
    house.send(message(), at=AT)
    house.sealer.destroy_before(ACTED.date() + timedelta(days=36_500))

    with pytest.raises(CannotConfirm):
        confirm(house, ask(house))

    assert [] == house.actions(Topic.AUDIT)


def test_while_a_key_cannot_be_read_no_part_of_a_visit_is_confirmed() -> None:
    """What was left out would be found by nobody: the search for it ends with the number."""
    house = DeskHouse()
    house.send(message(), at=AT)
    item_id = ask(house)
    house.sealer.readable = False

    with pytest.raises(KeysUnreadable):
        confirm(house, item_id)

    assert [] == house.actions(Topic.AUDIT)
